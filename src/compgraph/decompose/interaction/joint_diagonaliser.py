"""The basis in which several symmetric matrices are together as diagonal as can be."""

import numpy as np
from jaxtyping import Float64, Int64

from compgraph.arguments import checked
from compgraph.decompose.linear_algebra.eigenvalues import descending_eigh


@checked
def joint_diagonaliser(matrices: Float64[np.ndarray, "m r r"], *, sweeps: int = 60) -> Float64[np.ndarray, "r r"]:
    """Find the orthonormal basis in which symmetric matrices are together as diagonal as can be.

    Parameters
    ----------
    matrices
        Any number of them.
    sweeps
        Rounds over all planes, at most.

    Returns
    -------
    numpy.ndarray
        Basis vectors as columns; exact eigenvectors for a single matrix.

    Notes
    -----
    Jacobi rotations of disjoint planes together, O(m r^4) a sweep; about ten sweeps.

    References
    ----------
    Cardoso and Souloumiac, "Jacobi angles for simultaneous diagonalization", SIAM J. Matrix Anal. Appl. 17 (1996),
    doi:10.1137/S0895479893259546.

    Examples
    --------
    >>> np.abs(joint_diagonaliser(np.array([[[2.0, 1.0], [1.0, 2.0]], [[0.0, 1.0], [1.0, 0.0]]]))).round(3).tolist()
    [[0.707, 0.707], [0.707, 0.707]]
    """
    size = matrices.shape[1]
    # From the eigenvectors of a generic combination: near the answer when the matrices nearly commute.
    generic = np.einsum("m,mab->ab", 1 / np.sqrt(np.arange(1, len(matrices) + 1.0)), matrices)
    basis = descending_eigh(generic)[1].T
    if len(matrices) == 1:
        return basis
    rounds, turned = _rounds(size), basis.T @ matrices @ basis
    for _ in range(sweeps):
        largest = 0.0
        for p, s in rounds:
            turn, sine = _rotation(turned, p, s)
            turned, basis = turn.T @ turned @ turn, basis @ turn
            largest = max(largest, sine)
        if largest < 1e-8:
            break
    return basis


def _rounds(size: int) -> list[tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"]]]:
    """Pair everything with everything else, in rounds of disjoint pairs, as a tournament does."""
    places = list(range(size + size % 2))
    half, found = len(places) // 2, []
    for _ in range(len(places) - 1):
        pairs = np.sort(np.array([places[:half], places[: half - 1 : -1]]), axis=0)
        found.append(tuple(pairs[:, pairs[1] < size]))
        places.insert(1, places.pop())
    return found


def _rotation(
    turned: Float64[np.ndarray, "m r r"], p: Int64[np.ndarray, " k"], s: Int64[np.ndarray, " k"]
) -> tuple[Float64[np.ndarray, "r r"], float]:
    """Return what turns disjoint planes by the angles that make them most diagonal, and the largest sine of these."""
    difference, twice = turned[:, p, p] - turned[:, s, s], 2 * turned[:, p, s]
    on, off = (difference**2 - twice**2).sum(axis=0), 2 * (difference * twice).sum(axis=0)
    angle = 0.5 * np.arctan2(off, on + np.hypot(on, off))
    turn = np.eye(turned.shape[1])
    turn[p, p] = turn[s, s] = np.cos(angle)
    turn[s, p] = np.sin(angle)
    turn[p, s] = -turn[s, p]
    return turn, float(np.abs(turn[s, p]).max(initial=0.0))
