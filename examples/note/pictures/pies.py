"""The component graph in a panel of a larger figure, every component a pie."""

from collections.abc import Mapping

import networkx as nx
import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.path import Path

from compgraph.connect import ordered_nodes
from compgraph.errors import BadRequest
from compgraph.show import FAINT, NEUTRAL, printable

SIZE = 190.0  # of a component, in squared points
CORNERS = 60  # of a full circle
LIGHTEST = 0.01  # of the heaviest edge between the same layers: what is lighter could not be seen

Pies = Mapping[str, Mapping[str, float]]


def draw_pies(axes: Axes, graph: nx.DiGraph, pies: Pies) -> None:
    """Draw a component graph with every component divided by colour, such as its variance by task.

    Parameters
    ----------
    axes
        Where to draw; limits and ticks are set.
    graph
        A component graph. Components of one layer stand above each other, the first at the top, numbered.
    pies
        Node to colour to share of the node, from 12 o'clock in the order given. Shares are scaled to 1 in total; a node
        that has none is grey. An edge has the colour of its ends when both are of that colour alone.

    Raises
    ------
    BadRequest
        When a node has no pie.

    Notes
    -----
    Widths are linear in the weight relative to the heaviest edge between the same two layers; edges below a hundredth
    of that are left out. O(nodes + edges).
    """
    missing = [node for node in graph if node not in pies]
    if missing:
        raise BadRequest(f"{len(missing)} of {len(graph)} nodes have no pie, the first is {missing[0]!r}.")
    places, shades = _places(graph), {node: _shares(pies[node]) for node in graph}
    _draw_edges(axes, graph, places, shades)
    for node, (x, y) in places.items():
        start = 0.0
        for shade, share in shades[node].items():
            wedge = _wedge(start, start + share)
            start += share
            # A marker is scaled until it fills its square, and this scales it back.
            size = SIZE * float(np.abs(wedge).max()) ** 2
            axes.scatter(x, y, s=size, marker=Path(wedge), color=shade, linewidths=0, zorder=2)
        axes.annotate(str(graph.nodes[node]["index"]), (x, y), fontsize=8, color="white", ha="center", va="center")
    layers = {places[node][0]: layer for node, layer in graph.nodes(data="layer")}
    axes.set_xticks(list(layers), [printable(name, limit=24) for name in layers.values()], fontsize=8)
    for text in axes.get_xticklabels():
        text.set_parse_math(False)
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.margins(0.12)


def _places(graph: nx.DiGraph) -> dict[str, tuple[float, float]]:
    columns: dict[tuple[int, bool], list[str]] = {}
    for node in ordered_nodes(graph):
        columns.setdefault((graph.nodes[node]["depth"], graph.nodes[node]["side"] == "in"), []).append(node)
    return {
        node: (float(x), (len(nodes) - 1) / 2 - rank)
        for x, nodes in enumerate(columns.values())
        for rank, node in enumerate(nodes)
    }


def _shares(pie: Mapping[str, float]) -> dict[str, float]:
    total = sum(pie.values())
    return {shade: share / total for shade, share in pie.items() if share > 0} if total > 0 else {NEUTRAL: 1.0}


def _wedge(start: float, end: float) -> Float64[np.ndarray, "_ 2"]:
    angles = 2 * np.pi * np.linspace(start, end, CORNERS)
    rim = np.column_stack([np.sin(angles), np.cos(angles)])
    return rim if end - start == 1 else np.vstack([[0.0, 0.0], rim])


def _draw_edges(
    axes: Axes, graph: nx.DiGraph, places: Mapping[str, tuple[float, float]], shades: Mapping[str, Mapping[str, float]]
) -> None:
    between = {(a, b): (places[a][0], places[b][0]) for a, b in graph.edges}
    heaviest: dict[tuple[float, float], float] = {}
    for a, b, weight in graph.edges(data="weight"):
        heaviest[between[a, b]] = max(weight, heaviest.get(between[a, b], 0.0))
    # Light edges first, so that heavy ones lie on top; names break ties to keep the picture the same every time.
    ranked = sorted(
        (weight / heaviest[between[a, b]], a, b)
        for a, b, weight in graph.edges(data="weight")
        if 0 < weight >= LIGHTEST * heaviest[between[a, b]]
    )
    lines = LineCollection(
        [(places[a], places[b]) for _, a, b in ranked],
        linewidths=[0.3 + 4 * share for share, _, _ in ranked],
        colors=[next(iter(shades[a])) if _alike(shades[a], shades[b]) else FAINT for _, a, b in ranked],
        alpha=[0.15 + 0.8 * share for share, _, _ in ranked] or None,
        zorder=1,
    )
    axes.add_collection(lines)


def _alike(first: Mapping[str, float], second: Mapping[str, float]) -> bool:
    return len(first) == 1 and first.keys() == second.keys()
