"""How much of each component belongs to each group: some are shared."""

from collections import defaultdict
from collections.abc import Mapping

import networkx as nx
import numpy as np

from compgraph.connect.graph import ordered_nodes


def memberships(
    graph: nx.DiGraph, group_of: Mapping[str, int], *, weight: str = "weight"
) -> dict[str, tuple[float, ...]]:
    r"""Return the share of each node's links that goes to each group.

    .. math:: m_{ig} = \frac{1}{|B_i|} \sum_{b \in B_i} \frac{\sum_{j \in g} w_{ij}}{\sum_j w_{ij}}

    with :math:`B_i` the blocks between layers in which node :math:`i` has links: upstream and downstream count alike,
    however heavy they are.

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

    Notes
    -----
    Links within a layer join two descriptions of the same activations and say nothing about sharing, so they are left
    out where there are others. Time O(edges log edges), memory O(edges + nodes x groups).
    """
    n_groups = max(group_of.values(), default=0) + 1
    totals: defaultdict[tuple[str, str, object], np.ndarray] = defaultdict(lambda: np.zeros(n_groups))
    # Sorted, so that sums do not differ by rounding between orders of insertion.
    for source, target, edge in sorted(graph.edges(data=True), key=lambda each: each[:2]):
        if edge[weight] > 0:
            for node, other in ((source, target), (target, source)):
                place = graph.nodes[other]
                totals[node, edge["kind"], (place["layer"], place["side"], place["depth"])][group_of[other]] += edge[
                    weight
                ]
    blocks: defaultdict[tuple[str, str], list[np.ndarray]] = defaultdict(list)
    for (node, kind, _), total in totals.items():
        blocks[node, kind].append(total / total.sum())
    return {node: _share(node, blocks, group_of[node], n_groups) for node in ordered_nodes(graph)}


def _share(node: str, blocks: Mapping[tuple[str, str], list[np.ndarray]], own: int, n_groups: int) -> tuple[float, ...]:
    shares = blocks.get((node, "between")) or blocks.get((node, "within"))
    if not shares:
        return tuple(float(group == own) for group in range(n_groups))
    return tuple(np.mean(shares, axis=0).tolist())
