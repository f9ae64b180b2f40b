"""Where everything stands: one column per space in the order the data flows, groups in level lanes."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import networkx as nx

from compgraph.connect import ordered_nodes
from compgraph.group import Partition
from compgraph.show.graph.palette import shown_groups

ROW = 46.0
"""Distance between two neighbouring nodes of a column, in points."""
STEP = 260.0
"""Least distance from what a layer writes to what the next layer writes, in points."""
PAIR = 110.0
"""Least distance from what a layer writes to what is read from it, in points."""


@dataclass(frozen=True, slots=True)
class Column:
    """The nodes that share a depth and a side, from top to bottom.

    Attributes
    ----------
    depth
        Index of the site in order of execution.
    side
        ``"out"`` for what the site writes, ``"in"`` for what is read from it.
    layers
        The layers found at this depth, normally one.
    x
        Horizontal position in points.
    nodes
        Node ids from top to bottom.
    """

    depth: int
    side: Literal["in", "out"]
    layers: tuple[str, ...]
    x: float
    nodes: tuple[str, ...]


def columns(graph: nx.DiGraph, groups: Partition | None = None) -> tuple[Column, ...]:
    """Sort the nodes into columns, left to right in the order the data flows.

    Within a column nodes stand by group, then by index: members of a group face one another across the
    columns, which keeps edges inside a group short and nearly level.

    Parameters
    ----------
    graph
        A component graph.
    groups
        Its partition; one that is missing or not reliable leaves the order to the index.

    Returns
    -------
    tuple of Column
        One for every (depth, side) that has nodes, "out" before "in" within a depth.

    Notes
    -----
    O(n log n) for n nodes. Missing sides take no room.
    """
    group_of = shown_groups(groups)
    members: dict[tuple[int, str], list[str]] = {}
    for node in ordered_nodes(graph):
        members.setdefault((graph.nodes[node]["depth"], graph.nodes[node]["side"]), []).append(node)
    stretch = _stretch(list(members), max((len(nodes) for nodes in members.values()), default=0))
    result: list[Column] = []
    for (depth, side), nodes in members.items():
        layers = tuple(dict.fromkeys(graph.nodes[node]["layer"] for node in nodes))
        ranked = sorted(nodes, key=lambda node: group_of.get(node, 0))  # stable: index order within a group
        x = result[-1].x + stretch * (PAIR if result[-1].depth == depth else STEP - PAIR) if result else 0.0
        result.append(Column(depth, "out" if side == "out" else "in", layers, x, tuple(ranked)))
    return tuple(result)


def _stretch(spaces: list[tuple[int, str]], tallest: int) -> float:
    """Widen the picture of a few tall columns, so that it fills a screen and its edges do not run steeply."""
    depths = [depth for depth, _ in spaces]
    width = sum(PAIR if here == there else STEP - PAIR for here, there in pairwise(depths))
    return min(max(1.6 * tallest * ROW / width, 1.0), 3.0) if width else 1.0


def layered_positions(graph: nx.DiGraph, groups: Partition | None = None) -> dict[str, tuple[float, float]]:
    """Place every node: x by its column, y by its group's lane and its rank within the lane.

    Every group owns a horizontal lane as high as its largest share of any column, so a group that spans the
    network reads as a band. When lanes would waste more than half the height (many small groups), the columns are
    stacked without gaps instead.

    Parameters
    ----------
    graph
        A component graph.
    groups
        Its partition; one that is missing or not reliable gives a single lane.

    Returns
    -------
    dict of str to (float, float)
        Node id to (x, y) in points, y growing downwards, the picture centred on y = 0.

    Notes
    -----
    O(n log n) for n nodes.

    Examples
    --------
    >>> import torch
    >>> import compgraph as cg
    >>> stats = cg.collect(torch.nn.Linear(3, 2), torch.eye(3))
    >>> parts = cg.components(stats, "neuron")
    >>> graph = cg.build_graph(parts, cg.edges(stats, parts, "covariance"))
    >>> places = layered_positions(graph)
    >>> places["input/in/0"][0] < places["output/out/0"][0]
    True
    """
    group_of = shown_groups(groups)
    table = columns(graph, groups)
    tallest = max((len(column.nodes) for column in table), default=0)
    heights: dict[int, int] = {}
    for column in table:
        for group, nodes in _by_group(column.nodes, group_of).items():
            heights[group] = max(heights.get(group, 0), len(nodes))
    if sum(heights.values()) > 2 * tallest:
        group_of, heights = {}, {0: tallest}
    return _in_lanes(table, group_of, heights)


def _in_lanes(
    table: tuple[Column, ...], group_of: dict[str, int], heights: dict[int, int]
) -> dict[str, tuple[float, float]]:
    """Centre each column's share of a group in the lane of that group; lanes stand one row apart."""
    total = sum(heights.values()) + 0.5 * (len(heights) - 1)
    positions: dict[str, tuple[float, float]] = {}
    middle: dict[int, float] = {}
    top = -total / 2
    for group in sorted(heights):
        middle[group] = top + heights[group] / 2
        top += heights[group] + 0.5
    for column in table:
        for group, nodes in _by_group(column.nodes, group_of).items():
            for rank, node in enumerate(nodes):
                y = middle[group] + rank - (len(nodes) - 1) / 2
                positions[node] = (column.x, y * ROW)
    return positions


def _by_group(nodes: tuple[str, ...], group_of: dict[str, int]) -> dict[int, list[str]]:
    """Split a column's nodes by group, keeping their order."""
    parts: dict[int, list[str]] = {}
    for node in nodes:
        parts.setdefault(group_of.get(node, 0), []).append(node)
    return parts
