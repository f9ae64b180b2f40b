"""A few eigenvalues of large matrices, at a fraction of the cost of all: again where a way of computing them fails."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float, Float64

from compgraph.decompose.linear_algebra.factorisations import eigh, first_way, power_of_two

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
    times: Callable[[Float64[np.ndarray, "d b"]], Float64[np.ndarray, "d b"]],
    size: int,
    count: Callable[[Float64[np.ndarray, " k"]], int],
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, "n d"]]:
    """Return the largest eigenvalues of a positive semidefinite operator in descending order, by block Lanczos.

    Parameters
    ----------
    times
        Multiplies columns.
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
    A block of columns costs little more than one: matrices are read once for all of them. All columns are kept
    orthogonal. Where the wanted part of all is large, the operator is formed.

    References
    ----------
    Golub, G. H., Underwood, R. (1977). The block Lanczos method for computing eigenvalues.
    https://doi.org/10.1016/B978-0-12-587260-7.50018-2
    """
    most = size // 2 // BLOCK * BLOCK
    block = np.linalg.qr(np.random.default_rng(0).normal(size=(size, BLOCK)))[0]
    basis, form = np.empty((size, most), order="F"), np.zeros((most, most))
    for done in range(BLOCK, most + 1, BLOCK):
        fresh, known = slice(done - BLOCK, done), basis[:, :done]
        known[:, fresh] = block
        image = times(block)
        shares = known.T @ image
        form[:done, fresh], form[fresh, :done] = shares, shares.T
        block, rest = np.linalg.qr(image - known @ shares)
        for _ in range(2):  # where nothing is left but rounding, once is not enough
            block = np.linalg.qr(block - known @ (known.T @ block))[0]
        values, turn = eigh(form[:done, :done])
        values, turn = values[::-1], turn[:, ::-1]
        n = count(values)
        if 2 * n <= done and np.linalg.norm(rest @ turn[fresh, :n], axis=0).max() <= RESIDUAL * values[0]:
            return np.clip(values[:n], 0, None), (known @ turn[:, :n]).T
    matrix = times(np.eye(size))
    values, vectors = eigh((matrix + matrix.T) / 2)
    n = count(values[::-1])
    return np.clip(values[::-1][:n], 0, None), vectors[:, ::-1][:, :n].T
