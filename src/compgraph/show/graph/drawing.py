"""The component graph drawn by matplotlib, and figures as bytes; matplotlib's global state is left alone."""

import io
import warnings
from itertools import pairwise

import matplotlib as mpl
import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from compgraph.connect import ordered_nodes
from compgraph.group import Partition
from compgraph.show.graph.layout import ROW, Column, columns, layered_positions
from compgraph.show.graph.palette import FAINT, colour, node_colours, shown_groups
from compgraph.show.graph.widths import pen_width, relative_weights
from compgraph.show.graph.words import heading, next_layers, printable, summary, title

INK = "#1F2430"
"""The colour of text."""
_QUIET = "#5B6270"
_METADATA: dict[str, dict[str, None]] = {
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".png": {"Software": None},
}


def graph_figure(graph: nx.DiGraph, groups: Partition | None = None) -> Figure:
    """Draw a component graph in the layered positions of the HTML page.

    Parameters
    ----------
    graph
        A component graph.
    groups
        Its partition; one that is not reliable is reported below the title and not coloured.

    Returns
    -------
    matplotlib.figure.Figure
        At least 8 inches wide; every edge of positive weight is drawn, weak ones thin and pale.

    Notes
    -----
    Widths are linear in the weight relative to the strongest edge between the same two spaces. O(n log n + m log m).
    """
    table, positions = columns(graph, groups), layered_positions(graph, groups)
    xs, ys = ([point[axis] for point in positions.values()] or [0.0] for axis in (0, 1))
    width, height = max(8.0, 1.15 * len(table)), 2.0 + 0.24 * (max(ys) - min(ys)) / ROW
    figure = Figure(figsize=(width, min(max(3.0, height), 2 * width)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_xlim(min(xs) - 60, max(xs) + 60)
    axes.set_ylim(max(ys) + 30, min(ys) - 30)
    figure.suptitle(title(graph), fontsize=13, color=INK, parse_math=False)
    # Room for two lines of column headings between the summary and the picture.
    axes.set_title(summary(graph, groups), fontsize=10, color=_QUIET, pad=34, parse_math=False)
    _draw_edges(axes, graph, groups, positions)
    _draw_nodes(axes, graph, groups, positions)
    _head_columns(axes, graph, table, min(ys), width)
    add_legend(figure, [(f"group {group}", colour(group)) for group in sorted(set(shown_groups(groups).values()))])
    return figure


def _head_columns(axes: Axes, graph: nx.DiGraph, table: tuple[Column, ...], top: float, width: float) -> None:
    """Write above every column what it holds, as long as the gap to its neighbour allows."""
    readers = next_layers(graph)
    gap = min((right.x - left.x for left, right in pairwise(table)), default=120.0)
    inches = width * gap / (table[-1].x - table[0].x + 120) if table else width
    for column in table:
        words = "\n".join(printable(part, limit=max(6, int(11 * inches))) for part in heading(column, readers))
        axes.annotate(
            words,
            (column.x, top),
            (0, 14),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=9,
            color=INK,
            annotation_clip=False,
            parse_math=False,
        )


def _draw_edges(
    axes: Axes, graph: nx.DiGraph, groups: Partition | None, positions: dict[str, tuple[float, float]]
) -> None:
    group_of, colours = shown_groups(groups), node_colours(groups, list(positions))
    # Weak edges first, so that strong ones lie on top; names break ties to keep the file the same every time.
    ranked = sorted((share, edge) for edge, share in relative_weights(graph).items() if share > 0)
    inside = [a in group_of and group_of[a] == group_of[b] for _, (a, b) in ranked]
    axes.add_collection(
        LineCollection(
            [(positions[a], positions[b]) for _, (a, b) in ranked],
            linewidths=[0.7 * pen_width(share) for share, _ in ranked],
            colors=[colours[a] if same else FAINT for same, (_, (a, _)) in zip(inside, ranked, strict=True)],
            alpha=[0.12 + 0.78 * share for share, _ in ranked] or None,
            zorder=1,
        )
    )


def _draw_nodes(
    axes: Axes, graph: nx.DiGraph, groups: Partition | None, positions: dict[str, tuple[float, float]]
) -> None:
    nodes = ordered_nodes(graph)
    colours = node_colours(groups, nodes)
    sizes = [60 + 150 * min(max(graph.nodes[node]["share"], 0.0), 1.0) for node in nodes]
    points = np.array([positions[node] for node in nodes], dtype=np.float64).reshape(-1, 2)
    axes.scatter(points[:, 0], points[:, 1], s=sizes, c=[colours[node] for node in nodes], edgecolors="white", zorder=2)


def add_legend(figure: Figure, entries: list[tuple[str, str]]) -> None:
    """Explain colours below a figure.

    Parameters
    ----------
    figure
        Where to draw.
    entries
        Names and their colours; nothing is drawn when there are none.
    """
    if not entries:
        return
    handles = [Patch(color=shade, label=printable(name, limit=30)) for name, shade in entries]
    legend = figure.legend(handles=handles, loc="outside lower center", ncols=min(6, len(handles)), frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)


def figure_bytes(figure: Figure, suffix: str, *, dpi: int = 200) -> bytes:
    """Return a figure as the bytes of a file, the same ones every time.

    Parameters
    ----------
    figure
        Any matplotlib figure.
    suffix
        ``".svg"``, ``".png"`` or ``".pdf"``.
    dpi
        Dots an inch, in PNG.

    Returns
    -------
    bytes
        Without date or version; text stays text in SVG.
    """
    stream = io.BytesIO()
    with (
        mpl.rc_context({"svg.hashsalt": "compgraph", "svg.fonttype": "none", "pdf.fonttype": 42}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a box stands for an emoji
        figure.savefig(stream, format=suffix.removeprefix("."), dpi=dpi, metadata=_METADATA.get(suffix))
    return stream.getvalue()
