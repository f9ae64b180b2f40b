"""Variances of tasks along principal components, against the eigenvectors of the covariance."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.errors import BadRequest, NotFinite, ShapeError
from note.measures.variance.principal_components import dominant_share, principal_task_variances, principal_within

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(400, 3)) @ np.array([[4.0, 1.0, 0.0], [0.0, 2.0, 0.5], [0.0, 0.0, 0.5]]) + 7
TASKS = {"A": RNG.normal(size=(90, 3)) * [2.0, 0.1, 0.3] - 3, "B": RNG.normal(size=(70, 3)) * [0.1, 1.0, 0.6]}


def are_variances_along_eigenvectors(function) -> None:
    axes = np.linalg.eigh(np.cov(ROWS.T))[1][:, ::-1]
    expected = [[np.var(each @ axis) for each in TASKS.values()] for axis in axes.T]
    assert_allclose(function(ROWS, TASKS), expected, rtol=1e-4)


def test_variances_are_along_principal_components() -> None:
    are_variances_along_eigenvectors(principal_task_variances)


def uncentred(rows, by_task):
    axes = np.linalg.svd(rows, full_matrices=False)[2]
    return np.stack([np.var(each @ axes.T, axis=0) for each in by_task.values()], axis=1)


def about_the_mean_of_the_data(rows, by_task):
    axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2]
    return np.stack([np.square((each - rows.mean(axis=0)) @ axes.T).mean(axis=0) for each in by_task.values()], axis=1)


@pytest.mark.parametrize("broken", [uncentred, about_the_mean_of_the_data])
def test_other_centres_are_caught(broken) -> None:
    with pytest.raises(AssertionError):
        are_variances_along_eigenvectors(broken)


def test_a_silent_unit_is_moved_by_no_task_to_speak_of() -> None:
    silent = np.array([1.0, 1.0, 0.0])
    found = principal_task_variances(ROWS * silent, {task: rows * silent for task, rows in TASKS.items()})
    assert found[2].max() < 1e-10 * found[0].max()


def test_shares_of_the_dominant_task() -> None:
    assert_allclose(dominant_share(np.array([[1.0, 3.0], [2.0, 2.0], [0.0, 0.0]])), [0.75, 0.5, np.nan])


@pytest.mark.parametrize(("rows", "tasks", "error", "words"), [
    (ROWS, {"A": TASKS["A"]}, BadRequest, "1 task came; give at least two"),
    (ROWS[:2], TASKS, ShapeError, "2 rows of 3 features came"),
    (ROWS, TASKS | {"B": TASKS["B"][:, :2]}, ShapeError, "task 'B' has rows of 2 features"),
    (ROWS * np.nan, TASKS, NotFinite, "the rows"),
    (ROWS, TASKS | {"B": TASKS["B"] * np.inf}, NotFinite, "the rows of task 'B'"),
])  # fmt: skip
def test_bad_input_is_named(rows, tasks, error, words) -> None:
    with pytest.raises(error, match=words):
        principal_task_variances(rows, tasks)


def test_principal_axes_stay_within_the_filters() -> None:
    covariance, filters = np.cov(ROWS.T), RNG.normal(size=(2, 3))
    axes, variance = principal_within(filters, covariance)
    assert_allclose(axes @ axes.T, np.eye(2), atol=1e-12)
    assert_allclose(axes @ covariance @ axes.T, np.diag(variance), atol=1e-10)
    assert variance[0] > variance[1]
    normal = np.cross(*filters)
    assert_allclose(axes @ normal, 0, atol=1e-12)
    # No direction within the span varies more than the first axis.
    mixed = RNG.normal(size=(1000, 2)) @ filters
    assert (np.einsum("nd,de,ne->n", mixed, covariance, mixed) / np.square(mixed).sum(axis=1)).max() <= variance[0]


def test_filters_of_another_space_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"shape \(3, 3\) came for filters of 2 features"):
        principal_within(np.eye(2), np.eye(3))
