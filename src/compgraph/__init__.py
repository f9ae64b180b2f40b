"""The graph of the subspaces a trained torch network computes with, and the task groups in it."""

from compgraph.check import (
    Agreement,
    ChanceTest,
    Overlap,
    TaskProfile,
    agreement,
    cover,
    element_centric_similarity,
    omega_index,
    overlap,
    task_profile,
    true_cover,
)
from compgraph.connect import EdgeBlock, build_graph, check_graph, edges, load, register_rule
from compgraph.decompose import (
    Components,
    Directions,
    Interaction,
    Method,
    components,
    register_method,
    register_rotation,
)
from compgraph.errors import CompgraphError
from compgraph.group import Partition, communities, register_algorithm
from compgraph.observe import Site, collect, sites
from compgraph.pipeline import Analysis, analyze
from compgraph.show import register_exporter, save
from compgraph.statistics import GradientMoments, Moments, Pair, Sample, Space, Statistics

__version__ = "0.1.0"

__all__ = [
    "Agreement",
    "Analysis",
    "ChanceTest",
    "CompgraphError",
    "Components",
    "Directions",
    "EdgeBlock",
    "GradientMoments",
    "Interaction",
    "Method",
    "Moments",
    "Overlap",
    "Pair",
    "Partition",
    "Sample",
    "Site",
    "Space",
    "Statistics",
    "TaskProfile",
    "agreement",
    "analyze",
    "build_graph",
    "check_graph",
    "collect",
    "communities",
    "components",
    "cover",
    "edges",
    "element_centric_similarity",
    "load",
    "omega_index",
    "overlap",
    "register_algorithm",
    "register_exporter",
    "register_method",
    "register_rotation",
    "register_rule",
    "save",
    "sites",
    "task_profile",
    "true_cover",
]
