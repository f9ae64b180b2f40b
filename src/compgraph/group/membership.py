"""How much of each component belongs to each group: some are shared."""

from collections.abc import Mapping

import networkx as nx
import numpy as np
from jaxtyping import Float64, Int, Int64
from scipy import sparse

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
    return shares_of(links, np.array([group_of[str(node)] for node in links.nodes], dtype=np.int64))


def shares_of(links: Links, groups: Int64[np.ndarray, " n"]) -> dict[str, tuple[float, ...]]:
    """Return what `memberships` does.

    Parameters
    ----------
    links
        Of a component graph, nodes in canonical order.
    groups
        Group of each node, from 0.

    Returns
    -------
    dict
        Node id to one share per group.
    """
    n, size = len(links.nodes), int(groups.max(initial=0)) + 1
    best = sparse.csr_array((np.ones(n), (np.arange(n), groups)), shape=(n, size))
    # Links within a layer are the second choice, and a node's own group the last.
    for within in (True, False):
        other = _mean_shares(links, groups, size, within=within)
        has = np.diff(other.indptr) > 0
        best = sparse.csr_array(sparse.diags_array(1.0 - has) @ best + other)
    best.eliminate_zeros()
    which, values = (np.split(each, best.indptr[1:-1]) for each in (best.indices, best.data))
    rows = map(_row, which, values, [size] * n)
    return {str(node): row for node, row in zip(links.nodes, rows, strict=True)}


def _row(groups: Int[np.ndarray, " k"], shares: Float64[np.ndarray, " k"], size: int) -> tuple[float, ...]:
    row = [0.0] * size
    for group, share in zip(groups.tolist(), shares.tolist(), strict=True):
        row[group] = share
    return tuple(row)


def _mean_shares(links: Links, groups: Int64[np.ndarray, " n"], size: int, *, within: bool) -> sparse.csr_array:
    """Return the mean over both directions of the shares of each node's links there; nothing for nodes without any."""
    n = len(links.nodes)
    total, count = sparse.csr_array((n, size)), np.zeros(n)
    for weights in _directions(links, groups, size, within=within):
        sums = weights.sum(axis=1)
        total = total + sparse.diags_array(_inverse(sums)) @ weights
        count += sums > 0
    found = sparse.csr_array(sparse.diags_array(_inverse(count)) @ total)
    found.eliminate_zeros()
    return found


def _inverse(values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)


def _directions(
    links: Links, groups: Int64[np.ndarray, " n"], size: int, *, within: bool
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Return the weight of each node's links to each group, downstream and upstream."""
    ends, values = [np.empty((2, 0), dtype=np.int64)], [np.empty(0)]
    for (a, b), weights in links.matrices.items():
        if links.in_one_layer(a, b) == within:
            i, j = np.nonzero(weights)
            ends.append(np.stack([links.members[a][i], links.members[b][j]]))
            values.append(weights[i, j])
    (sources, targets), shape = np.concatenate(ends, axis=1), (len(links.nodes), size)
    weights = np.concatenate(values)
    down = sparse.coo_array((weights, (sources, groups[targets])), shape=shape)
    up = sparse.coo_array((weights, (targets, groups[sources])), shape=shape)
    return down.tocsr(), up.tocsr()
