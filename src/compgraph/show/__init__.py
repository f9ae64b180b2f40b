"""Graph to files that people look at: pages, drawings, figures."""

from compgraph.show.export import register_exporter, registered_exporters, save
from compgraph.show.figures import similarity_figure, task_variance_figure
from compgraph.show.flow.bands import Band, Flow, task_flow
from compgraph.show.flow.figure import flow_figure, save_flow
from compgraph.show.flow.page import flow_html
from compgraph.show.graph.dot import dot_text
from compgraph.show.graph.drawing import figure_bytes, graph_figure
from compgraph.show.graph.grouped import groups_of, with_groups
from compgraph.show.graph.html import html_page
from compgraph.show.graph.layout import layered_positions

__all__ = [
    "Band",
    "Flow",
    "dot_text",
    "figure_bytes",
    "flow_figure",
    "flow_html",
    "graph_figure",
    "groups_of",
    "html_page",
    "layered_positions",
    "register_exporter",
    "registered_exporters",
    "save",
    "save_flow",
    "similarity_figure",
    "task_flow",
    "task_variance_figure",
    "with_groups",
]
