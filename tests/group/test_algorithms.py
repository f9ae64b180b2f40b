"""Every registered algorithm keeps the same promises, and each promise can be broken."""

import importlib.util
import sys

import networkx as nx
import pytest

from compgraph.errors import BadRequest, MissingTool
from compgraph.group import ALGORITHMS, canonical_copy, communities, register_algorithm
from compgraph.group.algorithms import resolve
from compgraph.group.modularity.leiden import leiden_communities

FEW = {"n_seeds": 2, "n_null": 2}
needs_leiden = pytest.mark.skipif(
    importlib.util.find_spec("graspologic_native") is None, reason="graspologic-native is not installed"
)


def partitions_the_nodes(method, planted, shuffled) -> None:
    graph = planted(3, size=6)
    found = communities(graph, method, **FEW)
    assert sorted(node for group in found.groups() for node in group) == sorted(graph)
    sizes = [len(group) for group in found.groups()]
    assert sizes == sorted(sizes, reverse=True)


def deterministic(method, planted, shuffled) -> None:
    assert communities(planted(), method, **FEW) == communities(planted(), method, **FEW)


def order_free(method, planted, shuffled) -> None:
    graph = planted(noise=0.8)
    assert communities(shuffled(graph, 1), method, **FEW) == communities(graph, method, **FEW)


def finds_planted_groups(method, planted, shuffled) -> None:
    graph = planted(noise=0.01)
    for group in communities(graph, method, **FEW).groups():
        assert len({graph.nodes[node]["index"] % 2 for node in group}) == 1


def leaves_the_graph_alone(method, planted, shuffled) -> None:
    graph = planted()
    communities(graph, method, **FEW)
    assert nx.utils.graphs_equal(graph, planted())


BATTERY = [partitions_the_nodes, deterministic, order_free, finds_planted_groups, leaves_the_graph_alone]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs_leiden if name == "leiden" else ()) for name in sorted(ALGORITHMS)]
)
@pytest.mark.parametrize("promise", BATTERY, ids=lambda promise: promise.__name__)
def test_every_algorithm_keeps_every_promise(promise, name, planted, shuffled) -> None:
    promise(name, planted, shuffled)


def halves(graph):
    middle = len(graph) // 2
    return [set(range(middle)), set(range(middle, len(graph)))]


def forgets_a_node(graph):
    return [set(graph) - {0}]


def repeats_a_node(graph):
    return [set(graph), {0}]


def invents_a_node(graph):
    return [set(graph), {len(graph)}]


def counts_its_calls(graph, calls=[]):  # noqa: B006  the memory between calls is the fault
    calls.append(None)
    return [set(graph)] if len(calls) % 2 else halves(graph)


def ignores_the_links(graph):
    return halves(graph)


def edits_the_graph(graph):
    graph.remove_node(0)
    return [set(graph)]


@pytest.mark.parametrize(
    ("twin", "promise", "failure"),
    [
        (forgets_a_node, partitions_the_nodes, BadRequest),
        (repeats_a_node, partitions_the_nodes, BadRequest),
        (invents_a_node, partitions_the_nodes, BadRequest),
        (counts_its_calls, deterministic, AssertionError),
        (ignores_the_links, finds_planted_groups, AssertionError),
        (edits_the_graph, leaves_the_graph_alone, nx.NetworkXError),
    ],
)
def test_broken_twins_are_rejected(twin, promise, failure, planted, shuffled) -> None:
    with pytest.raises(failure):
        promise(twin, planted, shuffled)


def test_order_free_rejects_an_algorithm_that_sees_the_insertion_order(planted, shuffled, monkeypatch) -> None:
    order_free("louvain", planted, shuffled)
    monkeypatch.setattr(sys.modules["compgraph.group.canonical"], "ordered_nodes", list)
    with pytest.raises(AssertionError):
        order_free("louvain", planted, shuffled)


@pytest.mark.parametrize(
    ("twin", "message"),
    [
        (forgets_a_node, r"\[0\] \(1 in all.*in no group"),
        (repeats_a_node, r"\[0\] \(1 in all.*in several groups"),
        (invents_a_node, r"\[32\] \(1 in all.*not in the graph"),
        (lambda graph: dict.fromkeys(graph, 0), "returned dict.*an iterable of node sets is needed"),
        (lambda _: None, "returned NoneType.*an iterable of node sets is needed"),
    ],
)
def test_what_is_no_partition_is_explained(twin, message, planted) -> None:
    with pytest.raises(BadRequest, match=message):
        communities(planted(), twin)


def test_a_function_can_be_passed(planted) -> None:
    seen = []

    def spy(graph, *, weight, seed, flavour):
        seen.append((weight, seed, flavour, graph.nodes[0]["layer"]))
        return nx.community.louvain_communities(graph, weight=weight, seed=seed)

    found = communities(planted(), spy, n_seeds=3, n_null=1, flavour="mint")
    assert found.algorithm == "spy"
    assert found.parameters["flavour"] == "mint"
    assert {each[0::2] for each in [(w, s, f) for w, s, f, _ in seen]} == {("weight", "mint")}
    assert len({seed for _, seed, *_ in seen}) == 3
    assert len(seen) == 3 + 2  # the null graph is searched with the first two seeds
    assert found.assignment == communities(planted(), n_seeds=3, n_null=0).assignment


def test_registering(planted, monkeypatch) -> None:
    monkeypatch.setattr("compgraph.group.algorithms.ALGORITHMS", dict(ALGORITHMS))
    register_algorithm("halves", halves)
    assert communities(planted(), "halves", n_null=0).algorithm == "halves"
    assert resolve(halves) == ("halves", halves)


def test_registering_a_name_again_replaces_it(planted, monkeypatch) -> None:
    monkeypatch.setattr("compgraph.group.algorithms.ALGORITHMS", dict(ALGORITHMS))
    register_algorithm("mine", halves)
    register_algorithm("mine", lambda graph: [set(graph)])
    assert communities(planted(), "mine", n_null=0).n_groups == 1
    register_algorithm("louvain", halves)
    assert resolve("louvain") == ("louvain", halves)


def test_leiden_without_its_library_says_how_to_get_it(planted, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "graspologic_native", None)
    with pytest.raises(MissingTool, match=r"'leiden' needs graspologic-native.*pip install graspologic-native"):
        communities(planted(), "leiden", n_null=0)


@needs_leiden
def test_leiden_finds_what_louvain_finds(planted) -> None:
    graph = planted(3, size=9, noise=0.1)
    leiden = communities(graph, "leiden", n_null=0)
    assert leiden.assignment == communities(graph, "louvain", n_null=0).assignment


@needs_leiden
def test_leiden_is_decided_by_its_seed_and_resolution(random_graph) -> None:
    graph = canonical_copy(random_graph(0))
    runs = [[sorted(map(sorted, leiden_communities(graph, seed=seed))) for _ in range(2)] for seed in range(8)]
    assert all(first == again for first, again in runs)
    assert len({str(first) for first, _ in runs}) > 1
    assert len(list(leiden_communities(graph, seed=0, resolution=0.01))) == 1


@needs_leiden
def test_leiden_keeps_lone_nodes_apart() -> None:
    graph = nx.empty_graph(7)
    graph.add_weighted_edges_from([(0, 1, 1.0), (1, 2, 1.0), (0, 2, 1.0), (4, 5, 1.0), (2, 4, 0.1), (3, 6, 0.0)])
    assert sorted(map(sorted, leiden_communities(graph, seed=0))) == [[0, 1, 2], [3], [4, 5], [6]]
    assert sorted(map(sorted, leiden_communities(nx.empty_graph(2)))) == [[0], [1]]


@needs_leiden
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"resolution": 0.0}, r"resolution=0\.0"),
        ({"seed": -1}, r"seed=-1"),
        ({"iterations": 0}, r"iterations=0: a whole number of at least 1"),
    ],
)
def test_leiden_refuses_numbers_out_of_range(params, message, planted) -> None:
    with pytest.raises(BadRequest, match=message):
        leiden_communities(canonical_copy(planted()), **params)


def test_neither_name_nor_function() -> None:
    with pytest.raises(BadRequest, match=r"algorithm=3: a registered name or a function"):
        resolve(3)


def test_canonical_copy_is_frozen_sorted_and_sums_both_directions(planted) -> None:
    graph = planted()
    graph.graph["schema"] = "compgraph/1"  # version 2 has no edges against the data
    graph.add_edge("L1/out/0", "L0/in/0", weight=0.25, effect=0.5, kind="between", rule="test")
    copy = canonical_copy(graph)
    assert list(copy) == list(range(len(graph)))
    assert list(copy.edges) == sorted(copy.edges)
    assert copy.edges[0, 8]["weight"] == 0.25 + graph.edges["L0/in/0", "L1/out/0"]["weight"]
    assert copy.nodes[8] == graph.nodes["L1/out/0"]
    assert nx.is_frozen(copy)
