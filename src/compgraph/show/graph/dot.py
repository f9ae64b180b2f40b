"""DOT text: columns as ranks, groups as colours, weights as pen widths."""

import graphviz
import networkx as nx

from compgraph.connect import ordered_nodes
from compgraph.group import Partition
from compgraph.show.graph.layout import ROW, Column, columns, layered_positions
from compgraph.show.graph.palette import FAINT, node_colours, shown_groups
from compgraph.show.graph.widths import pen_width, relative_weights
from compgraph.show.graph.words import describe_edge, describe_node, heading, next_layers, printable, summary, title

_LABEL = 24  # characters of a label inside the picture; its tooltip has all of them
_MARGIN = 44.0  # from the middle of a column to the border of its box, in points


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
    """
    drawing = graphviz.Digraph("compgraph")
    drawing.attr(rankdir="LR", ranksep="1.4", nodesep="0.12", splines="line", outputorder="edgesfirst")
    drawing.attr(fontname="Helvetica,Arial,sans-serif", fontsize="13", labelloc="t", tooltip=" ")
    drawing.attr(label=f"{_quoted(title(graph))}\\n{_quoted(summary(graph, groups))}")
    drawing.attr("node", shape="ellipse", style="filled", color="white", fontname="Helvetica,Arial,sans-serif")
    drawing.attr("node", fontsize="9", margin="0.03,0.02", width="0.3", height="0.3")
    drawing.attr("edge", arrowhead="none")
    names = {node: f"n{rank}" for rank, node in enumerate(ordered_nodes(graph))}
    readers = next_layers(graph)
    positions, colours = layered_positions(graph, groups), node_colours(groups, list(names))
    for number, column in enumerate(columns(graph, groups)):
        with drawing.subgraph(name=f"cluster_{number}") as box:
            box.attr(**_box(column, readers, positions))
            with box.subgraph() as rank:
                rank.attr(rank="same")
                for node in column.nodes:
                    x, y = positions[node]
                    rank.node(
                        names[node],
                        label=_quoted(graph.nodes[node]["label"], limit=_LABEL),
                        tooltip=_quoted(describe_node(graph, node, readers, groups)),
                        fillcolor=f"{colours[node]}99",
                        pos=f"{x:.2f},{-y:.2f}",
                    )
    _draw_edges(drawing, graph, groups, names)
    return str(drawing.source)


def _quoted(text: str, *, limit: int | None = None) -> str:
    """Make text mean itself inside a DOT string: no escapes, no entities, no HTML, no control characters."""
    return str(graphviz.escape(printable(text, limit=limit).replace("&", "&amp;")))


def _box(column: Column, readers: dict[int, str], positions: dict[str, tuple[float, float]]) -> dict[str, str]:
    """Frame a column and head it; ``bb`` and ``lp`` matter to ``neato -n2`` only."""
    subject, verb = (_quoted(text, limit=_LABEL) for text in heading(column, readers))
    heights = [y for _, y in positions.values()]
    top, bottom = ROW * 1.6 - min(heights), -max(heights) - ROW
    return {
        "label": f"{subject}\\n{verb}",
        "style": "filled,rounded",
        "color": "#F3F5F8",
        "fontsize": "11",
        "bb": f"{column.x - _MARGIN:.2f},{bottom:.2f},{column.x + _MARGIN:.2f},{top:.2f}",
        "lp": f"{column.x:.2f},{top - 16:.2f}",
    }


def _draw_edges(drawing: graphviz.Digraph, graph: nx.DiGraph, groups: Partition | None, names: dict[str, str]) -> None:
    group_of, colours, relative = shown_groups(groups), node_colours(groups, list(names)), relative_weights(graph)
    place = {node: rank for rank, node in enumerate(names)}
    for source, target in sorted(graph.edges, key=lambda edge: (place[edge[0]], place[edge[1]])):
        share = relative[source, target]
        if share == 0:
            continue
        inside = source in group_of and group_of[source] == group_of[target]
        drawing.edge(
            names[source],
            names[target],
            penwidth=f"{pen_width(share):g}",
            color=f"{colours[source] if inside else FAINT}{round(255 * (0.2 + 0.7 * share)):02X}",
            tooltip=_quoted(describe_edge(graph, source, target)),
        )
