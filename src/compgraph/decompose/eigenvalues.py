"""Eigenvalues of symmetric matrices in descending order, and how far apart they are."""

import numpy as np
from jaxtyping import Float64

from compgraph.decompose.factorisations import eigh


def descending_eigh(
    matrix: Float64[np.ndarray, "d d"],
) -> tuple[Float64[np.ndarray, " d"], Float64[np.ndarray, "d d"]]:
    """Return eigenvalues of a symmetric matrix in descending order, and the eigenvectors as rows.

    Parameters
    ----------
    matrix
        Symmetric up to rounding.

    Returns
    -------
    tuple
        Eigenvalues, negative rounding noise clipped to 0, and eigenvectors. Cost O(d^3).
    """
    values, vectors = eigh(matrix / 2 + matrix.T / 2)
    return np.clip(values[::-1], 0, None), vectors[:, ::-1].T


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
