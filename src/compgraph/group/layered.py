"""Modularity that knows layers: how far links prefer their own group, in every block between layers by itself."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import networkx as nx


def layered_modularity(graph: nx.Graph, group_of: Mapping[Any, int], *, weight: str = "weight") -> float:
    r"""Return the share of weight inside groups beyond what the strengths predict in each block between layers.

    .. math:: Q_L = \frac{1}{W} \sum_b \sum_g \left[ W_{b,gg} - \frac{R_{b,g} C_{b,g}}{W_b} \right]

    A block :math:`b` holds the links from one space to another; :math:`W_{b,gg}` is its weight from group :math:`g`
    to itself, :math:`R_{b,g}` the weight that leaves and :math:`C_{b,g}` the weight that enters group :math:`g` in
    it, :math:`W_b` all its weight and :math:`W` that of all blocks.

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

    Notes
    -----
    Ordinary modularity compares with links between any two nodes, so it rewards groups that are merely layers; here
    only links that can exist are compared. Blocks within a layer are left out: they are two descriptions of the same
    activations. Time and memory O(edges).

    References
    ----------
    Barber, M. J. (2007). Modularity and community detection in bipartite networks.
    https://doi.org/10.1103/PhysRevE.76.066102
    """
    inside = 0.0
    block_weight: defaultdict[object, float] = defaultdict(float)
    leaving: defaultdict[tuple[object, int], float] = defaultdict(float)
    entering: defaultdict[tuple[object, int], float] = defaultdict(float)
    for u, v, value in graph.edges(data=weight):
        ends = (_space(graph.nodes[u]), u), (_space(graph.nodes[v]), v)
        (a, source), (b, target) = ends if graph.is_directed() or ends[0][0] <= ends[1][0] else ends[::-1]
        if a[::2] == b[::2] or value == 0:
            continue
        block_weight[a, b] += value
        leaving[(a, b), group_of[source]] += value
        entering[(a, b), group_of[target]] += value
        inside += value * (group_of[source] == group_of[target])
    total = sum(block_weight.values())
    chance = sum(out * entering[block, g] / block_weight[block] for (block, g), out in leaving.items() if out > 0)
    return (inside - chance) / total if total > 0 else 0.0


def _space(node: Mapping[str, Any]) -> tuple[int, str, str]:
    return node["depth"], node["side"], node["layer"]
