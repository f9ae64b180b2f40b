"""Louvain's search for groups that beat chance between every two spaces of a layered graph by themselves."""

from collections.abc import Iterable
from typing import Any

import networkx as nx
import numpy as np
from jaxtyping import Float64, Int, Int64

from compgraph.arguments import checked, is_finite, shown
from compgraph.errors import BadRequest
from compgraph.group.balance import balanced_weights
from compgraph.group.links import Links, groups_of_labels, links_of

GAIN = 1e-12  # smallest gain in quality that counts: rounding must not move nodes


@checked
def layered_louvain_communities(
    graph: nx.Graph,
    weight: str = "weight",
    seed: int | None = None,
    *,
    resolution: float | int = 1.0,
    balance: bool = True,
    within: float | int = 0.25,
) -> Iterable[set[int]]:
    r"""Group nodes by the modularity of `layered_modularity_matrix`, which expects links only where there can be some.

    .. math:: Q = \sum_{ij} B_{ij} \, [g_i = g_j]

    Nodes move one by one, in random order, to the group where :math:`Q` grows most; then groups move as wholes; and
    again from the nodes until nothing moves.

    Parameters
    ----------
    graph
        Undirected, with non-negative weights. Nodes of one space share ``layer``, ``side`` and ``depth``; without
        these, all are in one space.
    weight
        The edge attribute to read.
    seed
        Seed of the order in which nodes move.
    resolution
        Higher for more, smaller groups; 1 expects what the strengths predict.
    balance
        Whether all nodes of a space count alike (see `balanced`), or by the weight of their links.
    within
        What the links inside a layer count, next to those between layers: higher to follow how the two bases of a
        layer overlap, lower to follow the computation between layers.

    Returns
    -------
    iterable of set
        The groups; none of a graph without nodes. A node without links is a group of its own.

    Raises
    ------
    BadRequest
        When ``resolution`` is not above 0 or ``within`` is below 0.
    GraphError
        When a weight is missing, negative or not finite.

    Notes
    -----
    Ordinary modularity expects links between all nodes, also inside a space where there are none, and so takes a
    layer that is linked evenly with its neighbours for half of a group. Balancing finds groups whose nodes differ
    much in strength for reasons that have nothing to do with groups. In trained networks strong components are often
    the ones that say most, and ``balance=False`` is as good or better.

    Like every modularity, this one merges groups that are small next to the graph and returns several groups for
    structureless graphs too; the p-value of `compgraph.communities` tells.

    Time O(nodes^2) a sweep over the nodes, of which there are mostly ten; memory O(nodes^2): meant for up to some
    2,000 nodes.

    References
    ----------
    Blondel, V. D. et al. (2008). Fast unfolding of communities in large networks.
    https://doi.org/10.1088/1742-5468/2008/10/P10008

    Mucha, P. J. et al. (2010). Community structure in time-dependent, multiscale, and multiplex networks.
    https://doi.org/10.1126/science.1184819

    Examples
    --------
    >>> graph = nx.disjoint_union(nx.complete_graph(3), nx.complete_graph(3))
    >>> nx.set_edge_attributes(graph, 1.0, "weight")
    >>> sorted(map(sorted, layered_louvain_communities(graph, seed=0)))
    [[0, 1, 2], [3, 4, 5]]
    """
    links = links_of(graph, weight).near_one()
    labels = layered_louvain_labels(links, seed, resolution=resolution, balance=balance, within=within)
    return groups_of_labels(links.nodes, labels)


def layered_louvain_labels(
    links: Links,
    seed: int | None = None,
    *,
    resolution: float | int = 1.0,
    balance: bool = True,
    within: float | int = 0.25,
) -> Int64[np.ndarray, " n"]:
    """Group nodes as `layered_louvain_communities` does.

    Parameters
    ----------
    links
        The graph as matrices.
    seed, resolution, balance, within
        As for `layered_louvain_communities`.

    Returns
    -------
    numpy.ndarray
        Group of each node.

    Raises
    ------
    BadRequest
        As `layered_louvain_communities`.
    """
    benefit = layered_modularity_matrix(links, resolution=resolution, balance=balance, within=within)
    return _best_labels(benefit, np.random.default_rng(seed)) if len(benefit) else np.empty(0, dtype=np.int64)


def layered_modularity_matrix(
    links: Links,
    *,
    resolution: float | int = 1.0,
    balance: bool = True,
    within: float | int = 0.25,
) -> Float64[np.ndarray, "n n"]:
    r"""Return what each two nodes gain by sharing a group: their link, less what strengths predict.

    .. math:: B_{ij} = \frac{c_b}{2 W} \left[ W_{ij} - \gamma \frac{s_i^b s_j^b}{m_b} \right], \quad
              W = \sum_b c_b m_b

    With :math:`b` the two spaces of nodes :math:`i` and :math:`j`, :math:`m_b` the weight between them, :math:`s_i^b`
    that of node :math:`i` there, :math:`\gamma` the resolution, and :math:`c_b` being ``within`` for the two spaces of
    one layer and 1 otherwise. Nodes of spaces without links between them have :math:`B_{ij} = 0`.

    Parameters
    ----------
    links
        The graph as matrices.
    resolution, balance, within
        As for `layered_louvain_communities`.

    Returns
    -------
    numpy.ndarray
        Dimensionless, symmetric; rows in the order of the graph. At resolution 1 rows sum to 0.

    Raises
    ------
    BadRequest
        When ``resolution`` is not above 0 or ``within`` is below 0.

    Notes
    -----
    Without spaces this is the matrix of ordinary modularity, with two spaces that of Barber's.

    The links within a layer have a null of their own: without it dense ones join all nodes of a layer, and the groups
    are layers. They count less than others because they are often one-to-one, next to which no others have much
    structure, and groups would be single components followed through a layer.

    Time and memory O(nodes^2).

    References
    ----------
    Barber, M. J. (2007). Modularity and community detection in bipartite networks.
    https://doi.org/10.1103/PhysRevE.76.066102
    """
    _require_number(resolution, "resolution", "above 0", positive=True)
    _require_number(within, "within", "of at least 0", positive=False)
    benefit, total = np.zeros((len(links.nodes), len(links.nodes))), 0.0
    for (a, b), matrix in links.matrices.items():
        weights = matrix.sum() * balanced_weights(matrix) if balance else matrix
        mass = weights.sum()
        expected = np.outer(weights.sum(axis=1), weights.sum(axis=0) / mass)
        # A space linked to itself holds every link twice, once in each direction.
        share = 0.5 if a == b else within if links.in_one_layer(a, b) else 1
        total += share * mass
        excess = share * (weights - resolution * expected)
        benefit[np.ix_(links.members[a], links.members[b])] += excess
        benefit[np.ix_(links.members[b], links.members[a])] += excess.T
    return benefit / (2 * total) if total > 0 else benefit


def _best_labels(benefit: Float64[np.ndarray, "n n"], rng: np.random.Generator) -> Int[np.ndarray, " n"]:
    """Return groups that no move of a node, a group, or a group of groups improves."""
    labels, moved = np.arange(len(benefit)), True
    while moved:
        labels, moved = _moved(benefit, labels, rng)
        higher = True
        while higher:
            groups = _summed(_summed(benefit, labels).T, labels)
            onto, higher = _moved(groups, np.arange(len(groups)), rng)
            labels, moved = onto[labels], moved or higher
    return labels


def _moved(
    benefit: Float64[np.ndarray, "n n"], labels: Int[np.ndarray, " n"], rng: np.random.Generator
) -> tuple[Int[np.ndarray, " n"], bool]:
    """Move nodes to their best groups until all are there; return consecutive labels and whether any moved."""
    n, labels, ever = len(benefit), labels.copy(), False
    gain = np.zeros((n, n))  # of joining each group; as many columns as nodes, so that a node can leave on its own
    grouped = _summed(benefit, labels)
    gain[:, : grouped.shape[1]] = grouped
    own, everyone = np.diag(benefit), np.arange(n)
    while True:
        # Most nodes stay where they are: one look at all of them spares most of the visits.
        restless = np.flatnonzero(gain.max(axis=1) - gain[everyone, labels] + own > GAIN)
        moves = 0
        for node in rng.permutation(restless).tolist():
            here, joining = labels[node], gain[node].copy()
            joining[here] -= own[node]  # a node is no company for itself
            there = int(joining.argmax())
            if joining[there] - joining[here] <= GAIN:
                continue
            gain[:, here] -= benefit[node]
            gain[:, there] += benefit[node]
            labels[node] = there
            moves += 1
        if moves == 0:
            return np.unique(labels, return_inverse=True)[1], ever
        ever = True


def _summed(matrix: Float64[np.ndarray, "n m"], labels: Int[np.ndarray, " m"]) -> Float64[np.ndarray, "n groups"]:
    """Add up the columns of each group; labels are consecutive."""
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(labels.max() + 1))
    return np.ascontiguousarray(np.add.reduceat(matrix[:, order], starts, axis=1))


def _require_number(value: Any, name: str, needed: str, *, positive: bool) -> None:
    if not is_finite(value) or value < 0 or (positive and value == 0):
        raise BadRequest(f"{name}={shown(value)}: a finite number {needed} is needed.")
