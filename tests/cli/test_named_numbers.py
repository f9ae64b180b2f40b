"""Numbers for all or by name: what the texts of an option say."""

import pytest

from compgraph.cli.named_numbers import named_numbers
from compgraph.errors import BadRequest


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([], None),
        (["-1"], -1),
        (["x=1"], {"x": 1}),
        (["x=1", "mask=none", "y=-2"], {"x": 1, "mask": None, "y": -2}),
        (["a=b=2"], {"a=b": 2}),
        (["two"], "two"),
        (["x=two"], {"x": "two"}),
    ],
)
def test_what_texts_say(texts, found) -> None:
    assert named_numbers("--samples", texts) == found


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["x="], r"--axis 'x=' is neither NUMBER nor NAME=NUMBER, such as 1 or fc1=1"),
        (["=1"], r"--axis '=1' is neither"),
        (["x=1", "x=2"], r"--axis gives 'x' twice"),
        (["x=1", "2"], r"--axis '2' is for all, and others are given beside it"),
        (["1", "2"], r"--axis '1' is for all"),
    ],
)
def test_what_texts_do_not_say(texts, message) -> None:
    with pytest.raises(BadRequest, match=message):
        named_numbers("--axis", texts)
