"""Groups against labels and chance, with and without overlap, and components against known tasks."""

from compgraph.check.agreement import Agreement, agreement
from compgraph.check.ceiling import HardCeiling, hard_ceiling
from compgraph.check.cover import Cover, cover, true_cover
from compgraph.check.overlap import Overlap, overlap
from compgraph.check.similarity import ElementCentric, element_centric_similarity, omega_index
from compgraph.check.tasks import TaskProfile, task_profile

__all__ = [
    "Agreement",
    "Cover",
    "ElementCentric",
    "HardCeiling",
    "Overlap",
    "TaskProfile",
    "agreement",
    "cover",
    "element_centric_similarity",
    "hard_ceiling",
    "omega_index",
    "overlap",
    "task_profile",
    "true_cover",
]
