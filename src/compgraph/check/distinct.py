"""How many distinct gradients there are, and how often each occurs."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float64, Int64
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from compgraph.arguments import checked
from compgraph.arrays import require_finite
from compgraph.check.single_linkage import single_linkage
from compgraph.errors import BadRequest, EmptyData
from compgraph.records import brief, read_only

Rule = Literal["value", "angle"]

EXACT = 1e-11
"""Tolerance by value for gradients of a network in double precision: ten thousand times their rounding or more."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DistinctDirections:
    """Groups of gradients that count as one, the most frequent first.

    Attributes
    ----------
    directions
        Mean gradient of each group, in the units of the gradients.
    counts
        Rows in each group.
    labels
        Group of each row.
    """

    directions: Float64[np.ndarray, "c p"]
    counts: Int64[np.ndarray, " c"]
    labels: Int64[np.ndarray, " n"]

    __repr__ = brief

    def __post_init__(self) -> None:
        object.__setattr__(self, "directions", read_only(self.directions))

    def __len__(self) -> int:
        return len(self.counts)


@checked
def distinct_directions(
    gradients: Float[np.ndarray, "n p"], *, tolerance: float | None = None, by: Rule = "value"
) -> DistinctDirections:
    r"""Count the distinct ones among gradients.

    By ``"value"``, for piecewise linear networks: two gradients are the same when a chain of gradients leads from one
    to the other in steps of at most :math:`\epsilon \max_i \lVert g_i \rVert`, which rounding cannot break. By
    ``"angle"``, for smooth networks, whose gradients are all different: agglomerative clustering with complete linkage,
    so that no two gradients of a group are further apart than :math:`\epsilon` radians, whatever their lengths; those
    that are zero are a group. Opposite gradients are different either way.

    Parameters
    ----------
    gradients
        One per row.
    tolerance
        :math:`\epsilon`. A larger one gives fewer groups. By value it is relative, 1e-5 by default: a hundred times
        the rounding of float32; below 1e-7 rounding counts as difference. By angle it is in radians, 0.25 by default,
        and below pi: a network has as many groups as one asks for.
    by
        Which of the two.

    Returns
    -------
    DistinctDirections
        Independent of the order of rows, but for groups that are equally near one another by angle.

    Raises
    ------
    BadRequest
        When the tolerance is out of range.
    UnknownName
        For another rule.
    EmptyData
        When there are no rows.
    NotFinite
        When a gradient is NaN or infinite.

    Notes
    -----
    With u rows left once equal ones are merged, by value O(n p log n + u p log u) time for few features, O(u^2 p) for
    many, and O(n p) memory however many rows are near one another; by angle O(u^2 p) time and O(u^2) memory.

    References
    ----------
    Defays, D. (1977). An efficient algorithm for a complete link method. https://doi.org/10.1093/comjnl/20.4.364

    Examples
    --------
    >>> found = distinct_directions(np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 2.0 + 1e-7], [1.0, 0.0], [0.0, 2.0]]))
    >>> found.counts.tolist(), found.labels.tolist()
    ([3, 2], [1, 0, 0, 1, 0])
    """
    given = (1e-5 if by == "value" else 0.25) if tolerance is None else tolerance
    largest = 1.0 if by == "value" else math.pi
    if not 0 <= given < largest:
        raise BadRequest(f"tolerance={given}: a number from 0 to below {largest:.4g} is needed.")
    if len(gradients) == 0:
        raise EmptyData("there are 0 gradients, and at least 1 is needed; collect a larger sample.")
    require_finite(gradients, "the gradients")
    rows, inverse = np.unique(gradients.astype(np.float64), axis=0, return_inverse=True)
    groups = single_linkage(rows, tolerance=given) if by == "value" else _within_angle(rows, given)
    return _ranked(gradients.astype(np.float64), groups[inverse.reshape(-1)])


@checked
def merge_angles(gradients: Float[np.ndarray, "n p"]) -> Float64[np.ndarray, " _"]:
    r"""Return the angles at which groups by angle merge, as the angle that one asks for grows.

    At an angle :math:`\epsilon` there are as many groups as one more than the angles above it. Where gradients form
    clusters, one number of groups lasts over a wide range of angles, between those within clusters and those between
    them; where they form a continuum, none does.

    Parameters
    ----------
    gradients
        One per row, in double precision if small angles are to mean anything. Those that are zero have no direction and
        are left out.

    Returns
    -------
    numpy.ndarray
        In radians, ascending: one fewer than there are gradients, 0 where these are equal; empty for fewer than two.

    Raises
    ------
    NotFinite
        When a gradient is NaN or infinite.

    Notes
    -----
    Complete linkage, as of `distinct_directions`. With u gradients left once equal ones are merged, O(u^2 p) time and
    O(u^2) memory.

    Examples
    --------
    >>> merge_angles(np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])).round(3).tolist()
    [0.0, 1.571, 3.142]
    """
    require_finite(gradients, "the gradients")
    lengths = np.linalg.norm(gradients.astype(np.float64), axis=1)
    units = gradients[lengths > 0] / lengths[lengths > 0, None]
    if len(units) < 2:
        return np.zeros(0)
    rows = np.unique(units, axis=0)
    chords = linkage(pdist(rows), "complete")[:, 2] if len(rows) > 1 else np.zeros(0)
    angles = 2 * np.arcsin(np.minimum(chords / 2, 1))
    return np.sort(np.concatenate([np.zeros(len(units) - len(rows)), angles]))


@checked
def lasting_factor(angles: Float64[np.ndarray, " m"], *, finest: float = 1e-6) -> float:
    r"""Return by how much the angle can grow while the number of groups stays the same.

    .. math:: \max_i \; \frac{\max(a_{i+1}, \epsilon)}{\max(a_i, \epsilon)}, \qquad 3 \le m + 1 - i \le m / 2

    Parameters
    ----------
    angles
        From `merge_angles`, :math:`a_1 \le \dots \le a_m`; there are :math:`m + 1 - i` groups from :math:`a_i` on.
    finest
        :math:`\epsilon` in radians, above 0: smaller angles are rounding.

    Returns
    -------
    float
        At least 1. Far above 1 where there are clusters; that there are nearly as many groups as gradients, or only one
        or two, counts for nothing.

    Raises
    ------
    BadRequest
        When the finest angle is not above 0.
    EmptyData
        When there are fewer than six angles.

    Examples
    --------
    >>> lasting_factor(np.array([0.01, 0.01, 0.01, 0.01, 0.01, 0.5, 1.0, 1.0])).__round__(6)
    50.0
    """
    if not finest > 0:
        raise BadRequest(f"finest={finest}: an angle above 0 is needed.")
    if len(angles) < 6:
        raise EmptyData(f"{len(angles)} angles came, and at least 6 are needed to tell clusters from a continuum.")
    groups = len(angles) - np.arange(len(angles) - 1)
    fine = np.maximum(angles, finest)
    return float((fine[1:] / fine[:-1])[(groups >= 3) & (groups <= len(angles) / 2)].max())


def _within_angle(rows: Float64[np.ndarray, "u p"], tolerance: float) -> Int64[np.ndarray, " u"]:
    """Label the rows so that within a label no angle is above the tolerance."""
    lengths = np.linalg.norm(rows, axis=1)
    moving = lengths > 0
    labels = np.zeros(len(rows), dtype=np.int64)
    units = rows[moving] / lengths[moving, None]
    if len(units) < 2:
        labels[moving] = 1
        return labels
    # The chord between unit vectors keeps its precision at small angles, where the cosine has none left.
    chords = pdist(units)
    labels[moving] = fcluster(linkage(chords, "complete"), 2 * math.sin(tolerance / 2), "distance")
    return labels


def _ranked(gradients: Float64[np.ndarray, "n p"], groups: Int64[np.ndarray, " n"]) -> DistinctDirections:
    """Order groups by size, then by their mean."""
    _, labels, counts = np.unique(groups, return_inverse=True, return_counts=True)
    labels = labels.reshape(-1)
    means = np.zeros((len(counts), gradients.shape[1]))
    np.add.at(means, labels, gradients)
    means /= counts[:, None]
    order = np.lexsort((*means.T[::-1], -counts))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return DistinctDirections(means[order], counts[order].astype(np.int64), rank[labels].astype(np.int64))
