"""Triangular factors of covariances, and orthonormal ones: cheaper than eigenvalues where either does."""

import numpy as np
import scipy.linalg
from jaxtyping import Float, Float64

from compgraph.decompose.linear_algebra.factorisations import first_way
from compgraph.errors import NotFinite

SMALLEST_PIVOT = 1e-14  # of a matrix with a unit diagonal; what is below is rounding of double precision


def cholesky(
    matrix: Float64[np.ndarray, "d d"], what: str = "a positive definite matrix"
) -> Float64[np.ndarray, "d d"]:
    """Return the lower triangular factor of a positive definite matrix.

    Parameters
    ----------
    matrix
        Symmetric.
    what
        How to call it in the message.

    Returns
    -------
    numpy.ndarray
        Each row right to its own scale, whatever the units of rows are.

    Raises
    ------
    NotFinite
        As `eigh`, and where an eigenvalue is not above 0.
    """
    root = np.sqrt(np.diagonal(matrix))
    return root[:, None] * np.asarray(
        first_way([np.linalg.cholesky], matrix / np.outer(root, root), f"the triangular factor of {what}")
    )


def spread(covariance: Float64[np.ndarray, "d d"]) -> Float64[np.ndarray, "r d"]:
    """Return ``F`` with ``F^T F`` a covariance: the patterns of uncorrelated scores of unit variance.

    Parameters
    ----------
    covariance
        With eigenvalues of at least 0 but for rounding.

    Returns
    -------
    numpy.ndarray
        As many rows as the covariance has independent directions. What is below 1e-14 of the variance of a feature is
        left out.

    Notes
    -----
    By a Cholesky factorisation with pivots of the correlations, O(d r^2).
    """
    root = np.sqrt(np.clip(np.diagonal(covariance), 0, None))
    live = np.flatnonzero(root > 0)
    correlations = covariance[np.ix_(live, live)] / np.outer(root[live], root[live])
    if not np.isfinite(correlations).all():
        raise NotFinite("a covariance holds NaN or infinite entries: its factor was asked for.")
    factor, pivots, rank, _ = scipy.linalg.lapack.dpstrf(correlations, tol=SMALLEST_PIVOT, lower=1)
    found = np.zeros((rank, len(covariance)))
    found[:, live[pivots - 1]] = np.tril(factor)[:, :rank].T * root[live[pivots - 1]]
    return found


def positive_definite(matrix: Float[np.ndarray, "d d"]) -> bool:
    """Tell whether every eigenvalue of a symmetric matrix is above 0.

    Parameters
    ----------
    matrix
        Symmetric.

    Returns
    -------
    bool
        By a Cholesky factorisation, at a fraction of the cost of eigenvalues.
    """
    try:
        scipy.linalg.cholesky(matrix, check_finite=False)
    except np.linalg.LinAlgError:
        return False
    return True


def band_cholesky(band: Float64[np.ndarray, "b n"]) -> Float64[np.ndarray, "b n"] | None:
    """Return the lower triangular factor of a positive definite matrix that is 0 away from its diagonal.

    Parameters
    ----------
    band
        The diagonal in the first row, those below it in the next ones, as in LAPACK. It may be overwritten.

    Returns
    -------
    numpy.ndarray or None
        In the same form, at a cost of O(n b^2). None where an eigenvalue is not above 0.
    """
    factor, failed = scipy.linalg.lapack.dpbtrf(band, lower=1, overwrite_ab=1)
    return None if failed else factor


def band_solve(factor: Float64[np.ndarray, "b n"], right: Float64[np.ndarray, "n k"]) -> Float64[np.ndarray, "n k"]:
    """Solve equations with a matrix whose factor is known.

    Parameters
    ----------
    factor
        Of `band_cholesky`.
    right
        Right-hand sides.

    Returns
    -------
    numpy.ndarray
        The solutions, at a cost of O(n b) each.
    """
    return np.asarray(scipy.linalg.lapack.dpbtrs(factor, right, lower=1)[0])


def qr(matrix: Float64[np.ndarray, "a b"]) -> tuple[Float64[np.ndarray, "a b"], Float64[np.ndarray, "b b"]]:
    """Return orthonormal columns that span a matrix's own, and the triangular matrix that combines them to these.

    Parameters
    ----------
    matrix
        Finite, with no more columns than rows.

    Returns
    -------
    tuple
        As ``numpy.linalg.qr``.
    """
    q, r = np.linalg.qr(matrix)
    return q, r
