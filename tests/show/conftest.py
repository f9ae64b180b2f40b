"""Small component graphs made by hand, with names that try to break out of every format."""

import random
from collections.abc import Callable, Sequence

import networkx as nx
import numpy as np
import pytest

from compgraph.group import Partition

HOSTILE = (
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)> ' quote",
    "back\\slash \\N \\",
    "a:b->c{d}[e];",
    "two\nlines\ttab",
    "NUL\0 bell\a",
    "emoji 😀 and \u202eoverride",
    "x" * 2000,
    "<b>html</b> &lt; &amp;",
    "$\\frac{1}{",
)

Maker = Callable[..., nx.DiGraph]


def make_graph(layers: Sequence[str] = ("input", "fc1", "head"), *, width: int = 3, seed: int = 0) -> nx.DiGraph:
    """Complete blocks between the spaces of consecutive layers, weights summing to 1 in each."""
    generator = np.random.default_rng(seed)
    last = len(layers) - 1
    spaces = [(d, side) for d in range(len(layers)) for side in ("out", "in")]
    spaces = [
        (d, side) for d, side in spaces if not (d == 0 and side == "out") and not (d == last > 0 and side == "in")
    ]
    graph = nx.DiGraph(schema="compgraph/1")
    members = []
    for depth, side in spaces:
        shares = np.sort(generator.dirichlet(np.ones(width)))[::-1]
        members.append([f"s{depth}/{side}/{i}" for i in range(width)])
        for i, node in enumerate(members[-1]):
            share = float(shares[i])
            label = f"{layers[depth]} {side} {i}"
            attributes = {"layer": layers[depth], "side": side, "depth": depth, "index": i, "method": "plsr"}
            graph.add_node(node, **attributes, strength=2 * share, share=share, label=label)
    for (d, _), (e, _), sources, targets in zip(spaces, spaces[1:], members, members[1:], strict=False):
        effect = generator.normal(size=(width, width))
        weight = effect**2 / (effect**2).sum()
        for i, j in np.ndindex(width, width):
            kind = "within" if d == e else "between"
            attributes = {"effect": float(effect[i, j]), "kind": kind, "rule": "gradient"}
            graph.add_edge(sources[i], targets[j], weight=float(weight[i, j]), **attributes)
    return graph


def make_groups(graph: nx.DiGraph, n_groups: int = 2, *, p_value: float = 0.01) -> Partition:
    """Deal the components of every space out to the groups in turn."""
    assignment = {node: graph.nodes[node]["index"] % n_groups for node in graph}
    return Partition(assignment, 0.4, p_value, 0.97, "louvain", {}, 0)


def shuffle(graph: nx.DiGraph) -> nx.DiGraph:
    """Return the same graph, nodes and edges inserted in another order."""
    nodes, edges = list(graph.nodes(data=True)), list(graph.edges(data=True))
    random.Random(3).shuffle(nodes)  # noqa: S311
    random.Random(4).shuffle(edges)  # noqa: S311
    other = nx.DiGraph(**graph.graph)
    other.add_nodes_from(nodes)
    other.add_edges_from(edges)
    return other


@pytest.fixture
def graph() -> nx.DiGraph:
    return make_graph()


@pytest.fixture
def groups(graph: nx.DiGraph) -> Partition:
    return make_groups(graph)


@pytest.fixture
def doubtful(graph: nx.DiGraph) -> Partition:
    return make_groups(graph, p_value=0.4)


@pytest.fixture
def hostile() -> nx.DiGraph:
    return make_graph(("input", *HOSTILE, "head"), width=2)


@pytest.fixture
def hostile_names() -> tuple[str, ...]:
    return HOSTILE


@pytest.fixture
def graph_of() -> Maker:
    return make_graph


@pytest.fixture
def groups_for() -> Callable[..., Partition]:
    return make_groups


@pytest.fixture
def shuffled() -> Callable[[nx.DiGraph], nx.DiGraph]:
    return shuffle


@pytest.fixture
def single() -> nx.DiGraph:
    """Return a graph of one node and no edges."""
    return make_graph(("input",), width=1)
