import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from compgraph.connect import ordered_nodes
from compgraph.errors import BadRequest
from compgraph.group import null_graphs
from compgraph.group.links import Links
from compgraph.group.null import Nulls


def permuted(weights: np.ndarray, seed: int) -> np.ndarray:
    """Return the weights between two spaces of a null graph."""
    return drawn_together(weights, [seed])[0]


def drawn_together(weights: np.ndarray, seeds: list[int]) -> np.ndarray:
    places = (("a", "in", 0), ("b", "out", 1))
    members = tuple(np.split(np.arange(sum(weights.shape)), [len(weights)]))
    links = Links(tuple(range(sum(weights.shape))), places, members, {(0, 1): weights}, directed=True)
    return Nulls(links).drawn([np.random.SeedSequence(seed) for seed in seeds]).pairs[0, 1].whole()


def sums(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return weights.sum(axis=1), weights.sum(axis=0)


def assert_same_strengths(one: np.ndarray, other: np.ndarray, rtol: float = 1e-8) -> None:
    for a, b in zip(sums(one), sums(other), strict=True):
        assert_allclose(a, b, rtol=rtol, atol=1e-14 * one.sum())


def weighted_degrees(graph: nx.DiGraph) -> np.ndarray:
    return np.array([(graph.in_degree(v, "weight"), graph.out_degree(v, "weight")) for v in ordered_nodes(graph)])


@pytest.mark.parametrize("shape", [(8, 8), (3, 7), (7, 3), (1, 5), (5, 1), (1, 1), (2, 2), (40, 60)])
@pytest.mark.parametrize("power", [1, 2, 6])
def test_dense_block_keeps_its_strengths(shape, power) -> None:
    rng = np.random.default_rng(0)
    weights = np.abs(rng.normal(size=shape)) ** power
    assert_same_strengths(weights, permuted(weights, 0))


@given(
    arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(0.05, 20)),
    st.integers(0, 100),
)
@settings(max_examples=60, deadline=None)
def test_any_dense_block_keeps_its_strengths(weights, seed) -> None:
    assert_same_strengths(weights, permuted(weights, seed), rtol=1e-6)


@pytest.mark.parametrize("density", [0.1, 0.3, 0.6])
def test_sparse_block_keeps_its_strengths(density) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        weights = rng.random((8, 6)) * (rng.random((8, 6)) < density)
        drawn = permuted(weights, 0)
        assert_same_strengths(weights, drawn, rtol=1e-6)
        assert (drawn >= 0).all()


@pytest.mark.parametrize(
    "weights",
    [
        np.eye(8),
        np.diag(np.arange(1.0, 9.0)),
        np.kron(np.eye(4), np.ones((2, 2))),
        np.eye(6)[:, :4] + np.eye(6, 4, -2),
    ],
    ids=["one to one", "graded", "four groups", "overlapping"],
)
def test_support_that_cannot_be_permuted_keeps_its_strengths(weights) -> None:
    for seed in range(10):
        assert_same_strengths(weights, permuted(weights, seed), rtol=1e-6)


def test_empty_rows_and_columns_stay_empty() -> None:
    weights = np.abs(np.random.default_rng(2).normal(size=(5, 6)))
    weights[1], weights[:, 4] = 0, 0
    drawn = permuted(weights, 3)
    assert_array_equal(drawn[1], 0)
    assert_array_equal(drawn[:, 4], 0)
    assert_same_strengths(weights, drawn)
    assert_array_equal(permuted(np.zeros((2, 3)), 0), np.zeros((2, 3)))


@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_scale_is_carried_along(factor) -> None:
    weights = np.random.default_rng(4).random((4, 4))
    drawn = permuted(weights, 0)
    assert_allclose(permuted(weights * factor, 0), drawn * factor, rtol=1e-7)


def test_strengths_that_force_the_block_are_nearly_kept() -> None:
    weights = np.full((3, 3), 0.03)
    weights[0, 0] = 800.0
    for seed in range(10):
        assert_same_strengths(weights, permuted(weights, seed), rtol=5e-3)


def test_block_that_strengths_determine_is_kept() -> None:
    weights = np.outer([1.0, 2.0, 4.0], [3.0, 1.0])
    assert_allclose(permuted(weights, 0), weights, rtol=1e-9)


def test_structure_is_gone() -> None:
    same = np.kron(np.eye(2), np.ones((8, 8))) > 0
    weights = np.where(same, 1.0, 0.1)
    inside = [permuted(weights, seed)[same].sum() / weights.sum() for seed in range(50)]
    assert np.mean(inside) == pytest.approx(0.5, abs=0.02)  # 0.91 in the block itself


def test_graph_keeps_nodes_and_strengths(random_graph) -> None:
    graph = random_graph(0)
    for null in null_graphs(graph, n=3):
        assert null.graph == graph.graph
        assert dict(null.nodes(data=True)) == dict(graph.nodes(data=True))
        assert_allclose(weighted_degrees(null), weighted_degrees(graph), rtol=1e-8)
        assert not nx.utils.edges_equal(null.edges(data="weight"), graph.edges(data="weight"), directed=True)


def test_blocks_within_a_layer_are_kept(random_graph) -> None:
    graph = random_graph(0)
    within = [(a, b, w) for a, b, w in graph.edges(data="weight") if graph.edges[a, b]["kind"] == "within"]
    assert within
    for null in null_graphs(graph, n=3):
        assert all(null.edges[a, b]["weight"] == w for a, b, w in within)


def test_first_graphs_do_not_depend_on_how_many(random_graph) -> None:
    few, many = (list(null_graphs(random_graph(0), n=n, seed=5)) for n in (2, 4))
    assert all(nx.utils.graphs_equal(a, b) for a, b in zip(few, many, strict=False))
    assert not nx.utils.graphs_equal(many[0], many[1])


@pytest.mark.parametrize("request_", [{"n": -1}, {"n": True}, {"n": 1, "seed": -3}])
def test_bad_request_is_refused_at_once(random_graph, request_) -> None:
    with pytest.raises(BadRequest, match="a whole number of at least 0"):
        null_graphs(random_graph(0), **request_)
