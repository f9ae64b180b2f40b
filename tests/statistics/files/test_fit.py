"""Statistics whose checksum fits and whose parts do not belong together are refused as files."""

import numpy as np
import pytest
import torch

import compgraph as cg
from compgraph.errors import FileFormatError
from compgraph.statistics import Statistics
from compgraph.statistics.files.fit import require_fit
from compgraph.statistics.files.saved import SCHEMA
from compgraph.storage import seal, unseal


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))


@pytest.fixture(scope="module")
def data(model) -> bytes:
    rows = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    return cg.collect(model, rows, sample=8, progress=False).to_bytes(keep_inputs=True)


def not_finite(facts, arrays) -> None:
    name = facts["moments"][0]["mean_x"]
    arrays[name] = np.full_like(arrays[name], np.nan)


def model_of_nothing(facts, arrays) -> None:
    facts["identity"]["model"] = 5


def pair_twice(facts, arrays) -> None:
    facts["pairs"][1] = facts["pairs"][0]


def output_of_nothing(facts, arrays) -> None:
    facts["returned"] = {"output": ["elsewhere", "out", 3]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (not_finite, "mean_x of input -> 1 with"),
        (pair_twice, "other widths|twice"),
        (output_of_nothing, "an output 'output' at elsewhere out"),
        (model_of_nothing, "of which model"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(data, change, message) -> None:
    facts, arrays = unseal(data, SCHEMA)
    change(facts, arrays)
    with pytest.raises(FileFormatError, match=f"it holds no statistics.*({message})"):
        Statistics.from_bytes(seal(SCHEMA, facts, arrays))


@pytest.mark.parametrize(
    ("held", "name", "value", "message"),
    [
        ("moments", "xx", np.zeros((4, 1)), "xx of input -> 1 with"),
        ("moments", "n", "many", "n of input -> 1 = 'many'"),
        ("samples", "n", None, "n of the sample of input -> 1 = None"),
        ("samples", "ids", np.arange(8, dtype=np.int32), "a sample of input -> 1 of 8 rows"),
        ("samples", "x", np.zeros((7, 4)), "a sample of input -> 1 of"),
    ],
)
def test_records_of_other_shapes_and_types_are_refused(data, held, name, value, message) -> None:
    stats = Statistics.from_bytes(data)
    # Around the checks of types, which tests alone have.
    object.__setattr__(getattr(stats, held)[stats.pairs[0]], name, value)
    with pytest.raises(ValueError, match=message):
        require_fit(stats)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("axis", 9, "do not fit the model"), ("axis", {}, "do not fit the model"), ("name", "0", "do not fit the model")],
)
def test_inputs_of_other_sites_than_the_statistics_are_refused(data, model, name, value, message) -> None:
    facts, arrays = unseal(data, SCHEMA)
    facts["dormant"][0]["facts"]["graph"]["taps"][1][name] = value
    stats = Statistics.from_bytes(seal(SCHEMA, facts, arrays))
    with pytest.raises(FileFormatError, match=message):
        stats.attach(model)
