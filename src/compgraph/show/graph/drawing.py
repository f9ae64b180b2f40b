"""The component graph drawn by matplotlib, and figures as bytes; matplotlib's global state is left alone."""

import io
import warnings
from collections.abc import Sequence
from itertools import pairwise

import matplotlib as mpl
import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from compgraph.arguments import checked
from compgraph.errors import unknown_name
from compgraph.group import Partition
from compgraph.show.graph.layout import ROW
from compgraph.show.graph.routes import curve
from compgraph.show.graph.scene import Headed, Line, Scene, scene
from compgraph.show.graph.words import printable

INK = "#1F2430"
"""The colour of text."""
TALLEST = 60.0
"""Height of the tallest picture of layers side by side, in inches."""
_QUIET = "#5B6270"
_METADATA: dict[str, dict[str, None]] = {
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".png": {"Software": None},
}


@checked
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

    Examples
    --------
    >>> import torch
    >>> import compgraph as cg
    >>> stats = cg.collect(torch.nn.Linear(3, 2), torch.eye(3))
    >>> parts = cg.components(stats, "neuron")
    >>> graph = cg.build_graph(parts, cg.edges(stats, parts, "covariance"))
    >>> graph_figure(graph).get_suptitle()
    'Component graph: neuron components, covariance weights'
    """
    shown = scene(graph, groups)
    stations = [mark.place for mark in shown.marks] + [place for line in shown.lines for place in line.route]
    xs, ys = ([place[axis] for place in stations] or [0.0] for axis in (0, 1))
    width = max(8.0, 1.15 * len({each.stack.x for each in shown.columns}))
    height = 2.0 + 0.24 * (max(ys) - min(ys)) / ROW
    # Headings inside the picture need rows of their full height.
    tallest = TALLEST if any(each.stack.shared for each in shown.columns) else 2 * width
    figure = Figure(figsize=(width, min(max(3.0, height), tallest)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_xlim(min(xs) - 60, max(xs) + 60)
    axes.set_ylim(max(ys) + 30, min(ys) - 30)
    figure.suptitle(shown.title, fontsize=13, color=INK, parse_math=False)
    # Room for two lines of column headings between the summary and the picture.
    below = f"{shown.summary}\n{shown.contents}"
    axes.set_title(below, fontsize=10, color=_QUIET, pad=34, parse_math=False)
    _draw_edges(axes, shown)
    _draw_nodes(axes, shown)
    _head_columns(axes, shown.columns, width)
    add_legend(figure, [(entry.name, entry.shade) for entry in shown.legend])
    return figure


def _head_columns(axes: Axes, table: tuple[Headed, ...], width: float) -> None:
    """Write above every layer what it holds, as long as the gap to its neighbour allows."""
    places = sorted({each.stack.x for each in table})
    gap = min((right - left for left, right in pairwise(places)), default=120.0)
    inches = width * gap / (places[-1] - places[0] + 120) if table else width
    for each in table:
        limit = max(6, int(11 * inches))
        axes.annotate(
            "\n".join(printable(part, limit=limit) for part in (each.subject, each.verb)),
            (each.stack.x, each.top),
            (0, 14),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=9,
            color=INK,
            annotation_clip=False,
            parse_math=False,
            # Edges to the layers beside it may run behind a heading inside the picture.
            bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1} if each.stack.shared else None,
        )


def _draw_edges(axes: Axes, shown: Scene) -> None:
    # Weak edges first, so that strong ones lie on top; names break ties to keep the file the same every time.
    ids = [mark.node for mark in shown.marks]
    drawn = [line for line in shown.lines if line.relative > 0]
    drawn.sort(key=lambda line: (line.relative, ids[line.source], ids[line.target]))
    axes.add_collection(
        LineCollection(
            [_way(shown, line) for line in drawn],
            linewidths=[0.7 * line.width for line in drawn],
            colors=[line.shade for line in drawn],
            alpha=[0.12 + 0.78 * line.relative for line in drawn] or None,
            zorder=1,
        )
    )


def _way(shown: Scene, line: Line) -> Sequence[tuple[float, float]]:
    """Return the points of an edge: its ends, or a smooth line around what it passes."""
    stations = (shown.marks[line.source].place, *line.route, shown.marks[line.target].place)
    if not line.route:
        return stations
    points = np.array(curve(stations))
    t = np.linspace(0, 1, 13)[:, None]
    powers = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
    pieces = [sum(p * points[start + k] for k, p in enumerate(powers)) for start in range(0, len(points) - 1, 3)]
    return [(float(x), float(y)) for piece in pieces for x, y in np.asarray(piece)]


def _draw_nodes(axes: Axes, shown: Scene) -> None:
    sizes = [60 + 150 * mark.share for mark in shown.marks]
    points = np.array([mark.place for mark in shown.marks], dtype=np.float64).reshape(-1, 2)
    shades = [mark.shade for mark in shown.marks]
    axes.scatter(points[:, 0], points[:, 1], s=sizes, c=shades, edgecolors="white", zorder=2)


@checked
def add_legend(figure: Figure, entries: list[tuple[str, str]]) -> None:
    """Explain colours below a figure.

    Parameters
    ----------
    figure
        Where to draw.
    entries
        Names and their colours; nothing is drawn when there are none.

    Examples
    --------
    >>> figure = Figure(layout="constrained")
    >>> add_legend(figure, [("left", "#0072B2"), ("right", "#E69F00")])
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['left', 'right']
    """
    if not entries:
        return
    handles = [Patch(color=shade, label=printable(name, limit=30)) for name, shade in entries]
    legend = figure.legend(handles=handles, loc="outside lower center", ncols=min(6, len(handles)), frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)


@checked
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

    Raises
    ------
    UnknownName
        When matplotlib writes no such format.

    Examples
    --------
    >>> figure_bytes(Figure(), ".png")[1:4], figure_bytes(Figure(), ".svg")[:5]
    (b'PNG', b'<?xml')
    """
    known = figure.canvas.get_supported_filetypes()
    if suffix.removeprefix(".") not in known:
        raise unknown_name("format of figures", suffix, (f".{each}" for each in known))
    stream = io.BytesIO()
    with (
        mpl.rc_context({"svg.hashsalt": "compgraph", "svg.fonttype": "none", "pdf.fonttype": 42}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a box stands for an emoji
        figure.savefig(stream, format=suffix.removeprefix("."), dpi=dpi, metadata=_METADATA.get(suffix))
    return stream.getvalue()


def take_apart(figure: Figure) -> None:
    """Free what a figure holds that nobody will look at again.

    Parameters
    ----------
    figure
        It is of no use afterwards.

    Notes
    -----
    The parts of a figure refer to each other in circles, and its texts to the pixels of all of it: about 10 MB that
    would otherwise be held until Python looks for garbage, which may be many figures later.

    Examples
    --------
    >>> figure = Figure()
    >>> take_apart(figure)
    >>> vars(figure)
    {}
    """
    bars = [each for axes in figure.axes for each in axes.containers]
    for part in [*bars, *figure.findobj()]:
        vars(part).clear()
