"""Dominance against directions made of known parts of each task."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from compgraph.check import TaskProfile
from compgraph.connect import node_id
from compgraph.decompose import components
from compgraph.errors import BadRequest, EmptyData, NotFinite, ShapeError
from compgraph.observe import collect
from note.measures.variance.weights import (
    WeightDominance,
    dominance,
    permuted_dominance,
    task_axes,
    weight_dominance,
)


def planted(seed: int):
    """Return rows with known parts in two orthogonal planes and outside, and vectors that span the planes."""
    rng = np.random.default_rng(seed)
    basis = ortho_group.rvs(7, random_state=seed)
    parts = rng.normal(size=(20, 7))
    spans = {"A": rng.normal(size=(3, 2)) @ basis[:2], "B": rng.normal(size=(2, 2)) @ basis[2:4]}
    return parts, parts @ basis, spans


def by_parts(found) -> None:
    """Shares, mass and their mean are those of the parts the rows were made of, whatever vectors span the planes."""
    for seed in range(3):
        parts, rows, tasks = planted(seed)
        a, b = np.square(parts[:, :2]).sum(axis=1), np.square(parts[:, 2:4]).sum(axis=1)
        result = found(rows, tasks)
        np.testing.assert_allclose(result.share, np.maximum(a, b) / (a + b))
        np.testing.assert_allclose(result.mass, a + b)
        assert result.inside == pytest.approx((a + b).sum() / np.square(parts).sum())
        assert result.mean == pytest.approx(np.maximum(a, b).sum() / (a + b).sum())
        pure = np.maximum(a, b) > 0.8 * (a + b)
        assert pure.any()
        assert result.above(0.8) == pytest.approx((a + b)[pure].sum() / (a + b).sum())


def test_dominance_is_that_of_the_parts() -> None:
    by_parts(dominance)
    with pytest.raises(AssertionError):
        by_parts(lambda rows, tasks: dominance(rows / np.linalg.norm(rows, axis=1, keepdims=True), tasks))


def test_a_singular_basis_holds_the_same_mass() -> None:
    _, rows, tasks = planted(0)
    _, values, right = np.linalg.svd(rows, full_matrices=False)
    turned = dominance(values[:, None] * right, tasks)
    assert turned.mass.sum() == pytest.approx(dominance(rows, tasks).mass.sum())
    assert turned.inside == pytest.approx(dominance(rows, tasks).inside)


def test_spans_that_overlap_count_once() -> None:
    tasks = {"A": np.eye(3)[:2], "B": np.eye(3)[1:]}
    found = dominance(np.array([[0.0, 2, 0], [1, 0, 0]]), tasks)
    np.testing.assert_allclose(found.mass, [4, 1])
    np.testing.assert_allclose(found.share, [0.5, 1])


def test_a_row_outside_has_no_share() -> None:
    found = dominance(np.eye(3), {"A": np.eye(3)[:1], "B": np.eye(3)[1:2]})
    np.testing.assert_allclose(found.share, [1, 1, 0])
    assert (found.mean, found.above(0.9), found.inside) == pytest.approx((1, 1, 2 / 3))


def test_random_directions_in_two_lines() -> None:
    # With x uniform on the circle, the mean of max(x^2, y^2) is 1/2 + 1/pi.
    rows = np.random.default_rng(0).normal(size=(100_000, 2))
    found = dominance(rows, {"A": np.eye(2)[:1], "B": np.eye(2)[1:]})
    assert found.mean == pytest.approx(0.5 + 1 / math.pi, abs=0.003)


def test_what_cannot_be_compared() -> None:
    plane, rest = np.eye(3)[:1], np.eye(3)[1:2]
    with pytest.raises(BadRequest, match=r"compares tasks and got 1"):
        dominance(np.eye(3), {"A": plane})
    with pytest.raises(ShapeError, match=r"task 'B' has vectors of 4 coordinates and the rows have 3"):
        dominance(np.eye(3), {"A": plane, "B": np.eye(4)})
    with pytest.raises(EmptyData, match=r"0 vectors of task 'B' span nothing"):
        dominance(np.eye(3), {"A": plane, "B": np.zeros((0, 3))})
    with pytest.raises(EmptyData, match=r"all 1 rows are orthogonal to every task"):
        dominance(np.eye(3)[2:], {"A": plane, "B": rest})
    with pytest.raises(NotFinite, match=r"the vectors of task 'A'"):
        dominance(np.eye(3), {"A": plane * math.nan, "B": rest})
    with pytest.raises(NotFinite, match=r"rows holds"):
        dominance(np.full((1, 3), math.inf), {"A": plane, "B": rest})


def has_both_bases(found) -> None:
    """Units are the rows, and singular directions the eigenvectors of all rows together with the mass they hold."""
    _, rows, tasks = planted(1)
    values, vectors = np.linalg.eigh(rows.T @ rows)
    result = found(rows, tasks)
    np.testing.assert_array_equal(result.units.share, dominance(rows, tasks).share)
    expected = dominance(np.sqrt(values[::-1].clip(0))[:, None] * vectors[:, ::-1].T, tasks)
    np.testing.assert_allclose(result.singular.share, expected.share)
    np.testing.assert_allclose(result.singular.mass, expected.mass)
    assert result.singular.mass.sum() == pytest.approx(result.units.mass.sum())


def test_weights_are_seen_in_both_bases() -> None:
    has_both_bases(weight_dominance)

    def singular_of_equal_length(weight, tasks):
        return WeightDominance(dominance(weight, tasks), dominance(np.linalg.svd(weight)[2], tasks))

    with pytest.raises(AssertionError):
        has_both_bases(singular_of_equal_length)


def permutes_every_unit_by_itself(found) -> None:
    """Of two equal weights among four, both are in one of two planes with probability 1/3: share 1, and else 1/2."""
    weight, tasks = np.tile([1.0, 1, 0, 0], (16, 1)), {"A": np.eye(4)[:2], "B": np.eye(4)[2:]}
    by_chance = found(weight, tasks, n=400, seed=3)
    assert all(set(each.units.share.round(9)) <= {0.5, 1} for each in by_chance)
    means = [each.units.mean for each in by_chance]
    spread = math.sqrt(1 / 3 * 2 / 3 / 4 / 16)
    assert np.mean(means) == pytest.approx(2 / 3, abs=4 * spread / 20)
    assert np.std(means) == pytest.approx(spread, rel=0.2)
    assert all(each.units.mass.sum() == pytest.approx(32) for each in by_chance)


def test_chance_permutes_the_weights_of_every_unit() -> None:
    permutes_every_unit_by_itself(permuted_dominance)

    def all_alike(weight, tasks, *, n, seed):
        rng = np.random.default_rng(seed)
        return [weight_dominance(weight[:, rng.permutation(4)], tasks) for _ in range(n)]

    def between_units(weight, tasks, *, n, seed):
        rng = np.random.default_rng(seed)
        return [weight_dominance(rng.permuted(weight, axis=0), tasks) for _ in range(n)]

    for twin in (all_alike, between_units):
        with pytest.raises(AssertionError):
            permutes_every_unit_by_itself(twin)


def test_permutations_follow_their_seed() -> None:
    _, rows, tasks = planted(2)

    def means(**options) -> list[float]:
        return [each.units.mean for each in permuted_dominance(rows, tasks, n=3, **options)]

    assert means(seed=1) == means(seed=1) == means(seed=np.random.default_rng(1)) != means(seed=2)
    generator = np.random.default_rng(1)
    assert means(seed=generator) != means(seed=generator)
    assert len(permuted_dominance(rows, tasks)) == 20


def gives_each_task_its_axes(found, parts, profile) -> None:
    """Axes of a task are those of the nodes with its label, looked up one by one."""
    result = found(parts, profile)
    assert list(result) == list(parts)
    for space, by_task in result.items():
        assert list(by_task) == ["A", "B", "C"]
        for task, axes in by_task.items():
            part = parts[space]
            nodes = [i for i in range(len(part)) if profile.labels.get(node_id(space, i)) == task]
            np.testing.assert_array_equal(axes, part.axes[nodes])


def test_axes_of_a_task(tanh_net) -> None:
    rows = torch.from_numpy(np.random.default_rng(1).normal(size=(200, 3)))
    parts = components(collect(tanh_net(3, 5, 2), rows, ["act", "head"], progress=False), "pca")
    nodes = [node_id(space, index) for space, part in parts.items() for index in range(len(part))]
    # Every third node is moved by no task, and none by C most.
    labels = {node: "AB"[i % 3] for i, node in enumerate(nodes) if i % 3 < 2}
    share = {node: dict.fromkeys("ABC", 0.0) for node in nodes}
    profile = TaskProfile(share, share, labels)
    gives_each_task_its_axes(task_axes, parts, profile)
    assert all(len(by_task["C"]) == 0 for by_task in task_axes(parts, profile).values())

    def unlabelled_go_to_the_first(parts, profile):
        return task_axes(parts, TaskProfile(share, share, dict.fromkeys(nodes, "A") | labels))

    with pytest.raises(AssertionError):
        gives_each_task_its_axes(unlabelled_go_to_the_first, parts, profile)


def test_weights_that_cannot_be_compared() -> None:
    tasks = {"A": np.eye(3)[:1], "B": np.eye(3)[1:2]}
    with pytest.raises(NotFinite, match=r"the weights holds 1"):
        weight_dominance(np.array([[1.0, math.nan, 0]]), tasks)
    with pytest.raises(ShapeError, match=r"task 'A' has vectors of 3 coordinates and the rows have 2"):
        weight_dominance(np.eye(2), tasks)
    with pytest.raises(BadRequest, match=r"n=0.*at least 1"):
        permuted_dominance(np.eye(3), tasks, n=0)
    with pytest.raises(BadRequest, match=r"seed=-1.*at least 0"):
        permuted_dominance(np.eye(3), tasks, seed=-1)
