import networkx as nx
import numpy as np
import pytest

from compgraph.errors import BadRequest
from compgraph.group import layered_modularity


def literal(between: list[np.ndarray], groups: list[tuple[list[int], list[int]]]) -> float:
    """Barber's double sum over the pairs of every block, each block scaled to weight 1."""
    terms = []
    for weights, (of_row, of_column) in zip(between, groups, strict=True):
        shares = weights / weights.sum()
        expected = np.outer(shares.sum(axis=1), shares.sum(axis=0))
        same = np.array(of_row)[:, None] == np.array(of_column)
        terms.append((shares - expected)[same].sum())
    return float(np.mean(terms))


def test_literal_double_sum(layered) -> None:
    rng = np.random.default_rng(0)
    between = [rng.random((4, 5)), rng.random((3, 6)) * (rng.random((3, 6)) < 0.7)]
    graph = layered(between)
    group_of = {node: int(rng.integers(3)) for node in graph}
    sides = {
        space: [group_of[f"{space}/{i}"] for i in range(size)]
        for space, size in {"L0/in": 4, "L1/out": 5, "L1/in": 3, "L2/out": 6}.items()
    }
    expected = literal(between, [(sides["L0/in"], sides["L1/out"]), (sides["L1/in"], sides["L2/out"])])
    assert layered_modularity(graph, group_of) == pytest.approx(expected, abs=1e-12)


def test_links_without_a_direction_count_alike(layered) -> None:
    rng = np.random.default_rng(1)
    graph = layered([rng.random((4, 5)), rng.random((3, 6))])
    group_of = {node: int(rng.integers(3)) for node in graph}
    backwards = nx.Graph()
    backwards.add_nodes_from((node, graph.nodes[node]) for node in reversed(list(graph)))
    backwards.add_edges_from((b, a, values) for a, b, values in reversed(list(graph.edges(data=True))))
    assert layered_modularity(backwards, group_of) == pytest.approx(layered_modularity(graph, group_of), abs=1e-12)


def test_links_without_weight_need_no_group(layered) -> None:
    graph = layered([np.eye(2)])
    graph.add_edge("L0/in/0", "L1/out/1", weight=0.0)
    graph.add_node("alone", **graph.nodes["L1/out/1"])
    graph.add_edge("L0/in/0", "alone", weight=0.0)
    assert layered_modularity(graph, {v: graph.nodes[v]["index"] for v in graph if v != "alone"}) == pytest.approx(0.5)


def test_groups_of_equal_size_without_links_between_them(layered) -> None:
    graph = layered([np.kron(np.eye(4), np.ones((2, 2)))] * 2)
    assert layered_modularity(graph, {v: graph.nodes[v]["index"] // 2 for v in graph}) == pytest.approx(3 / 4)


def test_layers_and_one_group_are_no_structure(planted) -> None:
    graph = planted()
    assert layered_modularity(graph, dict.fromkeys(graph, 0)) == pytest.approx(0, abs=1e-12)
    assert layered_modularity(graph, {v: graph.nodes[v]["depth"] for v in graph}) == 0


def test_without_links_between_layers() -> None:
    assert layered_modularity(nx.DiGraph(), {}) == 0


def test_a_node_with_links_needs_a_group(layered) -> None:
    graph = layered([np.eye(2)])
    with pytest.raises(BadRequest, match=r"lacks 2 nodes that have links, the first 'L0/in/1'; give each a group"):
        layered_modularity(graph, {"L0/in/0": 0, "L1/out/0": 0})
