"""Component graphs by hand, from one matrix of weights per pair of layers."""

from collections.abc import Callable, Sequence

import networkx as nx
import numpy as np
import pytest

Build = Callable[..., nx.DiGraph]


def build_layered(between: Sequence[np.ndarray], *, within: Sequence[np.ndarray] = ()) -> nx.DiGraph:
    """Layer 0 has an "in" space, the last layer an "out" space, the others both, linked by ``within`` or one-to-one."""
    graph = nx.DiGraph(schema="compgraph/1", method="pca", rule="test")
    last = len(between)
    for depth in range(last + 1):
        if depth > 0:
            _add_space(graph, f"L{depth}", "out", depth, between[depth - 1].shape[1])
        if depth < last:
            _add_space(graph, f"L{depth}", "in", depth, between[depth].shape[0])
    for depth, weights in enumerate(between):
        _link(graph, f"L{depth}/in", f"L{depth + 1}/out", weights, "between")
    for depth in range(1, last):
        size = between[depth - 1].shape[1], between[depth].shape[0]
        _link(graph, f"L{depth}/out", f"L{depth}/in", within[depth - 1] if within else np.eye(*size), "within")
    return graph


def _add_space(graph: nx.DiGraph, layer: str, side: str, depth: int, size: int) -> None:
    for index in range(size):
        common = {"layer": layer, "side": side, "depth": depth, "index": index, "method": "pca"}
        name = f"{layer}/{side}/{index}"
        graph.add_node(name, **common, strength=1.0, share=1.0 / size, label=name.replace("/", " "))


def _link(graph: nx.DiGraph, source: str, target: str, weights: np.ndarray, kind: str) -> None:
    shares = weights / weights.sum() if weights.sum() else weights
    for a, b in np.ndindex(*weights.shape):
        weight = float(shares[a, b])
        if weight > 0:
            graph.add_edge(f"{source}/{a}", f"{target}/{b}", weight=weight, effect=weight**0.5, kind=kind, rule="test")


def plant(n_groups: int = 2, size: int = 8, layers: int = 3, *, noise: float = 0.05, seed: int = 0) -> nx.DiGraph:
    """Component ``i`` of every space belongs to group ``i % n_groups``."""
    rng = np.random.default_rng(seed)
    task = np.arange(size) % n_groups
    same = task[:, None] == task
    return build_layered([np.where(same, 1.0, noise) * rng.uniform(0.5, 1.5, same.shape) for _ in range(layers - 1)])


def structureless(seed: int, size: int = 8, layers: int = 4) -> nx.DiGraph:
    rng = np.random.default_rng(seed)
    return build_layered([np.abs(rng.normal(size=(size, size))) for _ in range(layers - 1)])


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
