"""Clusters of rows that are near as many orthogonal directions as there are columns."""

import numpy as np
from jaxtyping import Float64, Int64

from compgraph.decompose.linear_algebra.factorisations import eigh

TIE = 1e-6  # numbers are equal where they differ by less than this part: rounding must not decide


def clusters(modes: Float64[np.ndarray, "m n k"]) -> Int64[np.ndarray, "m n"]:
    r"""Return the cluster of each row: that of the nearest of ``k`` directions which rows themselves pick out.

    Parameters
    ----------
    modes
        Independent columns, of several graphs; rows are scaled to unit length.

    Returns
    -------
    numpy.ndarray
        From 0 to ``k - 1``, in the order in which directions were picked.

    Notes
    -----
    The rows that are picked are the pivots of a QR factorisation of the transpose: each is the longest once those
    before are projected out, and the first of those that are equally long. With these rows in :math:`R` the directions
    are the columns of :math:`R^T (R R^T)^{-1/2}`, the nearest orthonormal ones. Only products of rows count, so that
    any basis of the same space gives the same clusters.

    References
    ----------
    Damle, A., Minden, V., Ying, L. (2019). Simple, direct and efficient multi-way spectral clustering.
    https://doi.org/10.1093/imaiai/iay008
    """
    m, n, k = modes.shape
    if k == 1:
        return np.zeros((m, n), dtype=np.int64)
    rows = modes / np.linalg.norm(modes, axis=2, keepdims=True)
    every, left, picked = np.arange(m), rows.copy(), np.empty((m, k), dtype=np.int64)
    for j in range(k):
        picked[:, j] = _first_largest(np.einsum("mnk,mnk->mn", left, left))
        pivot = left[every, picked[:, j]]
        pivot /= np.maximum(np.linalg.norm(pivot, axis=1, keepdims=True), np.finfo(float).tiny)
        left -= (left @ pivot[:, :, None]) * pivot[:, None, :]
    chosen = rows[every[:, None], picked]
    values, vectors = eigh(chosen @ chosen.transpose(0, 2, 1))
    inverse = vectors / np.sqrt(np.maximum(values, np.finfo(float).eps))[:, None, :] @ vectors.transpose(0, 2, 1)
    near = np.abs(rows @ (chosen.transpose(0, 2, 1) @ inverse))
    return _first_largest(near)


def _first_largest(values: Float64[np.ndarray, "*m n"]) -> Int64[np.ndarray, "*m"]:
    """Return where the last axis is largest; of those that are equal but for rounding the first."""
    return np.argmax(values >= (1 - TIE) * values.max(axis=-1, keepdims=True), axis=-1)
