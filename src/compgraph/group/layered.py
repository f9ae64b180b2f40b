"""Modularity that knows layers: how far links prefer their own group, between every two spaces by themselves."""

from collections.abc import Mapping
from typing import Any

import networkx as nx
import numpy as np
from jaxtyping import Float64, Int64

from compgraph.arguments import checked
from compgraph.errors import BadRequest
from compgraph.group.links import Links, links_of
from compgraph.group.many import ManyLinks, by_label

SAME_QUALITY = 1e-7  # qualities closer than this are equal: rounding must not decide


@checked
def layered_modularity(graph: nx.Graph, group_of: Mapping[Any, int], *, weight: str = "weight") -> float:
    r"""Return the share of weight inside groups beyond what strengths predict, for every two spaces by themselves.

    .. math:: Q_L = \frac{1}{W} \sum_b \sum_g \left[ W_{b,gg} - \frac{R_{b,g} C_{b,g}}{W_b} \right]

    With :math:`b` the links from one space to another, :math:`W_{b,gg}` is its weight from group :math:`g`
    to itself, :math:`R_{b,g}` the weight that leaves and :math:`C_{b,g}` the weight that enters group :math:`g` in
    it, :math:`W_b` all its weight and :math:`W` that of all spaces.

    Parameters
    ----------
    graph
        A component graph whose weights are finite and not negative, directed or not.
    group_of
        Node id to group, for every node with a link of positive weight.
    weight
        The edge attribute to read.

    Returns
    -------
    float
        Dimensionless, below 1; 0 for a single group, and without links between layers; not above 0 for groups that
        are layers.

    Raises
    ------
    BadRequest
        When a node with links has no group.
    GraphError
        When a weight is missing, negative or not finite.

    Notes
    -----
    Ordinary modularity compares with links between any two nodes, so it rewards groups that are merely layers; here
    only links that can exist are compared. Links within a layer are left out: they join two descriptions of the same
    activations. Time and memory O(edges).

    References
    ----------
    Barber, M. J. (2007). Modularity and community detection in bipartite networks.
    https://doi.org/10.1103/PhysRevE.76.066102

    Examples
    --------
    >>> graph = nx.DiGraph()
    >>> for layer, side, depth in (("x", "in", 0), ("y", "out", 1)):
    ...     for i in (0, 1):
    ...         graph.add_node(f"{layer}{i}", layer=layer, side=side, depth=depth, index=i)
    >>> graph.add_weighted_edges_from([("x0", "y0", 3.0), ("x0", "y1", 1.0), ("x1", "y1", 4.0)])
    >>> layered_modularity(graph, {"x0": 0, "y0": 0, "x1": 1, "y1": 1})
    0.375
    """
    links = links_of(graph, weight).near_one()
    if not group_of.keys() >= set(links.nodes):
        linked = {links.nodes[i] for end in links.pairs()[:2] for i in end.tolist()}
        if lacking := [node for node in links.nodes if node in linked and node not in group_of]:
            raise BadRequest(
                f"group_of lacks {len(lacking)} nodes that have links, the first {lacking[0]!r}; give each a group."
            )
    number = {group: i for i, group in enumerate(dict.fromkeys(group_of.values()))}
    labels = [number[group_of[node]] if node in group_of else len(number) for node in links.nodes]
    return float(layered_qualities(ManyLinks.of(links), np.array([labels], dtype=np.int64).reshape(1, -1))[0])


def layered_qualities(many: ManyLinks, labels: Int64[np.ndarray, "m n"]) -> Float64[np.ndarray, " m"]:
    """Return the layered modularity of groups in each graph, as `layered_modularity` defines it.

    Parameters
    ----------
    many
        Component graphs.
    labels
        Group of each node of each, in the order of the nodes.

    Returns
    -------
    numpy.ndarray
        Dimensionless.
    """
    total, inside = np.zeros(len(many)), np.zeros(len(many))
    labels = labels - labels.min(initial=0)
    size = int(labels.max(initial=0)) + 1
    for (a, b), pair in many.pairs.items():
        if many.links.in_one_layer(a, b):
            continue
        here, there = labels[:, many.links.members[a]], labels[:, many.links.members[b]]
        mass = pair.rows.sum(axis=1)
        total += mass
        expected = (by_label(pair.rows, here, size) * by_label(pair.columns, there, size)).sum(axis=1)
        inside += pair.inside(here, there) - np.divide(expected, mass, out=np.zeros_like(mass), where=mass > 0)
    return np.divide(inside, total, out=np.zeros_like(total), where=total > 0)


def modularity(links: Links, labels: Int64[np.ndarray, " n"], *, resolution: float | int = 1) -> float:
    r"""Return Newman's modularity of groups on the undirected graph, as `compgraph.communities` defines it.

    Parameters
    ----------
    links
        With at least one link.
    labels
        Group of each node, in the order of the nodes.
    resolution
        :math:`\gamma`.

    Returns
    -------
    float
        Dimensionless.
    """
    which = np.unique(labels, return_inverse=True)[1]
    lower, higher, weights = links.pairs()
    inside = weights[which[lower] == which[higher]].sum()
    strengths = np.bincount(np.concatenate([which[lower], which[higher]]), np.tile(weights, 2))
    total = weights.sum()
    return float(inside / total - resolution * ((strengths / (2 * total)) ** 2).sum())
