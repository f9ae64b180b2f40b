"""How subspaces lie to one another, and how much of what is read of a space belongs to one task."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from scipy.linalg import orth, subspace_angles

from compgraph.arguments import checked
from compgraph.arrays import require_finite
from compgraph.errors import BadRequest, EmptyData, ShapeError


@dataclass(frozen=True, slots=True)
class SubspaceOverlap:
    """How much of the smaller of two subspaces lies in the larger.

    Attributes
    ----------
    overlap
        Mean squared cosine of the principal angles: 0 when orthogonal, 1 when one holds the other.
    chance
        What it is on average when either subspace points anywhere: the larger dimension over that of the whole space.
    corrected
        ``(overlap - chance) / (1 - chance)``: 0 by chance, 1 when one holds the other, negative when they avoid each
        other. NaN when one of them is the whole space, which holds everything.
    """

    overlap: float
    chance: float
    corrected: float


@checked
def principal_angles(a: Float[np.ndarray, "a d"], b: Float[np.ndarray, "b e"]) -> Float64[np.ndarray, " k"]:
    r"""Return the principal angles between the spans of the rows of two matrices.

    .. math:: \cos\theta_k = \max_{u \in A_k,\, v \in B_k} u \cdot v, \qquad |u| = |v| = 1,

    where :math:`A_k` and :math:`B_k` are what is left of the spans orthogonal to the vectors chosen before.

    Parameters
    ----------
    a, b
        Vectors in the same space, one per row; they may be dependent.

    Returns
    -------
    numpy.ndarray
        The angles in radians, the smallest first, as many as the smaller span has dimensions.

    Raises
    ------
    ShapeError
        When the rows of `a` and `b` are not of the same length.
    EmptyData
        When one of them spans nothing.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    Cost O(d k^2) for k rows. Small angles are as exact as large ones. Rows span what they span to float64 precision:
    of raw float32 rows, such as gradients, pass the principal directions, or rounding adds dimensions.

    References
    ----------
    Knyazev and Argentati, "Principal angles between subspaces in an A-based scalar product", SIAM J. Sci. Comput. 23
    (2002), doi:10.1137/S1064827500377332.

    Examples
    --------
    >>> np.degrees(principal_angles(np.array([[1.0, 0, 0], [0, 1, 0]]), np.array([[1.0, 0, 1]]))).round().tolist()
    [45.0]
    """
    return np.sort(subspace_angles(*_bases(a, b)))


@checked
def subspace_overlap(a: Float[np.ndarray, "a d"], b: Float[np.ndarray, "b e"]) -> SubspaceOverlap:
    r"""Measure how much the spans of the rows of two matrices share, beside what chance gives.

    .. math:: \frac{1}{\min(k_a, k_b)} \sum_k \cos^2\theta_k, \qquad \text{by chance } \frac{\max(k_a, k_b)}{d}

    Parameters
    ----------
    a, b
        Vectors in the same space, one per row; they may be dependent.

    Returns
    -------
    SubspaceOverlap
        Without unit.

    Raises
    ------
    ShapeError
        When the rows of `a` and `b` are not of the same length.
    EmptyData
        When one of them spans nothing.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    Cost O(d k^2) for k rows. The chance level is exact: the mean of the projector on a subspace of dimension k that
    points anywhere is k / d times the identity.

    Examples
    --------
    >>> subspace_overlap(np.eye(4)[:2], np.eye(4)[1:3])
    SubspaceOverlap(overlap=0.5, chance=0.5, corrected=0.0)
    """
    first, second = _bases(a, b)
    ranks = first.shape[1], second.shape[1]
    overlap = float(np.square(first.T @ second).sum() / min(ranks))
    chance = max(ranks) / len(first)
    return SubspaceOverlap(overlap, chance, (overlap - chance) / (1 - chance) if chance < 1 else float("nan"))


@checked
def gradient_capture(
    gradients: Float[np.ndarray, "n d"], covariances: Mapping[str, Float64[np.ndarray, "_ _"]]
) -> float:
    r"""Measure how far each gradient sees the variance of one task only.

    .. math:: \frac{\sum_i s_i \, |g_i|}{\sum_i |g_i|}, \qquad
              s_i = \frac{\max_t g_i^\top C_t \, g_i}{\sum_t g_i^\top C_t \, g_i}

    Parameters
    ----------
    gradients
        Of one output with respect to a space, one per row: usually each distinct one once.
    covariances
        Task to the covariance of the activations of that space while only the inputs of that task vary.

    Returns
    -------
    float
        1 when every gradient looks along one task only, 1 / tasks when all see all tasks alike. A gradient along which
        no task varies counts 0.

    Raises
    ------
    BadRequest
        With fewer than two tasks.
    ShapeError
        When a covariance does not fit the gradients.
    EmptyData
        When all gradients are 0, or there are none.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    Cost O(n d^2) for each task. The dominant task may differ from gradient to gradient.

    Examples
    --------
    >>> tasks = {"A": np.diag([1.0, 0.0]), "B": np.diag([0.0, 1.0])}
    >>> gradient_capture(np.array([[3.0, 0.0], [1.0, 1.0]]), tasks).__round__(3)
    0.84
    """
    if len(covariances) < 2:
        raise BadRequest(f"a gradient capture compares tasks and got {len(covariances)}; give at least two.")
    require_finite(gradients, "gradients")
    d = gradients.shape[1]
    for task, covariance in covariances.items():
        if covariance.shape != (d, d):
            raise ShapeError(
                f"the covariance of task {task!r} has shape {covariance.shape} and gradients have {d} coordinates; "
                f"({d}, {d}) is needed."
            )
        require_finite(covariance, f"the covariance of task {task!r}")
    rows = gradients.astype(np.float64)
    norms = np.linalg.norm(rows, axis=1)
    if not norms.sum() > 0:
        raise EmptyData(f"all {len(rows)} gradients are 0: nothing is read of this space. Leave it out.")
    seen = np.stack([np.einsum("nd,nd->n", rows @ each, rows) for each in covariances.values()]).clip(min=0)
    total = seen.sum(axis=0)
    share = np.divide(seen.max(axis=0), total, out=np.zeros(len(rows)), where=total > 0)
    return float(share @ norms / norms.sum())


def _bases(
    a: Float[np.ndarray, "a d"], b: Float[np.ndarray, "b e"]
) -> tuple[Float64[np.ndarray, "d j"], Float64[np.ndarray, "e k"]]:
    """Return orthonormal bases of the two spans, one vector per column."""
    if a.shape[1] != b.shape[1]:
        raise ShapeError(
            f"rows of {a.shape[1]} and of {b.shape[1]} coordinates came; angles need both in the same space."
        )
    bases = []
    for rows, name in ((a, "first"), (b, "second")):
        require_finite(rows, f"the {name} set of rows")
        basis = orth(rows.astype(np.float64).T) if rows.size else rows
        if not basis.size:
            raise EmptyData(
                f"the {len(rows)} rows of the {name} set span nothing; at least one that is not 0 is needed."
            )
        bases.append(basis)
    return bases[0], bases[1]
