import numpy as np
import pytest

from compgraph.errors import BadRequest, EmptyData
from compgraph.statistics import Moments
from note.measures.variance.task_correlations import TaskCorrelations, task_correlations

TASKS = {"A": np.diag([1.0, 0.0, 4.0]), "B": np.diag([0.0, 3.0, 0.0])}


def rows(seed: int, n: int = 50) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 3))


X = rows(0)
Y = X @ np.diag([1.0, -2.0, 0.5]) + 0.5 * rows(1)
MOMENTS = Moments.of(X, Y)


def sorted_by_task(correlate) -> None:
    """Filters out of order come back by task, with the correlations that numpy finds of their scores."""
    filters = (
        np.array([[0.1, 1.0, 0.0], [1.0, 0.2, 0.0], [0.0, 0.0, 1.0]]),
        np.array([[0.0, 2.0, 0.1], [1.0, 0.0, 0.0]]),
    )
    found = correlate(MOMENTS, filters, (TASKS, TASKS))
    assert (found.earlier.tolist(), found.later.tolist()) == ([0, 0, 1], [0, 1])
    expected = np.corrcoef(X @ filters[0][[1, 2, 0]].T, Y @ filters[1][[1, 0]].T, rowvar=False)[:3, 3:]
    np.testing.assert_allclose(found.values, expected, atol=1e-12)
    squares = expected**2
    assert found.inside == pytest.approx((squares[:2, 0].sum() + squares[2, 1]) / squares.sum())


def test_components_are_sorted_by_the_task_they_serve() -> None:
    sorted_by_task(task_correlations)

    def as_they_came(moments, axes, tasks) -> TaskCorrelations:
        found = task_correlations(moments, axes, tasks)
        values = np.corrcoef(X @ axes[0].T, Y @ axes[1].T, rowvar=False)[:3, 3:]
        return TaskCorrelations(values, found.earlier, found.later, found.inside, found.by_chance)

    with pytest.raises(AssertionError):
        sorted_by_task(as_they_came)


def test_chance_knows_the_subspaces_and_not_the_basis() -> None:
    turn = np.linalg.qr(rows(2)[:3])[0]
    first, second, other = (
        task_correlations(MOMENTS, (axes, np.eye(3)), (TASKS, TASKS), seed=seed)
        for axes, seed in ((np.eye(3), 1), (turn, 1), (np.eye(3), 2))
    )
    assert first.inside > 0.9 > second.inside
    assert first.by_chance == pytest.approx(second.by_chance, abs=0.15)
    assert first.by_chance != other.by_chance  # drawn from the seed
    assert 0.5 < first.by_chance < 0.9


def test_the_effective_number_of_components() -> None:
    values = np.array([[0.5, 0.3, 0.0], [0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [0.5, 0.0, 0.0]])
    found = TaskCorrelations(values, np.zeros(4, dtype=np.int64), np.zeros(3, dtype=np.int64), 1.0, 1.0)
    assert found.combined == pytest.approx((4 + 1) / 2)  # the last correlates with none


def test_what_cannot_be_correlated_is_refused() -> None:
    with pytest.raises(EmptyData, match="0 and 3 axes came"):
        task_correlations(MOMENTS, (np.zeros((0, 3)), np.eye(3)), (TASKS, TASKS))
    with pytest.raises(BadRequest, match=r"\['A', 'B'\] before and \['B', 'A'\] after"):
        task_correlations(MOMENTS, (np.eye(3), np.eye(3)), (TASKS, dict(reversed(TASKS.items()))))
