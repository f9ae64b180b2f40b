"""What a component method returns, and where numerical rank ends."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

# Variance below this fraction of the largest is rounding noise of moments of float32 activations.
RANK_TOLERANCE = 1e-8


class Directions(NamedTuple):
    """Directions found by a component method, the most important first.

    A method may return a plain ``(axes, strength)``; the rest then follows from these two.

    Attributes
    ----------
    axes
        One filter per row: the score of a row ``x`` is ``axes @ (x - center)``.
    strength
        How much each one accounts for, in the units of the method (variance, or gradient energy).
    gap
        Relative distance of the eigenvalue or singular value that chose the direction to the next one;
        near 0 the direction is arbitrary within a degenerate block.
    patterns
        What the activations do when a score rises by one: the dual of ``axes``.
    """

    axes: Float64[np.ndarray, "k d"]
    strength: Float64[np.ndarray, " k"]
    gap: Float64[np.ndarray, " k"] | None = None
    patterns: Float64[np.ndarray, "k d"] | None = None


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
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.clip(values[::-1], 0, None), vectors[:, ::-1].T


def neighbour_gaps(values: Float64[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
    """Return how far each of a descending list of values is from its nearest neighbour, relative to itself.

    Parameters
    ----------
    values
        Descending, non-negative; the value after the last is taken as 0.

    Returns
    -------
    numpy.ndarray
        Between 0 (degenerate) and 1.

    Examples
    --------
    >>> neighbour_gaps(np.array([4.0, 3.0, 3.0])).tolist()
    [0.25, 0.0, 0.0]
    """
    steps = -np.diff(np.concatenate([[np.inf], values, [0.0]]))
    nearest = np.abs(np.minimum(steps[:-1], steps[1:]))
    return np.divide(nearest, values, out=np.zeros_like(values), where=values > 0)
