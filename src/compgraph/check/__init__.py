"""Groups against labels and chance, with and without overlap, and components against known tasks."""

from compgraph.check.agreement import Agreement, agreement
from compgraph.check.ceiling import HardCeiling, hard_ceiling
from compgraph.check.chance import ChanceTest, against_rotations, stability
from compgraph.check.covers import Cover, cover, true_cover
from compgraph.check.distinct import EXACT, DistinctDirections, distinct_directions, lasting_factor, merge_angles
from compgraph.check.effective_rank import effective_rank, n_holding, read_energies
from compgraph.check.independent_directions import IndependentDirections, independent_directions
from compgraph.check.overlap import Overlap, overlap
from compgraph.check.profile.covariances import task_covariances
from compgraph.check.profile.example_usage import Unusualness, Usage, separation, unusualness, usage
from compgraph.check.profile.matching import match_tasks
from compgraph.check.profile.task_profile import (
    Decomposed,
    TaskProfile,
    parts_and_options,
    task_profile,
)
from compgraph.check.profile.tasks import UNMOVED
from compgraph.check.similarity import ElementCentric, element_centric_similarity, omega_index
from compgraph.check.single_linkage import single_linkage
from compgraph.check.subspaces import SubspaceOverlap, gradient_capture, principal_angles, subspace_overlap
from compgraph.check.twins import against_twins

__all__ = [
    "EXACT",
    "UNMOVED",
    "Agreement",
    "ChanceTest",
    "Cover",
    "Decomposed",
    "DistinctDirections",
    "ElementCentric",
    "HardCeiling",
    "IndependentDirections",
    "Overlap",
    "SubspaceOverlap",
    "TaskProfile",
    "Unusualness",
    "Usage",
    "against_rotations",
    "against_twins",
    "agreement",
    "cover",
    "distinct_directions",
    "effective_rank",
    "element_centric_similarity",
    "gradient_capture",
    "hard_ceiling",
    "independent_directions",
    "lasting_factor",
    "match_tasks",
    "merge_angles",
    "n_holding",
    "omega_index",
    "overlap",
    "parts_and_options",
    "principal_angles",
    "read_energies",
    "separation",
    "single_linkage",
    "stability",
    "subspace_overlap",
    "task_covariances",
    "task_profile",
    "true_cover",
    "unusualness",
    "usage",
]
