"""Louvain's search on many graphs at once returns what networkx returns for each."""

import sys
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest

from compgraph.connect.graph import ordered_nodes
from compgraph.errors import BadRequest
from compgraph.group import canonical_copy
from compgraph.group.links import groups_of_labels, links_of
from compgraph.group.many import ManyLinks
from compgraph.group.modularity import louvain, runs
from compgraph.group.modularity.leiden import leiden_communities
from compgraph.group.modularity.louvain import back_end, louvain_communities, louvain_labels, louvain_labels_of_pairs
from compgraph.group.modularity.runs import leiden_runs, louvain_runs
from compgraph.group.null import Nulls
from reference.louvain import graph_of, louvain_partition


def partition(labels) -> list[list[int]]:
    return sorted(map(sorted, groups_of_labels(range(len(labels)), labels)))


def differing(adjacency: np.ndarray, seeds: list[int], twins: list[int] | None = None, **params) -> int:
    """Count the searches that end elsewhere than networkx's."""
    labels = louvain_labels(adjacency, seeds, **params)
    assert labels.shape == (len(adjacency), len(seeds), adjacency.shape[1])
    return sum(
        partition(labels[i, run]) != louvain_partition(adjacency[i], seed, **params)
        for i in range(len(adjacency))
        for run, seed in enumerate(twins or seeds)
    )


def random_graphs(seed: int, kind: str, m: int = 4) -> np.ndarray:
    """Graphs of one size and all densities: links of unit or continuous weight, with or without self-loops."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 30))
    weights = rng.random((m, n, n)) if kind == "weighted" else rng.integers(1, 3 if kind == "few" else 2, (m, n, n))
    linked = rng.random((m, n, n)) < rng.random((m, 1, 1))
    upper = np.triu(weights * linked, 0 if seed % 3 == 0 else 1).astype(float)
    return upper + np.triu(upper, 1).transpose(0, 2, 1)


@pytest.mark.parametrize("kind", ["weighted", "unit", "few"])
@pytest.mark.parametrize("resolution", [0.5, 1, 2.0])
def test_small_graphs_and_exact_ties(kind, resolution) -> None:
    for seed in range(6):
        assert differing(random_graphs(seed, kind), [seed, 2**32 - 1 - seed], resolution=resolution) == 0


def test_another_seed_is_another_search() -> None:
    graphs = random_graphs(5, "unit", m=12)
    assert differing(graphs, [1]) == 0
    assert differing(graphs, [1], twins=[2]) > 0


def nulls_of(graph: nx.DiGraph, n: int) -> tuple[ManyLinks, ManyLinks]:
    links = links_of(graph, "weight", ordered_nodes(graph))
    return ManyLinks.of(links), Nulls(links).drawn(np.random.SeedSequence(0).spawn(n))


def test_a_layered_graph_and_its_nulls(random_graph) -> None:
    for many in nulls_of(random_graph(0, size=8, layers=4), 8):
        assert differing(many.adjacency(), [3, 4]) == 0


@pytest.mark.parametrize("params", [{"max_level": 1}, {"max_level": 2}, {"threshold": 0.02}, {"threshold": 0}])
def test_levels_end_where_they_are_told_to(params) -> None:
    ring = nx.to_numpy_array(nx.ring_of_cliques(12, 3))
    levels = {len(partition(louvain_labels(ring[None], [0], max_level=n)[0, 0])) for n in (1, 2, 3)}
    assert len(levels) > 1
    assert differing(np.stack([ring, np.roll(ring, 1, (0, 1))]), [0, 1, 2], **params) == 0


def test_graphs_that_differ_in_levels_and_sizes() -> None:
    sizes = [nx.ring_of_cliques(12, 3), nx.complete_graph(36), nx.path_graph(36), nx.empty_graph(36), nx.star_graph(35)]
    two_parts = nx.disjoint_union(nx.complete_graph(18), nx.cycle_graph(18))
    graphs = np.stack([nx.to_numpy_array(each) for each in (*sizes, two_parts)])
    assert differing(graphs, [0, 1, 2]) == 0


@pytest.mark.parametrize("n", [1, 3])
def test_nodes_without_links_are_groups_of_their_own(n) -> None:
    assert louvain_labels(np.zeros((2, n, n)), [0, 1]).tolist() == [[list(range(n))] * 2] * 2
    assert differing(np.zeros((1, n, n)), [0]) == 0


def test_nothing_to_search() -> None:
    assert louvain_labels(np.zeros((0, 3, 3)), [0]).shape == (0, 1, 3)
    assert louvain_labels(np.ones((2, 3, 3)), []).shape == (2, 0, 3)
    assert louvain_labels(np.zeros((1, 0, 0)), [0]).shape == (1, 1, 0)


def test_graphs_beside_it_make_no_difference(monkeypatch) -> None:
    graphs = random_graphs(4, "weighted", m=7)
    together = louvain_labels(graphs, [0, 1])
    monkeypatch.setattr(louvain, "CELLS", 2 * graphs[0].size)
    assert (louvain_labels(graphs, [0, 1]) == together).all()
    assert (np.concatenate([louvain_labels(graphs[i : i + 1], [0, 1]) for i in range(7)]) == together).all()


def test_from_links_and_from_a_graph(random_graph, monkeypatch) -> None:
    graph = random_graph(1)
    for many in nulls_of(graph, 3):
        expected = louvain_runs(many, [5, 6])
        pairs = [many.each(i).pairs() for i in range(len(many))]
        assert (expected == [louvain_labels_of_pairs(*each, len(graph), [5, 6]) for each in pairs]).all()
        with monkeypatch.context() as large:
            large.setattr(runs, "LARGE", 0)
            assert (louvain_runs(many, [5, 6]) == expected).all()
    copy = canonical_copy(graph)
    ours = [louvain_communities(copy, seed=6), nx.community.louvain_communities(copy, seed=6)]
    assert sorted(map(sorted, ours[0])) == sorted(map(sorted, ours[1]))


def test_leiden_on_many_graphs_is_leiden_on_each(random_graph) -> None:
    pytest.importorskip("graspologic_native")
    _, many = nulls_of(random_graph(1), 3)
    graphs = [graph_of(each) for each in many.adjacency()]
    for labels, graph in zip(leiden_runs(many, [0, 1]), graphs, strict=True):
        each = [sorted(map(sorted, leiden_communities(graph, seed=seed))) for seed in (0, 1)]
        assert [partition(run) for run in labels] == each


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"resolution": 0}, r"resolution=0: a finite number above 0"),
        ({"resolution": float("nan")}, r"resolution=nan"),
        ({"threshold": -1e-9}, r"threshold=-1e-09: a finite number of at least 0"),
        ({"max_level": 0}, r"max_level=0: a whole number of at least 1"),
    ],
)
def test_numbers_out_of_range(params, message) -> None:
    with pytest.raises(BadRequest, match=message):
        louvain_labels(np.ones((1, 3, 3)), [0], **params)
    with pytest.raises(BadRequest, match=message):
        louvain_communities(nx.complete_graph(3), **params)


@pytest.fixture(params=["numpy", "graspologic-native"])
def either(request, monkeypatch) -> None:
    """Search with one or the other, whatever the size of the graph."""
    if request.param == "numpy":
        monkeypatch.setitem(sys.modules, "graspologic_native", None)
    else:
        pytest.importorskip("graspologic_native")
    monkeypatch.setattr(louvain, "LARGE", -1)
    assert back_end(0) == request.param


def planted_graph(seed: int, n: int = 60, groups: int = 3) -> nx.Graph:
    rng = np.random.default_rng(seed)
    same = np.arange(n)[:, None] % groups == np.arange(n) % groups
    upper = np.triu(rng.random((n, n)) * np.where(same, 1.0, 0.1), 1)
    graph = graph_of(upper + upper.T)
    graph.add_node(n)
    return graph


@pytest.mark.usefixtures("either")
class TestBothBackEnds:
    """What a search by the name of Louvain promises, whichever it is."""

    def test_finds_planted_groups_and_keeps_lone_nodes_apart(self) -> None:
        found = sorted(map(sorted, louvain_communities(planted_graph(0), seed=0)))
        assert found == [[*range(0, 60, 3)], [*range(1, 60, 3)], [*range(2, 60, 3)], [60]]

    def test_is_decided_by_its_seed(self) -> None:
        graph = graph_of(random_graphs(0, "weighted")[0])
        runs = [[sorted(map(sorted, louvain_communities(graph, seed=seed))) for _ in range(2)] for seed in range(4)]
        assert all(first == again for first, again in runs)

    def test_insertion_order_does_not_matter(self) -> None:
        graph, other = planted_graph(1), nx.empty_graph(61)
        edges = list(graph.edges(data="weight"))
        other.add_weighted_edges_from((b, a, w) for a, b, w in reversed(edges))
        assert list(louvain_communities(graph, seed=2)) == list(louvain_communities(other, seed=2))

    def test_is_as_good_as_networkx(self, random_graph, planted) -> None:
        for layered in (random_graph(0, size=12), random_graph(1, size=12), planted(noise=0.5, size=12)):
            graph = canonical_copy(layered)
            ours = [louvain_communities(graph, seed=seed) for seed in range(4)]
            theirs = [nx.community.louvain_communities(graph, seed=seed) for seed in range(4)]
            best = [max(nx.community.modularity(graph, each) for each in found) for found in (ours, theirs)]
            assert best[0] >= best[1] - 1e-3

    def test_higher_resolution_gives_more_groups(self) -> None:
        sizes = [len(list(louvain_communities(planted_graph(0), seed=0, resolution=each))) for each in (0.1, 1, 3)]
        assert sizes[0] < sizes[1] < sizes[2]

    def test_refuses_a_resolution_of_nothing(self) -> None:
        with pytest.raises(BadRequest, match=r"resolution=0: a finite number above 0"):
            louvain_communities(planted_graph(0), resolution=0)

    def test_nothing_linked(self) -> None:
        assert list(louvain_communities(nx.empty_graph(3))) == [{0}, {1}, {2}]
        assert list(louvain_communities(nx.empty_graph(0))) == []


def test_small_graphs_never_reach_compiled_code(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "graspologic_native", SimpleNamespace())
    assert (back_end(2000), back_end(2001)) == ("numpy", "graspologic-native")
    monkeypatch.setitem(sys.modules, "graspologic_native", None)
    assert back_end(2001) == "numpy"


def test_compiled_code_knows_no_levels(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "graspologic_native", SimpleNamespace())  # any use of it would fail
    monkeypatch.setattr(louvain, "LARGE", -1)
    graph = planted_graph(0)
    assert back_end(5, max_level=9) == back_end(5, threshold=0.1) == "numpy"
    assert list(louvain_communities(graph, seed=0, max_level=9)) == louvain_communities(graph, seed=0, threshold=1e-8)
