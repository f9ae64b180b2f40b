"""A few eigenvalues of large matrices, at a fraction of the cost of all: again where a way of computing them fails."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float64
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from compgraph.decompose.linear_algebra.factorisations import eigh, first_way, power_of_two

SMALL, MANY = 64, 3  # below this size, or this many times their number, some eigenvalues take as long as all


def leading_eigh(
    matrix: Float64[np.ndarray, "d d"], n: int, what: str = "a symmetric matrix"
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, "d k"]]:
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


def largest_eigh(
    apply: Callable[[Float64[np.ndarray, " d"]], Float64[np.ndarray, " d"]], size: int, n: int
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, "n d"]]:
    """Return the largest eigenvalues of a symmetric operator in descending order, by Lanczos's method.

    Parameters
    ----------
    apply
        Multiplies a vector.
    size
        Of the vector.
    n
        How many are wanted.

    Returns
    -------
    tuple
        Eigenvalues, negative rounding noise clipped to 0, and eigenvectors as rows; the same at every call.

    Raises
    ------
    NotFinite
        As `eigh`.
    """
    start = np.random.default_rng(0).normal(size=size)
    operator = LinearOperator((size, size), matvec=apply, dtype=np.float64)

    def lanczos() -> tuple[np.ndarray, np.ndarray]:
        values, vectors = eigsh(operator, n, which="LA", v0=start, ncv=min(size, max(3 * n, 32)))
        if not np.isfinite(values).all():
            raise ValueError("not finite")
        order = np.argsort(-values, kind="stable")
        return values[order], vectors[:, order].T

    try:
        values, vectors = lanczos() if n < size else _formed(apply, size, n)
    except (ArpackError, ValueError):
        values, vectors = _formed(apply, size, n)
    return np.clip(values, 0, None), vectors


def _formed(
    apply: Callable[[Float64[np.ndarray, " d"]], Float64[np.ndarray, " d"]], size: int, n: int
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, "n d"]]:
    matrix = np.stack([apply(unit) for unit in np.eye(size)])
    values, vectors = eigh((matrix + matrix.T) / 2)
    return values[::-1][:n], vectors[:, ::-1][:, :n].T
