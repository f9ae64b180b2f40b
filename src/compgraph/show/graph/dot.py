"""DOT text: columns as ranks, groups as colours, weights as pen widths."""

from dataclasses import replace

import graphviz
import networkx as nx

from compgraph.arguments import checked
from compgraph.group import Partition
from compgraph.show.graph.layout import ROW
from compgraph.show.graph.routes import curve
from compgraph.show.graph.scene import Headed, Line, Scene, scene
from compgraph.show.graph.words import one_line

_LABEL = 24  # characters of a label inside the picture; its tooltip has all of them
_LONGEST = 3000  # characters of a string: graphviz reads none of more than 16 KiB, and an & takes 5 bytes
_BYTES = 16_000
_MARGIN = 44.0  # from the middle of a column to the border of its box, in points


@checked
def dot_text(graph: nx.DiGraph, groups: Partition | None = None) -> str:
    """Return a component graph as DOT text.

    Nodes are named ``n0, n1, ...`` in canonical order, so that no layer name can be mistaken for syntax; their labels
    and tooltips carry the names. Every column is a cluster of one rank. Positions are included: ``dot`` lays the graph
    out anew, ``neato -n2`` draws the layered picture of the HTML page at once.

    Parameters
    ----------
    graph
        A component graph.
    groups
        Its partition; one that is not reliable is reported in the title and not coloured.

    Returns
    -------
    str
        DOT with every node and every edge of positive weight; `save` to ``.html`` hides weak ones, this does not.

    Notes
    -----
    O(n log n + m log m) for n nodes and m edges. Pen widths are in points, linear in the weight relative to the
    strongest edge of the same two spaces; edges inside a group have its colour, weak ones are more transparent.

    Examples
    --------
    >>> import torch
    >>> import compgraph as cg
    >>> stats = cg.collect(torch.nn.Linear(3, 2), torch.eye(3))
    >>> parts = cg.components(stats, "neuron")
    >>> graph = cg.build_graph(parts, cg.edges(stats, parts, "covariance"))
    >>> print(dot_text(graph).splitlines()[0])
    digraph compgraph {
    """
    return scene_dot(scene(graph, groups))


def scene_dot(shown: Scene) -> str:
    """Return a scene as DOT text.

    Parameters
    ----------
    shown
        The picture.

    Returns
    -------
    str
        As `dot_text` does.
    """
    drawing = graphviz.Digraph("compgraph")
    around = any(line.route for line in shown.lines)
    splines = "spline" if around else "line"
    drawing.attr(rankdir="LR", ranksep="1.4", nodesep="0.12", splines=splines, outputorder="edgesfirst")
    drawing.attr(fontname="Helvetica,Arial,sans-serif", fontsize="13", labelloc="t", tooltip=" ")
    drawing.attr(label=_lines(shown.title, shown.summary, shown.contents))
    drawing.attr("node", shape="ellipse", style="filled", color="white", fontname="Helvetica,Arial,sans-serif")
    drawing.attr("node", fontsize="9", margin="0.03,0.02", width="0.3", height="0.3")
    drawing.attr("edge", arrowhead="none")
    _draw_columns(drawing, shown)
    _align_columns(drawing, shown)
    _draw_edges(drawing, shown, around=around)
    return str(drawing.source)


def _quoted(text: str, *, limit: int = _LONGEST) -> str:
    """Make text mean itself inside a DOT string: no escapes, no entities, no HTML, no control characters."""
    return one_line(text, limit).replace("&", "&amp;").replace("\\", "\\\\")


def _lines(*lines: str, limit: int = _LONGEST) -> str:
    # Text that starts with < and ends with > would be taken for HTML.
    # All of them make one string.
    limit = min(limit, _LONGEST // max(len(lines), 1))
    return graphviz.nohtml("\\n".join(_quoted(line, limit=limit) for line in lines))


def _draw_columns(drawing: graphviz.Digraph, shown: Scene) -> None:
    rank_of = {mark.node: rank for rank, mark in enumerate(shown.marks)}
    for number, each in enumerate(shown.columns):
        with drawing.subgraph(name=f"cluster_{number}") as box:
            box.attr(**_box(each))
            with box.subgraph() as rank:
                rank.attr(rank="same")
                for node in each.stack.nodes:
                    mark = shown.marks[rank_of[node]]
                    rank.node(
                        f"n{rank_of[node]}",
                        label=_lines(mark.label, limit=_LABEL),
                        tooltip=_lines(mark.words),
                        fillcolor=f"{mark.shade}99",
                        pos=f"{mark.place[0]:.2f},{-mark.place[1]:.2f}",
                    )


def _box(each: Headed) -> dict[str, str]:
    """Frame a layer and head it; ``bb`` and ``lp`` matter to ``neato -n2`` only."""
    top, bottom, x = ROW * 1.6 - each.top, -each.bottom - ROW, each.stack.x
    return {
        "label": _lines(each.subject, each.verb, limit=_LABEL),
        "style": "filled,rounded",
        "color": "#F3F5F8",
        "fontsize": "11",
        "bb": f"{x - _MARGIN:.2f},{bottom:.2f},{x + _MARGIN:.2f},{top:.2f}",
        "lp": f"{x:.2f},{top - 16:.2f}",
    }


def _align_columns(drawing: graphviz.Digraph, shown: Scene) -> None:
    """Keep layers of one depth in one rank, which clusters of their own would not."""
    columns: dict[float, list[str]] = {}
    for each in shown.columns:
        columns.setdefault(each.stack.x, []).extend(each.stack.nodes)
    if len(columns) == len(shown.columns):
        return
    rank_of = {mark.node: rank for rank, mark in enumerate(shown.marks)}
    drawing.attr(newrank="true")
    for nodes in columns.values():
        with drawing.subgraph() as same:
            same.attr(rank="same")
            for node in nodes:
                same.node(f"n{rank_of[node]}")


def _draw_edges(drawing: graphviz.Digraph, shown: Scene, *, around: bool) -> None:
    for line in shown.lines:
        if line.relative == 0:
            continue
        color = f"{line.shade}{round(255 * (0.2 + 0.7 * line.relative)):02X}"
        # ``neato -n2`` routes none of the edges where all say how they run; ``dot`` finds its own ways.
        way = f' pos="{_way(shown, line)}"' if around else ""
        words = _quoted(line.words).replace('"', '\\"')
        # As `graphviz.Digraph.edge` would, which looks at every part anew.
        drawing.body.append(
            f'\tn{line.source} -> n{line.target} [color="{color}" penwidth={line.width:g}{way} tooltip="{words}"]\n'
        )


def _way(shown: Scene, line: Line) -> str:
    stations = (shown.marks[line.source].place, *line.route, shown.marks[line.target].place)
    points = curve(stations)
    if not line.route:
        (x, y), (right, down) = stations
        points = [(x + part * (right - x), y + part * (down - y)) for part in (0, 1 / 3, 2 / 3, 1)]
    way = " ".join(f"{x:.2f},{-y:.2f}" for x, y in points)
    # Past hundreds of layers the way is longer than any string may be: a straight one is not.
    return way if len(way) < _BYTES else _way(shown, replace(line, route=()))
