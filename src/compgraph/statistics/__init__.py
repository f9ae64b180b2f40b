"""Records of data that merge: NumPy only, and no model in sight."""

from compgraph.statistics.gradients import GradientMoments
from compgraph.statistics.moments import Moments
from compgraph.statistics.record import GradientSource, MergedGradients, Statistics
from compgraph.statistics.sample import Sample, row_priority
from compgraph.statistics.spaces import Pair, Side, Space

__all__ = [
    "GradientMoments",
    "GradientSource",
    "MergedGradients",
    "Moments",
    "Pair",
    "Sample",
    "Side",
    "Space",
    "Statistics",
    "row_priority",
]
