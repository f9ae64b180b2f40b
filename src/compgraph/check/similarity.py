"""How alike two groupings are when nodes may be in several groups of either."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

import numpy as np
from jaxtyping import Bool, Float64, Int64

from compgraph.arguments import checked
from compgraph.check.agreement import importance
from compgraph.check.covers import Cover, aligned
from compgraph.errors import BadRequest
from compgraph.group.partition import Partition
from compgraph.records import brief, freeze, rebuilt


@dataclass(frozen=True, slots=True, repr=False)
class ElementCentric:
    """Element-centric similarity of two covers.

    Parameters
    ----------
    mean
        Mean over nodes, weighted by importance when that was given.
    scores
        Node id to its own similarity, from 0 to 1: how alike the company is that the two covers put it in.
    """

    mean: float
    scores: Mapping[str, float]

    __repr__ = brief
    __reduce__ = rebuilt

    def __post_init__(self) -> None:
        freeze(self, "scores")


@checked
def omega_index(
    a: Partition | Cover, b: Partition | Cover, *, weights: Mapping[str, float | int] | None = None
) -> float:
    r"""Return the agreement, corrected for chance, of two covers on how many groups each pair of nodes shares.

    .. math:: \Omega = \frac{o - e}{1 - e}, \quad o = \sum_j c_j / S, \quad e = \sum_j a_j b_j / S^2

    where :math:`a_j` and :math:`b_j` are the weight of the pairs that share exactly :math:`j` groups in each cover,
    :math:`c_j` of those that do in both, and :math:`S` of all. The pair :math:`i < j` weighs :math:`w_i w_j`.

    Parameters
    ----------
    a
        A partition, or node id to the groups it is in: any number of them, none included. A str, or anything that is
        no collection, is one group.
    b
        The same for the nodes to compare on; nodes it lacks or has as None are left out.
    weights
        Importance of each node of ``b``, at least 0; equal when None. Scaling all of them changes nothing.

    Returns
    -------
    float
        1 when every pair shares as many groups in both, about 0 by chance, negative below that. Symmetric, and
        unchanged by renaming groups. For two partitions it is the adjusted Rand index, with weights the one of
        `compgraph.agreement`.

    Raises
    ------
    BadRequest
        When a node of ``b`` is not in ``a``, a node comes with None or shares instead of groups, or with a group that
        is NaN or not hashable; or a weight is missing, negative or not finite, or all are 0.
    EmptyData
        When ``b`` is empty.

    Notes
    -----
    A node in no group is alone, as one in a group of its own. Without a pair that disagrees the index is 1, also where
    the formula is 0/0. Time O(n^2 k), memory O(n^2).

    References
    ----------
    Collins, L. M., Dent, C. W. (1988). Omega: a general formulation of the Rand index of cluster recovery suitable
    for non-disjoint solutions. https://doi.org/10.1207/s15327906mbr2302_6

    Examples
    --------
    >>> both = {"a": "x", "b": ["x", "y"], "c": "y", "d": []}
    >>> omega_index(both, both), omega_index(both | {"b": "x"}, both)
    (1.0, 0.5714285714285714)
    """
    nodes, in_a, in_b = aligned(a, b)
    return pair_agreement(shared_groups(in_a), shared_groups(in_b), pair_weights(importance(nodes, weights)))


@checked
def element_centric_similarity(
    a: Partition | Cover,
    b: Partition | Cover,
    *,
    alpha: float = 0.9,
    weights: Mapping[str, float | int] | None = None,
) -> ElementCentric:
    r"""Return how alike the company is that two covers put every node in.

    .. math:: S_i = 1 - \frac{1}{2 \alpha} \sum_j \left| p^a_{ij} - p^b_{ij} \right|

    where :math:`p_i = (1 - \alpha) e_i + \alpha p_i W` is personalised PageRank from node :math:`i` on a walk that goes
    to one of the node's groups, and from there to one of its members (perhaps the same node), each evenly.

    Parameters
    ----------
    a, b, weights
        As for `omega_index`; the mean of the scores is weighted, the walk is not.
    alpha
        Probability of walking on, between 0 and 1. In partitions it changes nothing; more sees further along overlaps.

    Returns
    -------
    ElementCentric
        The score of every node of ``b``, 1 for the same company and 0 for none in common, and their mean. Symmetric,
        and unchanged by renaming groups. Not corrected for chance: where many nodes are shared, walks with a high
        ``alpha`` spread over all groups, and one group of all nodes scores well.

    Raises
    ------
    BadRequest
        As `omega_index`, or when ``alpha`` is not between 0 and 1.
    EmptyData
        When ``b`` is empty.

    Notes
    -----
    A node in no group is alone, as one in a group of its own. In two partitions a node whose groups hold :math:`m` and
    :math:`n` nodes, :math:`c` of them the same, scores :math:`c / \max(m, n)`. Time O(n^2 k + k^3), memory O(n^2).

    References
    ----------
    Gates, A. J., Wood, I. B., Hetrick, W. P., Ahn, Y.-Y. (2019). Element-centric clustering comparison unifies overlaps
    and hierarchy. https://doi.org/10.1038/s41598-019-44892-y

    Examples
    --------
    >>> found = element_centric_similarity({"a": 0, "b": 0, "c": 1}, {"a": 0, "b": 1, "c": 1})
    >>> {node: round(score, 6) for node, score in found.scores.items()}
    {'a': 0.5, 'b': 0.5, 'c': 0.5}
    """
    alpha = walking_on(alpha)
    nodes, in_a, in_b = aligned(a, b)
    scores = similarities(affinity(in_a, alpha), affinity(in_b, alpha), alpha)
    mean = float(np.average(scores, weights=importance(nodes, weights)))
    return ElementCentric(mean, dict(zip(nodes, scores.tolist(), strict=True)))


def walking_on(alpha: object) -> float:
    """Return the probability of walking on as a float, or refuse it."""
    if not isinstance(alpha, Real) or not 0 < float(alpha) < 1:
        raise BadRequest(f"alpha={alpha!r}: a number above 0 and below 1 is needed.")
    return float(alpha)


def shared_groups(membership: Bool[np.ndarray, "n k"]) -> Int64[np.ndarray, "n n"]:
    """Count the groups that every two nodes share."""
    table = membership.astype(np.float64)  # whole numbers, and products of floats are the fast ones
    return (table @ table.T).astype(np.int64)


def pair_weights(weights: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "n n"]:
    """Return the weight of every pair of nodes, 0 for a node with itself."""
    pairs = np.outer(weights, weights)
    np.fill_diagonal(pairs, 0)
    return pairs


def pair_agreement(
    a: Int64[np.ndarray, "n n"], b: Int64[np.ndarray, "n n"], pairs: Float64[np.ndarray, "n n"]
) -> float:
    """Return the omega index of two counts of shared groups; ``pairs`` is symmetric with an empty diagonal."""
    disagree = float(pairs[a != b].sum())
    if disagree == 0:
        return 1.0
    levels, total = int(max(a.max(), b.max())) + 1, pairs.sum()
    share_a, share_b = (np.bincount(x.ravel(), weights=pairs.ravel(), minlength=levels) / total for x in (a, b))
    # Summed over unlike counts, not taken as 1 minus the like ones, which rounds to 0 when almost all pairs are alike.
    expected = np.outer(share_a, share_b)[~np.eye(levels, dtype=np.bool_)].sum()
    return float(1 - disagree / total / expected)


def affinity(membership: Bool[np.ndarray, "n k"], alpha: float) -> Float64[np.ndarray, "n n"]:
    """Return personalised PageRank from every node (rows) to every node; rows sum to 1."""
    alone = np.eye(len(membership), dtype=np.float64)[:, ~membership.any(axis=1)]
    table = np.hstack([membership.astype(np.float64), alone])
    to_group, to_node = table / table.sum(axis=1, keepdims=True), (table / table.sum(axis=0)).T
    # The walk U V has the rank of the groups, and (I - a U V)^-1 = I + a U (I - a V U)^-1 V.
    walks = np.linalg.solve(np.eye(table.shape[1]) - alpha * to_node @ to_group, to_node)
    return (1 - alpha) * (np.eye(len(table)) + alpha * to_group @ walks)


def similarities(
    a: Float64[np.ndarray, "n n"], b: Float64[np.ndarray, "n n"], alpha: float
) -> Float64[np.ndarray, " n"]:
    """Return the element-centric similarity of every node, kept in [0, 1] where rounding would leave it."""
    return np.clip(1 - np.abs(a - b).sum(axis=1) / (2 * alpha), 0, 1)
