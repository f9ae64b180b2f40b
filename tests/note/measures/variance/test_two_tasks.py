import math
from dataclasses import replace

import numpy as np
import pytest

from compgraph.errors import BadRequest, EmptyData, ShapeError
from note.measures.variance.two_tasks import other_share, two_tasks

U, V = np.array([0.0, 1.0, 0.0]), np.array([0.6, 0.8, 0.0])


def mixture(ratio: float) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Return filters, covariance and tasks of activations that are ``s u + t v`` of scores without correlation."""
    tasks = {"A": np.outer(U, U), "B": ratio * np.outer(V, V)}
    filters = np.linalg.pinv(np.stack([V, U])).T  # of the second task first
    return filters, tasks["A"] + tasks["B"], tasks


def finds_what_was_planted(compare) -> None:
    """Directions and variances are those of the mixture, and principal axes mix as those of its covariance do."""
    for ratio in (0.3, 0.9):
        filters, covariance, tasks = mixture(ratio)
        found = compare(filters, covariance, tasks)
        assert (found.ratio, found.cosine) == pytest.approx((ratio, 0.8))
        axes = np.linalg.svd(covariance)[2][:2]
        parts = np.stack([(axes @ U) ** 2, ratio * (axes @ V) ** 2])
        assert found.mixed == pytest.approx(parts.min(axis=0).sum() / parts.sum())
        assert found.expected == pytest.approx(found.mixed)
        along_u, along_v = ratio * 0.64 / (1 + ratio * 0.64), 0.64 / (0.64 + ratio)
        assert found.own == pytest.approx((along_u + along_v) / 2)


def test_the_directions_of_two_tasks() -> None:
    finds_what_was_planted(two_tasks)

    def as_if_scores_varied_alike(filters, covariance, tasks):
        lengths = np.linalg.norm(np.linalg.pinv(filters), axis=0)
        return replace(two_tasks(filters, covariance, tasks), ratio=float(lengths.min() / lengths.max()) ** 2)

    with pytest.raises(AssertionError):
        finds_what_was_planted(as_if_scores_varied_alike)


def test_what_filters_do_not_see_does_not_count_and_their_length_neither() -> None:
    filters, covariance, tasks = mixture(0.5)
    noise = np.diag([0.0, 0.0, 9.0])
    found = two_tasks(filters * [[3.0], [0.1]], covariance + noise, {t: each + noise for t, each in tasks.items()})
    plain = two_tasks(filters, covariance, tasks)
    assert (found.ratio, found.cosine, found.mixed) == pytest.approx((plain.ratio, plain.cosine, plain.mixed))
    assert found.own == pytest.approx(0.5)  # the main direction of both is the noise, all of the space counts


def test_axes_are_weighted_by_their_variance_over_the_data() -> None:
    tasks = {"A": np.diag([9.0, 1.0]), "B": np.diag([1.0, 1.5])}
    found = two_tasks(np.eye(2), np.diag([4.0, 1.0]), tasks)
    assert found.mixed == pytest.approx((4 * 0.1 + 1 * 0.4) / 5)


def test_the_strongest_filter_of_a_task_is_its_first() -> None:
    tasks = {"A": np.diag([1.0, 2.0, 0.0]), "B": np.diag([0.0, 0.0, 1.0])}
    found = two_tasks(np.eye(3)[[2, 1, 0]], np.diag([1.0, 2.0, 8.0]), tasks)
    assert found.ratio == pytest.approx(2 / 8)
    assert math.isclose(found.cosine, 0, abs_tol=1e-12)


def test_two_tasks_that_cannot_be_compared() -> None:
    filters, covariance, tasks = mixture(0.5)
    with pytest.raises(BadRequest, match="two tasks are compared and 1 came"):
        two_tasks(filters, covariance, {"A": tasks["A"]})
    with pytest.raises(BadRequest, match="none of 1 filters varies most under the inputs of 'A'"):
        two_tasks(filters[:1], covariance, tasks)


def test_the_share_of_other_tasks_is_along_the_axis_of_each() -> None:
    tasks = {"A": np.diag([3.0, 0.0]), "B": np.diag([0.0, 1.0]), "C": np.diag([1.0, 1.0])}
    axes = np.array([[1.0, 1.0], [0.0, 5.0], [1.0, 0.0]])
    np.testing.assert_allclose(other_share(axes, tasks), [1 - 3 / 6, 1 - 1 / 2, 1 - 1 / 4])


def test_shares_that_do_not_exist_are_refused() -> None:
    tasks = {"A": np.diag([1.0, 0.0]), "B": np.diag([1.0, 0.0])}
    with pytest.raises(EmptyData, match="no task moves 1 of 2 axes"):
        other_share(np.eye(2), tasks)
    with pytest.raises(ShapeError, match="1 axes came for 2 tasks"):
        other_share(np.eye(2)[:1], tasks)
