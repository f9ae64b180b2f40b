import networkx as nx
import numpy as np
import pytest

from compgraph.errors import GraphError
from compgraph.group import balanced, canonical_copy
from compgraph.group.balance import balanced_weights


def has_even_totals(block: np.ndarray) -> None:
    rows, columns = block.sum(axis=1), block.sum(axis=0)
    rows, columns = rows[rows > 0], columns[columns > 0]
    np.testing.assert_allclose(rows, 1 / len(rows), rtol=1e-5)
    np.testing.assert_allclose(columns, 1 / len(columns), rtol=1e-5)


def keeps_odds_ratios(block: np.ndarray, even: np.ndarray) -> None:
    """Scaling rows and columns leaves w_ij w_kl / (w_il w_kj) as it was, and that is all it leaves."""
    odds = [w[:-1, :-1] * w[1:, 1:] / (w[:-1, 1:] * w[1:, :-1]) for w in (block, even)]
    np.testing.assert_allclose(odds[1], odds[0], rtol=1e-9)


def uneven(seed: int, rows: int = 5, columns: int = 7) -> np.ndarray:
    return np.exp(2 * np.random.default_rng(seed).normal(size=(rows, columns)))


@pytest.mark.parametrize("seed", range(4))
def test_even_totals_and_the_same_pattern(seed) -> None:
    block = uneven(seed)
    even = balanced_weights(block)
    has_even_totals(even)
    keeps_odds_ratios(block, even)
    assert even.sum() == pytest.approx(1, abs=1e-12)


def test_worked_example() -> None:
    # Odds ratio 4 with even totals: a / b = 2, a + b = 1 / 2.
    np.testing.assert_allclose(
        balanced_weights(np.array([[40.0, 1.0], [10.0, 1.0]])), [[1 / 3, 1 / 6], [1 / 6, 1 / 3]], 1e-5
    )


def only_rows(block: np.ndarray) -> np.ndarray:
    return block / block.sum(axis=1, keepdims=True) / len(block)


def forgets_the_pattern(block: np.ndarray) -> np.ndarray:
    return np.full(block.shape, 1 / block.size)


def test_broken_twins_are_rejected() -> None:
    block = uneven(0)
    with pytest.raises(AssertionError):
        has_even_totals(only_rows(block))
    keeps_odds_ratios(block, only_rows(block))
    has_even_totals(forgets_the_pattern(block))
    with pytest.raises(AssertionError):
        keeps_odds_ratios(block, forgets_the_pattern(block))


def test_strengths_do_not_matter() -> None:
    block, rng = uneven(1), np.random.default_rng(1)
    other = rng.uniform(0.01, 100, size=(5, 1)) * block * rng.uniform(0.01, 100, size=7)
    np.testing.assert_allclose(balanced_weights(other), balanced_weights(block), rtol=1e-4)


def test_empty_rows_and_columns_stay_empty() -> None:
    block = np.insert(np.insert(uneven(2), 2, 0, axis=0), 3, 0, axis=1)
    even = balanced_weights(block)
    has_even_totals(even)
    assert not even[2].any()
    assert not even[:, 3].any()
    np.testing.assert_allclose(
        np.delete(np.delete(even, 2, axis=0), 3, axis=1), balanced_weights(uneven(2)), rtol=1e-12
    )
    assert not balanced_weights(np.zeros((2, 3))).any()


@pytest.mark.parametrize(
    "block",
    [
        np.array([[1.0, 0.0, 0.0], [4.0, 0.0, 0.0], [1.0, 2.0, 3.0]]),  # two rows have only the first column
        np.array([[1.0, 1.0], [0.0, 1.0]]),  # even totals only in the limit where one link is gone
    ],
)
def test_what_cannot_be_balanced_is_divided_by_the_roots_of_its_totals(block) -> None:
    expected = np.diag(block.sum(axis=1) ** -0.5) @ block @ np.diag(block.sum(axis=0) ** -0.5)
    np.testing.assert_allclose(balanced_weights(block), expected / expected.sum(), rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_extreme_weights(scale) -> None:
    np.testing.assert_allclose(balanced_weights(scale * uneven(0)), balanced_weights(uneven(0)), rtol=1e-9)
    wide = np.array([[1.0, 1e-300], [1e-200, 1.0]])
    assert balanced_weights(wide).sum() == pytest.approx(1)


def block_of(graph: nx.Graph, source: str, target: str) -> np.ndarray:
    names = [[v for v in graph if v.rpartition("/")[0] == space] for space in (source, target)]
    return np.array([[graph.edges[a, b]["weight"] if graph.has_edge(a, b) else 0 for b in names[1]] for a in names[0]])


def test_every_block_of_a_component_graph(planted) -> None:
    graph = planted(2, size=6)
    even = balanced(graph)
    for source, target in [("L0/in", "L1/out"), ("L1/out", "L1/in"), ("L1/in", "L2/out")]:
        np.testing.assert_allclose(
            block_of(even, source, target), balanced_weights(block_of(graph, source, target)), rtol=1e-12
        )
    assert even.nodes == graph.nodes
    assert type(even) is type(graph)
    assert {v for *_, v in even.edges(data="effect")} == {v for *_, v in graph.edges(data="effect")}
    assert nx.utils.graphs_equal(graph, planted(2, size=6))


def test_an_arrow_that_carries_little_still_carries_little() -> None:
    graph = nx.DiGraph()
    for node in "abxy":
        graph.add_node(node, layer=node, side="out", depth="abxy".index(node))
    graph.add_weighted_edges_from([("a", "x", 0.99), ("b", "x", 0.01), ("a", "y", 3.0)])
    assert {(a, b): w for a, b, w in balanced(graph).edges(data="weight")} == pytest.approx(
        {("a", "x"): 0.99, ("b", "x"): 0.01, ("a", "y"): 3.0}
    )


def test_the_undirected_graph_is_balanced_alike(planted) -> None:
    graph = planted(3, size=6)
    for (*link, value), (*other, expected) in zip(
        sorted(balanced(canonical_copy(graph)).edges(data="weight")),
        sorted(canonical_copy(balanced(graph)).edges(data="weight")),
        strict=True,
    ):
        assert link == other
        assert value == pytest.approx(expected, rel=1e-12)


def test_links_inside_a_space_stay_symmetric() -> None:
    rng = np.random.default_rng(0)
    graph = nx.complete_graph(6)
    for link in graph.edges:
        graph.edges[link]["weight"] = float(np.exp(rng.normal()))
    totals = dict(balanced(graph).degree(weight="weight"))
    assert list(totals.values()) == pytest.approx([graph.size(weight="weight") / 3] * 6, rel=1e-5)


def test_links_without_weight_stay_so(planted) -> None:
    graph = planted(2, size=4)
    graph.edges["L0/in/0", "L1/out/1"]["weight"] = 0.0
    assert balanced(graph).edges["L0/in/0", "L1/out/1"]["weight"] == 0


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), None, "3"])
def test_weights_that_are_none(value) -> None:
    graph = nx.Graph()
    graph.add_edge("a", "b", weight=value)
    with pytest.raises(GraphError, match=r"link \('a', 'b'\) has weight=.*finite weight of at least 0"):
        balanced(graph)
