"""The order of layers that share a depth: beside those they are linked with, so that few edges cross."""

from collections import defaultdict
from collections.abc import Mapping

import networkx as nx

from compgraph.connect import ordered_nodes

Layer = tuple[int, str]
"""Depth and name."""
_SWEEPS = 3


def layer_order(graph: nx.DiGraph, group_of: Mapping[str, int]) -> dict[int, tuple[str, ...]]:
    """Order the layers of every depth by the mean place of the layers they are linked with.

    Parameters
    ----------
    graph
        A component graph.
    group_of
        Group of nodes; decides where places do not.

    Returns
    -------
    dict of int to tuple of str
        Depth to its layers, from top to bottom.

    Notes
    -----
    Three sweeps, down the depths, up and down again. O(n log n + m) for n nodes and m edges.

    References
    ----------
    Sugiyama, K., Tagawa, S., Toda, M. (1981). Methods for visual understanding of hierarchical system structures.
    https://doi.org/10.1109/TSMC.1981.4308636
    """
    layers: dict[int, dict[str, list[int]]] = {}
    for node in ordered_nodes(graph):
        data = graph.nodes[node]
        layers.setdefault(data["depth"], {}).setdefault(data["layer"], []).append(group_of.get(node, 0))
    order = {depth: tuple(sorted(names)) for depth, names in layers.items()}
    if all(len(names) == 1 for names in order.values()):
        return order
    mean_group = {(depth, name): sum(g) / len(g) for depth, names in layers.items() for name, g in names.items()}
    above, below = _linked(graph)
    place = {layer: rank for depth in order for layer, rank in _places(depth, order[depth])}
    for sweep in range(_SWEEPS):
        near = below if sweep % 2 else above
        for depth in sorted(order, reverse=bool(sweep % 2)):
            keys = {
                name: (_mean(near[depth, name], place, (depth, name)), mean_group[depth, name], name)
                for name in order[depth]
            }
            order[depth] = tuple(sorted(order[depth], key=keys.__getitem__))
            place.update(_places(depth, order[depth]))
    return order


def _places(depth: int, names: tuple[str, ...]) -> list[tuple[Layer, float]]:
    return [((depth, name), rank - (len(names) - 1) / 2) for rank, name in enumerate(names)]


def _mean(near: Mapping[Layer, float], place: Mapping[Layer, float], layer: Layer) -> float:
    whole = sum(near.values())
    # Rounded, so that layers linked alike are told apart by their groups.
    return round(sum(weight * place[other] for other, weight in near.items()) / whole, 6) if whole else place[layer]


def _linked(graph: nx.DiGraph) -> tuple[Mapping[Layer, dict[Layer, float]], Mapping[Layer, dict[Layer, float]]]:
    """Return, for every layer, the weight of its links with each layer above it, and with each below it."""
    above: defaultdict[Layer, dict[Layer, float]] = defaultdict(dict)
    below: defaultdict[Layer, dict[Layer, float]] = defaultdict(dict)
    rank = {node: position for position, node in enumerate(ordered_nodes(graph))}
    unit = max((weight for _, _, weight in graph.edges(data="weight")), default=1.0) or 1.0
    # Sorted, so that sums do not depend on the order of insertion.
    for source, target in sorted(graph.edges, key=lambda edge: (rank[edge[0]], rank[edge[1]])):
        here, there = ((graph.nodes[node]["depth"], graph.nodes[node]["layer"]) for node in (source, target))
        if here[0] < there[0]:
            weight = graph.edges[source, target]["weight"] / unit
            above[there][here] = above[there].get(here, 0.0) + weight
            below[here][there] = below[here].get(there, 0.0) + weight
    return above, below
