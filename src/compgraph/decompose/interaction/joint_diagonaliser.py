"""The basis in which several symmetric matrices are together as diagonal as can be."""

import numpy as np
from jaxtyping import Float64

from compgraph.arguments import checked
from compgraph.decompose.eigenvalues import descending_eigh


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
    Jacobi rotations, O(m r^3) a sweep; about ten sweeps.

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
    turned = basis.T @ matrices @ basis
    for _ in range(sweeps):
        largest = 0.0
        for p in range(size - 1):
            for s in range(p + 1, size):
                largest = max(largest, abs(_rotate(turned, basis, p, s)))
        if largest < 1e-8:
            break
    return basis


def _rotate(turned: Float64[np.ndarray, "m r r"], basis: Float64[np.ndarray, "r r"], p: int, s: int) -> float:
    """Turn one plane, in place, by the angle that makes it most diagonal; return the sine of the angle."""
    difference, twice = turned[:, p, p] - turned[:, s, s], 2 * turned[:, p, s]
    on, off = difference @ difference - twice @ twice, 2 * (difference @ twice)
    angle = 0.5 * np.arctan2(off, on + np.hypot(on, off))
    cosine, sine = np.cos(angle), np.sin(angle)
    if abs(sine) >= 1e-8:
        turn = np.array([[cosine, -sine], [sine, cosine]])
        turned[:, :, [p, s]] = turned[:, :, [p, s]] @ turn
        turned[:, [p, s], :] = turn.T @ turned[:, [p, s], :]
        basis[:, [p, s]] = basis[:, [p, s]] @ turn
    return float(sine)
