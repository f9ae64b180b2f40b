"""Statistics become components: linear algebra on small matrices, NumPy and SciPy only."""

from compgraph.decompose.components import Components, components
from compgraph.decompose.directions import Directions
from compgraph.decompose.gradient import gradient_reads
from compgraph.decompose.partial_least_squares import PartialLeastSquares, partial_least_squares
from compgraph.decompose.principal import neurons, pca
from compgraph.decompose.registry import METHODS, Method, register_method

__all__ = [
    "METHODS",
    "Components",
    "Directions",
    "Method",
    "PartialLeastSquares",
    "components",
    "gradient_reads",
    "neurons",
    "partial_least_squares",
    "pca",
    "register_method",
]
