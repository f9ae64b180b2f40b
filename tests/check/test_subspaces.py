import math

import numpy as np
import pytest
from scipy.stats import ortho_group

from compgraph.check import SubspaceOverlap, gradient_capture, principal_angles, subspace_overlap
from compgraph.errors import BadRequest, EmptyData, NotFinite, ShapeError

TASKS = {"A": np.diag([2.0, 0.0, 1.0]), "B": np.diag([0.0, 1.0, 1.0])}


def rotated_planes(angles, d, seed):
    """Return two subspaces of d dimensions whose principal angles are known, with dependent rows."""
    rng = np.random.default_rng(seed)
    k = len(angles)
    basis = ortho_group.rvs(d, random_state=seed)
    first, second = basis[:k], np.cos(angles)[:, None] * basis[:k] + np.sin(angles)[:, None] * basis[k : 2 * k]
    return rng.normal(size=(k + 2, k)) @ first, rng.normal(size=(k, k)) @ second


def pairwise(a, b):
    """Compare rows with rows: the wrong twin, which depends on the basis of each subspace."""
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (a, b)]
    return np.sort(np.arccos(np.clip(np.abs(unit[0] @ unit[1].T).max(axis=0), 0, 1)))


def of_spans(angles_of) -> None:
    """Angles belong to the spans, whatever vectors span them."""
    known = np.array([1e-6, 0.3, 1.2])
    for seed in range(5):
        np.testing.assert_allclose(angles_of(*rotated_planes(known, 9, seed)), known, atol=1e-9)


def test_angles_are_those_of_the_spans() -> None:
    of_spans(principal_angles)
    with pytest.raises(AssertionError):
        of_spans(pairwise)


def test_as_many_angles_as_the_smaller_span_has_dimensions() -> None:
    a, b = np.eye(5)[:3], np.array([[0.0, 0, 1, 1, 0], [0, 0, 2, 2, 0]])
    np.testing.assert_allclose(principal_angles(a, b), [math.pi / 4], atol=1e-12)
    np.testing.assert_allclose(principal_angles(b, a), [math.pi / 4], atol=1e-12)


def test_overlap_is_the_mean_squared_cosine() -> None:
    angles = np.array([0.2, 0.7])
    a, b = rotated_planes(angles, 8, 3)
    found = subspace_overlap(a, b)
    assert found.overlap == pytest.approx(np.mean(np.cos(angles) ** 2))
    assert found.chance == 2 / 8
    assert found.corrected == pytest.approx((found.overlap - 0.25) / 0.75)
    assert subspace_overlap(b, a).overlap == pytest.approx(found.overlap)


def level(corrected) -> None:
    """Subspaces that point anywhere score 0 on average, whatever their dimensions."""
    for ka, kb in ((1, 1), (2, 5), (5, 3)):
        rng = np.random.default_rng(ka)
        scores = [corrected(rng.normal(size=(ka, 8)), rng.normal(size=(kb, 8))) for _ in range(400)]
        assert abs(np.mean(scores)) < 4 * np.std(scores) / math.sqrt(len(scores))


def test_chance_is_level() -> None:
    level(lambda a, b: subspace_overlap(a, b).corrected)

    def smaller_over_whole(a, b):
        chance = min(len(a), len(b)) / a.shape[1]
        return (subspace_overlap(a, b).overlap - chance) / (1 - chance)

    with pytest.raises(AssertionError):
        level(smaller_over_whole)


def test_extremes_of_overlap() -> None:
    assert subspace_overlap(np.eye(4)[:1], np.eye(4)[:2]) == SubspaceOverlap(1.0, 0.5, 1.0)
    apart = subspace_overlap(np.eye(4)[:2], np.eye(4)[2:])
    assert (apart.overlap, apart.corrected) == (0, -1)
    assert math.isnan(subspace_overlap(np.eye(3), np.eye(3)[:1]).corrected)


@pytest.mark.parametrize("function", [principal_angles, subspace_overlap])
def test_what_has_no_angles_is_refused(function) -> None:
    with pytest.raises(ShapeError, match="rows of 3 and of 2 coordinates"):
        function(np.eye(3), np.eye(2))
    with pytest.raises(EmptyData, match="the 2 rows of the second set span nothing"):
        function(np.eye(3), np.zeros((2, 3)))
    with pytest.raises(EmptyData, match="the 0 rows of the first set span nothing"):
        function(np.zeros((0, 3)), np.eye(3))
    with pytest.raises(NotFinite, match="the first set of rows holds 1 NaN"):
        function(np.array([[1.0, np.nan]]), np.eye(2))


def test_capture_by_hand() -> None:
    gradients = np.array([[1.0, 0, 0], [0, 3.0, 0], [0, 0, 2.0]], dtype=np.float32)
    assert gradient_capture(gradients, TASKS) == pytest.approx((1 * 1 + 3 * 1 + 2 * 0.5) / 6)


def test_capture_is_a_mean_of_shares_weighted_by_norm() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20, 3))
    roots = {task: rng.normal(size=(3, 3)) for task in "ABC"}
    by_loop = 0.0
    for row in rows:
        variances = [np.sum((root @ row) ** 2) for root in roots.values()]
        by_loop += np.linalg.norm(row) * max(variances) / sum(variances)
    expected = by_loop / np.linalg.norm(rows, axis=1).sum()
    covariances = {task: root.T @ root for task, root in roots.items()}
    assert gradient_capture(rows, covariances) == pytest.approx(expected)
    assert gradient_capture(7 * rows, covariances) == pytest.approx(expected)


def test_gradients_along_which_nothing_varies_count_nothing() -> None:
    tasks = {"A": np.diag([1.0, 0.0]), "B": np.diag([0.0, 0.0])}
    assert gradient_capture(np.array([[1.0, 0.0], [0.0, 3.0], [0.0, 0.0]]), tasks) == pytest.approx(0.25)


def test_what_cannot_be_captured_is_refused() -> None:
    rows = np.eye(3)
    with pytest.raises(BadRequest, match="compares tasks and got 1"):
        gradient_capture(rows, {"A": np.eye(3)})
    with pytest.raises(ShapeError, match=r"task 'B' has shape \(2, 2\) and gradients have 3 coordinates"):
        gradient_capture(rows, {"A": np.eye(3), "B": np.eye(2)})
    with pytest.raises(EmptyData, match="all 2 gradients are 0"):
        gradient_capture(np.zeros((2, 3)), TASKS)
    with pytest.raises(NotFinite, match="gradients holds 1"):
        gradient_capture(np.array([[np.inf, 0, 0]]), TASKS)
    with pytest.raises(NotFinite, match="covariance of task 'A'"):
        gradient_capture(rows, {"A": np.full((3, 3), np.nan), "B": np.eye(3)})
