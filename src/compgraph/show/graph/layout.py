"""Where everything stands: one column per depth and side in the order the data flows, its layers one below another."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import networkx as nx

from compgraph.arguments import checked
from compgraph.connect import ordered_nodes
from compgraph.group import Partition
from compgraph.show.graph.layer_order import layer_order
from compgraph.show.graph.palette import shown_groups

ROW = 46.0
"""Distance between two neighbouring nodes of a column, in points."""
STEP = 260.0
"""Least distance from what a layer writes to what the next layer writes, in points."""
PAIR = 110.0
"""Least distance from what a layer writes to what is read from it, in points."""
BETWEEN = 3
"""Empty rows between two layers of a column: room for the heading of the lower one."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The nodes of one space, from top to bottom.

    Attributes
    ----------
    depth
        Longest path from an input of the model to the site.
    side
        ``"out"`` for what the site writes, ``"in"`` for what is read from it.
    layer
        Name of the site.
    x
        Horizontal position in points; the stacks of one depth and side share it and are a column.
    nodes
        Node ids from top to bottom.
    outputs
        Names of the model's outputs among them.
    row, rows
        Its number from the top among the layers of its depth, and how many these are.
    """

    depth: int
    side: Literal["in", "out"]
    layer: str
    x: float
    nodes: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    row: int = 0
    rows: int = 1

    @property
    def shared(self) -> bool:
        """Whether other layers have the same depth."""
        return self.rows > 1


def stacks(graph: nx.DiGraph, groups: Partition | None = None) -> tuple[Stack, ...]:
    """Sort the nodes into columns, left to right in the order the data flows, and into layers, top to bottom.

    Within a layer nodes stand by group, then by index: members of a group face one another across the
    columns, which keeps edges inside a group short and nearly level.

    Parameters
    ----------
    graph
        A component graph.
    groups
        Its partition; one that is missing or not reliable leaves the order to the index.

    Returns
    -------
    tuple of Stack
        One for every space, "out" before "in" within a depth, layers of a column as `layer_order` has them.

    Notes
    -----
    O(n log n + m log m) for n nodes and m edges. Missing sides take no room.
    """
    group_of = shown_groups(groups)
    order = layer_order(graph, group_of)
    members: dict[tuple[int, str], dict[str, list[str]]] = {}
    for node in ordered_nodes(graph):
        data = graph.nodes[node]
        members.setdefault((data["depth"], data["side"]), {}).setdefault(data["layer"], []).append(node)
    stretch = _stretch(list(members), max((_rows(column) for column in members.values()), default=0))
    result: list[Stack] = []
    x, before = 0.0, None
    for (depth, side), by_layer in members.items():
        if before is not None:
            x += stretch * (PAIR if before == depth else STEP - PAIR)
        before = depth
        for row, layer in enumerate(order[depth]):
            nodes = tuple(sorted(by_layer.get(layer, ()), key=lambda node: group_of.get(node, 0)))  # stable: then index
            if nodes:
                facing: Literal["in", "out"] = "out" if side == "out" else "in"
                outputs, rows = _outputs(graph, nodes), len(order[depth])
                result.append(Stack(depth, facing, layer, x, nodes, outputs, row, rows))
    return tuple(result)


def _outputs(graph: nx.DiGraph, nodes: tuple[str, ...]) -> tuple[str, ...]:
    names = [graph.nodes[node].get("output") for node in nodes]
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))


def _rows(column: Mapping[str, list[str]]) -> int:
    return sum(len(nodes) for nodes in column.values()) + BETWEEN * (len(column) - 1)


def _stretch(spaces: list[tuple[int, str]], tallest: int) -> float:
    """Widen the picture of a few tall columns, so that it fills a screen and its edges do not run steeply."""
    depths = [depth for depth, _ in spaces]
    width = sum(PAIR if here == there else STEP - PAIR for here, there in pairwise(depths))
    return min(max(1.6 * tallest * ROW / width, 1.0), 3.0) if width else 1.0


@checked
def layered_positions(graph: nx.DiGraph, groups: Partition | None = None) -> dict[str, tuple[float, float]]:
    """Place every node: x by its depth and side, y by its layer, its group's lane and its rank within the lane.

    Every group owns a horizontal lane as high as its largest share of any column, so a group that spans the
    network reads as a band. When lanes would waste more than half the height (many small groups), the columns are
    stacked without gaps instead. Layers that share a depth stand one below another, groups in order within each.

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
    O(n log n + m log m) for n nodes and m edges.

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
    table, group_of = stacks(graph, groups), shown_groups(groups)
    alone = [stack for stack in table if not stack.shared]
    tallest = max((len(stack.nodes) for stack in alone), default=0)
    heights: dict[int, int] = {}
    for stack in alone:
        for group, nodes in _by_group(stack.nodes, group_of).items():
            heights[group] = max(heights.get(group, 0), len(nodes))
    if sum(heights.values()) > 2 * tallest:
        group_of, heights = {}, {0: tallest}
    return {**_in_lanes(alone, group_of, heights), **_in_slots([stack for stack in table if stack.shared])}


def _in_lanes(table: list[Stack], group_of: dict[str, int], heights: dict[int, int]) -> dict[str, tuple[float, float]]:
    """Centre each column's share of a group in the lane of that group; lanes stand one row apart."""
    total = sum(heights.values()) + 0.5 * (len(heights) - 1)
    positions: dict[str, tuple[float, float]] = {}
    middle: dict[int, float] = {}
    top = -total / 2
    for group in sorted(heights):
        middle[group] = top + heights[group] / 2
        top += heights[group] + 0.5
    for stack in table:
        for group, nodes in _by_group(stack.nodes, group_of).items():
            for rank, node in enumerate(nodes):
                y = middle[group] + rank - (len(nodes) - 1) / 2
                positions[node] = (stack.x, y * ROW)
    return positions


def _in_slots(table: list[Stack]) -> dict[str, tuple[float, float]]:
    """Give each layer of a depth a slot as high as the taller of its sides, and centre both there."""
    heights: dict[int, dict[int, int]] = {}
    for stack in table:
        slots = heights.setdefault(stack.depth, {})
        slots[stack.row] = max(slots.get(stack.row, 0), len(stack.nodes))
    positions = {}
    for stack in table:
        slots = heights[stack.depth]
        total = sum(slots.values()) + BETWEEN * (len(slots) - 1)
        above = sum(slots[row] + BETWEEN for row in range(stack.row))
        middle = above + slots[stack.row] / 2 - total / 2
        for rank, node in enumerate(stack.nodes):
            positions[node] = (stack.x, (middle + rank - (len(stack.nodes) - 1) / 2) * ROW)
    return positions


def _by_group(nodes: tuple[str, ...], group_of: dict[str, int]) -> dict[int, list[str]]:
    """Split a column's nodes by group, keeping their order."""
    parts: dict[int, list[str]] = {}
    for node in nodes:
        parts.setdefault(group_of.get(node, 0), []).append(node)
    return parts
