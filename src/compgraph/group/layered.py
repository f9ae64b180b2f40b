"""Modularity that knows layers: how far links prefer their own group, in every block between layers by itself."""

from collections import defaultdict
from collections.abc import Mapping

import networkx as nx


def layered_modularity(graph: nx.DiGraph, group_of: Mapping[str, int], *, weight: str = "weight") -> float:
    r"""Return the share of weight inside groups beyond what the strengths predict in each block between layers.

    .. math:: Q_L = \frac{1}{W} \sum_b \sum_g \left[ W_{b,gg} - \frac{R_{b,g} C_{b,g}}{W_b} \right]

    A block :math:`b` holds the links from one space to another; :math:`W_{b,gg}` is its weight from group :math:`g`
    to itself, :math:`R_{b,g}` the weight that leaves and :math:`C_{b,g}` the weight that enters group :math:`g` in
    it, :math:`W_b` all its weight and :math:`W` that of all blocks.

    Parameters
    ----------
    graph
        A component graph whose weights are finite and not negative.
    group_of
        Node id to group, for every node.
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
    for source, target, value in graph.edges(data=weight):
        a, b = graph.nodes[source], graph.nodes[target]
        if (a["layer"], a["depth"]) == (b["layer"], b["depth"]):
            continue
        block = a["layer"], a["side"], a["depth"], b["layer"], b["side"], b["depth"]
        block_weight[block] += value
        leaving[block, group_of[source]] += value
        entering[block, group_of[target]] += value
        inside += value * (group_of[source] == group_of[target])
    total = sum(block_weight.values())
    chance = sum(out * entering[block, g] / block_weight[block] for (block, g), out in leaving.items() if out > 0)
    return (inside - chance) / total if total > 0 else 0.0
