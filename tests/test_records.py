"""Records of mappings: read-only, and the same after pickling and copying."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from compgraph.check.profile.task_profile import TaskProfile
from compgraph.check.similarity import ElementCentric
from compgraph.observe import collect
from compgraph.records import rebuilt
from compgraph.show.flow.bands import Band, Flow
from note.measures.variance.two_factors import FactorProfile

SHARES = {"a": {"left": 0.75, "right": 0.25}}
RECORDS = {
    "ElementCentric": lambda: ElementCentric(0.5, {"a": 0.5}),
    "TaskProfile": lambda: TaskProfile(SHARES, SHARES, {"a": "left"}),
    "FactorProfile": lambda: FactorProfile({"a": (0.5, 0.25, 0.25)}, {"a": 0.5}, {"a": 0.5}),
    "Flow": lambda: Flow(
        ("left",), {"a": 1.0}, {"a": (1.0, 0.0)}, (Band("a", "b", (1.0,), (1.0,)),), 0.0, ("#0072B2",)
    ),
}


def contents(record) -> dict[str, object]:
    kind, values = rebuilt(record)
    return dict(zip(kind.__dataclass_fields__, values, strict=True))


@pytest.mark.parametrize("name", RECORDS)
def test_copies_are_the_same_and_read_only(name):
    found = RECORDS[name]()
    for other in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):  # noqa: S301  our own bytes
        assert type(other) is type(found)
        assert contents(other) == contents(found)
        for field, plain in contents(other).items():
            if isinstance(plain, dict):
                with pytest.raises(TypeError, match=r"item assignment"):
                    getattr(other, field)["a"] = 1.0


def test_nested_mappings_are_read_only_and_no_longer_the_callers():
    given = {"a": {"left": 1.0}}
    found = TaskProfile(given, given, {"a": "left"})
    given["a"]["left"] = 0.0
    assert found.share["a"]["left"] == 1.0
    with pytest.raises(TypeError, match=r"item assignment"):
        found.share["a"]["left"] = 0.0


def test_statistics_are_copied_with_their_model():
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    stats = collect(model, torch.randn(20, 3, generator=torch.Generator().manual_seed(0)))
    other = pickle.loads(pickle.dumps(stats))  # noqa: S301  our own bytes
    assert other.pairs == stats.pairs
    for pair in stats.pairs:
        np.testing.assert_array_equal(other.moments[pair].xy, stats.moments[pair].xy)
        np.testing.assert_array_equal(other.samples[pair].ids, stats.samples[pair].ids)
    with pytest.raises(TypeError, match=r"item assignment"):
        other.moments[stats.pairs[0]] = None
