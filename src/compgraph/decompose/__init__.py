"""Statistics become components: linear algebra on small matrices, NumPy and SciPy only."""

from compgraph.decompose.components import Components, ComponentSet
from compgraph.decompose.directions import Directions
from compgraph.decompose.find import components
from compgraph.decompose.gradient import gradient_reads
from compgraph.decompose.interaction.method import Interactions, interaction_components
from compgraph.decompose.interaction.rotations import ROTATIONS, register_rotation
from compgraph.decompose.methods import METHODS, Decomposition, Interaction, Method, register_method
from compgraph.decompose.numerical_rank import support
from compgraph.decompose.partial_least_squares import PartialLeastSquares, partial_least_squares
from compgraph.decompose.principal import neurons, pca

__all__ = [
    "METHODS",
    "ROTATIONS",
    "ComponentSet",
    "Components",
    "Decomposition",
    "Directions",
    "Interaction",
    "Interactions",
    "Method",
    "PartialLeastSquares",
    "components",
    "gradient_reads",
    "interaction_components",
    "neurons",
    "partial_least_squares",
    "pca",
    "register_method",
    "register_rotation",
    "support",
]
