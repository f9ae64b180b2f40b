"""Components by what they do to the outputs: read subspaces, turned by their near-commutant until blocks come apart."""

from compgraph.decompose.interaction.blocks import Split, split, widest_gap
from compgraph.decompose.interaction.commutant import Forms, Modes
from compgraph.decompose.interaction.coupling import Coupling
from compgraph.decompose.interaction.findings import Finding, fixed_finding, free_finding
from compgraph.decompose.interaction.gaps import LARGEST_LEAK
from compgraph.decompose.interaction.joint_diagonaliser import joint_diagonaliser
from compgraph.decompose.interaction.method import (
    COMMUTANT,
    LIMIT,
    Candidate,
    Interactions,
    blocks_of,
    interaction_components,
)
from compgraph.decompose.interaction.rotations import ROTATIONS, Rotation, register_rotation
from compgraph.decompose.interaction.views import Couplings, View, couplings_of

__all__ = [
    "COMMUTANT",
    "LARGEST_LEAK",
    "LIMIT",
    "ROTATIONS",
    "Candidate",
    "Coupling",
    "Couplings",
    "Finding",
    "Forms",
    "Interactions",
    "Modes",
    "Rotation",
    "Split",
    "View",
    "blocks_of",
    "couplings_of",
    "fixed_finding",
    "free_finding",
    "interaction_components",
    "joint_diagonaliser",
    "register_rotation",
    "split",
    "widest_gap",
]
