"""Directions of a space that the gradients of several scores share, and how much of each score moves along them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from scipy.stats import ortho_group

from compgraph.arguments import whole_number
from compgraph.arrays import fix_signs, require_finite
from compgraph.errors import EmptyData
from compgraph.records import brief


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SharedAxes:
    """How the gradients of several scores divide over directions of the space they are with respect to.

    Attributes
    ----------
    axes
        Directions common to all scores, one per row: the principal axes of all their gradients, the strongest first.
    share
        For each score, what of the squared length of its gradients lies along each common axis; rows sum to 1.
    own
        For each score, the same along the principal axes of its own gradients, the largest first.
    mean_share
        For each score, what of the squared length its mean gradient holds: 1 where the network is linear.
    energy
        For each score, the mean squared length of its gradients.
    """

    axes: Float64[np.ndarray, "p p"]
    share: Float64[np.ndarray, "k p"]
    own: Float64[np.ndarray, "k p"]
    mean_share: Float64[np.ndarray, " k"]
    energy: Float64[np.ndarray, " k"]

    __repr__ = brief

    def components_for(self, share: float) -> Float64[np.ndarray, " k"]:
        """Return how many of its own axes hold this share of each score's squared gradient; NaN where that is 0."""
        number = 1.0 + (np.cumsum(self.own, axis=1) < share - 1e-12).sum(axis=1)
        return np.where(self.energy > 0, number, np.nan)


def shared_axes(gradients: Float[np.ndarray, "n k p"]) -> SharedAxes:
    r"""Divide the gradients of scores over the directions that they share, and over those of each score alone.

    With :math:`G_b = E_i[g_{ib} g_{ib}^\top]` the second moment of the gradients of score b, common axes are the
    eigenvectors :math:`v_j` of :math:`\sum_b G_b`, and the share of an axis is
    :math:`v_j^\top G_b v_j / \operatorname{tr} G_b`. Nothing is centred: a gradient that is the same for every input
    moves the score the most, and has no variance.

    Parameters
    ----------
    gradients
        One per row and score. Scores in their own units count as much as they vary; those of principal components are
        so weighted by variance.

    Returns
    -------
    SharedAxes
        Shares are without unit, and 0 for a score that nothing moves.

    Raises
    ------
    EmptyData
        When there are no gradients, or all are 0.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    O(n k p^2 + k p^3).

    Examples
    --------
    >>> found = shared_axes(np.array([[[0.0, 3.0], [2.0, 0.0]], [[0.0, 3.0], [-2.0, 0.0]]]))
    >>> found.share.tolist(), found.mean_share.tolist()
    ([[1.0, 0.0], [0.0, 1.0]], [1.0, 0.0])
    """
    require_finite(gradients, "the gradients")
    rows = gradients.astype(np.float64)
    if not rows.any():
        raise EmptyData(f"{len(rows)} gradients came and all are 0: nothing moves these scores. Leave them out.")
    second = np.einsum("nkp,nkq->kpq", rows, rows, optimize=True) / len(rows)
    energy = np.trace(second, axis1=1, axis2=2)
    scale = np.divide(1.0, energy, out=np.zeros(len(energy)), where=energy > 0)
    axes = fix_signs(np.linalg.eigh(second.sum(axis=0))[1][:, ::-1].T)
    along = np.einsum("jp,kpq,jq->kj", axes, second, axes, optimize=True)
    own = np.linalg.eigvalsh(second)[:, ::-1]
    mean = np.square(rows.mean(axis=0)).sum(axis=1)
    return SharedAxes(axes, along.clip(0) * scale[:, None], own.clip(0) * scale[:, None], mean * scale, energy)


def shared_axes_by_chance(gradients: Float[np.ndarray, "n k p"], *, seed: int) -> SharedAxes:
    """Divide gradients as `shared_axes` does, after turning those of every score by a random rotation of its own.

    Parameters
    ----------
    gradients
        One per row and score.
    seed
        Of the rotations.

    Returns
    -------
    SharedAxes
        ``own``, ``mean_share`` and ``energy`` are those of the gradients; ``share`` is what the number of directions
        and of scores gives when scores have nothing to do with one another.

    Raises
    ------
    EmptyData
        When there are no gradients, or all are 0.
    BadRequest
        When the seed is no whole number of at least 0.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    As `shared_axes`, and O(n k p^2) to turn them. With one direction there is nothing to turn.
    """
    _, n_scores, size = gradients.shape
    if not gradients.size:
        raise EmptyData(f"gradients of shape {gradients.shape} came; at least one row, score and feature is needed.")
    drawn = ortho_group.rvs(size, size=n_scores, random_state=whole_number(seed, "seed", minimum=0))
    turns = drawn.reshape(n_scores, size, size)
    return shared_axes(np.einsum("nkp,kpq->nkq", gradients, turns))
