"""Components by what they do to the outputs: read subspaces, turned by their near-commutant until blocks come apart."""

from compgraph.decompose.interaction.blocks import Split, split
from compgraph.decompose.interaction.commutant import Coupling, Modes, modes
from compgraph.decompose.interaction.gaps import LARGEST_LEAK, Finding, fixed_finding, free_finding, view
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

__all__ = [
    "COMMUTANT",
    "LARGEST_LEAK",
    "LIMIT",
    "ROTATIONS",
    "Candidate",
    "Coupling",
    "Finding",
    "Interactions",
    "Modes",
    "Rotation",
    "Split",
    "blocks_of",
    "fixed_finding",
    "free_finding",
    "interaction_components",
    "joint_diagonaliser",
    "modes",
    "register_rotation",
    "split",
    "view",
]
