"""Matches of directions against algebra, and against twins that forget what they weigh by."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import kstest

from compgraph.errors import BadRequest, NotFinite, ShapeError
from note.measures.variance.matching_directions import (
    best_match,
    column_distance,
    near_diagonal,
    random_bases,
    random_directions,
)

VARIANCE = np.array([8.0, 1.0, 1.0])
TURNED = np.array([[1.0, 0, 0], [0, 0.6, 0.8], [0, -0.8, 0.6]])


def weighed(measure) -> None:
    """Only the directions of little variance are unlike the others."""
    assert measure(TURNED, VARIANCE) == pytest.approx(0.8 + 0.2 * 0.8)


def test_directions_count_by_their_variance():
    weighed(best_match)
    assert best_match(TURNED, VARIANCE * 7) == pytest.approx(best_match(TURNED, VARIANCE))
    with pytest.raises(AssertionError):
        weighed(lambda similarity, _: best_match(similarity, np.ones(3)))


def test_rank_counts_on_either_side_of_the_diagonal():
    assert near_diagonal(TURNED, VARIANCE) == 1
    assert near_diagonal(TURNED, VARIANCE, within=0) == pytest.approx(0.8 + 0.2 * 0.36)
    assert near_diagonal(TURNED[::-1], VARIANCE[::-1], within=1) == pytest.approx(0.1 + 0.1 * 0.64)
    assert near_diagonal(TURNED[::-1], VARIANCE[::-1], within=2) == 1


def test_a_rotation_of_directions_of_equal_variance_is_at_chance():
    rng = np.random.default_rng(0)
    turns = [np.linalg.qr(rng.normal(size=(16, 16)))[0] for _ in range(400)]
    found = [near_diagonal(turn, np.ones(16)) for turn in turns]
    assert np.mean(found) == pytest.approx(46 / 256, abs=0.01)  # 46 of 256 pairs of ranks differ by one at most


def test_no_weight_at_all_is_refused():
    with pytest.raises(BadRequest, match=r"not all 0"):
        best_match(TURNED, np.zeros(3))
    with pytest.raises(BadRequest, match=r"variances from -1 came"):
        best_match(TURNED, np.array([1.0, -1.0, 3.0]))
    with pytest.raises(ShapeError, match=r"2 variances came for similarities of shape \(3, 3\)"):
        near_diagonal(TURNED, np.ones(2))
    with pytest.raises(NotFinite, match=r"similarities"):
        best_match(np.full((1, 1), np.nan), np.ones(1))
    with pytest.raises(BadRequest, match=r"all similarities are 0"):
        near_diagonal(np.zeros((2, 2)), np.ones(2))
    with pytest.raises(BadRequest, match=r"within"):
        near_diagonal(TURNED, VARIANCE, within=-1)


def anywhere(draw) -> None:
    """Bases are orthonormal, and a squared cosine is distributed as Beta(1/2, (p - 1)/2)."""
    found = draw(5, n=4000, seed=3)
    assert found.shape == (4000, 5, 5)
    assert_allclose(found @ found.swapaxes(1, 2), np.broadcast_to(np.eye(5), found.shape), atol=1e-12)
    for entry in ((0, 0), (0, 4), (4, 2)):
        assert kstest(np.square(found[:, *entry]), "beta", args=(0.5, 2)).pvalue > 1e-4


def test_random_bases_point_anywhere():
    anywhere(random_bases)
    assert_allclose(random_bases(5, n=2, seed=3)[0], random_bases(5, n=4, seed=3)[0])

    def unit_vectors(size, *, n, seed):
        rows = np.random.default_rng(seed).normal(size=(n, size, size))
        return rows / np.linalg.norm(rows, axis=2, keepdims=True)

    def near_the_axes(size, *, n, seed):
        rows = np.random.default_rng(seed).normal(size=(n, size, size))
        return np.linalg.qr(rows + 2 * np.eye(size))[0]

    for broken in (unit_vectors, near_the_axes):
        with pytest.raises(AssertionError):
            anywhere(broken)


def in_order(draw) -> None:
    """Directions stand in order of the variance along them, and belong to their variance."""
    rows = np.random.default_rng(0).normal(size=(3000, 4)) * np.sqrt([1.0, 9.0, 4.0, 0.5])
    directions, variance = draw(np.array([1.0, 9.0, 4.0, 0.5]), n=6, seed=0)
    assert (np.diff(variance, axis=1) < 0).all()
    assert_allclose(variance.sum(axis=1), 14.5)
    for each, along in zip(directions, variance, strict=True):
        assert_allclose((rows @ each.T).var(axis=0), along, rtol=0.15)
        assert_allclose(each @ each.T, np.eye(4), atol=1e-12)


def test_random_directions_are_in_order_of_their_variance():
    in_order(random_directions)

    def only_the_variance(variance, **options):
        bases = random_bases(len(variance), **options)
        return bases, -np.sort(-(bases**2 @ variance), axis=1)

    def as_they_come(variance, **options):
        bases = random_bases(len(variance), **options)
        return bases, bases**2 @ variance

    for broken in (only_the_variance, as_they_come):
        with pytest.raises(AssertionError):
            in_order(broken)


def worst_of_the_columns(distance) -> None:
    """Lengths and signs do not matter; a turn by an angle is a chord, however small the angle."""
    first = np.random.default_rng(0).normal(size=(7, 3))
    assert distance(first, first * [-2.0, 3.0, 1.0]) < 1e-15
    for angle in (1e-9, 0.3, math.pi / 2):
        turned = np.linalg.qr(first)[0]
        other = turned.copy()
        other[:, 1] = -5 * (math.cos(angle) * turned[:, 1] + math.sin(angle) * turned[:, 2])
        assert distance(turned, other) == pytest.approx(2 * math.sin(angle / 2), rel=1e-6)


def test_the_distance_of_columns_is_that_of_the_lines_they_span():
    worst_of_the_columns(column_distance)

    def by_cosine(first, second):
        units = [each / np.linalg.norm(each, axis=0) for each in (first, second)]
        return math.sqrt(max(0, 2 - 2 * np.abs((units[0] * units[1]).sum(axis=0)).min()))

    def signed(first, second):
        return np.linalg.norm(
            first / np.linalg.norm(first, axis=0) - second / np.linalg.norm(second, axis=0), axis=0
        ).max()

    for broken in (by_cosine, signed):
        with pytest.raises(AssertionError):
            worst_of_the_columns(broken)


def test_columns_without_a_partner_or_a_direction_are_refused():
    with pytest.raises(ShapeError, match=r"columns of shape \(3, 3\) and \(3, 2\) came"):
        column_distance(TURNED, TURNED[:, :2])
    with pytest.raises(BadRequest, match=r"column 1 is 0"):
        column_distance(np.eye(2), np.diag([1.0, 0.0]))
    with pytest.raises(NotFinite, match=r"the columns"):
        column_distance(np.eye(2), np.full((2, 2), np.inf))
    for options, named in (({"n": 0, "seed": 0}, "n"), ({"n": 1, "seed": -1}, "seed")):
        with pytest.raises(BadRequest, match=named):
            random_directions(VARIANCE, **options)
    with pytest.raises(BadRequest, match="size"):
        random_bases(0, n=1, seed=0)
