"""Dominance against directions made of known parts of each task."""

import math

import numpy as np
import pytest
from scipy.stats import ortho_group

from compgraph.check.dominance import dominance
from compgraph.errors import BadRequest, EmptyData, NotFinite, ShapeError


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
