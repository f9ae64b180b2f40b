"""Many graphs at once are what each is by itself: their weights, null graphs, groups and qualities."""

from itertools import product

import networkx as nx
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import adjusted_rand_score

from compgraph.connect import ordered_nodes
from compgraph.group import layered_modularity
from compgraph.group.layered import layered_qualities, modularity
from compgraph.group.links import Links, graph_of, links_of
from compgraph.group.many import DensePair, ManyLinks, SparsePair, pairs
from compgraph.group.null import FLOOR, Nulls
from compgraph.group.spectral import modes, spectral_labels
from fixtures.layered_graphs import build_layered, plant, structureless
from fixtures.site_graphs import GRAPHS
from reference.null_graphs import null_of
from reference.spectral_groups import spectral_groups


def read(graph: nx.Graph) -> Links:
    return links_of(graph, "weight", ordered_nodes(graph))


def streams(n: int, seed: int = 0) -> list[np.random.SeedSequence]:
    return np.random.SeedSequence(seed).spawn(n)


def sparse_chain(seed: int = 0, size: int = 12, density: float = 0.25) -> nx.DiGraph:
    rng = np.random.default_rng(seed)
    return build_layered([rng.gamma(1.0, size=(size, size)) * (rng.random((size, size)) < density) for _ in range(3)])


@pytest.fixture
def as_sparse(monkeypatch) -> None:
    monkeypatch.setattr(pairs, "DENSE_ENTRIES", 0)
    monkeypatch.setattr(pairs, "DENSE_SHARE", 0.5)


@pytest.mark.parametrize("graph", [*GRAPHS.values(), sparse_chain(), structureless(0)])
def test_null_graphs_drawn_together_are_those_of_the_definition(graph) -> None:
    links, n = read(graph), 3
    together, alone = (
        Nulls(links).drawn(streams(n)),
        [Nulls(links).drawn([each]).each(0) for each in streams(n)],
    )
    for i, stream in enumerate(streams(n)):
        for ends, weights in null_of(links, stream).items():
            assert_allclose(together.each(i).matrices[ends], weights, rtol=1e-9, atol=1e-12)
            assert_allclose(together.each(i).matrices[ends], alone[i].matrices[ends], rtol=1e-12)


def test_a_large_sparse_null_is_a_floor_and_as_many_entries_with_the_strengths(as_sparse) -> None:
    links = read(sparse_chain())
    drawn = Nulls(links).drawn(streams(4))
    for ends, pair in drawn.pairs.items():
        assert isinstance(pair, SparsePair)
        weights, nulls = links.matrices[ends], pair.whole()
        assert_allclose(nulls.sum(axis=2), np.tile(weights.sum(axis=1), (4, 1)), rtol=1e-6)
        assert_allclose(nulls.sum(axis=1), np.tile(weights.sum(axis=0), (4, 1)), rtol=1e-6)
        if not links.in_one_layer(*ends):
            assert all(each.nnz <= np.count_nonzero(weights) for each in pair.entries)
            assert not np.allclose(nulls[0], nulls[1])
    again = Nulls(links).drawn(streams(4)[2:3]).each(0)
    assert_allclose(again.matrices[0, 1], drawn.each(2).matrices[0, 1], rtol=1e-12)


def test_a_large_sparse_null_holds_what_the_dense_one_does(as_sparse, monkeypatch) -> None:
    links = read(sparse_chain())
    sparse = Nulls(links).drawn(streams(1)).pairs[0, 1]
    monkeypatch.setattr(pairs, "DENSE_ENTRIES", 10**6)
    dense = Nulls(links).drawn(streams(1)).pairs[0, 1]
    for pair in (sparse, dense):  # cross ratios are those of the permuted W / P
        floor = np.sort((pair.whole()[0] / pair.whole()[0].max()).ravel())
        assert np.count_nonzero(floor < 10 * FLOOR) > 50
    assert isinstance(dense, DensePair)


@pytest.mark.parametrize("graph", [sparse_chain(), plant(), GRAPHS["inputs"]])
def test_products_sums_and_qualities_are_those_of_the_adjacency(graph, as_sparse) -> None:
    links, rng = read(graph), np.random.default_rng(0)
    drawn = Nulls(links).drawn(streams(3))
    adjacency, columns = drawn.adjacency(), rng.normal(size=(3, len(graph), 2))
    assert_allclose(drawn.times(columns), adjacency @ columns, atol=1e-14)
    assert_allclose(drawn.degrees(), adjacency.sum(axis=2), rtol=1e-12)
    labels = rng.integers(-2, 3, size=(3, len(graph)))
    for i, quality in enumerate(layered_qualities(drawn, labels)):
        single = graph_of(drawn.each(i), graph, "weight")
        group_of = dict(zip(links.nodes, labels[i].tolist(), strict=True))
        assert quality == pytest.approx(layered_modularity(single, group_of), abs=1e-12)
        assert_allclose(drawn.only(i).adjacency()[0], adjacency[i])


def test_links_within_a_space_count_once() -> None:
    graph = nx.DiGraph([("a", "b", {"weight": 1.0}), ("b", "a", {"weight": 2.0}), ("a", "a", {"weight": 4.0})])
    assert_array_equal(ManyLinks.of(links_of(graph, "weight")).adjacency(), [[[4, 3], [3, 0]]])


@pytest.mark.parametrize("resolution", [0.5, 1, 2.0])
@pytest.mark.parametrize("graph", [structureless(1), GRAPHS["experts"], sparse_chain(1)])
def test_modularity_is_that_of_networkx(graph, resolution) -> None:
    graph = graph.copy()
    graph.add_edge(*[next(iter(graph))] * 2, weight=0.3)  # a link with itself
    links = read(graph)
    plain = nx.Graph()
    plain.add_nodes_from(range(len(graph)))
    plain.add_weighted_edges_from(zip(*(each.tolist() for each in links.pairs()), strict=True))
    labels = np.random.default_rng(0).integers(-1, 3, len(graph))
    groups = [set(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)]
    expected = nx.community.modularity(plain, groups, resolution=resolution)
    assert modularity(links, labels, resolution=resolution) == pytest.approx(expected, abs=1e-12)


WAYS = {"together": (1000, 1000), "one by one": (0, 1000), "without a matrix": (0, 0)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("options", [{}, {"n_groups": 3}, {"cut": 0.6}])
def test_groups_of_many_graphs_are_those_of_their_whole_spectra(way, options, monkeypatch) -> None:
    monkeypatch.setattr(modes, "TOGETHER", WAYS[way][0])
    monkeypatch.setattr(modes, "DENSE", WAYS[way][1])
    for graph in (plant(3, size=9, layers=4, noise=0.3), structureless(3), sparse_chain(2), GRAPHS["experts"]):
        links = read(graph)
        for drawn in (ManyLinks.of(links), Nulls(links).drawn(streams(2))):
            for i, (found,) in enumerate(spectral_labels(drawn, None, **options)):
                assert adjusted_rand_score(spectral_groups(drawn.each(i), **options), found) == 1


@pytest.mark.parametrize("n_groups", [2, 3, 4])
def test_rounding_of_the_weights_decides_nothing(n_groups) -> None:
    for seed, noise in product(range(4), (0.3, 1.0)):
        links = read(plant(n_groups, size=6, layers=4, noise=noise, seed=seed))
        drawn, rng = Nulls(links).drawn(streams(30, seed)), np.random.default_rng(seed)
        noisy = {
            ends: DensePair.of(pair.whole() * (1 + 1e-15 * rng.standard_normal(pair.whole().shape)))
            for ends, pair in drawn.pairs.items()
        }
        blocks = np.arange(len(links.nodes)) % n_groups
        for options in ({"blocks": None, "n_groups": n_groups}, {"blocks": blocks}):
            found = spectral_labels(drawn, **options)
            assert_array_equal(spectral_labels(ManyLinks(links, noisy), **options), found)
