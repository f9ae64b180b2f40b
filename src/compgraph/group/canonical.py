"""The undirected graph that community algorithms read, the same for every insertion order."""

import math
from numbers import Real

import networkx as nx

from compgraph.arguments import checked
from compgraph.connect.graph import ordered_nodes
from compgraph.connect.schema import check_graph
from compgraph.errors import GraphError
from compgraph.group.links import Links, are_weights, links_of


@checked
def canonical_copy(graph: nx.DiGraph, *, weight: str = "weight") -> nx.Graph:
    """Return the undirected graph of positive links between nodes numbered in canonical order.

    The weight between nodes ``i`` and ``j`` is ``w(i -> j) + w(j -> i)``.

    Parameters
    ----------
    graph
        A component graph.
    weight
        The edge attribute to read.

    Returns
    -------
    networkx.Graph
        Nodes ``0..n-1`` stand for `ordered_nodes` and keep their attributes; edges are added in sorted order and
        carry `weight` only. Links of weight 0 are left out. Frozen: an algorithm that edits it fails.

    Raises
    ------
    GraphError
        When the graph has no node, breaks the schema, or a weight is missing, negative or not finite.

    Notes
    -----
    Algorithms that visit nodes in stored order return other partitions for other orders; numbering and sorting
    first takes that freedom away. ``networkx.DiGraph.to_undirected`` would keep only one of two reciprocal edges.
    Time O(n log n + m log m), memory O(n + m).

    Examples
    --------
    >>> import torch
    >>> import compgraph as cg
    >>> stats = cg.collect(torch.nn.Linear(3, 2), torch.eye(3))
    >>> parts = cg.components(stats, "neuron")
    >>> graph = cg.build_graph(parts, cg.edges(stats, parts, "covariance"))
    >>> copy = canonical_copy(graph)
    >>> list(copy), copy.nodes[0]["layer"], copy.nodes[4]["layer"]
    ([0, 1, 2, 3, 4], 'input', 'output')
    """
    return undirected(canonical_links(graph, weight=weight), graph, weight=weight)


def canonical_links(graph: nx.DiGraph, *, weight: str) -> Links:
    """Check a component graph and read its links.

    Parameters
    ----------
    graph
        A component graph.
    weight
        The edge attribute to read.

    Returns
    -------
    Links
        Nodes in canonical order.

    Raises
    ------
    GraphError
        As `canonical_copy`.
    """
    _require_weights(graph, weight)
    check_graph(graph)
    if graph.number_of_nodes() == 0:
        raise GraphError("the graph has no nodes, so there is nothing to group. Build it from at least one space.")
    return links_of(graph, weight, ordered_nodes(graph))


def undirected(links: Links, graph: nx.DiGraph, *, weight: str) -> nx.Graph:
    """Return links as `canonical_copy` does.

    Parameters
    ----------
    links
        Of a component graph, nodes in canonical order.
    graph
        Gives the attributes of the nodes.
    weight
        The only attribute of the edges.

    Returns
    -------
    networkx.Graph
        Nodes ``0..n-1``, frozen.
    """
    copy = nx.Graph()
    copy.add_nodes_from((i, graph.nodes[node]) for i, node in enumerate(links.nodes))
    copy.add_weighted_edges_from(zip(*(each.tolist() for each in links.pairs()), strict=True), weight)
    return nx.freeze(copy)


def _require_weights(graph: nx.DiGraph, weight: str) -> None:
    if not isinstance(graph, nx.DiGraph) or graph.is_multigraph():
        return  # check_graph says so better
    if are_weights([value for *_, value in graph.edges(data=weight)]):
        return
    for source, target, edge in graph.edges(data=True):
        if weight not in edge:
            raise GraphError(
                f"edge {source!r} -> {target!r} has no attribute {weight!r}; it has {sorted(edge)}. "
                "Name an attribute that every edge carries, or set it."
            )
        value = edge[weight]
        if not isinstance(value, Real) or not 0 <= float(value) < math.inf:
            raise GraphError(
                f"edge {source!r} -> {target!r} has {weight}={value!r}. "
                "Remove the edge, or give it a finite weight of at least 0, such as its squared effect."
            )
