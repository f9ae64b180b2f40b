"""Louvain's search as networkx has it, one graph and one seed at a time."""

import networkx as nx
import numpy as np


def graph_of(adjacency: np.ndarray) -> nx.Graph:
    """Nodes in order, edges in sorted order, as `canonical_copy` adds them."""
    graph = nx.empty_graph(len(adjacency))
    lower, higher = np.nonzero(np.triu(adjacency))
    graph.add_weighted_edges_from(zip(lower.tolist(), higher.tolist(), adjacency[lower, higher].tolist(), strict=True))
    return graph


def louvain_partition(adjacency: np.ndarray, seed: int, **params) -> list[list[int]]:
    return sorted(map(sorted, nx.community.louvain_communities(graph_of(adjacency), seed=seed, **params)))
