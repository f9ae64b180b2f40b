import copy
import math
import pickle

import pytest

from compgraph.group import Partition


def partition(**changes) -> Partition:
    values = {
        "assignment": {"a": 0, "b": 1, "c": 0},
        "quality": 0.3,
        "p_value": 0.01,
        "stability": 1.0,
        "algorithm": "louvain",
        "parameters": {"resolution": 1},
        "seed": 0,
    }
    return Partition(**(values | changes))


def test_groups_in_label_order() -> None:
    assert partition().groups() == (("a", "c"), ("b",))
    assert partition().n_groups == 2


@pytest.mark.parametrize(
    ("changes", "reliable"),
    [
        ({}, True),
        ({"p_value": 0.05, "stability": 0.6}, True),
        ({"p_value": 0.051}, False),
        ({"p_value": math.nan}, False),
        ({"stability": 0.59}, False),
        ({"stability": math.nan}, False),
        ({"assignment": {"a": 0, "b": 0}}, False),
    ],
)
def test_reliable(changes, reliable) -> None:
    assert partition(**changes).reliable is reliable


def test_nothing_can_be_changed() -> None:
    mine = {"a": 0}
    found = partition(assignment=mine)
    mine["a"] = 5
    assert found.assignment["a"] == 0
    with pytest.raises(TypeError):
        found.assignment["a"] = 1
    with pytest.raises(AttributeError):
        found.seed = 1


def test_copies_are_equal() -> None:
    found = partition()
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301  our own bytes
    assert copy.deepcopy(found) == found


def test_single(planted) -> None:
    graph = planted()
    found = Partition.single(graph)
    assert found.groups() == (tuple(found.assignment),)
    assert set(found.assignment) == set(graph)
    assert (found.n_groups, found.quality, found.p_value, found.stability, found.reliable) == (1, 0, 1, 1, False)
