import math
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

import compgraph
from compgraph.errors import BadRequest, GraphError, UnknownName
from compgraph.group import communities
from compgraph.group.communities import against_nulls, found_groups
from fixtures.deals import backwards, in_halves

QUICK = {"n_seeds": 3, "n_null": 0}


def truth(graph: nx.DiGraph, n_groups: int) -> dict[str, int]:
    return {node: index % n_groups for node, index in graph.nodes(data="index")}


def textbook_modularity(graph: nx.DiGraph, group_of, resolution: float) -> float:
    """Newman's double sum over all ordered pairs of nodes, from an adjacency matrix."""
    nodes = list(graph)
    adjacency = nx.to_numpy_array(graph, nodes)
    adjacency = adjacency + adjacency.T
    strength = adjacency.sum(axis=0)
    total = strength.sum()
    return sum(
        (adjacency[i, j] - resolution * strength[i] * strength[j] / total) / total
        for i, j in product(range(len(nodes)), repeat=2)
        if group_of[nodes[i]] == group_of[nodes[j]]
    )


@pytest.mark.parametrize("n_groups", [2, 4])
def test_planted_groups_are_found_exactly(planted, n_groups) -> None:
    graph = planted(n_groups)
    found = communities(graph, n_null=39)
    expected = truth(graph, n_groups)
    assert adjusted_rand_score([expected[node] for node in found.assignment], list(found.assignment.values())) == 1
    assert found.n_groups == n_groups
    assert found.reliable
    assert found.p_value == pytest.approx(1 / 40)
    assert found.stability == 1


def test_lower_resolution_keeps_groups_whole_along_depth(planted) -> None:
    graph = planted(2, layers=5)
    assert communities(graph, "louvain", **QUICK).n_groups > 2
    found = communities(graph, "louvain", resolution=0.4, n_seeds=3, n_null=19)
    assert found.assignment == truth(graph, 2)
    assert found.p_value == pytest.approx(1 / 20)


def test_planted_groups_without_any_link_between_them(planted) -> None:
    graph = planted(4, noise=0.0)
    found = communities(graph, n_null=39)
    assert found.n_groups == 4
    assert found.p_value == pytest.approx(1 / 40)


def test_structureless_graphs_are_rarely_significant(random_graph) -> None:
    graphs = [random_graph(seed, size=6, layers=3) for seed in range(20)]
    values = [communities(graph, "louvain", n_seeds=2, n_null=19).p_value for graph in graphs]
    assert sum(value <= 0.05 for value in values) <= 3  # P(more than 3 of 20) = 1.6 % at a rate of 5 %
    assert 0.25 < np.mean(values) < 0.85
    values = [communities(graph, n_null=19).p_value for graph in graphs]
    assert sum(value <= 0.05 for value in values) <= 3  # most are one group, whose p-value is 1


def test_ring_of_equal_links_is_no_evidence(layered) -> None:
    ring = np.eye(6) + np.roll(np.eye(6), 1, axis=1)
    assert communities(layered([ring]), n_null=19).p_value > 0.05


@pytest.mark.parametrize("resolution", [0.5, 1.0, 2.0])
def test_quality_is_textbook_modularity(random_graph, resolution) -> None:
    graph = random_graph(3)
    found = communities(graph, "louvain", resolution=resolution, **QUICK)
    assert found.quality == pytest.approx(textbook_modularity(graph, found.assignment, resolution), abs=1e-12)


def test_best_of_the_runs_is_kept(random_graph) -> None:
    graph = random_graph(1)
    qualities = [communities(graph, "louvain", n_seeds=n, n_null=0).quality for n in (1, 5, 20)]
    assert qualities == sorted(qualities)


@pytest.mark.parametrize("algorithm", ["spectral", "louvain"])
def test_insertion_order_does_not_matter(algorithm, random_graph, shuffled) -> None:
    graph = random_graph(0)  # weak structure, where order decides most
    first = communities(graph, algorithm, n_null=9)
    for seed in range(3):
        other = communities(shuffled(graph, seed), algorithm, n_null=9)
        assert other == first
        assert list(other.assignment) == list(first.assignment)


@pytest.mark.slow  # starts Python itself
def test_hash_seed_does_not_matter() -> None:
    code = (
        "import numpy as np, networkx as nx; from compgraph.group import communities\n"
        "rng = np.random.default_rng(0); g = nx.DiGraph(schema='compgraph/2')\n"
        "n = dict(method='m', strength=1., share=.1, label='')\n"
        "g.add_nodes_from((s + str(i), dict(n, layer=s, side='in', depth=d, index=i))"
        " for d, s in enumerate('ab') for i in range(9))\n"
        "g.add_edges_from({(u, v) for u in g for v in g if u[0] < v[0]}, effect=1., kind='between', rule='r')\n"
        "nx.set_edge_attributes(g, {e: float(w) for e, w in zip(sorted(g.edges), rng.random(81))}, 'weight')\n"
        "print([communities(g, each, n_null=9) for each in ('spectral', 'louvain')])"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(compgraph.__file__).parents[1])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert "Partition" in outputs[0]
    assert outputs[0] == outputs[1]


def test_the_graph_is_left_alone(planted) -> None:
    graph, twin = planted(), planted()
    communities(graph, n_null=2, n_seeds=2)
    assert nx.utils.graphs_equal(graph, twin)


def test_reciprocal_edges_are_summed(layered) -> None:
    graph = layered([np.array([[1.0, 1.0], [1.0, 1.0]])])
    graph.graph["schema"] = "compgraph/1"  # version 2 has no edges against the data
    # One direction is weak everywhere: only the sum of both shows who belongs together.
    for a, b in ((0, 0), (1, 1)):
        graph.add_edge(f"L1/out/{a}", f"L0/in/{b}", weight=1.0, effect=1.0, kind="between", rule="test")
    found = communities(graph, "louvain", **QUICK)
    assert found.groups() == (("L0/in/0", "L1/out/0"), ("L0/in/1", "L1/out/1"))


def test_record_of_the_call(planted) -> None:
    found = communities(planted(), "louvain", seed=np.int64(7), n_seeds=2, n_null=0, resolution=1.1)
    assert (found.algorithm, found.seed) == ("louvain", 7)
    assert dict(found.parameters) == {"weight": "weight", "n_seeds": 2, "n_null": 0, "resolution": 1.1}
    assert math.isnan(found.p_value)
    assert not found.reliable


def test_default_is_spectral_and_runs_once(planted) -> None:
    found = communities(planted(), n_seeds=5, n_null=0)
    assert (found.algorithm, found.stability) == ("spectral", 1)
    assert dict(found.parameters) == {"weight": "weight", "n_seeds": 5, "n_null": 0}


def test_stability_of_one_run(planted) -> None:
    assert communities(planted(), "greedy", n_null=0).stability == 1
    assert math.isnan(communities(planted(), "louvain", n_seeds=1, n_null=0).stability)


def test_another_weight_attribute(planted) -> None:
    graph = planted()
    for *_, edge in graph.edges(data=True):
        edge["energy"], edge["weight"] = edge["weight"], 1.0
    assert communities(graph, weight="energy", n_seeds=2, n_null=2).n_groups == 2
    plain = communities(graph, "louvain", n_null=0)
    assert plain.quality < communities(graph, "louvain", weight="energy", n_null=0).quality


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.5, "1"])
def test_bad_weight_is_named(planted, bad) -> None:
    graph = planted()
    graph.edges["L0/in/1", "L1/out/2"]["weight"] = bad
    with pytest.raises(GraphError, match=rf"'L0/in/1' -> 'L1/out/2' has weight={bad!r}.*at least 0"):
        communities(graph)


def test_missing_weight_is_named(planted) -> None:
    with pytest.raises(GraphError, match=r"'L0/in/0' -> 'L1/out/0' has no attribute 'energy'.*'weight'"):
        communities(planted(), weight="energy")


def test_not_a_component_graph() -> None:
    with pytest.raises(GraphError, match="schema"):
        communities(nx.DiGraph())
    with pytest.raises(GraphError, match="MultiDiGraph"):
        communities(nx.MultiDiGraph(schema="compgraph/2"))


def test_empty_graph() -> None:
    with pytest.raises(GraphError, match="no nodes"):
        communities(nx.DiGraph(schema="compgraph/2"))


@pytest.mark.parametrize("algorithm", ["spectral", "louvain", "greedy", "label_propagation"])
def test_nothing_to_group_is_one_group(layered, algorithm) -> None:
    unlinked = layered([np.zeros((2, 2))])
    zeros = layered([np.ones((2, 2))])
    nx.set_edge_attributes(zeros, 0.0, "weight")
    lonely = unlinked.subgraph(["L0/in/0"]).copy()
    for graph in (unlinked, zeros, lonely):
        found = communities(graph, algorithm)
        assert (found.n_groups, found.quality, found.p_value, found.reliable) == (1, 0.0, 1.0, False)
        assert set(found.assignment) == set(graph)


def test_node_without_links_is_alone(planted) -> None:
    graph = planted()
    graph.remove_edges_from(list(graph.in_edges("L2/out/7")))
    found = communities(graph, n_null=2)
    assert found.groups()[-1] == ("L2/out/7",)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"seed": -1}, "seed=-1"),
        ({"seed": True}, "seed=True"),
        ({"n_seeds": 0}, "n_seeds=0: a whole number of at least 1"),
        ({"n_null": -1}, "n_null=-1"),
        ({"resolution": 0}, "resolution=0"),
        ({"resolution": -1.0}, "resolution=-1.0"),
        ({"resolution": math.inf}, "resolution=inf"),
        ({"resolution": math.nan}, "resolution=nan"),
        ({"resolution": "1"}, "resolution='1'"),
        ({"algorithm": "louvain", "resolutoin": 1}, r"no parameter 'resolutoin'.*'resolution'"),
        ({"resolution": 2.0}, r"no parameter 'resolution'\. Its own parameters: \['cut', 'n_groups'\]"),
        ({"algorithm": "label_propagation", "resolution": 2.0}, r"no parameter 'resolution'"),
    ],
)
def test_bad_request(planted, request_, message) -> None:
    with pytest.raises(BadRequest, match=message):
        communities(planted(), **request_)


def test_unknown_algorithm(planted) -> None:
    with pytest.raises(UnknownName, match=r"no community algorithm 'luvain'.*Did you mean 'louvain'"):
        communities(planted(), "luvain")


@pytest.mark.parametrize("deal", [backwards, in_halves])
@pytest.mark.parametrize("algorithm", ["spectral", "louvain"])
def test_who_searches_which_null_graph_makes_no_difference(deal, algorithm, planted) -> None:
    graph = planted(2, noise=0.9)
    found = communities(graph, algorithm, n_seeds=2, n_null=9, deal=deal)
    assert found == communities(graph, algorithm, n_seeds=2, n_null=9)
    assert found.p_value > 1 / 10 or algorithm == "spectral"


def test_a_test_ends_once_it_cannot_become_significant(random_graph) -> None:
    found = communities(random_graph(0), "louvain", n_seeds=2, n_null=99)
    assert 5 <= found.n_drawn < 99
    assert found.p_value == pytest.approx(5 / found.n_drawn)
    assert dict(found.parameters)["n_null"] == 99


def test_structure_is_held_against_all_null_graphs(planted) -> None:
    found = communities(planted(), n_null=39)
    assert (found.n_drawn, found.p_value) == (39, pytest.approx(1 / 40))
    assert communities(planted(), n_null=0).n_drawn == 0


def test_one_block_needs_no_null_graph(random_graph) -> None:
    graph = random_graph(0)
    nx.set_node_attributes(graph, 0, "block")
    found = communities(graph, n_null=19)
    assert (found.n_groups, found.p_value, found.n_drawn) == (1, 1, 0)
    assert math.isnan(communities(graph, n_null=0).p_value)


def test_found_first_and_tested_later(planted) -> None:
    graph = planted(noise=0.5)
    found = found_groups(graph, "spectral", seed=3, n_seeds=2, n_null=19)
    assert math.isnan(found.partition.p_value)
    assert against_nulls(found, deal=backwards) == communities(graph, seed=3, n_seeds=2, n_null=19)
