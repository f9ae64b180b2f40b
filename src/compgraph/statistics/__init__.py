"""Records of data that merge, and the protocol through which they ask a model again; NumPy only."""

from compgraph.statistics.gradients import GradientMoments, RowGradients
from compgraph.statistics.identity import Identity
from compgraph.statistics.merged_probe import MergedProbe
from compgraph.statistics.merging import merge
from compgraph.statistics.moments import Moments
from compgraph.statistics.probe import POSITIONS, Dormant, Look, Probe
from compgraph.statistics.record import Statistics
from compgraph.statistics.responses import FiltersOf, Responses
from compgraph.statistics.rows import Rows
from compgraph.statistics.sample import Sample, row_priority
from compgraph.statistics.spaces import Pair, Side, Space

__all__ = [
    "POSITIONS",
    "Dormant",
    "FiltersOf",
    "GradientMoments",
    "Identity",
    "Look",
    "MergedProbe",
    "Moments",
    "Pair",
    "Probe",
    "Responses",
    "RowGradients",
    "Rows",
    "Sample",
    "Side",
    "Space",
    "Statistics",
    "merge",
    "row_priority",
]
