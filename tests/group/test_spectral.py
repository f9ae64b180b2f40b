"""Groups and their number from the spectrum, on graphs whose groups are known."""

from itertools import combinations, cycle, pairwise

import networkx as nx
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from compgraph.connect import ordered_nodes
from compgraph.errors import BadRequest
from compgraph.group import canonical_copy, communities
from compgraph.group.spectral import spectral_communities


def blocks(sizes: list[int], *, between: float, seed: int = 0) -> nx.Graph:
    """Dense random blocks; every link between two of them has ``between`` of the usual weight."""
    rng = np.random.default_rng(seed)
    block = np.repeat(np.arange(len(sizes)), sizes)
    graph = nx.Graph()
    graph.add_nodes_from(range(len(block)))
    for i, j in combinations(range(len(block)), 2):
        weight = rng.uniform(0.5, 1.5) * (1 if block[i] == block[j] else between)
        if weight > 0:
            graph.add_edge(i, j, weight=weight)
    return graph


def found(graph: nx.Graph, **options) -> list[set[int]]:
    return sorted(spectral_communities(graph, **options), key=min)


def consecutive(sizes: list[int]) -> list[set[int]]:
    ends = np.cumsum([0, *sizes]).tolist()
    return [set(range(a, b)) for a, b in pairwise(ends)]


@pytest.mark.parametrize("sizes", [[12, 12], [6, 20], [8, 9, 10, 11], [5] * 7])
@pytest.mark.parametrize("between", [0.0, 0.005])
def test_planted_blocks_and_their_number(sizes, between) -> None:
    assert found(blocks(sizes, between=between)) == consecutive(sizes)


@pytest.mark.parametrize("n_groups", [2, 4])
def test_planted_tasks_in_layers(n_groups, planted) -> None:
    graph = planted(n_groups, noise=0.01)
    groups = communities(graph, "spectral", n_seeds=4, n_null=39)
    truth = [graph.nodes[node]["index"] % n_groups for node in groups.assignment]
    assert groups.n_groups == n_groups
    assert adjusted_rand_score(truth, list(groups.assignment.values())) == 1
    assert (groups.reliable, groups.p_value, groups.stability) == (True, pytest.approx(1 / 40), pytest.approx(1))


@pytest.mark.parametrize("seed", range(3))
def test_dense_random_graph_is_one_group(seed) -> None:
    assert len(found(blocks([30], between=0, seed=seed))) == 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("layers", [2, 3, 4, 7, 10])
def test_layers_without_tasks_are_one_group(seed, layers, random_graph) -> None:
    assert len(found(canonical_copy(random_graph(seed, layers=layers)))) == 1


def test_depth_alone_would_pass_for_groups(random_graph) -> None:
    graph = canonical_copy(random_graph(0, layers=10))
    flat = nx.Graph()
    flat.add_weighted_edges_from(graph.edges(data="weight"))
    assert len(found(graph)) == 1
    assert len(found(flat)) > 1  # the same links, without knowing which nodes share a space


@pytest.mark.parametrize("n_layers", [4, 8, 12])
def test_the_number_of_groups_does_not_depend_on_the_depth(n_layers, planted) -> None:
    graph = planted(2, noise=0.05, layers=n_layers)
    truth = [graph.nodes[node]["index"] % 2 for node in graph]
    groups = communities(graph, "spectral", n_seeds=2, n_null=0).assignment
    assert adjusted_rand_score(truth, [groups[node] for node in graph]) == 1


def test_number_is_that_of_eigenvalues_below_the_cut() -> None:
    graph = blocks([9, 9, 9], between=0.05)
    weights = nx.to_numpy_array(graph)
    degree = np.diag(weights.sum(axis=1) ** -0.5)
    values = np.linalg.eigvalsh(np.eye(27) - degree @ weights @ degree)
    for cut in (values[1] - 1e-6, values[1] + 1e-6, values[2] + 1e-6):
        assert len(found(graph, cut=float(cut))) == int((values < cut).sum())


def test_isolated_nodes_are_groups_of_their_own() -> None:
    graph = blocks([8, 8], between=0)
    graph.add_nodes_from([16, 17])
    assert found(graph) == [*consecutive([8, 8]), {16}, {17}]


def test_nothing_is_linked() -> None:
    graph = nx.empty_graph(4)
    graph.add_edge(0, 1, weight=0.0)
    assert found(graph) == [{0}, {1}, {2}, {3}]


def test_one_link() -> None:
    graph = nx.Graph()
    graph.add_edge(0, 1, weight=3.0)
    assert found(graph) == [{0, 1}]


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_scale_of_the_weights_does_not_matter(scale) -> None:
    graph = blocks([7, 8], between=0.01)
    scaled = nx.Graph()
    scaled.add_weighted_edges_from((i, j, w * scale) for i, j, w in graph.edges(data="weight"))
    assert found(scaled) == found(graph)


def test_other_weights_are_read_when_named() -> None:
    graph = blocks([6, 6], between=0.0)
    graph.add_edge(0, 11, weight=0.0)
    for i, j, edge in graph.edges(data=True):
        edge["other"] = 1.0 if (i % 2) == (j % 2) else 0.0
    assert found(graph, weight="other") != found(graph) == consecutive([6, 6])


def test_the_same_groups_each_time() -> None:
    graph = nx.gnm_random_graph(60, 150, seed=0)
    nx.set_edge_attributes(graph, 1.0, "weight")
    runs = [found(graph, cut=0.7) for _ in range(3)]  # weak structure, where a random start would decide
    assert len(runs[0]) > 2
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize("seed", range(3))
def test_order_of_nodes_does_not_matter_for_clear_groups(seed) -> None:
    graph = blocks([10, 11, 12], between=0.01)
    order = np.random.default_rng(seed).permutation(33).tolist()
    other = nx.Graph()
    other.add_nodes_from(order)
    other.add_weighted_edges_from(sorted(graph.edges(data="weight"), key=lambda edge: order[edge[0]] + order[edge[1]]))
    assert found(other) == consecutive([10, 11, 12])


def kmeans_labels(graph: nx.Graph, n_groups: int) -> list[int]:
    """Ng, Jordan and Weiss: k-means on the unit rows of the leading eigenvectors."""
    weights = nx.to_numpy_array(graph, range(len(graph)))
    root = np.sqrt(weights.sum(axis=1))
    rows = np.linalg.eigh(weights / np.outer(root, root))[1][:, -n_groups:]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return KMeans(n_groups, n_init=10, random_state=0).fit_predict(rows).tolist()


@pytest.mark.parametrize("sizes", [[12, 12], [6, 20], [8, 9, 10, 11], [5] * 7])
def test_groups_are_those_of_k_means(sizes) -> None:
    graph = blocks(sizes, between=0.005, seed=3)
    label_of = {node: label for label, group in enumerate(found(graph)) for node in group}
    assert adjusted_rand_score(kmeans_labels(graph, len(sizes)), [label_of[node] for node in range(sum(sizes))]) == 1


@pytest.mark.parametrize("n_groups", [1, 2, 3, 4])
def test_a_number_that_is_known_overrules_the_count(n_groups) -> None:
    graph = blocks([8, 8, 8, 8], between=0.02)
    for i, j in combinations(range(32), 2):  # two pairs of blocks, so that two groups are well defined
        if i // 16 == j // 16 and i // 8 != j // 8:
            graph.edges[i, j]["weight"] *= 20
    expected = {1: [32], 2: [16, 16], 4: [8, 8, 8, 8]}
    groups = found(graph, n_groups=n_groups)
    assert len(groups) == n_groups
    if n_groups in expected:
        assert groups == consecutive(expected[n_groups])


def test_a_number_that_is_known_reaches_the_algorithm(planted) -> None:
    graph = planted(4, noise=0.01)
    assert communities(graph, n_null=0).n_groups == 4
    assert communities(graph, n_null=0, n_groups=2).n_groups == 2


def test_more_groups_than_nodes_are_as_many_as_there_can_be(planted) -> None:
    graph = planted(2, size=2, layers=2)
    assert communities(graph, n_null=0, n_groups=50).n_groups <= 4
    single = nx.Graph()
    single.add_edge(0, 0, weight=1.0)
    assert found(single, n_groups=3) == [{0}]


@pytest.mark.parametrize("n_groups", [0, -1, True])
def test_a_number_of_groups_that_is_none(n_groups, planted) -> None:
    with pytest.raises(BadRequest, match=rf"n_groups={n_groups!r}: a whole number of at least 1"):
        communities(planted(), n_groups=n_groups)


@pytest.mark.parametrize("cut", [0.0, 1.0, -0.2, 1.5, float("nan")])
def test_cut_out_of_range(cut, planted) -> None:
    with pytest.raises(BadRequest, match=r"cut=.*between 0 and 1 is needed; 0\.15"):
        communities(planted(), "spectral", cut=cut)


def test_cut_reaches_the_algorithm(planted) -> None:
    graph = planted(2, noise=0.01)
    assert communities(graph, "spectral", n_seeds=2, n_null=0, cut=1e-6).n_groups == 1


def blocked(graph: nx.DiGraph, values: list[int]) -> nx.DiGraph:
    for node, value in zip(ordered_nodes(graph), cycle(values), strict=False):
        graph.nodes[node]["block"] = value
    return graph


def test_blocks_on_the_nodes_say_how_many_groups_there_are(planted) -> None:
    graph = planted(2, noise=0.05)
    assert communities(blocked(graph, [0]), n_null=0).n_groups == 1
    assert communities(blocked(graph, [0, 1, 2]), n_null=0).n_groups == 3
    assert communities(graph, n_null=0, n_groups=2).n_groups == 2


def agrees_with_the_planted(graph: nx.DiGraph, **options) -> float:
    groups = communities(graph, n_null=0, **options).assignment
    return adjusted_rand_score([graph.nodes[node]["index"] % 2 for node in groups], list(groups.values()))


@pytest.mark.parametrize("seed", range(3))
def test_blocks_stand_where_a_deep_spectrum_blurs_them(planted, seed) -> None:
    graph = blocked(planted(2, size=6, layers=8, noise=0.6, seed=seed), [0, 1])
    assert agrees_with_the_planted(graph, n_groups=2) < 0.8
    assert agrees_with_the_planted(graph) == 1


def test_blocks_that_the_links_contradict_do_not_stand(planted) -> None:
    assert agrees_with_the_planted(blocked(planted(2, noise=0.05), [0, 0, 1, 1])) == 1


def test_blocks_on_some_nodes_say_nothing(planted) -> None:
    graph = blocked(planted(2, noise=0.05), [0, 1, 2])
    del graph.nodes[ordered_nodes(graph)[0]]["block"]
    assert communities(graph, n_null=0).n_groups == 2
