"""Graph to files that people look at: pages, drawings, figures."""

from compgraph.show.dot import dot_text
from compgraph.show.drawing import figure_bytes, graph_figure
from compgraph.show.export import register_exporter, registered_exporters, save
from compgraph.show.figures import similarity_figure, task_variance_figure
from compgraph.show.grouped import groups_of, with_groups
from compgraph.show.html import html_page
from compgraph.show.layout import layered_positions

__all__ = [
    "dot_text",
    "figure_bytes",
    "graph_figure",
    "groups_of",
    "html_page",
    "layered_positions",
    "register_exporter",
    "registered_exporters",
    "save",
    "similarity_figure",
    "task_variance_figure",
    "with_groups",
]
