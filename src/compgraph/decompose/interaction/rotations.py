"""Rotations inside the read subspace of one space, by name; a function does as well as a name."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Float64

from compgraph.arguments import checked
from compgraph.decompose.interaction.joint_diagonaliser import joint_diagonaliser
from compgraph.decompose.linear_algebra.factorisations import svd

# (scores, gradients) -> orthonormal basis, one direction per row
Rotation = Callable[[Float64[np.ndarray, "m r"], Float32[np.ndarray, "n q r"]], Float64[np.ndarray, "r r"]]

MATRICES = 256  # Jacobians that are diagonalised together; more change little


def unrotated(
    scores: Float64[np.ndarray, "m r"], _gradients: Float32[np.ndarray, "n q r"]
) -> Float64[np.ndarray, "r r"]:
    """Keep the principal directions of what is read: the local interaction basis itself.

    Parameters
    ----------
    scores
        Uncorrelated, of unit variance.

    Returns
    -------
    numpy.ndarray
        The identity.
    """
    return np.eye(scores.shape[1])


def varimax(_scores: Float64[np.ndarray, "m r"], gradients: Float32[np.ndarray, "n q r"]) -> Float64[np.ndarray, "r r"]:
    r"""Turn until each gradient is along few directions.

    Maximises :math:`\sum_k \left( E[g_k^4] - E[g_k^2]^2 \right)` over gradients of single outputs.

    Parameters
    ----------
    gradients
        Of the outputs, row by row.

    Returns
    -------
    numpy.ndarray
        One direction per row.

    Notes
    -----
    Cost O(n q r^2) an iteration, at most 200.

    References
    ----------
    Kaiser, "The varimax criterion for analytic rotation in factor analysis", Psychometrika 23 (1958),
    doi:10.1007/BF02289233.
    """
    rows = gradients.reshape(-1, gradients.shape[2]).astype(np.float64)
    rows = rows / np.sqrt((rows**2).mean() or 1.0)
    turn, before = np.eye(rows.shape[1]), 0.0
    for _ in range(200):
        turned = rows @ turn
        slope = rows.T @ (turned**3 - turned * (turned**2).mean(axis=0))
        left, values, right = svd(slope)
        turn, after = left @ right, float(values.sum())
        if after <= before * (1 + 1e-8):
            break
        before = after
    return np.asarray(turn.T)


def ica(scores: Float64[np.ndarray, "m r"], _gradients: Float32[np.ndarray, "n q r"]) -> Float64[np.ndarray, "r r"]:
    """Turn until the scores are as independent of one another as can be.

    Parameters
    ----------
    scores
        Uncorrelated, of unit variance.

    Returns
    -------
    numpy.ndarray
        One direction per row; the identity where the search does not converge.

    Notes
    -----
    FastICA with the log-cosh contrast, by scikit-learn, seed 0. The gradients are not looked at.

    References
    ----------
    Hyvarinen and Oja, "Independent component analysis: algorithms and applications", Neural Networks 13 (2000),
    doi:10.1016/S0893-6080(00)00026-5.
    """
    import warnings

    from sklearn.decomposition import FastICA
    from sklearn.exceptions import ConvergenceWarning

    size = scores.shape[1]
    if size == 1:
        return np.eye(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            found = FastICA(whiten="unit-variance", random_state=0, max_iter=1000).fit(scores).components_
        except ConvergenceWarning:
            return np.eye(size)
    # The sample's own whitening differs a little from that of all rows: the nearest rotation.
    left, _, right = svd(found)
    return np.asarray(left @ right)


def jade(_scores: Float64[np.ndarray, "m r"], gradients: Float32[np.ndarray, "n q r"]) -> Float64[np.ndarray, "r r"]:
    r"""Turn until the matrices :math:`J_i^\top J_i` of all rows are together as diagonal as can be.

    Parameters
    ----------
    gradients
        Jacobians of the outputs, row by row.

    Returns
    -------
    numpy.ndarray
        One direction per row.

    Notes
    -----
    Uses at most 256 rows. Cost O(n r^3) a sweep of Jacobi rotations.

    References
    ----------
    Cardoso and Souloumiac, "Blind beamforming for non-Gaussian signals", IEE Proceedings F 140 (1993),
    doi:10.1049/ip-f-2.1993.0054.
    """
    few = gradients[:MATRICES].astype(np.float64)
    return joint_diagonaliser(few.transpose(0, 2, 1) @ few).T


ROTATIONS: dict[str, Rotation] = {"none": unrotated, "varimax": varimax, "ica": ica, "jade": jade}


@checked
def register_rotation(name: str, rotation: Rotation) -> None:
    """Give a rotation a name that the component method ``"interaction"`` understands.

    Parameters
    ----------
    name
        The name; an existing one is replaced.
    rotation
        ``(scores, gradients) -> basis``: of the scores of some rows and of Jacobians of the outputs with respect to the
        scores, an orthonormal basis with one direction per row.

    Examples
    --------
    >>> register_rotation("reversed", lambda scores, gradients: np.eye(scores.shape[1])[::-1])
    >>> "reversed" in ROTATIONS  # and so in `compgraph.decompose.Interaction`
    True
    """
    ROTATIONS[name] = rotation
