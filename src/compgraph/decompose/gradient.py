"""Components from gradients: the directions of a space that move single components of what reads it."""

import numpy as np
from jaxtyping import Float64

from compgraph.arguments import checked
from compgraph.decompose.directions import Directions
from compgraph.decompose.linear_algebra.eigenvalues import along
from compgraph.decompose.linear_algebra.factorisations import eigh
from compgraph.decompose.linear_algebra.leading import leading_positive
from compgraph.statistics import GradientMoments

# Directions beyond this share of all gradient energy are hardly read; they would be noise among the components.
READ_ENERGY = 0.99


@checked
def gradient_reads(gradients: GradientMoments, n_components: int) -> Directions:
    r"""Find the principal directions of the gradients of each target component, one target at a time.

    With :math:`G_b = E[g_b g_b^\top]` the second moment of the gradient of target ``b``, the next direction is the
    leading eigenvector of the :math:`G_b` whose leading eigenvalue, outside the directions found so far, is the
    largest over all targets. Each direction so belongs to one target, and together they are orthonormal. The search
    ends when they hold 99 % of all gradient energy: what is left is hardly read.

    Parameters
    ----------
    gradients
        Of the target scores with respect to the rows of the space.
    n_components
        At most this many.

    Returns
    -------
    Directions
        ``strength`` is the gradient energy along the direction, summed over targets, in squared target units per
        squared activation unit.

    Notes
    -----
    Cost O(k d^3 + n_components k r^2 d), with ``r = min(n_components, d)`` eigenvectors kept per target; O(k d s^2) in
    place of the first where gradients fill no more than ``s <= d / 2`` dimensions.

    Examples
    --------
    >>> gradients = np.array([[[3.0, 0.0], [0.0, 1.0]]])  # of two targets, on one row
    >>> found = gradient_reads(GradientMoments.of(gradients), 2)
    >>> np.abs(found.axes).tolist(), found.strength.tolist()
    ([[1.0, 0.0], [0.0, 1.0]], [9.0, 1.0])
    """
    factors = np.stack([_factor(second, n_components) for second in gradients.second]) / np.sqrt(gradients.n)
    whole = gradients.second.sum(axis=0) / gradients.n
    energy, enough = 0.0, READ_ENERGY * float(np.trace(whole))
    axes: list[np.ndarray] = []
    gaps: list[float] = []
    while len(axes) < min(n_components, len(whole)) and energy < enough:
        values, vectors = eigh(factors @ factors.transpose(0, 2, 1))
        target = int(np.argmax(values[:, -1]))
        top, below = float(values[target, -1]), float(values[target, -2]) if values.shape[1] > 1 else 0.0
        axis = vectors[target, :, -1] @ factors[target]
        axis /= np.linalg.norm(axis)
        factors = factors - (factors @ axis)[:, :, None] * axis
        energy += float(axis @ whole @ axis)
        axes.append(axis)
        gaps.append((top - below) / top)
    found = np.array(axes).reshape(-1, len(whole))
    return Directions(found, along(found, whole), np.array(gaps))


def _factor(second: Float64[np.ndarray, "d d"], rank: int) -> Float64[np.ndarray, "r d"]:
    """Return ``F`` with ``F.T @ F`` the part of the matrix that its ``rank`` leading eigenvectors carry."""
    rank = min(rank, len(second))
    values, vectors = leading_positive(second, rank)
    factor = np.zeros((rank, len(second)))
    factor[: len(values)] = (np.sqrt(np.clip(values, 0, None)) * vectors).T[::-1]
    return factor
