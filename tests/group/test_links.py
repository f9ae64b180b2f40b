"""A graph as matrices, and back; and the one fit of totals."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from compgraph.connect import ordered_nodes
from compgraph.errors import GraphError
from compgraph.group import canonical_copy, null_graphs
from compgraph.group.algorithms import ON_LINKS, run, run_on_links
from compgraph.group.links import graph_of, groups_of_labels, links_of
from compgraph.group.many import DensePair, ManyLinks
from compgraph.group.modularity.leiden import leiden_communities
from compgraph.group.null import null_links
from compgraph.group.sinkhorn import proportional_fit


def weights_of(graph: nx.Graph) -> set[tuple]:
    return set(graph.edges(data="weight"))


def comes_back(graph: nx.DiGraph, back) -> None:
    """From a graph to matrices and back is the identity."""
    again = back(links_of(graph, "weight", ordered_nodes(graph)), graph, "weight")
    assert again.graph == graph.graph
    assert list(again.nodes(data=True)) == list(graph.nodes(data=True))
    assert weights_of(again) == weights_of(graph)


def test_from_graph_and_back_is_the_identity(random_graph, shuffled) -> None:
    graph = random_graph(0)
    comes_back(graph, graph_of)
    comes_back(shuffled(graph, 1), graph_of)
    with pytest.raises(AssertionError):  # source and target exchanged
        comes_back(graph, lambda links, given, weight: graph_of(links, given, weight).reverse())


def test_pairs_and_adjacency_sum_reciprocal_links(random_graph) -> None:
    graph = random_graph(1)
    source, target = next(iter(graph.edges))
    graph.add_edge(target, source, weight=7.0)
    nodes = ordered_nodes(graph)
    links = links_of(graph, "weight", nodes)
    one_way = nx.to_numpy_array(graph, nodes)
    assert_array_equal(ManyLinks.of(links).adjacency(), [one_way + one_way.T])
    lower, higher, values = links.pairs()
    assert (lower < higher).all()
    assert_array_equal(values, (one_way + one_way.T)[lower, higher])
    assert len(values) == np.count_nonzero(np.triu(one_way + one_way.T))


def test_an_undirected_graph_without_spaces_is_one_symmetric_matrix() -> None:
    graph = nx.Graph([(2, 0, {"weight": 3.0}), (0, 1, {"weight": 0.0}), (1, 1, {"weight": 2.0})])
    links = links_of(graph, "weight")
    assert links.nodes == (2, 0, 1)
    assert_array_equal(links.matrices[0, 0], [[0, 3, 0], [3, 0, 0], [0, 0, 2]])
    assert_array_equal(ManyLinks.of(links).adjacency(), [links.matrices[0, 0]])
    assert [each.tolist() for each in links.pairs()] == [[0, 2], [1, 2], [3.0, 2.0]]


def test_a_graph_without_links_has_no_matrix() -> None:
    graph = nx.Graph()
    graph.add_nodes_from("ab")
    links = links_of(graph, "weight")
    assert links.matrices == {}
    assert [len(each) for each in links.pairs()] == [0, 0, 0]
    assert_array_equal(ManyLinks.of(links).adjacency(), np.zeros((1, 2, 2)))


def test_sides_of_one_layer_are_told(random_graph) -> None:
    links = links_of(random_graph(0), "weight")
    layers = [place[0] for place in links.places]
    assert layers == ["L0", "L1", "L1", "L2", "L2", "L3"]
    assert [links.in_one_layer(a, a + 1) for a in range(5)] == [False, True, False, True, False]


@pytest.mark.parametrize("value", [-1.0, float("nan"), None, "3"])
def test_weights_that_are_none(value) -> None:
    graph = nx.DiGraph()
    graph.add_edge("a", "b", weight=value)
    with pytest.raises(GraphError, match=r"link \('a', 'b'\) has weight=.*finite weight of at least 0"):
        links_of(graph, "weight")


def test_nulls_as_matrices_are_those_as_graphs(random_graph, shuffled) -> None:
    graph = random_graph(2)
    nodes = ordered_nodes(graph)
    drawn = null_links(links_of(graph, "weight", nodes), n=3, seed=5)
    for null, links in zip(null_graphs(shuffled(graph, 0), n=3, seed=5), drawn, strict=True):
        assert_array_equal(nx.to_numpy_array(null, nodes), nx.to_numpy_array(graph_of(links, graph, "weight"), nodes))


@pytest.mark.parametrize("function", ON_LINKS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("blocks", [False, True])
def test_a_search_on_matrices_is_that_on_the_graph(function, blocks, planted) -> None:
    if function is leiden_communities:
        pytest.importorskip("graspologic_native")
    graph = planted(3, size=9, layers=4, noise=0.3)
    for node, values in graph.nodes(data=True):
        values.update({"block": values["index"] % 3} if blocks and node else {})
    plain, links = canonical_copy(graph), links_of(graph, "weight", ordered_nodes(graph))
    labels = np.array([values.get("block", 0) for _, values in plain.nodes(data=True)]) if blocks else None
    runs = run_on_links(function, ManyLinks.of(links), labels, seeds=(0, 1), params={})
    for seed, found in zip((0, 1), np.broadcast_to(runs, (1, 2, len(graph)))[0], strict=True):
        expected = run(function, plain, seed=seed, weight="weight", params={})
        assert groups_of_labels(sorted(plain), found) == [set(group) for group in sorted(expected, key=min)]


def test_groups_are_in_the_order_of_their_first_nodes() -> None:
    assert groups_of_labels("abcd", np.array([4, -1, 4, 0])) == [{"a", "c"}, {"b"}, {"d"}]


def fit(start: np.ndarray, rows: np.ndarray, columns: np.ndarray, tolerance: float):
    each = proportional_fit(DensePair.of(start[None]), rows=rows[None], columns=columns[None], tolerance=tolerance)
    return [part[0] for part in each]


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 50))
def test_totals_are_those_asked_for(k, size, seed) -> None:
    rng = np.random.default_rng(seed)
    start, rows, columns = rng.uniform(0.1, 2, (k, size)), rng.uniform(0.5, 2, k), rng.uniform(0.5, 2, size)
    columns *= rows.sum() / columns.sum()
    u, v, reached = fit(start, rows, columns, 1e-10)
    assert reached
    assert_allclose((u[:, None] * start * v).sum(axis=1), rows, rtol=1e-9)
    assert_allclose((u[:, None] * start * v).sum(axis=0), columns, rtol=1e-9)


def test_totals_that_no_scales_give_are_said_to_be_missed() -> None:
    both_to_one = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 0.0]])
    third, half = np.full(3, 1 / 3), np.full(2, 1 / 2)
    assert not fit(both_to_one, third, half, 1e-6)[2]


def test_columns_are_fitted_even_where_rows_are_right_from_the_start() -> None:
    start = np.array([[0.4, 0.1], [0.3, 0.2]])
    half = np.full(2, 0.5)
    u, v, reached = fit(start, half, half, 1e-6)
    assert reached
    assert_allclose((u[:, None] * start * v).sum(axis=0), half, rtol=1e-9)
