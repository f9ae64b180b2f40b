"""Figures for papers and reports: similarity matrices, and variance split by task."""

import math
from collections.abc import Mapping, Sequence

import networkx as nx
import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from compgraph.arguments import checked
from compgraph.arrays import require_finite
from compgraph.connect import ordered_nodes
from compgraph.errors import BadRequest, GraphError, ShapeError
from compgraph.group import Partition
from compgraph.show.graph.drawing import INK, add_legend
from compgraph.show.graph.layout import stacks
from compgraph.show.graph.palette import NEUTRAL, task_colours
from compgraph.show.graph.words import heading, printable, readers_of


@checked
def similarity_figure(
    matrix: Float64[np.ndarray, "rows columns"],
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    *,
    title: str,
    unit: str,
) -> Figure:
    """Draw a matrix of similarities as a heat map.

    Parameters
    ----------
    matrix
        What to show.
    row_labels, column_labels
        Names of its rows and columns.
    title
        Heading.
    unit
        What an entry measures and in which unit, for the colour bar.

    Returns
    -------
    matplotlib.figure.Figure
        Eight inches wide; a diverging palette centred on 0 when an entry is negative, else one that starts at 0.

    Raises
    ------
    ShapeError
        When the labels do not fit the matrix.
    NotFinite
        When an entry is NaN or infinite.

    Examples
    --------
    >>> figure = similarity_figure(np.eye(2), ["a", "b"], ["a", "b"], title="Alike", unit="cosine")
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['', 'cosine']
    """
    if matrix.shape != (len(row_labels), len(column_labels)):
        raise ShapeError(
            f"a matrix of shape {matrix.shape} came with {len(row_labels)} row labels and {len(column_labels)} "
            "column labels; one label a row and a column is needed."
        )
    require_finite(matrix, f"the matrix of {title!r}")
    rows, width = matrix.shape
    figure = Figure(figsize=(8.0, min(max(3.0, 1.8 + 5.2 * rows / max(width, 1)), 11.0)), layout="constrained")
    axes = figure.add_subplot()
    bound = float(np.abs(matrix).max(initial=0.0)) or 1.0
    low, palette = (-bound, "RdBu_r") if matrix.min(initial=0.0) < 0 else (0.0, "cividis")
    image = axes.imshow(matrix, cmap=palette, vmin=low, vmax=bound, aspect="auto", interpolation="nearest")
    figure.colorbar(image, ax=axes).set_label(printable(unit), parse_math=False)
    axes.set_title(printable(title), fontsize=13, color=INK, parse_math=False)
    for axis, labels, angle in ((axes.xaxis, column_labels, 90), (axes.yaxis, row_labels, 0)):
        step = math.ceil(len(labels) / 40) or 1  # more than 40 labels overlap at this size
        texts = [printable(label, limit=24) for label in labels[::step]]
        axis.set_ticks(range(0, len(labels), step), texts, rotation=angle, fontsize=9, parse_math=False)
    return figure


@checked
def task_variance_figure(
    shares: Mapping[str, Mapping[str, float]], graph: nx.DiGraph, *, title: str, groups: Partition | None = None
) -> Figure:
    """Draw the variance of every component, split by the task under whose inputs it arises.

    The height of a bar is the component's share of its space; its parts are the tasks' shares of the component.

    Parameters
    ----------
    shares
        Node id to task to share of the node's variance, each >= 0 and dimensionless. Nodes left out are drawn grey.
    graph
        The component graph of those nodes.
    title
        Heading.
    groups
        Its partition, for the colours of tasks that its groups are named after.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a space, in the order the data flows.

    Raises
    ------
    GraphError
        When a node of ``shares`` is not in the graph.
    BadRequest
        When a share is negative, NaN or infinite.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "depth": 1, "index": 0, "method": "pca", "strength": 2.0, "share": 1.0}
    >>> graph.add_nodes_from([("a", {"side": "in", "label": "a"}), ("b", {"side": "out", "label": "b"})], **where)
    >>> figure = task_variance_figure({"a": {"left": 0.8, "right": 0.2}}, graph, title="Tasks")
    >>> len(figure.axes)
    2
    """
    _require_shares(shares, graph)
    tasks = dict.fromkeys(task for node in ordered_nodes(graph) for task in shares.get(node, {}))
    shades = task_colours(list(tasks), groups)
    table, readers = stacks(graph), readers_of(graph)
    across = min(max(len(table), 1), 3)
    down = math.ceil(len(table) / across) or 1
    figure = Figure(figsize=(8.0, 1.2 + 2.3 * down), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes, stack in zip(panels, table, strict=False):
        _stack(axes, graph, stack.nodes, shares, shades)
        name = " ".join(printable(part, limit=18) for part in heading(stack, readers))
        axes.set_title(name, fontsize=10, color=INK, parse_math=False)
    for axes in panels[len(table) :]:
        axes.set_visible(False)
    figure.suptitle(printable(title), fontsize=13, color=INK, parse_math=False)
    for axes in panels[max(len(table) - across, 0) : len(table)]:
        axes.set_xlabel("component (index)", fontsize=10)
    figure.supylabel("share of the space (%)", fontsize=10)
    missing = [("no profile", NEUTRAL)] if any(node not in shares for node in graph) else []
    add_legend(figure, [*shades.items(), *missing])
    return figure


def _require_shares(shares: Mapping[str, Mapping[str, float]], graph: nx.DiGraph) -> None:
    for node, by_task in shares.items():
        if node not in graph:
            raise GraphError(f"shares name the node {node!r}, which is not among the {len(graph)} nodes of the graph.")
        for task, share in by_task.items():
            if not (math.isfinite(share) and share >= 0):
                raise BadRequest(
                    f"the share of task {task!r} in node {node!r} is {share}; a finite number >= 0 is needed."
                )


def _stack(
    axes: Axes,
    graph: nx.DiGraph,
    nodes: Sequence[str],
    shares: Mapping[str, Mapping[str, float]],
    shades: Mapping[str, str],
) -> None:
    indices = [graph.nodes[node]["index"] for node in nodes]
    whole = np.array([100 * graph.nodes[node]["share"] for node in nodes], dtype=np.float64)
    base = np.zeros(len(nodes))
    unknown = np.array([node not in shares for node in nodes], dtype=bool)
    axes.bar(indices, whole * unknown, color=NEUTRAL)
    for task, shade in shades.items():
        part = whole * np.array([shares.get(node, {}).get(task, 0.0) for node in nodes])
        axes.bar(indices, part, bottom=base, color=shade)
        base += part
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


@checked
def plain(axes: Axes, title: str) -> None:
    """Head a panel and leave out the lines it does not need.

    Parameters
    ----------
    axes
        Where to draw.
    title
        Heading; empty for none.

    Examples
    --------
    >>> axes = Figure().subplots()
    >>> plain(axes, "One panel")
    >>> axes.get_title()
    'One panel'
    """
    axes.set_title(title, fontsize=10, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)
