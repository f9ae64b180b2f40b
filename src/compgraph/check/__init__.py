"""Groups against labels and chance, with and without overlap, and components against known tasks."""

from compgraph.check.agreement import Agreement, agreement
from compgraph.check.ceiling import HardCeiling, hard_ceiling
from compgraph.check.chance import ChanceTest, against_rotations, against_twins, stability
from compgraph.check.cover import Cover, cover, true_cover
from compgraph.check.overlap import Overlap, overlap
from compgraph.check.similarity import ElementCentric, element_centric_similarity, omega_index
from compgraph.check.subspaces import SubspaceOverlap, gradient_capture, principal_angles, subspace_overlap
from compgraph.check.tasks import TaskProfile, task_profile

__all__ = [
    "Agreement",
    "ChanceTest",
    "Cover",
    "ElementCentric",
    "HardCeiling",
    "Overlap",
    "SubspaceOverlap",
    "TaskProfile",
    "against_rotations",
    "against_twins",
    "agreement",
    "cover",
    "element_centric_similarity",
    "gradient_capture",
    "hard_ceiling",
    "omega_index",
    "overlap",
    "principal_angles",
    "stability",
    "subspace_overlap",
    "task_profile",
    "true_cover",
]
