"""The way of every edge that passes other layers, and curves along such ways."""

from collections.abc import Mapping
from itertools import pairwise

import networkx as nx

from compgraph.show.graph.detours import Arrow, detours
from compgraph.show.graph.layout import ROW, Stack

Place = tuple[float, float]
Route = tuple[Place, ...]
HEAD = 2.6 * ROW
"""Room for the heading of a layer that others stand beside, in points."""
_CLEAR = 0.5 * ROW
_GAP, _THICK = 10.0, 12.0
"""Room between two arrows, and for the edges of one."""
_REACH = 28.0
"""From the column that is passed to where the level stretch begins, in points."""


def routes_of(graph: nx.DiGraph, table: tuple[Stack, ...], places: Mapping[str, Place]) -> dict[tuple[str, str], Route]:
    """Lead the edges that pass columns around these.

    Parameters
    ----------
    graph
        A component graph.
    table
        Its stacks.
    places
        Of its nodes.

    Returns
    -------
    dict
        Edge to the two ends of its level stretch, for edges that pass a column. The edges from one space to another
        run side by side, in the order of their sources.

    Notes
    -----
    O(n log n + m log m) for n nodes and m edges.
    """
    stack_of = {node: number for number, stack in enumerate(table) for node in stack.nodes}
    aside = {
        node: (rank / (len(stack.nodes) - 1) - 0.5) * _THICK if len(stack.nodes) > 1 else 0.0
        for stack in table
        for rank, node in enumerate(stack.nodes)
    }
    middle = [sum(places[node][1] for node in stack.nodes) / len(stack.nodes) for stack in table]
    arrows = {
        (a, b): Arrow(table[a].x, table[b].x, (middle[a] + middle[b]) / 2, _THICK)
        for a, b in sorted({(stack_of[source], stack_of[target]) for source, target in graph.edges})
    }
    found = detours(arrows, _extents(table, places), gap=_GAP)
    routes: dict[tuple[str, str], Route] = {}
    for source, target in graph.edges:
        way = found.get((stack_of[source], stack_of[target]))
        if way is not None:
            level = way.level + aside[source]
            routes[source, target] = ((way.start - _REACH, level), (way.stop + _REACH, level))
    return routes


def _extents(table: tuple[Stack, ...], places: Mapping[str, Place]) -> dict[float, tuple[float, float]]:
    """Return the upper and lower end of every column, the headings inside it and half of a row included."""
    found: dict[float, tuple[float, float]] = {}
    for stack in table:
        heights = [places[node][1] for node in stack.nodes]
        top, bottom = min(heights) - (HEAD if stack.shared else _CLEAR), max(heights) + _CLEAR
        before = found.get(stack.x, (top, bottom))
        found[stack.x] = min(before[0], top), max(before[1], bottom)
    return found


def curve(stations: Route) -> list[Place]:
    """Return the points of a cubic Bézier spline through stations, level at each.

    Parameters
    ----------
    stations
        At least two places, from left to right.

    Returns
    -------
    list of (float, float)
        The first station, then two control points and a station for each stretch.

    Examples
    --------
    >>> curve(((0.0, 0.0), (2.0, 8.0)))
    [(0.0, 0.0), (1.0, 0.0), (1.0, 8.0), (2.0, 8.0)]
    """
    points = [stations[0]]
    for (x, y), (right, down) in pairwise(stations):
        middle = (x + right) / 2
        points += [(middle, y), (middle, down), (right, down)]
    return points
