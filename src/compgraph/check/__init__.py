"""Groups against labels and chance, with and without overlap, and components against known tasks."""

from compgraph.check.agreement import Agreement, agreement
from compgraph.check.ceiling import HardCeiling, hard_ceiling
from compgraph.check.chance import ChanceTest, against_rotations, against_twins, stability
from compgraph.check.covers import Cover, cover, true_cover
from compgraph.check.distinct import DistinctDirections, distinct_directions
from compgraph.check.example_usage import Unusualness, Usage, unusualness, usage
from compgraph.check.independent_directions import IndependentDirections, independent_directions
from compgraph.check.overlap import Overlap, overlap
from compgraph.check.similarity import ElementCentric, element_centric_similarity, omega_index
from compgraph.check.subspaces import SubspaceOverlap, gradient_capture, principal_angles, subspace_overlap
from compgraph.check.task_profile import TaskProfile, task_profile
from note.measures.regions.linear_regions import Regions, activation_patterns, reaching_patterns, regions

__all__ = [
    "Agreement",
    "ChanceTest",
    "Cover",
    "DistinctDirections",
    "ElementCentric",
    "HardCeiling",
    "IndependentDirections",
    "Overlap",
    "Regions",
    "SubspaceOverlap",
    "TaskProfile",
    "Unusualness",
    "Usage",
    "activation_patterns",
    "against_rotations",
    "against_twins",
    "agreement",
    "cover",
    "distinct_directions",
    "element_centric_similarity",
    "gradient_capture",
    "hard_ceiling",
    "independent_directions",
    "omega_index",
    "overlap",
    "principal_angles",
    "reaching_patterns",
    "regions",
    "stability",
    "subspace_overlap",
    "task_profile",
    "true_cover",
    "unusualness",
    "usage",
]
