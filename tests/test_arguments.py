from dataclasses import dataclass

import numpy as np
import pytest

from compgraph.arguments import checked, shown, whole_number
from compgraph.errors import BadRequest
from compgraph.pipeline import Analysis
from compgraph.statistics import Moments


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_integers_become_plain_ints(value) -> None:
    assert type(whole_number(value, "seed", minimum=0)) is int


@pytest.mark.parametrize("value", [-1, 0, True, 1.0, "1", None, np.float64(2), np.bool_(True)])
def test_the_rest_is_refused(value) -> None:
    with pytest.raises(BadRequest, match=r"n_seeds=.*a whole number of at least 1 is needed"):
        whole_number(value, "n_seeds", minimum=1)


def test_what_came_is_said_on_a_short_line() -> None:
    assert shown(10**5000) == "a whole number of thousands of digits"
    assert shown({f"n{i}": ["a"] for i in range(99)}) == "a dict"
    assert len(shown({f"node {i}": i for i in range(99)})) <= 60
    assert shown(np.zeros(3)) == "a ndarray"
    assert len(shown("x" * 10**6)) < 80


def test_an_argument_that_holds_what_is_needed_says_where() -> None:
    @dataclass
    class Holds:
        moments: Moments

    @checked
    def takes(moments: Moments) -> int:
        return moments.n

    with pytest.raises(BadRequest, match=r"moments=a Holds: a Moments is needed. Give .moments of what came."):
        takes(Holds(Moments.empty(1, 1)))
    assert takes(Holds(Moments.empty(1, 1)).moments) == 0


def test_methods_are_checked_as_well(tmp_path) -> None:
    with pytest.raises(BadRequest, match=r"folder=3: a text is needed, or a pathlib\.Path"):
        Analysis.save(None, 3)
