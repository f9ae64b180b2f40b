import math

import numpy as np
import pytest

from compgraph.check import cover, true_cover
from compgraph.check.covers import membership_matrix
from compgraph.errors import BadRequest, EmptyData


def groups_of(shares, **options) -> dict:
    return {node: sorted(held) for node, held in cover(shares, **options).items()}


def reaches_the_threshold(make) -> None:
    """Two of five groups at a quarter or above, one at it, none at it."""
    shares = {"two": [0.5, 0.5, 0, 0, 0], "one": [0.25, 0.24, 0.24, 0.24, 0.03], "none": [0.11, 0.2, 0.2, 0.245, 0.244]}
    assert {node: sorted(held) for node, held in make(shares).items()} == {"two": [0, 1], "one": [0], "none": [3]}


def test_groups_at_the_threshold_and_the_largest() -> None:
    reaches_the_threshold(cover)


@pytest.mark.parametrize(
    "broken",
    [
        lambda shares: {node: {int(np.argmax(each))} for node, each in shares.items()},
        lambda shares: {node: {g for g, share in enumerate(each) if share >= 0.25} for node, each in shares.items()},
        lambda shares: {node: {g for g, share in enumerate(each) if share >= 0.2} for node, each in shares.items()},
    ],
    ids=["largest only", "threshold only", "lower threshold"],
)
def test_broken_rules_are_seen(broken) -> None:
    with pytest.raises(AssertionError):
        reaches_the_threshold(broken)


def test_mappings_sequences_and_arrays_are_alike() -> None:
    rows = [[0.5, 0.5, 0, 0], [2, 0, 0, 9]]
    expected = {"n0": [0, 1], "n1": [3]}
    assert groups_of({f"n{i}": row for i, row in enumerate(rows)}) == expected
    assert groups_of({f"n{i}": np.array(row, dtype=np.float32) for i, row in enumerate(rows)}) == expected
    named = {f"n{i}": {"abcd"[g]: share for g, share in enumerate(row) if share} for i, row in enumerate(rows)}
    assert groups_of(named | {"n2": {"c": 1}}) == {"n0": ["a", "b"], "n1": ["d"], "n2": ["c"]}


def test_rounding_does_not_keep_a_share_under_the_threshold() -> None:
    assert 1 - 0.9 < 0.1
    assert groups_of({"a": [0.9, 1 - 0.9]}, shared=0.1) == {"a": [0, 1]}


def test_shared_moves_the_threshold() -> None:
    shares = {"a": [0.6, 0.4], "b": [1.0, 0.0]}
    assert groups_of(shares) == {"a": [0, 1], "b": [0]}
    assert groups_of(shares, shared=0.5) == {"a": [0], "b": [0]}
    assert groups_of(shares, shared=1e-3) == {"a": [0, 1], "b": [0]}  # a group that holds nothing never counts


def test_ties_and_nodes_without_shares() -> None:
    assert groups_of({"a": [0.5, 0.5], "b": [0.0, 0.0]}, shared=0.6) == {"a": [0], "b": []}


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf])
def test_bad_share_is_named(bad) -> None:
    with pytest.raises(BadRequest, match=rf"group 1 holds {bad} of node 'b'"):
        cover({"a": [0.5, 0.5], "b": [0.5, bad]})
    with pytest.raises(BadRequest, match=rf"group 'x' holds {bad} of node 'b'"):
        true_cover({"b": {"x": bad}})


def test_sequences_of_unlike_lengths_are_refused() -> None:
    with pytest.raises(BadRequest, match=r"have \[2, 3\] places"):
        cover({"a": [0.5, 0.5], "b": [0.5, 0.5, 0]})


@pytest.mark.parametrize("membership", [{}, {"a": []}, {"a": {}}])
def test_no_groups_at_all(membership) -> None:
    with pytest.raises(EmptyData, match=rf"{len(membership)} nodes with no shares"):
        cover(membership)


@pytest.mark.parametrize("shared", [0.0, -1.0, 1.1, math.nan])
def test_bad_threshold(shared) -> None:
    with pytest.raises(BadRequest, match=r"shared="):
        cover({"a": [1.0]}, shared=shared)


def test_tasks_with_a_quarter_of_the_variance() -> None:
    shares = {
        "one": {"A": 0.8, "B": 0.2, "C": 0.0},
        "two": {"A": 0.25, "B": 0.1, "C": 0.65},
        "still": {"A": 0.0, "B": 0.0, "C": 0.0},
    }
    assert true_cover(shares) == {"one": {"A"}, "two": {"A", "C"}}
    assert true_cover(shares, shared=0.2)["one"] == {"A", "B"}
    assert true_cover(shares, shared=0.7) == {"one": {"A"}, "two": set()}


@pytest.mark.parametrize("shared", [0.0, 1.5, math.nan])
def test_bad_least_share(shared) -> None:
    with pytest.raises(BadRequest, match=r"shared="):
        true_cover({"a": {"A": 1.0}}, shared=shared)


@pytest.mark.parametrize("shares", [{}, {"a": {"A": 0.0}}])
def test_nothing_that_a_task_moves(shares) -> None:
    with pytest.raises(EmptyData, match=rf"any of the {len(shares)} nodes"):
        true_cover(shares)


def test_columns_do_not_depend_on_names_and_equal_groups_both_stay() -> None:
    nodes = ["a", "b", "c"]
    one = membership_matrix(nodes, {"a": ["x", "y"], "b": ["x", "y", "z"], "c": []})
    other = membership_matrix(nodes, {"a": [3, 1], "b": [0, 1, 3], "c": []})
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(one, [[True, True, False], [True, True, True], [False, False, False]])
