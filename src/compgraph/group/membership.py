"""How much of each component belongs to each group: some are shared."""

from collections.abc import Mapping

import networkx as nx
import numpy as np
from jaxtyping import Float64

from compgraph.arguments import checked
from compgraph.connect.graph import ordered_nodes
from compgraph.errors import BadRequest
from compgraph.group.links import Links, links_of


@checked
def memberships(
    graph: nx.DiGraph, group_of: Mapping[str, int], *, weight: str = "weight"
) -> dict[str, tuple[float, ...]]:
    r"""Return the share of each node's links that goes to each group.

    .. math:: m_{ig} = \frac{1}{|B_i|} \sum_{b \in B_i} \frac{\sum_{j \in g} w^b_{ij}}{\sum_j w^b_{ij}}

    with :math:`B_i` the directions, upstream and downstream, in which node :math:`i` has links with other layers: the
    two count alike, however heavy they are. Of several layers on one side each counts by the weight of its links.

    Parameters
    ----------
    graph
        A component graph whose weights are finite and not negative.
    group_of
        Node id to group, for every node; groups are ``0..c-1``.
    weight
        The edge attribute to read.

    Returns
    -------
    dict
        Node id to one share per group, 1 in total. A node with links within its layer only is judged by those, one
        without any belongs to its own group.

    Raises
    ------
    BadRequest
        When a node has no group.

    Notes
    -----
    Links within a layer join two descriptions of the same activations and say nothing about sharing, so they are left
    out where there are others. Time O(edges x groups), memory O(edges + nodes x groups).

    Examples
    --------
    >>> graph = nx.DiGraph()
    >>> for layer, side, depth in (("x", "in", 0), ("y", "out", 1)):
    ...     for i in (0, 1):
    ...         graph.add_node(f"{layer}{i}", layer=layer, side=side, depth=depth, index=i)
    >>> graph.add_weighted_edges_from([("x0", "y0", 3.0), ("x0", "y1", 1.0), ("x1", "y1", 4.0)])
    >>> memberships(graph, {"x0": 0, "y0": 0, "x1": 1, "y1": 1})["x0"]
    (0.75, 0.25)
    """
    links = links_of(graph, weight, ordered_nodes(graph)).near_one()
    if lacking := [node for node in links.nodes if node not in group_of]:
        raise BadRequest(f"group_of lacks {len(lacking)} of the nodes, the first {lacking[0]!r}; give each a group.")
    own = np.array([group_of[str(node)] for node in links.nodes], dtype=np.int64)
    one_hot = np.eye(max(group_of.values(), default=0) + 1)[own]
    # Links within a layer are the second choice, and a node's own group the last.
    shares = [one_hot, *(_mean_shares(links, one_hot, within=within) for within in (True, False))]
    best = shares[0]
    for other in shares[1:]:
        best = np.where(other.any(axis=1, keepdims=True), other, best)
    return {str(node): tuple(row) for node, row in zip(links.nodes, best.tolist(), strict=True)}


def _mean_shares(links: Links, one_hot: Float64[np.ndarray, "n c"], *, within: bool) -> Float64[np.ndarray, "n c"]:
    """Return the mean over both directions of the shares of each node's links there; 0 for nodes without any."""
    total, count = np.zeros_like(one_hot), np.zeros((len(one_hot), 1))
    for weights in _directions(links, one_hot, within=within):
        sums = weights.sum(axis=1, keepdims=True)
        total += np.divide(weights, sums, out=np.zeros_like(weights), where=sums > 0)
        count += sums > 0
    return np.divide(total, count, out=total, where=count > 0)


def _directions(
    links: Links, one_hot: Float64[np.ndarray, "n c"], *, within: bool
) -> tuple[Float64[np.ndarray, "n c"], Float64[np.ndarray, "n c"]]:
    """Return the weight of each node's links to each group, downstream and upstream."""
    down, up = np.zeros_like(one_hot), np.zeros_like(one_hot)
    for (a, b), weights in links.matrices.items():
        if links.in_one_layer(a, b) == within:
            down[links.members[a]] += weights @ one_hot[links.members[b]]
            up[links.members[b]] += weights.T @ one_hot[links.members[a]]
    return down, up
