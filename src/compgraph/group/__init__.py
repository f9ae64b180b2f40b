"""Graph to groups: communities of components, with a p-value and a stability."""

from compgraph.group.algorithms import ALGORITHMS, register_algorithm
from compgraph.group.balance import balanced
from compgraph.group.canonical import canonical_copy
from compgraph.group.communities import communities
from compgraph.group.layered import layered_modularity
from compgraph.group.layered_louvain import layered_louvain_communities
from compgraph.group.membership import memberships
from compgraph.group.null import null_graphs
from compgraph.group.partition import Partition

__all__ = [
    "ALGORITHMS",
    "Partition",
    "balanced",
    "canonical_copy",
    "communities",
    "layered_louvain_communities",
    "layered_modularity",
    "memberships",
    "null_graphs",
    "register_algorithm",
]
