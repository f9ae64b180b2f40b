"""The best that groups without overlap can score against known groups with overlap."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from compgraph.arguments import checked, whole_number
from compgraph.check.agreement import importance
from compgraph.check.covers import Cover, aligned
from compgraph.check.similarity import affinity, pair_agreement, pair_weights, shared_groups, similarities, walking_on
from compgraph.group.partition import Partition

SMALL = 8  # nodes up to which all partitions are tried: 8 nodes have 4140
BETTER = 1e-12  # a gain this small is rounding

Labels = Int64[np.ndarray, " n"]
AfterMoves = Callable[[Labels], Float64[np.ndarray, "n k"]]  # labels to the score after moving any node to any group


@dataclass(frozen=True, slots=True)
class HardCeiling:
    """Highest scores of partitions against a cover.

    Parameters
    ----------
    omega, element_centric
        Highest omega index, and highest mean element-centric similarity; two partitions may be needed to reach them.
    exact
        Whether all partitions were tried. Otherwise both were reached by search, and the best may be higher.
    """

    omega: float
    element_centric: float
    exact: bool


@checked
def hard_ceiling(
    truth: Partition | Cover,
    *,
    weights: Mapping[str, float | int] | None = None,
    alpha: float = 0.9,
    n_starts: int | np.integer = 3,
    seed: int | np.integer = 0,
) -> HardCeiling:
    """Return the highest omega index and element-centric similarity that any partition reaches against a cover.

    Parameters
    ----------
    truth
        Node id to its true groups, as for `compgraph.check.omega_index`.
    weights
        Importance of each node, at least 0; equal when None.
    alpha
        As for `compgraph.check.element_centric_similarity`.
    n_starts
        Random starts of the search besides the three fixed ones; more can only raise what it finds.
    seed
        Where the random starts come from.

    Returns
    -------
    HardCeiling
        Both scores, and whether they are exact. 1 and 1 when ``truth`` has no overlaps.

    Raises
    ------
    BadRequest
        As `compgraph.check.omega_index`, or when a number is out of range.
    EmptyData
        When ``truth`` is empty.

    Notes
    -----
    Up to 8 nodes every partition is tried. Above, a search moves one node at a time, the move that gains most first,
    to any other group or to one of its own, until no move gains. It starts from every node in the first of its true
    groups, from nodes together that are in exactly the same groups, from all nodes together, and from every node in one
    of its true groups at random. What it reaches is a lower bound of the ceiling. Time O(n^2 k) a move, memory O(n^2).

    The best partition need not look like the true groups. Where a sixth of the nodes are shared at random (of 200 nodes
    in 4 groups), one group of all nodes has a higher element-centric similarity at ``alpha`` 0.9 than every node in one
    of its true groups, 0.72 to 0.47; lower ``alpha`` or read the omega index then.

    Examples
    --------
    >>> found = hard_ceiling({"a": "x", "b": "x", "c": ["x", "y"], "d": "y", "e": "y"})
    >>> round(found.omega, 3), round(found.element_centric, 3), found.exact
    (0.615, 0.853, True)
    """
    n_starts, seed = (whole_number(x, name, minimum=0) for x, name in ((n_starts, "n_starts"), (seed, "seed")))
    nodes, _, member = aligned(truth, truth)
    return ceiling_of(member, importance(nodes, weights), walking_on(alpha), n_starts, np.random.default_rng(seed))


def ceiling_of(
    member: Bool[np.ndarray, "n k"],
    weights: Float64[np.ndarray, " n"],
    alpha: float,
    n_starts: int,
    rng: np.random.Generator,
) -> HardCeiling:
    """Return the ceiling for a membership matrix; see `hard_ceiling`."""
    shared, pairs, walk = shared_groups(member), pair_weights(weights), affinity(member, alpha)

    def omega(labels: Labels) -> float:
        return pair_agreement((labels[:, None] == labels).astype(np.int64), shared, pairs)

    def element_centric(labels: Labels) -> float:
        together = (labels[:, None] == labels).astype(np.float64)
        own = alpha * together / together.sum(axis=1, keepdims=True) + (1 - alpha) * np.eye(len(labels))
        return float(np.average(similarities(own, walk, alpha), weights=weights))

    if len(member) <= SMALL:
        every = [np.array(labels, dtype=np.int64) for labels in partitions(len(member))]
        return HardCeiling(max(map(omega, every)), max(map(element_centric, every)), exact=True)
    begin = starts(member, n_starts, rng)
    pair_moves, walk_moves = omega_after_moves(shared, pairs), similarity_after_moves(walk, weights, alpha)
    return HardCeiling(
        omega=max(omega(climb(labels, pair_moves)) for labels in begin),
        element_centric=max(element_centric(climb(labels, walk_moves)) for labels in begin),
        exact=False,
    )


def partitions(n: int) -> list[list[int]]:
    """List all partitions of n nodes, each as labels that count up by first appearance."""
    found: list[list[int]] = [[]]
    for _ in range(n):
        found = [[*labels, group] for labels in found for group in range(max(labels, default=-1) + 2)]
    return found


def starts(member: Bool[np.ndarray, "n k"], n_random: int, rng: np.random.Generator) -> list[Labels]:
    """Return partitions to search from: first true group, same true groups, all together, one true group at random."""
    n = len(member)
    table = np.hstack([member, np.eye(n, dtype=np.bool_) & ~member.any(axis=1)])  # alone when in no group
    same = np.unique(table, axis=0, return_inverse=True)[1].ravel()
    drawn = [np.argmax(table * rng.uniform(0.5, 1, table.shape), axis=1) for _ in range(n_random)]
    return [np.argmax(table, axis=1), same, np.zeros(n, dtype=np.int64), *drawn]


def climb(labels: Labels, after_moves: AfterMoves) -> Labels:
    """Move one node at a time, the best move first, until none gains; the last column is a group of its own."""
    while True:
        labels = np.unique(labels, return_inverse=True)[1].ravel().astype(np.int64)
        scores = after_moves(labels)
        node, group = divmod(int(scores.argmax()), scores.shape[1])
        if scores[node, group] <= scores[node, labels[node]] + BETTER:
            return labels
        labels[node] = group


def omega_after_moves(shared: Int64[np.ndarray, "n n"], pairs: Float64[np.ndarray, "n n"]) -> AfterMoves:
    r"""Return the function that gives the omega index after moving each node to each group.

    With :math:`b_j` the share of pairs with :math:`j` true groups in common, :math:`t` that of pairs together and
    :math:`g` that of pairs together with :math:`j = 1` less those with :math:`j = 0`, pairs disagree with share
    :math:`1 - b_0 - g`, and by chance with :math:`t (1 - b_1) + (1 - t) (1 - b_0)`.
    """
    pairs = pairs / max(pairs.sum(), np.finfo(np.float64).tiny)
    not_0, not_1 = pairs[shared != 0].sum(), pairs[shared != 1].sum()
    signed = pairs * (shared == 1) - pairs * (shared == 0)

    def after(labels: Labels) -> Float64[np.ndarray, "n k"]:
        member = np.eye(int(labels.max()) + 2)[labels]
        gain, weight = signed @ member, pairs @ member
        own = np.arange(len(labels)), labels
        together = weight[own].sum() + 2 * (weight - weight[own][:, None])
        disagree = not_0 - gain[own].sum() - 2 * (gain - gain[own][:, None])
        chance = together * not_1 + (1 - together) * not_0
        perfect = (disagree <= BETTER) | (chance <= 0)
        return np.where(perfect, 1.0, 1 - disagree / np.where(perfect, 1.0, chance))

    return after


def similarity_after_moves(
    walk: Float64[np.ndarray, "n n"], weights: Float64[np.ndarray, " n"], alpha: float
) -> AfterMoves:
    """Return the function that gives the mean element-centric similarity after moving each node to each group.

    What a group adds is kept from call to call, as a move changes two groups only.
    """
    known: dict[bytes, tuple[float, Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]] = {}

    def after(labels: Labels) -> Float64[np.ndarray, "n k"]:
        n, k = len(labels), int(labels.max()) + 2
        now, joined, left = np.zeros(k), np.zeros((n, k)), np.zeros(n)
        for group in range(k):
            inside = np.flatnonzero(labels == group)
            key = inside.tobytes()
            if key not in known:
                known[key] = distances(inside, walk, weights, alpha)
            now[group], joined[:, group], without = known[key]
            left[inside] = without[inside]
        total = joined + (left - now[labels])[:, None] - now + now.sum()
        total[np.arange(n), labels] = now.sum()
        return 1 - total / (2 * alpha * weights.sum())

    return after


def distances(
    inside: Int64[np.ndarray, " m"], walk: Float64[np.ndarray, "n n"], weights: Float64[np.ndarray, " n"], alpha: float
) -> tuple[float, Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    r"""Return the summed distances of a group's members: as it is, with each node added, with each member removed.

    In a group :math:`c` of :math:`m` nodes, node :math:`i` has the distance :math:`1 + \sum_{j \in c} E_{ij}`, where
    :math:`E_{ij} = |\alpha / m + (1 - \alpha) \delta_{ij} - p_{ij}| - p_{ij}`.
    """
    rows, columns, diagonal = walk[:, inside], walk[inside], np.diagonal(walk)
    is_inside = np.zeros(len(walk), dtype=np.bool_)
    is_inside[inside] = True

    def parts(size: int) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
        """Return each node's distance, what its presence adds to the other members', and its term with itself."""
        even = alpha / size
        itself, plain = (np.abs(each - diagonal) - diagonal for each in (even + 1 - alpha, even))
        own = 1 + (np.abs(even - rows) - rows).sum(axis=1) + is_inside * (itself - plain)
        others = weights[inside] @ (np.abs(even - columns) - columns) - is_inside * weights * plain
        return weights * own, others, weights * itself

    size = len(inside)
    own, others, itself = parts(size + 1)
    joined = own[inside].sum() + own + others + itself
    if size < 2:
        return float(parts(size)[0][inside].sum()) if size else 0.0, joined, np.zeros(len(walk))
    now, (own, others, _) = float(parts(size)[0][inside].sum()), parts(size - 1)
    return now, joined, own[inside].sum() - own - others
