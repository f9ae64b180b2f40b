"""Where numerical rank ends: which features vary by more than rounding, and the subspace that rows fill."""

import numpy as np
from jaxtyping import Bool, Float64
from scipy.linalg import qr

from compgraph.arguments import checked
from compgraph.decompose.linear_algebra.eigenvalues import descending_eigh
from compgraph.decompose.linear_algebra.factorisations import power_of_two
from compgraph.decompose.linear_algebra.triangular import positive_definite

# Moments of float32 activations are right to about 1e-7 of the deviations of the two features; this is ten times that.
RANK_TOLERANCE = 1e-6
# A float32 layer leaves this fraction of its largest deviation, or less, where a feature would cancel exactly.
CONSTANT_TOLERANCE = 4 * float(np.finfo(np.float32).eps)


def varying(scatter: Float64[np.ndarray, "d d"]) -> Bool[np.ndarray, " d"]:
    """Tell which features vary by more than rounding.

    Parameters
    ----------
    scatter
        Centred sums of products, or a covariance.

    Returns
    -------
    numpy.ndarray
        Whether the deviation of a feature is above 5e-7 of the largest, four times the precision of float32: what a
        float32 layer leaves of a feature that cancels is below. Cost O(d).
    """
    variance = np.clip(np.diagonal(scatter), 0, None)
    return np.asarray(variance > variance.max(initial=0.0) * CONSTANT_TOLERANCE**2)


@checked
def support(scatter: Float64[np.ndarray, "d d"]) -> Float64[np.ndarray, "r d"]:
    r"""Find the subspace that rows fill: its dimension is their numerical rank, whatever the units of the features.

    With :math:`D` the diagonal of deviations of the features that vary and :math:`R = D^{-1} S D^{-1}` their
    correlations, it is the image under :math:`D` of the eigenvectors of :math:`R` whose eigenvalue is above 1e-6 of the
    largest.

    Parameters
    ----------
    scatter
        Centred sums of products, or a covariance.

    Returns
    -------
    numpy.ndarray
        An orthonormal basis in the coordinates of the features; unit vectors where all that vary are independent.

    Notes
    -----
    Cost O(d^3). Noise of float32 sums is proportional to the deviations of the features it lies between, about 1e-7 of
    them, so that correlations tell it from signal where variances cannot: there it would hide features in small units.

    References
    ----------
    Cox and Higham, "Stability of Householder QR factorization for weighted least squares problems", in Numerical
    Analysis 1997, Pitman Research Notes in Mathematics 380 (1998), pages 57-73.

    Examples
    --------
    >>> rows = np.array([[-1.0, -2.0, 0.0], [0.0, 0.0, 0.0], [1.0, 2.0, 0.0]])
    >>> np.abs(support(rows.T @ rows)).round(3).tolist()
    [[0.447, 0.894, 0.0]]
    """
    scatter = scatter / power_of_two(scatter)
    live = np.flatnonzero(varying(scatter))
    # The largest first: with pivoting, each feature's row is then right to its own scale (Cox and Higham 1998).
    live = live[np.argsort(-np.diagonal(scatter)[live], kind="stable")]
    deviation = np.sqrt(np.diagonal(scatter)[live])
    correlations = scatter[np.ix_(live, live)] / np.outer(deviation, deviation)
    if _surely_independent(correlations):
        return np.eye(len(scatter))[np.sort(live)]
    values, vectors = descending_eigh(correlations)
    kept = values > values[0] * RANK_TOLERANCE
    if kept.all():
        return np.eye(len(scatter))[np.sort(live)]
    basis = np.zeros((int(kept.sum()), len(scatter)))
    basis[:, live] = qr((vectors[kept] * deviation).T, mode="economic", pivoting=True)[0].T
    return basis


def within(basis: Float64[np.ndarray, "r d"], scatter: Float64[np.ndarray, "d d"]) -> Float64[np.ndarray, "r r"]:
    """Return sums of products in the coordinates of a support.

    Parameters
    ----------
    basis
        From `support`.
    scatter
        In the coordinates of the features.

    Returns
    -------
    numpy.ndarray
        The same array where every feature varies independently of the others.
    """
    return scatter if len(basis) == len(scatter) else basis @ scatter @ basis.T


def _surely_independent(correlations: Float64[np.ndarray, "d d"]) -> bool:
    """Tell whether every eigenvalue is above the tolerance, at a fraction of the cost of eigenvalues."""
    # No eigenvalue exceeds the largest absolute row sum.
    largest = np.abs(correlations).sum(axis=1).max(initial=0.0)
    return positive_definite(correlations - RANK_TOLERANCE * largest * np.eye(len(correlations)))
