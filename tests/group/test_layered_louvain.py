import networkx as nx
import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score

from compgraph.errors import BadRequest, GraphError
from compgraph.group import canonical_copy, communities, layered_louvain_communities, layered_modularity
from compgraph.group.layered_louvain import _moved, layered_modularity_matrix
from compgraph.group.links import links_of

SIZE, N_GROUPS, N_LAYERS = 16, 4, 4


def chain(blocks: list[np.ndarray], places: list[tuple[str, str, int]] | None = None) -> nx.Graph:
    """Spaces linked one to the next; each in a layer of its own unless told."""
    sizes = [blocks[0].shape[0], *(block.shape[1] for block in blocks)]
    starts = np.cumsum([0, *sizes]).tolist()
    places = places or [(f"L{depth}", "out", depth) for depth in range(len(sizes))]
    graph = nx.Graph()
    for start, size, (layer, side, depth) in zip(starts, sizes, places, strict=False):
        graph.add_nodes_from(range(start, start + size), layer=layer, side=side, depth=depth)
    for number, block in enumerate(blocks):
        for i, j in np.argwhere(block > 0).tolist():
            graph.add_edge(starts[number] + i, starts[number + 1] + j, weight=float(block[i, j]))
    return graph


def noisy(rng: np.random.Generator, signal: float, spread: float = 0) -> np.ndarray:
    """Links between all nodes of two layers, stronger where ``i % 4`` agrees, with strengths of log-normal spread."""
    group = np.arange(SIZE) % N_GROUPS
    weights = np.abs(rng.normal(size=(SIZE, SIZE))) + signal * (group[:, None] == group)
    weights *= np.exp(spread * rng.normal(size=SIZE))[:, None] * np.exp(spread * rng.normal(size=SIZE))
    return weights / weights.sum()


def complete(seed: int, signal: float, spread: float = 0) -> nx.Graph:
    rng = np.random.default_rng(seed)
    return chain([noisy(rng, signal, spread) for _ in range(N_LAYERS - 1)])


def two_sided(seed: int, signal: float, kind: str) -> nx.Graph:
    """The same with an "out" and an "in" space in the inner layers, linked one-to-one or densely."""
    rng = np.random.default_rng(seed)
    inner = {"one-to-one": lambda: np.eye(SIZE) / SIZE, "dense": lambda: noisy(rng, signal)}[kind]
    blocks = [noisy(rng, signal)]
    for _ in range(N_LAYERS - 2):
        blocks += [inner(), noisy(rng, signal)]
    places = [(f"L{depth}", side, depth) for depth in range(N_LAYERS) for side in ("out", "in")]
    return chain(blocks, places[1:-1])


def found(graph: nx.Graph, method=layered_louvain_communities, **params) -> dict[int, int]:
    return {v: label for label, group in enumerate(method(graph, seed=0, **params)) for v in group}


def overlap(graphs, truth, method=layered_louvain_communities, **params) -> float:
    """Adjusted mutual information with the truth, averaged over graphs."""
    scores = []
    for graph in graphs:
        groups = found(graph, method, **params)
        scores.append(adjusted_mutual_info_score([truth(graph, v) for v in graph], [groups[v] for v in graph]))
    return float(np.mean(scores))


def task(graph: nx.Graph, node: int) -> int:
    return node % N_GROUPS


def depth(graph: nx.Graph, node: int) -> int:
    return graph.nodes[node]["depth"]


def all_partitions(n: int) -> list[list[int]]:
    """Every grouping once: each node joins a group that a node before it has, or opens the next."""
    grown = [[0]]
    for _ in range(n - 1):
        grown = [[*labels, label] for labels in grown for label in range(max(labels) + 2)]
    return grown


def quality(benefit: np.ndarray, labels) -> float:
    labels = np.asarray(labels)
    return float(benefit[labels[:, None] == labels].sum())


def groups_of(graph: nx.Graph, groups: dict[int, int]) -> list[set[int]]:
    return [{v for v in graph if groups[v] == label} for label in set(groups.values())]


@pytest.mark.parametrize("balance", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_no_partition_of_a_small_graph_is_better(seed, balance) -> None:
    rng = np.random.default_rng(seed)
    graph = chain([rng.random((3, 3)) + 2 * np.eye(3), (rng.random((3, 2)) + 0.1) ** 2])
    benefit = layered_modularity_matrix(links_of(graph, "weight"), balance=balance)
    best = max(quality(benefit, labels) for labels in all_partitions(len(graph)))
    groups = found(graph, balance=balance)
    reached = quality(benefit, [groups[v] for v in graph])
    assert reached <= best + 1e-12
    assert reached == pytest.approx(best, abs=1e-9)


def test_brute_force_counts_every_partition() -> None:
    assert [len(all_partitions(n)) for n in (1, 2, 3, 4, 8)] == [1, 2, 5, 15, 4140]  # Bell's numbers


@pytest.mark.parametrize("resolution", [0.5, 1.0, 2.0])
def test_without_spaces_the_quality_is_ordinary_modularity(resolution) -> None:
    graph = nx.karate_club_graph()
    benefit = layered_modularity_matrix(links_of(graph, "weight"), resolution=resolution, balance=False)
    labels = [v % 3 for v in graph]
    expected = nx.community.modularity(graph, groups_of(graph, dict(enumerate(labels))), resolution=resolution)
    assert quality(benefit, labels) == pytest.approx(expected, abs=1e-12)


def test_reaches_the_best_modularity_of_the_karate_club() -> None:
    graph = nx.Graph(nx.karate_club_graph().edges)
    nx.set_edge_attributes(graph, 1.0, "weight")
    runs = [layered_louvain_communities(graph, seed=seed, balance=False) for seed in range(10)]
    best = max(nx.community.modularity(graph, groups) for groups in runs)
    # By exact optimisation: Brandes et al. (2008), "On modularity clustering", doi:10.1109/TKDE.2007.190689, table 1.
    assert best == pytest.approx(0.4198, abs=5e-5)


def test_with_layers_the_quality_is_layered_modularity(random_graph) -> None:
    graph = random_graph(0)
    copy = canonical_copy(graph)
    labels = np.random.default_rng(0).integers(3, size=len(graph))
    benefit = layered_modularity_matrix(links_of(copy, "weight"), balance=False, within=0)
    groups = dict(zip(graph, labels.tolist(), strict=True))
    assert list(graph) == sorted(graph, key=lambda v: (graph.nodes[v]["depth"], graph.nodes[v]["side"] == "in"))
    assert quality(benefit, labels) == pytest.approx(layered_modularity(graph, groups), abs=1e-12)


@pytest.mark.parametrize("balance", [True, False])
def test_matrix_is_symmetric_and_its_rows_sum_to_zero(balance) -> None:
    graph = two_sided(0, 1.0, "dense")
    benefit = layered_modularity_matrix(links_of(graph, "weight"), balance=balance)
    np.testing.assert_allclose(benefit, benefit.T, atol=1e-18)
    np.testing.assert_allclose(benefit.sum(axis=1), 0, atol=1e-12)
    first, last = slice(0, SIZE), slice(-SIZE, None)
    assert not benefit[first, last].any()  # no links, no chance


def test_links_within_a_layer_count_as_much_as_asked() -> None:
    graph = two_sided(0, 1.0, "dense")
    blocks = [
        layered_modularity_matrix(links_of(graph, "weight"), within=within)[SIZE : 2 * SIZE, 2 * SIZE : 3 * SIZE]
        for within in (0, 1)
    ]
    assert not blocks[0].any()
    weights = np.array([[graph.edges[i, j]["weight"] for j in range(32, 48)] for i in range(16, 32)])
    plain = layered_modularity_matrix(links_of(graph, "weight"), within=0.5, balance=False)[16:32, 32:48]
    expected = np.outer(weights.sum(axis=1), weights.sum(axis=0)) / weights.sum()
    # Three blocks between layers and two of half weight within them, each of weight 1.
    np.testing.assert_allclose(plain, 0.5 * (weights - expected) / (2 * 4), atol=1e-15)


def test_finds_groups_where_ordinary_modularity_finds_half_of_them() -> None:
    graphs = [complete(seed, 1.0) for seed in range(6)]
    assert overlap(graphs, task) > 0.85
    assert overlap(graphs, task, nx.community.louvain_communities) < 0.6


def test_does_not_find_the_layers() -> None:
    graphs = [complete(seed, 0.0) for seed in range(6)]
    assert overlap(graphs, depth, nx.community.louvain_communities) > 0.3
    assert overlap(graphs, depth) < 0.05
    assert overlap(graphs, task) < 0.1


def test_balancing_finds_groups_of_unequal_nodes() -> None:
    graphs = [complete(seed, 1.0, spread=1.0) for seed in range(6)]
    assert overlap(graphs, task) > 0.85
    assert overlap(graphs, task, balance=False) < 0.7


@pytest.mark.parametrize("kind", ["one-to-one", "dense"])
def test_links_within_layers_carry_groups_across_and_do_not_become_them(kind) -> None:
    graphs = [two_sided(seed, 1.0, kind) for seed in range(6)]
    assert overlap(graphs, task) > 0.85
    assert overlap(graphs, depth) < 0.05


def test_links_within_layers_that_count_fully_split_groups_into_single_components() -> None:
    graphs = [two_sided(seed, 1.0, "one-to-one") for seed in range(6)]
    assert overlap(graphs, task, within=1.0) < 0.7


def test_a_search_that_only_moves_nodes_is_worse() -> None:
    graph = complete(3, 0.6)
    benefit = layered_modularity_matrix(links_of(graph, "weight"))
    nodes_only, _ = _moved(benefit, np.arange(len(graph)), np.random.default_rng(0))
    groups = found(graph)
    assert quality(benefit, [groups[v] for v in graph]) > quality(benefit, nodes_only) + 1e-3


def test_lone_nodes_are_groups_of_their_own() -> None:
    graph = chain([np.kron(np.eye(2), np.ones((2, 2)))] * 2)
    graph.add_node(12, layer="L1", side="out", depth=1)
    assert sorted(map(sorted, layered_louvain_communities(graph, seed=0))) == [
        [0, 1, 4, 5, 8, 9],
        [2, 3, 6, 7, 10, 11],
        [12],
    ]
    assert sorted(map(sorted, layered_louvain_communities(nx.empty_graph(3)))) == [[0], [1], [2]]


def test_a_seed_decides_everything() -> None:
    graph = complete(0, 0.0)
    runs = [[sorted(map(sorted, layered_louvain_communities(graph, seed=seed))) for _ in range(2)] for seed in (1, 2)]
    assert runs[0][0] == runs[0][1]
    assert runs[0][0] != runs[1][0]


def test_higher_resolution_gives_more_groups() -> None:
    graph = complete(0, 1.0)
    sizes = [len(list(layered_louvain_communities(graph, seed=0, resolution=value))) for value in (0.5, 1.0, 1.5)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_by_name_with_significance(planted, random_graph) -> None:
    graph = planted(2, noise=0.2)
    groups = communities(graph, "layered", n_seeds=3, n_null=19)
    assert groups.reliable
    assert groups.n_groups == 2
    assert communities(random_graph(1), "layered", n_seeds=3, n_null=19).p_value > 0.05


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"resolution": 0}, r"resolution=0: a finite number above 0 is needed"),
        ({"resolution": float("nan")}, r"resolution=nan: a finite number above 0"),
        ({"within": -1}, r"within=-1: a finite number of at least 0 is needed"),
        ({"within": True}, r"within=True: a finite number of at least 0"),
    ],
)
def test_numbers_out_of_range(params, message) -> None:
    with pytest.raises(BadRequest, match=message):
        layered_modularity_matrix(links_of(complete(0, 1.0), "weight"), **params)


def test_weights_that_are_none() -> None:
    with pytest.raises(GraphError, match=r"has cost=None\. Give every link a finite weight"):
        layered_louvain_communities(complete(0, 1.0), weight="cost")


def test_no_nodes_have_no_groups():
    assert layered_louvain_communities(nx.Graph()) == []
    with pytest.raises(BadRequest, match=r"resolution=0"):
        layered_louvain_communities(nx.Graph(), resolution=0)
