"""Leading modes without a matrix are those of the matrix, multiple ones included."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.group.spectral import krylov
from compgraph.group.spectral.directions import clusters
from compgraph.group.spectral.krylov import leading_modes

SIZE = 150


def with_values(values: np.ndarray, seed: int = 0) -> np.ndarray:
    basis = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values), len(values))))[0]
    return basis * values @ basis.T


def bulk(leading: list[float], seed: int = 0) -> np.ndarray:
    return np.r_[leading, np.random.default_rng(seed).uniform(-1, 0.5, SIZE - len(leading))]


@pytest.mark.parametrize("leading", [[], [0.9], [0.9, 0.9, 0.9, 0.8], [0.7] * 6, [0.9, 0.9 - 1e-9]])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_modes_are_those_of_the_matrix(leading, k) -> None:
    matrix = with_values(bulk(leading))
    values, vectors = leading_modes(matrix.__matmul__, SIZE, k)
    assert_allclose(values, np.linalg.eigvalsh(matrix)[: -k - 1 : -1], atol=1e-12)
    assert_allclose(vectors.T @ vectors, np.eye(k), atol=1e-10)
    assert_allclose(matrix @ vectors, vectors * values, atol=1e-9)


def test_of_a_matrix_with_few_values() -> None:
    matrix = with_values(np.r_[[1.0] * 3, [0.0] * (SIZE - 3)])
    values, vectors = leading_modes(matrix.__matmul__, SIZE, 5)
    assert_allclose(values, [1, 1, 1, 0, 0], atol=1e-12)
    assert_allclose(vectors.T @ vectors, np.eye(5), atol=1e-10)


def test_the_search_ends_where_nothing_is_above() -> None:
    matrix = with_values(bulk([]))
    assert len(leading_modes(matrix.__matmul__, SIZE, 2, above=0.8)[0]) == 0
    assert len(leading_modes(with_values(bulk([0.81])).__matmul__, SIZE, 2, above=0.8)[0]) == 2


def test_a_search_that_does_not_end_says_so(monkeypatch) -> None:
    monkeypatch.setattr(krylov, "RESIDUAL", 0.0)
    monkeypatch.setattr(krylov, "RESTARTS", 2)
    assert leading_modes(with_values(bulk([])).__matmul__, SIZE, 2) is None


def test_modes_that_lie_close_are_found_with_more_columns(monkeypatch) -> None:
    monkeypatch.setattr(krylov, "LARGEST", 16)
    matrix = with_values(1 - (np.arange(SIZE) / SIZE) ** 1.25)
    assert leading_modes(matrix.__matmul__, SIZE, 1) is not None
    monkeypatch.setattr(krylov, "PATIENCE", krylov.RESTARTS)
    assert leading_modes(matrix.__matmul__, SIZE, 1) is None


@pytest.mark.parametrize("k", [2, 3, 5])
def test_clusters_do_not_depend_on_the_basis(k) -> None:
    rng = np.random.default_rng(k)
    modes = np.linalg.qr(rng.normal(size=(8, 40, k)))[0]
    turns = np.linalg.qr(rng.normal(size=(8, k, k)))[0]
    np.testing.assert_array_equal(clusters(modes @ turns), clusters(modes))
    assert clusters(modes)[0, 0] == 0  # all rows are of length 1: the first one comes first
