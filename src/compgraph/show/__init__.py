"""Graph to files that people look at: pages, drawings, figures."""

from compgraph.show.export import register_exporter, registered_exporters, save
from compgraph.show.figures import plain, similarity_figure, task_variance_figure
from compgraph.show.flow import Band, Flow, flow_figure, flow_html, save_flow, task_flow
from compgraph.show.graph import (
    FAINT,
    INK,
    N_COLOURS,
    NEUTRAL,
    add_legend,
    colour,
    dot_text,
    figure_bytes,
    graph_figure,
    groups_of,
    html_page,
    layered_positions,
    printable,
    with_groups,
)

__all__ = [
    "FAINT",
    "INK",
    "NEUTRAL",
    "N_COLOURS",
    "Band",
    "Flow",
    "add_legend",
    "colour",
    "dot_text",
    "figure_bytes",
    "flow_figure",
    "flow_html",
    "graph_figure",
    "groups_of",
    "html_page",
    "layered_positions",
    "plain",
    "printable",
    "register_exporter",
    "registered_exporters",
    "save",
    "save_flow",
    "similarity_figure",
    "task_flow",
    "task_variance_figure",
    "with_groups",
]
