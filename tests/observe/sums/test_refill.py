"""A checkpoint that is sealed and does not fit its own pass is refused, and no pass goes on from it."""

from pathlib import Path

import numpy as np
import pytest
import torch

import compgraph as cg
from compgraph.errors import FileFormatError
from compgraph.observe.sums.checkpoint import KIND
from compgraph.storage import seal, unseal

BATCHES = tuple(torch.randn(3, 8, 4, generator=torch.Generator().manual_seed(0)))


def resumed(path: Path, data=BATCHES) -> cg.Statistics:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    return cg.collect(model, data, sample=8, progress=False, checkpoint=path)


@pytest.fixture
def begun(tmp_path) -> Path:
    def failing():
        yield from BATCHES[:2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resumed(tmp_path / "pass", failing())
    return tmp_path / "pass"


def written_again(path: Path, change) -> None:
    facts, arrays = unseal(path.read_bytes(), KIND)
    change(facts, arrays)
    path.write_bytes(seal(KIND, facts, arrays))


def test_a_checkpoint_that_fits_goes_on_to_the_same_statistics(begun, tmp_path) -> None:
    written_again(begun, lambda *_: None)
    assert resumed(begun).to_bytes() == resumed(tmp_path / "another").to_bytes()


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("0.column.1.mean", lambda each: each[:1]),
        ("0.column.1.waiting", lambda each: each[:3]),
        ("0.column.1.waiting", lambda each: each[:, :1]),
        ("0.column.1.mean", lambda each: np.full_like(each, np.nan)),
        ("0.column.1.references", lambda each: each[:0]),
        ("0.column.1.kept", lambda each: each[:1]),
        ("0.column.1.n", lambda each: each + 1),
    ],
)
def test_sums_of_another_shape_or_another_number_of_rows_are_refused(begun, part, change) -> None:
    written_again(begun, lambda _, arrays: arrays.update({part: np.array(change(arrays[part]))}))
    with pytest.raises(FileFormatError, match=r"does not fit its own model.*Delete it"):
        resumed(begun)


@pytest.mark.parametrize(("name", "value"), [("n", "8"), ("seen", []), ("gatherers", None)])
def test_facts_of_another_kind_are_refused(begun, name, value) -> None:
    written_again(begun, lambda facts, _: facts.update({name: value}))
    with pytest.raises(FileFormatError, match=r"cannot go on|does not fit"):
        resumed(begun)


def test_a_site_that_is_missing_is_seen(begun) -> None:
    written_again(begun, lambda facts, _: facts["gatherers"][0]["columns"].pop())
    with pytest.raises(FileFormatError, match="of other sites"):
        resumed(begun)
