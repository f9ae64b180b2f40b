"""Records of data that merge, and the protocol through which they ask a model again; NumPy only."""

from compgraph.statistics.gradients import GradientMoments, RowGradients
from compgraph.statistics.moments import Moments
from compgraph.statistics.probe import POSITIONS, Look, MergedProbe, Probe
from compgraph.statistics.record import Statistics
from compgraph.statistics.sample import Sample, row_priority
from compgraph.statistics.spaces import Pair, Side, Space

__all__ = [
    "POSITIONS",
    "GradientMoments",
    "Look",
    "MergedProbe",
    "Moments",
    "Pair",
    "Probe",
    "RowGradients",
    "Sample",
    "Side",
    "Space",
    "Statistics",
    "row_priority",
]
