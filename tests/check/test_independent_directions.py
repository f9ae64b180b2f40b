"""Independent directions against planted independent pairs, textbook cumulants and data that have none."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import ortho_group

from compgraph.check.independent_directions import _cumulants, independent_directions
from compgraph.errors import EmptyData, NotFinite


def pairs(n: int, seed: int) -> np.ndarray:
    """Draw two independent pairs: points of a circle, and a number with its absolute value times a sign."""
    rng = np.random.default_rng(seed)
    angle, size = rng.uniform(0, 2 * np.pi, n), rng.exponential(size=n)
    signs = rng.choice([-1.0, 1.0], (2, n))
    return np.stack([np.cos(angle), np.sin(angle), size * signs[0], size * signs[1]], axis=1)


def purity(axes: np.ndarray) -> np.ndarray:
    """Return how much of each filter is along the first pair."""
    square = np.square(axes * np.array([np.sqrt(0.5)] * 2 + [np.sqrt(2.0)] * 2))
    return square[:, :2].sum(axis=1) / square.sum(axis=1)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_pairs_come_apart_whatever_basis_they_are_seen_in(seed):
    mixing = ortho_group.rvs(4, random_state=seed) * np.array([1.0, 2.0, 0.5, 3.0])
    found = independent_directions(pairs(20_000, seed) @ mixing)
    share = purity(found.axes @ mixing.T)
    assert_allclose(np.maximum(share, 1 - share), 1, atol=0.02)
    assert len(set((share > 0.5) == found.second)) == 1
    assert found.between < 0.05


def test_principal_directions_would_not_do():
    rows = pairs(20_000, 0) / np.sqrt([0.5, 0.5, 2, 2]) @ ortho_group.rvs(4, random_state=5)
    found, principal = independent_directions(rows), np.linalg.svd(rows, full_matrices=False)[2]
    back = ortho_group.rvs(4, random_state=5).T
    scale = np.sqrt([0.5, 0.5, 2, 2])
    shares = [purity(axes @ back / scale) for axes in (found.axes, principal)]
    good, bad = (np.maximum(share, 1 - share).min() for share in shares)
    assert good > 0.98 > 0.9 > bad


def test_scores_are_white():
    rows = pairs(3000, 3) @ np.random.default_rng(0).normal(size=(4, 4))
    scores = (rows - rows.mean(axis=0)) @ independent_directions(rows).axes.T
    assert_allclose(scores.T @ scores / len(rows), np.eye(4), atol=1e-9)


def test_cumulants_are_those_of_the_textbook():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(500, 3)) ** 3
    scores -= scores.mean(axis=0)
    values, vectors = np.linalg.eigh(scores.T @ scores / 500)
    scores = scores @ (vectors / np.sqrt(values)) @ vectors.T
    found = _cumulants(scores)
    for matrix, (i, j) in zip(found, np.transpose(np.tril_indices(3)).tolist(), strict=True):
        for k in range(3):
            for m in range(3):
                z = scores
                expected = (z[:, i] * z[:, j] * z[:, k] * z[:, m]).mean()
                expected -= (i == j) * (k == m) + (i == k) * (j == m) + (i == m) * (j == k)
                assert matrix[k, m] == pytest.approx(expected * (1 if i == j else 2**0.5), abs=1e-9)


def test_one_dependent_whole_says_so():
    rng = np.random.default_rng(2)
    sphere = rng.normal(size=(20_000, 4))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    assert independent_directions(sphere).between > 0.3


def test_directions_that_never_vary_are_left_out():
    rows = np.hstack([pairs(2000, 0), np.ones((2000, 1)), pairs(2000, 0)[:, :1]])
    assert len(independent_directions(rows).axes) == 4


def test_too_little_is_refused():
    with pytest.raises(EmptyData, match=r"15 rows with 4 independent directions"):
        independent_directions(pairs(15, 0))
    with pytest.raises(EmptyData, match=r"50 rows with 1 independent directions"):
        independent_directions(pairs(50, 0)[:, :1])
    with pytest.raises(NotFinite, match=r"the rows holds 1 NaN"):
        independent_directions(np.where(np.arange(200).reshape(50, 4) == 7, np.nan, pairs(50, 0)))


def keep_one_group(projectors_of) -> None:
    """Of projected rows, directions of the group have the scores they had and the others none; both add up."""
    rows = pairs(5000, 4) @ np.random.default_rng(2).normal(size=(4, 4))
    rows = np.hstack([rows, rows[:, :1] - rows[:, 1:2]])
    away = rows - rows.mean(axis=0)
    found = independent_directions(rows)
    scores, both = away @ found.axes.T, projectors_of(found)
    for projector, group in zip(both, (~found.second, found.second), strict=True):
        assert_allclose(away @ projector @ found.axes.T, scores * group, atol=1e-9)
        assert np.linalg.matrix_rank(projector) == group.sum() == 2
    assert_allclose(away @ sum(both), away, atol=1e-9)


def test_projectors_keep_one_group() -> None:
    keep_one_group(lambda found: found.projectors)

    def orthogonal(found):
        return [np.linalg.pinv(found.axes[group]) @ found.axes[group] for group in (~found.second, found.second)]

    for twin in (orthogonal, lambda found: found.projectors[::-1]):
        with pytest.raises(AssertionError):
            keep_one_group(twin)
