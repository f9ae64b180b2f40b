"""Eigenvalues of symmetric matrices in descending order, and how far apart they are."""

import numpy as np
from jaxtyping import Float, Float64

from compgraph.decompose.linear_algebra.factorisations import eigh, eigvalsh
from compgraph.decompose.linear_algebra.leading import leading_eigh, leading_of_product

DENSE = 128  # up to this size all eigenvalues cost no more than a few


def descending_eigh(
    matrix: Float[np.ndarray, "d d"], n: int | None = None
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "k d"]]:
    """Return eigenvalues of a symmetric matrix in descending order, and the eigenvectors as rows.

    Parameters
    ----------
    matrix
        Symmetric up to rounding.
    n
        At most this many, the largest; all without.

    Returns
    -------
    tuple
        Eigenvalues, negative rounding noise clipped to 0, and eigenvectors. Cost O(d^3).
    """
    even = matrix / 2 + matrix.T / 2
    values, vectors = eigh(even) if n is None else leading_eigh(even, n)
    return np.clip(values[::-1], 0, None), vectors[:, ::-1].T


def leading_share(
    factor: Float64[np.ndarray, "r d"], middle: Float64[np.ndarray, "d d"], total: float, share: float, limit: int
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, "k r"]]:
    """Return the leading eigenvectors of ``F M F^T`` that hold a share of its trace.

    Parameters
    ----------
    factor, middle
        Of the product; the second is symmetric, with eigenvalues of at least 0.
    total
        Trace of the product.
    share
        Of the trace.
    limit
        At most this many.

    Returns
    -------
    tuple
        Eigenvalues in descending order, and eigenvectors as rows.

    Notes
    -----
    Where the product is large it is never formed: cost O(k d r) by Lanczos's method in blocks, else O(r^3).
    """

    def enough(values: Float64[np.ndarray, " m"]) -> int:
        return min(int(np.searchsorted(np.cumsum(np.clip(values, 0, None)), share)) + 1, limit, len(values))

    if len(factor) <= DENSE:
        values, vectors = descending_eigh(factor @ middle @ factor.T / total)
        values, vectors = values[: enough(values)], vectors[: enough(values)]
    else:
        values, vectors = leading_of_product(
            lambda columns: factor @ (middle @ (factor.T @ columns)) / total, len(factor), enough
        )
    return values * total, vectors


def along(axes: Float64[np.ndarray, "k d"], second: Float64[np.ndarray, "d d"]) -> Float64[np.ndarray, " k"]:
    """Return the second moment along each axis.

    Parameters
    ----------
    axes
        One direction per row.
    second
        Second moment of some rows.

    Returns
    -------
    numpy.ndarray
        Mean square, or sum of squares, of the products of the rows with each axis.

    Examples
    --------
    >>> along(np.array([[1.0, 2.0]]), np.eye(2)).tolist()
    [5.0]
    """
    return np.asarray((axes @ second * axes).sum(axis=1))


def descending_eigvalsh(matrix: Float64[np.ndarray, "*m d d"]) -> Float64[np.ndarray, "*m d"]:
    """Return eigenvalues of symmetric matrices in descending order, at about half the cost of eigenvectors as well.

    Parameters
    ----------
    matrix
        Symmetric up to rounding, one or a stack.

    Returns
    -------
    numpy.ndarray
        Negative rounding noise is clipped to 0.
    """
    values = eigvalsh(matrix / 2 + np.swapaxes(matrix, -1, -2) / 2)
    return np.clip(values[..., ::-1], 0, None)


def neighbour_gaps(values: Float64[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
    """Return how far each value is from the nearest other one, or from 0, relative to itself.

    Parameters
    ----------
    values
        Non-negative, in any order.

    Returns
    -------
    numpy.ndarray
        Between 0 (degenerate) and 1.

    Examples
    --------
    >>> neighbour_gaps(np.array([4.0, 3.0, 3.0])).tolist()
    [0.25, 0.0, 0.0]
    """
    order = np.argsort(values)
    steps = np.diff(values[order], prepend=0.0, append=np.inf)
    nearest = np.empty_like(values)
    nearest[order] = np.minimum(steps[:-1], steps[1:])
    return np.divide(nearest, values, out=np.zeros_like(values), where=values > 0)
