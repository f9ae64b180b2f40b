"""The flow diagram on paper: boxes for components, bands for links, a colour for every task."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline

from compgraph.arguments import checked
from compgraph.check import TaskProfile
from compgraph.errors import unknown_name
from compgraph.group import Partition
from compgraph.show.flow.bands import SMALLEST, Flow, task_flow
from compgraph.show.flow.page import flow_html
from compgraph.show.flow.shapes import SCALE, Shapes, flow_shapes, spread
from compgraph.show.flow.words import colours, hidden_bands, legend, past_columns, reading
from compgraph.show.graph.drawing import INK, add_legend, figure_bytes
from compgraph.show.graph.words import heading, printable, readers_of, recipe
from compgraph.storage import expanded, write_atomically

_QUIET = "#5B6270"
_STEP, _POINTS = 7.6, 235.0
"""Least distance of the labels in a column, and height of the drawing of one layer a column, in points."""
_LETTERS = 12
"""Characters of a heading in an inch of the picture."""
_PLAIN, _TALLEST = 1.4, 40.0
"""Height of the tallest such drawing in heights of a space, and of any drawing in inches."""
_SUFFIXES = (".html", ".svg", ".png", ".pdf")


@checked
def flow_figure(
    graph: nx.DiGraph,
    profile: TaskProfile,
    *,
    title: str | None = None,
    smallest: float | int = SMALLEST,
    groups: Partition | None = None,
) -> Figure:
    """Draw what flows through a component graph: the bands between components, split by task.

    A box is a component, as high as its share of its space. A band is a link; where it arrives it is as wide as the
    part of the target that comes from the source, and where it leaves as the part of the source that goes there. Its
    strips are the tasks of the source. See `task_flow` for the formula.

    Parameters
    ----------
    graph
        A component graph.
    profile
        Task shares of its nodes, from `compgraph.task_profile`.
    title
        Heading; by default the components and the weights.
    smallest
        Bands thinner than this at both ends are left out, as a share of a space; the picture says how much they are.
    groups
        Its partition, for the colours of tasks that its groups are named after.

    Returns
    -------
    matplotlib.figure.Figure
        At least 8 inches wide, one column per space in the order in which data flows.

    Raises
    ------
    GraphError, BadRequest
        As `task_flow`.

    Notes
    -----
    All heights are shares of a space, without unit. O(n log n + m log m) for n nodes and m edges.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "depth": 1, "index": 0, "method": "pca", "strength": 2.0, "share": 1.0}
    >>> graph.add_nodes_from([("a", {"side": "out", "label": "a"}), ("b", {"side": "in", "label": "b"})], **where)
    >>> graph.add_edge("a", "b", weight=1.0, effect=0.5, kind="within", rule="given")
    >>> profile = TaskProfile({}, {"a": {"left": 0.8, "right": 0.2}}, {"a": "left"})
    >>> figure = flow_figure(graph, profile, title="One link")
    >>> len(figure.axes)
    1
    """
    found = task_flow(graph, profile, smallest=smallest, groups=groups)
    shapes = flow_shapes(graph, found)
    height = min(5.4 + _POINTS / 72 * max(shapes.height / _PLAIN - 1, 0), _TALLEST)
    figure = Figure(figsize=(max(8.0, 1.2 * shapes.n_columns), height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_xlim(-0.06, 1.1 + shapes.box)
    axes.set_ylim(shapes.height + 0.01, -0.01)
    heading_text = recipe(graph) if title is None else title
    figure.suptitle(printable(heading_text), fontsize=12, color=INK, parse_math=False)
    words = "\n".join(filter(None, [*reading(), past_columns(shapes.around), hidden_bands(found, smallest)]))
    axes.set_title(words, fontsize=8.0, color=_QUIET, pad=36, parse_math=False)
    _draw(axes, found, shapes)
    _head(axes, graph, shapes, figure.get_figwidth())
    _label(axes, graph, shapes)
    _draw_scale(axes, shapes)
    add_legend(figure, legend(found))
    return figure


def _draw(axes: Axes, found: Flow, shapes: Shapes) -> None:
    shades = colours(found)
    for ribbon in shapes.ribbons:
        for number, strip in enumerate(ribbon.leaving):
            outline = _outline(*ribbon.outline(number))
            axes.add_patch(PathPatch(outline, facecolor=shades[strip.task], alpha=0.5, linewidth=0, zorder=1))
    for box in shapes.boxes.values():
        for strip in box.strips:
            corner = (box.x, strip.top)
            axes.add_patch(
                Rectangle(
                    corner, box.width, strip.bottom - strip.top, facecolor=shades[strip.task], linewidth=0, zorder=2
                )
            )
        axes.add_patch(
            Rectangle(
                (box.x, box.top), box.width, box.bottom - box.top, fill=False, edgecolor=INK, linewidth=0.6, zorder=3
            )
        )


def _outline(upper: list[tuple[float, float]], lower: list[tuple[float, float]]) -> Outline:
    curves = [Outline.CURVE4] * (len(upper) - 1)
    codes = [Outline.MOVETO, *curves, Outline.LINETO, *curves, Outline.CLOSEPOLY]
    return Outline([*upper, *lower, upper[0]], codes)


def _head(axes: Axes, graph: nx.DiGraph, shapes: Shapes, inches: float) -> None:
    """Write above every layer what it holds, as long as the next column allows."""
    readers = readers_of(graph)
    limit = min(18, max(6, int(_LETTERS * inches * shapes.step)))
    for stack, top in zip(shapes.stacks, shapes.heads, strict=True):
        words = "\n".join(printable(part, limit=limit) for part in heading(stack, readers))
        _write(axes, words, (stack.x + shapes.box / 2, top), size=8.0, align=("center", "bottom"), up=6.0)


def _label(axes: Axes, graph: nx.DiGraph, shapes: Shapes) -> None:
    """Write the index of every component beside its box; labels that would touch give way, and some are left out."""
    step = _STEP * min(shapes.height, _PLAIN) / _POINTS
    for number in range(shapes.n_columns):
        boxes = [box for box in shapes.boxes.values() if box.column == number]
        room = int(shapes.height / step) + 1
        kept = boxes if len(boxes) <= room else sorted(boxes, key=lambda box: box.top - box.bottom)[:room]
        shown = [box for box in boxes if box in kept]
        for box, y in zip(shown, spread([(b.top + b.bottom) / 2 for b in shown], step, shapes.height), strict=True):
            words = str(graph.nodes[box.node]["index"])
            _write(axes, words, (box.x - 0.006, y), size=7.0, align=("right", "center"))


def _draw_scale(axes: Axes, shapes: Shapes) -> None:
    """Draw a bar that tells how much of a space a height is."""
    x, bottom = 1 + shapes.box + 0.035, shapes.height
    axes.plot([x, x], [bottom - SCALE, bottom], color=INK, linewidth=1.5, solid_capstyle="butt", clip_on=False)
    words = f"{100 * SCALE:.0f} % of\na space"
    _write(axes, words, (x + 0.01, bottom - SCALE / 2), size=7.0, align=("left", "center"))


def _write(
    axes: Axes, words: str, place: tuple[float, float], *, size: float, align: tuple[str, str], up: float = 0.0
) -> None:
    axes.annotate(
        words,
        place,
        (0.0, up),
        textcoords="offset points",
        fontsize=size,
        color=INK,
        ha=align[0],
        va=align[1],
        annotation_clip=False,
        parse_math=False,
    )


@checked
def save_flow(
    path: str | os.PathLike[str],
    graph: nx.DiGraph,
    profile: TaskProfile,
    *,
    title: str | None = None,
    smallest: float | int = SMALLEST,
    groups: Partition | None = None,
) -> Path:
    """Save the flow diagram of a component graph.

    Parameters
    ----------
    path
        Ends in ``.html`` (interactive, one file, works offline), ``.svg``, ``.png`` or ``.pdf``.
    graph, profile, title, smallest, groups
        As for `flow_figure`.

    Returns
    -------
    pathlib.Path
        Where it was written.

    Raises
    ------
    UnknownName
        When the suffix is none of those.
    GraphError, BadRequest
        As `flow_figure`.
    OutputError
        When the path cannot be written; what was there before is untouched.

    Notes
    -----
    The same graph and profile give the same bytes, whatever the order of insertion.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "depth": 1, "index": 0, "method": "pca", "strength": 2.0, "share": 1.0}
    >>> graph.add_nodes_from([("a", {"side": "out", "label": "a"}), ("b", {"side": "in", "label": "b"})], **where)
    >>> graph.add_edge("a", "b", weight=1.0, effect=0.5, kind="within", rule="given")
    >>> profile = TaskProfile({}, {"a": {"left": 0.8, "right": 0.2}}, {"a": "left"})
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = save_flow(f"{folder}/flow.html", graph, profile).read_text()
    >>> page[:15]
    '<!DOCTYPE html>'
    """
    suffix = expanded(path).suffix.lower()
    if suffix not in _SUFFIXES:
        raise unknown_name("flow diagram format", suffix, _SUFFIXES)
    draw: Callable[..., Any] = flow_html if suffix == ".html" else flow_figure
    drawn = draw(graph, profile, title=title, smallest=smallest, groups=groups)
    content = drawn.encode() if suffix == ".html" else figure_bytes(drawn, suffix)
    return write_atomically(path, content)
