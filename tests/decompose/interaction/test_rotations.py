import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from compgraph.decompose.interaction.rotations import ROTATIONS, ica, jade, register_rotation, unrotated, varimax

SIZE = 5


def turn(seed: int = 0) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(SIZE, SIZE)))[0]


def sparse_gradients(basis: np.ndarray) -> np.ndarray:
    """Each output has its gradient along one row of the basis, another one on each row of the data."""
    rng = np.random.default_rng(1)
    along = np.argsort(rng.random((400, SIZE)), axis=1)[:, :3]
    return (rng.normal(size=(400, 3, 1)) * basis[along]).astype(np.float32)


def independent_scores(basis: np.ndarray) -> np.ndarray:
    rows = np.random.default_rng(2).laplace(size=(4000, SIZE))
    rows -= rows.mean(axis=0)
    rows = rows @ np.linalg.inv(np.linalg.cholesky(rows.T @ rows / len(rows))).T
    return rows @ basis


def is_recovered(rotation, basis: np.ndarray, tolerance: float) -> None:
    found = rotation(independent_scores(basis), sparse_gradients(basis))
    assert_allclose(np.sort(np.abs(found @ basis.T), axis=1)[:, -1], 1, atol=tolerance)
    assert_allclose(np.sort(np.abs(found @ basis.T), axis=0)[-1], 1, atol=tolerance)


@pytest.mark.parametrize("name", sorted(ROTATIONS))
@pytest.mark.parametrize("size", [1, 4])
def test_every_rotation_is_orthonormal(name: str, size: int) -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(-1, 1, size=(300, size)) * np.sqrt(3)
    found = ROTATIONS[name](scores, rng.normal(size=(50, 2, size)).astype(np.float32))
    assert_allclose(found @ found.T, np.eye(size), atol=1e-7)


@pytest.mark.parametrize(("rotation", "tolerance"), [(varimax, 1e-6), (jade, 1e-6), (ica, 5e-3)])
@pytest.mark.parametrize("seed", range(3))
def test_what_was_turned_is_turned_back(rotation, tolerance: float, seed: int) -> None:
    is_recovered(rotation, turn(seed), tolerance)


def test_no_rotation_leaves_everything_as_it_is() -> None:
    basis = turn()
    assert_allclose(unrotated(independent_scores(basis), sparse_gradients(basis)), np.eye(SIZE))
    with pytest.raises(AssertionError):
        is_recovered(unrotated, basis, 5e-3)


def test_varimax_does_not_depend_on_the_basis_it_starts_from() -> None:
    gradients = sparse_gradients(np.eye(SIZE)) + 0.3 * np.random.default_rng(5).normal(size=(400, 3, SIZE))
    gradients, basis = gradients.astype(np.float32), turn(3)
    scores = np.zeros((1, SIZE))
    one, other = varimax(scores, gradients), varimax(scores, (gradients @ basis.T).astype(np.float32)) @ basis
    assert_allclose(np.sort(np.abs(one @ other.T), axis=1)[:, -1], 1, atol=1e-4)


def test_gradients_that_are_zero_are_left_alone() -> None:
    found = varimax(np.zeros((1, 3)), np.zeros((5, 2, 3), dtype=np.float32))
    assert_allclose(found @ found.T, np.eye(3), atol=1e-12)


def test_ica_that_does_not_converge_is_the_identity(monkeypatch) -> None:
    class Hopeless:
        def __init__(self, **_options: object) -> None: ...

        def fit(self, _rows: np.ndarray) -> None:
            warnings.warn("no convergence", ConvergenceWarning, stacklevel=1)

    monkeypatch.setattr("sklearn.decomposition.FastICA", Hopeless)
    basis = turn()
    assert_allclose(ica(independent_scores(basis), sparse_gradients(basis)), np.eye(SIZE))


def test_a_rotation_can_be_given_a_name(monkeypatch) -> None:
    monkeypatch.setattr("compgraph.decompose.interaction.rotations.ROTATIONS", dict(ROTATIONS))
    from compgraph.decompose.interaction import rotations as rotate

    register_rotation("backwards", lambda scores, _gradients: np.eye(scores.shape[1])[::-1])
    assert_allclose(rotate.ROTATIONS["backwards"](np.zeros((1, 2)), np.zeros((1, 1, 2))), [[0, 1], [1, 0]])
