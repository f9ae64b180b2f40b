"""One scene of a component graph, and its renderers: page, DOT, drawing."""

from compgraph.show.graph.dot import dot_text
from compgraph.show.graph.drawing import INK, add_legend, figure_bytes, graph_figure
from compgraph.show.graph.groups_on_nodes import groups_of, with_groups
from compgraph.show.graph.html import html_page
from compgraph.show.graph.layout import layered_positions
from compgraph.show.graph.palette import FAINT, N_COLOURS, NEUTRAL, colour
from compgraph.show.graph.words import printable

__all__ = [
    "FAINT",
    "INK",
    "NEUTRAL",
    "N_COLOURS",
    "add_legend",
    "colour",
    "dot_text",
    "figure_bytes",
    "graph_figure",
    "groups_of",
    "html_page",
    "layered_positions",
    "printable",
    "with_groups",
]
