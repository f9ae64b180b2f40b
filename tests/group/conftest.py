"""Component graphs from one matrix of weights per pair of layers."""

from collections.abc import Callable

import networkx as nx
import numpy as np
import pytest

from fixtures.layered_graphs import Build, build_layered, plant, structureless


@pytest.fixture
def layered() -> Build:
    return build_layered


@pytest.fixture
def planted() -> Build:
    return plant


@pytest.fixture
def random_graph() -> Build:
    return structureless


@pytest.fixture
def shuffled() -> Callable[[nx.DiGraph, int], nx.DiGraph]:
    def shuffle(graph: nx.DiGraph, seed: int) -> nx.DiGraph:
        rng = np.random.default_rng(seed)
        nodes, edges = list(graph.nodes(data=True)), list(graph.edges(data=True))
        other = nx.DiGraph(**graph.graph)
        other.add_nodes_from(nodes[i] for i in rng.permutation(len(nodes)))
        other.add_edges_from(edges[i] for i in rng.permutation(len(edges)))
        return other

    return shuffle
