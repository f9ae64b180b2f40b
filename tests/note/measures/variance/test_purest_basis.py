from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import ortho_group

from compgraph.errors import BadRequest, EmptyData, NotFinite, ShapeError
from note.measures.variance.purest_basis import (
    interference,
    purest_basis,
    purest_directions,
    random_interference,
    task_variances,
)

D = 5


def covariance(rng, rank=D):
    root = rng.normal(size=(rank, D))
    return root.T @ root


def two_tasks(seed):
    rng = np.random.default_rng(seed)
    return {"A": 3 * covariance(rng, 3), "B": covariance(rng, 4)}


def left(basis_of, tasks, **options):
    return interference(task_variances(basis_of(tasks, **options), tasks))


def principal(tasks, within=None):
    """Take principal components of both tasks together: the wrong twin, orthogonal but blind to the tasks."""
    basis = np.eye(D) if within is None else np.linalg.qr(within.T)[0].T
    return np.linalg.eigh(basis @ sum(tasks.values()) @ basis.T)[1].T @ basis


def of_the_first(tasks, within=None):
    """Diagonalise one task alone: the wrong twin that is right where the other is not in its way."""
    basis = np.eye(D) if within is None else np.linalg.qr(within.T)[0].T
    return np.linalg.eigh(basis @ tasks["A"] @ basis.T)[1].T @ basis


def exact_for_commuting(basis_of) -> None:
    """Where both covariances share their axes, no orthogonal basis is purer than those: of the two tasks, even when
    their sum tells no direction from another."""
    turn = ortho_group.rvs(D, random_state=0)
    first = np.array([0.9, 0.8, 0.7, 0.2, 0.1])
    for second in (1 - first, np.array([0.1, 0.8, 0.0, 0.4, 0.3])):
        tasks = {"A": (turn.T * first) @ turn, "B": (turn.T * second) @ turn}
        expected = np.minimum(first, second).sum() / (first + second).sum()
        assert left(basis_of, tasks) == pytest.approx(expected, abs=1e-12)


@cache
def by_descent(seed):
    """Return the least interference that descent over all rotations finds, from several starts."""
    tasks, upper = two_tasks(seed), np.triu_indices(D, 1)

    def after(angles):
        skew = np.zeros((D, D))
        skew[upper] = angles
        cayley = np.linalg.solve(np.eye(D) + skew - skew.T, np.eye(D) - skew + skew.T)
        return interference(task_variances(cayley, tasks))

    rng = np.random.default_rng(seed)
    starts = rng.normal(size=(4, len(upper[0])))
    return min(minimize(after, start, method="BFGS", options={"maxiter": 60}).fun for start in starts)


def none_is_purer(basis_of) -> None:
    """No rotation that descent finds is purer, and the best of those comes near."""
    for seed in range(2):
        found = left(basis_of, two_tasks(seed))
        assert found <= by_descent(seed) + 1e-12
        assert found == pytest.approx(by_descent(seed), abs=0.005)


def keeps_to_the_subspace(basis_of) -> None:
    """Axes are orthonormal and span what was given, whatever vectors, dependent ones too, span it."""
    rng = np.random.default_rng(1)
    plane = rng.normal(size=(3, D))
    within = rng.normal(size=(5, 3)) @ plane
    axes = basis_of(two_tasks(0), within=within)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-10)
    np.testing.assert_allclose(axes.T @ axes, np.linalg.pinv(plane) @ plane, atol=1e-10)


def test_the_purest_basis_is_exact_for_covariances_that_commute() -> None:
    exact_for_commuting(purest_basis)
    with pytest.raises(AssertionError):
        exact_for_commuting(principal)


def test_no_rotation_of_the_purest_basis_is_purer() -> None:
    none_is_purer(purest_basis)
    for twin in (principal, of_the_first):
        with pytest.raises(AssertionError):
            none_is_purer(twin)


def test_a_basis_of_a_subspace() -> None:
    keeps_to_the_subspace(purest_basis)
    with pytest.raises(AssertionError):
        keeps_to_the_subspace(lambda _, within: within)
    tasks, within = two_tasks(2), np.random.default_rng(3).normal(size=(4, D))
    assert left(purest_basis, tasks, within=within) < left(principal, tasks, within=within) - 0.01


def test_what_is_left_is_the_nuclear_norm() -> None:
    tasks = two_tasks(4)
    distance = np.abs(np.linalg.eigvalsh(tasks["A"] - tasks["B"])).sum()
    total = sum(np.trace(each) for each in tasks.values())
    assert left(purest_basis, tasks) == pytest.approx((1 - distance / total) / 2)


def test_axes_are_ordered_from_one_task_to_the_other() -> None:
    tasks = two_tasks(5)
    differences = -np.diff(task_variances(purest_basis(tasks), tasks), axis=1).ravel()
    assert (np.diff(differences) < 0).all()
    swapped = purest_basis(dict(reversed(tasks.items())))
    np.testing.assert_allclose(swapped[::-1], purest_basis(tasks), atol=1e-10)


def test_orthogonal_tasks_leave_nothing_and_equal_ones_half() -> None:
    turn = ortho_group.rvs(D, random_state=2)
    apart = {"A": turn[:2].T @ turn[:2], "B": 5 * turn[2:].T @ turn[2:]}
    assert left(purest_basis, apart) == pytest.approx(0, abs=1e-12)
    same = covariance(np.random.default_rng(6))
    assert left(purest_basis, {"A": same, "B": same}) == pytest.approx(0.5)


def test_oblique_axes_hide_what_orthogonal_ones_show() -> None:
    """Two tasks at an angle of 10 degrees: axes that see one each exist, and no orthogonal basis tells them apart."""
    angle = np.radians(10)
    patterns = np.array([[1.0, 0.0], [np.cos(angle), np.sin(angle)]])
    tasks = {task: np.outer(each, each) for task, each in zip("AB", patterns, strict=True)}
    filters = np.linalg.inv(patterns).T
    assert interference(task_variances(filters, tasks)) == pytest.approx(0, abs=1e-12)
    assert left(purest_basis, tasks) == pytest.approx((1 - np.sin(angle)) / 2)


def test_variances_by_loop() -> None:
    rng = np.random.default_rng(7)
    rows, tasks = rng.normal(size=(4, D)).astype(np.float32), two_tasks(0)
    expected = [[row @ each @ row / (row @ row) for each in tasks.values()] for row in rows.astype(np.float64)]
    np.testing.assert_allclose(task_variances(rows, tasks), expected)
    np.testing.assert_allclose(task_variances(-8 * rows, tasks), expected)
    assert not task_variances(np.zeros((2, D)), tasks).any()


def test_interference_of_several_tasks_by_hand() -> None:
    assert interference(np.array([[6.0, 1, 1], [0, 2, 0], [0, 0, 0]])) == pytest.approx(2 / 10)
    assert interference(np.full((2, 4), 0.3)) == pytest.approx(0.75)


def test_what_cannot_be_measured_is_refused() -> None:
    tasks = two_tasks(0)
    with pytest.raises(BadRequest, match="compared and 1 task came"):
        task_variances(np.eye(D), {"A": tasks["A"]})
    with pytest.raises(ShapeError, match=rf"task 'A' has shape \({D}, {D}\); \(4, 4\) is needed"):
        task_variances(np.eye(4), tasks)
    with pytest.raises(NotFinite, match="axes holds 1"):
        task_variances(np.array([[np.nan] + [0.0] * (D - 1)]), tasks)
    with pytest.raises(BadRequest, match="smallest variance is -1"):
        interference(np.array([[-1.0, 2.0]]))
    with pytest.raises(EmptyData, match="along any of the 2 axes"):
        interference(np.zeros((2, 2)))
    with pytest.raises(NotFinite, match="variances holds 1"):
        interference(np.array([[np.inf, 2.0]]))


def test_what_has_no_purest_basis_is_refused() -> None:
    tasks = two_tasks(0)
    with pytest.raises(BadRequest, match="3 tasks came and two are needed"):
        purest_basis(tasks | {"C": np.eye(D)})
    with pytest.raises(ShapeError, match=r"task 'B' has shape \(2, 2\)"):
        purest_basis(tasks | {"B": np.eye(2)})
    with pytest.raises(NotFinite, match="covariance of task 'B'"):
        purest_basis(tasks | {"B": np.full((D, D), np.inf)})
    with pytest.raises(EmptyData, match="the 2 vectors of the subspace span nothing"):
        purest_basis(tasks, within=np.zeros((2, D)))
    with pytest.raises(NotFinite, match="vectors of the subspace"):
        purest_basis(tasks, within=np.full((1, D), np.nan))


def of_bases_that_know_nothing(left_at_random) -> None:
    """It is the mean over bases drawn by another way, which a basis that stands still and one's own mean miss."""
    unlike = {"A": np.diag([9.0, 1.0, 0.0, 0.0]), "B": np.diag([0.0, 1.0, 1.0, 0.0])}
    alone = {"A": np.diag([4.0, 0.0]), "B": np.diag([0.0, 4.0])}
    for tasks, size in ((unlike, 3), (alone, 2)):
        turns = ortho_group.rvs(size, size=1000, random_state=1)
        axes = [np.pad(turn, ((0, 0), (0, len(tasks["A"]) - size))) for turn in turns]
        expected = np.mean([interference(task_variances(each, tasks)) for each in axes])
        assert left_at_random(tasks, n=1000, seed=0) == pytest.approx(expected, abs=0.02)
    assert left_at_random(alone, n=3000, seed=0) == pytest.approx(1 / 2 - 1 / np.pi, abs=0.01)


def test_interference_at_random_is_that_of_bases_that_know_nothing() -> None:
    of_bases_that_know_nothing(random_interference)

    def units(tasks, **_):
        return interference(task_variances(np.eye(len(tasks["A"])), tasks))

    def axes_count_alike(tasks, *, n, seed):
        turns = ortho_group.rvs(len(tasks["A"]), size=n, random_state=seed)
        variances = task_variances(turns.reshape(-1, len(tasks["A"])), tasks)
        return float((variances.min(axis=1) / variances.sum(axis=1)).mean())

    for broken in (units, axes_count_alike):
        with pytest.raises(AssertionError):
            of_bases_that_know_nothing(broken)


def test_interference_at_random_needs_tasks_that_vary() -> None:
    tasks = two_tasks(0)
    assert random_interference(tasks, n=5, seed=1) == random_interference(tasks, n=5, seed=1)
    assert random_interference(tasks, n=5, seed=1) != random_interference(tasks, n=5, seed=2)
    with pytest.raises(BadRequest, match="compared and 1 task came"):
        random_interference({"A": tasks["A"]})
    with pytest.raises(BadRequest, match="compared and 0 task came"):
        random_interference({})
    with pytest.raises(EmptyData, match="nothing varies"):
        random_interference({"A": np.zeros((D, D)), "B": np.zeros((D, D))})
    with pytest.raises(ShapeError, match=r"task 'B' has shape \(2, 2\)"):
        random_interference(tasks | {"B": np.eye(2)})
    with pytest.raises(NotFinite, match="covariance of task 'B'"):
        random_interference(tasks | {"B": np.full((D, D), np.inf)})
    with pytest.raises(BadRequest, match="n"):
        random_interference(tasks, n=0)


def turns_apart(directions_of) -> None:
    """Directions stay uncorrelated, no turn of them is purer, and each is in the group of the task it sees more of."""
    for seed in range(3):
        tasks = two_tasks(seed)
        white = np.linalg.inv(np.linalg.cholesky(covariance(np.random.default_rng(seed))))[1:]
        axes, groups = directions_of(white, tasks)
        turn = axes @ np.linalg.pinv(white)
        np.testing.assert_allclose(turn @ turn.T, np.eye(D - 1), atol=1e-9)
        np.testing.assert_allclose(turn @ white, axes, atol=1e-9)
        a, b = (np.diag(axes @ each @ axes.T) for each in tasks.values())
        np.testing.assert_array_equal(groups, b > a)
        norm = np.linalg.norm(white @ (tasks["A"] - tasks["B"]) @ white.T, ord="nuc")
        assert np.abs(a - b).sum() == pytest.approx(norm)
        assert (np.diff(a - b) < 0).all()


def test_purest_directions() -> None:
    turns_apart(purest_directions)

    def of_the_space(axes, tasks):
        turn = purest_basis({task: each[1:, 1:] for task, each in tasks.items()})
        return turn @ axes, purest_directions(axes, tasks)[1]

    def other_groups(axes, tasks):
        turned, groups = purest_directions(axes, tasks)
        return turned, 1 - groups

    for broken in (of_the_space, other_groups):
        with pytest.raises(AssertionError):
            turns_apart(broken)


def test_what_has_no_purest_directions_is_refused() -> None:
    tasks = two_tasks(0)
    with pytest.raises(BadRequest, match="3 tasks came and two are needed"):
        purest_directions(np.eye(D), tasks | {"C": np.eye(D)})
    with pytest.raises(BadRequest, match="0 tasks came and two are needed"):
        purest_basis({})
    with pytest.raises(ShapeError, match=r"task 'A' has shape \(5, 5\); \(4, 4\) is needed"):
        purest_directions(np.eye(4), tasks)
    with pytest.raises(NotFinite, match="axes holds 1"):
        purest_directions(np.array([[np.inf] + [0.0] * (D - 1)]), tasks)
