"""Groups from the slow modes of a layered graph."""

from compgraph.group.spectral.modes import DENSE
from compgraph.group.spectral.search import spectral_communities, spectral_labels

__all__ = ["DENSE", "spectral_communities", "spectral_labels"]
