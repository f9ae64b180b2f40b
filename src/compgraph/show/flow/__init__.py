"""Flow diagrams: bands as wide as the variance they carry, by task."""

from compgraph.show.flow.bands import Band, Flow, task_flow
from compgraph.show.flow.figure import flow_figure, save_flow
from compgraph.show.flow.page import flow_html

__all__ = [
    "Band",
    "Flow",
    "flow_figure",
    "flow_html",
    "save_flow",
    "task_flow",
]
