"""A few eigenvalues of large matrices, at a fraction of the cost of all: again where a way of computing them fails."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float, Float64

from compgraph.decompose.linear_algebra.factorisations import eigh, first_way, power_of_two
from compgraph.decompose.linear_algebra.lanczos import Product, block_lanczos
from compgraph.decompose.linear_algebra.triangular import qr

BLOCK = 16  # columns that are multiplied at once
RESIDUAL = 1e-9  # of eigenvectors of length 1, in units of the largest eigenvalue
SMALL, MANY = 64, 3  # below this size, or this many times their number, some eigenvalues take as long as all


def leading_eigh(
    matrix: Float[np.ndarray, "d d"], n: int, what: str = "a symmetric matrix"
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "d k"]]:
    """Return the largest eigenvalues, which cost a fraction of all where they are few, in ascending order.

    Parameters
    ----------
    matrix
        Symmetric.
    n
        How many, at most.
    what
        How to call it in the message.

    Returns
    -------
    tuple
        And the eigenvectors as columns.

    Raises
    ------
    NotFinite
        As `eigh`.
    """
    scale, size = power_of_two(matrix), len(matrix)
    ways: list[Callable[[Any], Any]] = [
        lambda each: scipy.linalg.eigh(each, subset_by_index=[max(size - n, 0), size - 1]),
        lambda each: tuple(part[..., -n:] for part in eigh(each, what)),
    ]
    if size < max(SMALL, MANY * n):
        ways = ways[1:]
    values, vectors = first_way(ways, matrix / scale, f"eigenvalues of {what}")
    return values * scale, vectors


def leading_positive(
    matrix: Float64[np.ndarray, "d d"], n: int, what: str = "a positive semidefinite matrix"
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, "d k"]]:
    """Return the largest eigenvalues of a positive semidefinite matrix, which cost little where its rank is low.

    Parameters
    ----------
    matrix
        Symmetric, with eigenvalues of at least 0 up to rounding.
    n
        How many, at most; there are no more than its rank where that is low.
    what
        How to call it in the message.

    Returns
    -------
    tuple
        As `leading_eigh`.

    Raises
    ------
    NotFinite
        As `eigh`.
    """
    ways: list[Callable[[Any], Any]] = [
        lambda each: _through_factor(each, n),
        lambda each: leading_eigh(each, n, what),
    ]
    scale = power_of_two(matrix)
    values, vectors = first_way(ways, matrix / scale, f"eigenvalues of {what}")
    return values * scale, vectors


def _through_factor(matrix: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the leading eigenvalues of ``L L^T`` by those of ``L^T L``, which is as small as the rank is."""
    packed, pivots, rank, _ = scipy.linalg.lapack.dpstrf(matrix, lower=1)
    if 2 * rank > len(matrix):
        return leading_eigh(matrix, n)
    factor = np.tril(packed[:, :rank])
    values, turn = leading_eigh(factor.T @ factor, n)
    vectors = np.empty((len(matrix), len(values)))
    vectors[pivots - 1] = factor @ (turn / np.sqrt(values))
    return values, vectors


def leading_of_product(
    times: Product, size: int, count: Callable[[Float64[np.ndarray, " k"]], int]
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, "n d"]]:
    """Return the largest eigenvalues of a matrix that is only multiplied, in descending order.

    Parameters
    ----------
    times
        Multiplies columns with a matrix whose eigenvalues are between 0 and 1.
    size
        Of a column.
    count
        How many are wanted of eigenvalues in descending order, of which the last ones may still be too small.

    Returns
    -------
    tuple
        Eigenvalues, negative rounding noise clipped to 0, and eigenvectors as rows; the same at every call.

    Raises
    ------
    NotFinite
        As `eigh`.

    Notes
    -----
    By `compgraph.decompose.linear_algebra.lanczos.block_lanczos`; where the wanted part of all is large, the matrix is
    formed.
    """
    block = qr(np.random.default_rng(0).normal(size=(size, BLOCK)))[0]
    for seen in block_lanczos(block, times, size // 2):
        values, turn = (each[..., ::-1] for each in eigh(seen.form))
        n = count(values)
        if 2 * n <= len(values) and seen.residuals(turn[:, :n]).max() <= RESIDUAL * values[0]:
            return np.clip(values[:n], 0, None), (seen.basis @ turn[:, :n]).T
    values, vectors = (each[..., ::-1] for each in eigh(_even(times(np.eye(size)))))
    n = count(values)
    return np.clip(values[:n], 0, None), vectors[:, :n].T


def _even(matrix: Float64[np.ndarray, "d d"]) -> Float64[np.ndarray, "d d"]:
    return np.asarray((matrix + matrix.T) / 2)
