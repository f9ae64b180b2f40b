"""Groups of graphs that are no chains, on graphs whose groups are known."""

import math

import networkx as nx
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from compgraph.connect import ordered_nodes
from compgraph.group import communities, layered_modularity, memberships, null_graphs
from compgraph.group.links import links_of
from compgraph.group.null import null_links
from compgraph.group.spectral.parts import slowest
from fixtures.site_graphs import RESIDUAL


def planted(graph: nx.DiGraph) -> list[int]:
    return [graph.nodes[node]["index"] % 2 for node in ordered_nodes(graph)]


@pytest.mark.parametrize("algorithm", ["spectral", "layered"])
def test_planted_groups_are_found_past_residual_paths_and_over_heads(site_graph, algorithm) -> None:
    found = communities(site_graph, algorithm, n_null=0, n_seeds=3)
    assert adjusted_rand_score(planted(site_graph), list(found.assignment.values())) == 1


def test_depth_alone_is_one_group(site_graph) -> None:
    for source, target in site_graph.edges:
        site_graph.edges[source, target]["weight"] = 1.0
    for a, b in [(a, b) for a, b, kind in site_graph.edges(data="kind") if kind == "within"]:
        for index in range(4):
            site_graph.add_edge(a, f"{b.rpartition('/')[0]}/{index}", **site_graph.edges[a, b])
    assert communities(site_graph, n_null=0).n_groups == 1


@pytest.mark.parametrize("n_spaces", [2, 3, 7, 30])
def test_the_slowest_mode_of_a_chain_is_that_of_the_formula(n_spaces) -> None:
    chain = nx.to_numpy_array(nx.path_graph(n_spaces))
    assert slowest(chain) == pytest.approx(1 - math.cos(math.pi / (n_spaces - 1)), abs=1e-12)


def test_a_shortcut_makes_the_slowest_mode_faster() -> None:
    chain = nx.path_graph(8)
    slow = slowest(nx.to_numpy_array(chain))
    chain.add_edges_from([(0, 4), (2, 7)])
    assert slowest(nx.to_numpy_array(chain)) > 1.5 * slow


def side_by_side(sites, **options: object) -> nx.DiGraph:
    return sites([("x", "y"), ("y", "z"), ("u", "v"), ("v", "w")], **options)


def test_networks_side_by_side_share_no_group(sites) -> None:
    graph = side_by_side(sites)
    found = communities(graph, n_null=0)
    assert found.n_groups == 4
    truth = [2 * (node[0] in "uvw") + graph.nodes[node]["index"] % 2 for node in ordered_nodes(graph)]
    assert adjusted_rand_score(truth, list(found.assignment.values())) == 1


@pytest.mark.parametrize(("n_groups", "expected"), [(1, 2), (2, 2), (3, 3), (4, 4)])
def test_a_number_that_is_known_is_dealt_out_to_networks_side_by_side(sites, n_groups, expected) -> None:
    assert communities(side_by_side(sites), n_null=0, n_groups=n_groups).n_groups == expected


def require_same_strengths(links, null) -> None:
    assert links.matrices.keys() == null.matrices.keys()
    for ends, weights in links.matrices.items():
        for axis in (0, 1):
            np.testing.assert_allclose(null.matrices[ends].sum(axis), weights.sum(axis), rtol=1e-6)


def test_null_graphs_keep_the_strengths_of_every_arrow(site_graph) -> None:
    links = links_of(site_graph, "weight", ordered_nodes(site_graph))
    (null,) = null_links(links, n=1, seed=0)
    require_same_strengths(links, null)
    between = [ends for ends in links.matrices if not links.in_one_layer(*ends)]
    assert not any(np.allclose(null.matrices[ends], links.matrices[ends]) for ends in between)
    heavier = {ends: weights * 2 if ends == between[-1] else weights for ends, weights in null.matrices.items()}
    with pytest.raises(AssertionError):
        require_same_strengths(links, null.with_matrices(heavier))


def test_structure_past_a_residual_path_beats_chance(sites) -> None:
    found = communities(sites(RESIDUAL, width=8), n_null=39, n_seeds=2)
    assert found.p_value == pytest.approx(1 / 40)
    assert len(list(null_graphs(sites(RESIDUAL), n=2))) == 2


def faint_arrow(sites, faint: float) -> nx.DiGraph:
    """Let the arrow past ``b`` follow other groups than the rest."""
    graph = sites(RESIDUAL, mass={("a", "c"): faint}, width=8)
    for a in range(8):
        weights = [graph.edges[f"a/in/{a}", f"c/out/{b}"]["weight"] for b in range(8)]
        for b in range(8):
            graph.edges[f"a/in/{a}", f"c/out/{b}"]["weight"] = weights[(b + 1) % 8]
    return graph


@pytest.mark.parametrize("algorithm", ["spectral", "layered"])
def test_an_arrow_that_carries_little_decides_little(sites, algorithm) -> None:
    graph = faint_arrow(sites, 1e-3)
    found = communities(graph, algorithm, n_null=0, n_seeds=3)
    assert adjusted_rand_score(planted(graph), list(found.assignment.values())) == 1
    truth = dict(zip(ordered_nodes(graph), planted(graph), strict=True))
    assert layered_modularity(graph, truth) == pytest.approx(
        layered_modularity(faint_arrow(sites, 1e-6), truth), abs=2e-3
    )


def test_a_source_that_carries_little_shares_little(sites) -> None:
    graph = faint_arrow(sites, 1e-3)
    shares = memberships(graph, dict(zip(ordered_nodes(graph), planted(graph), strict=True)))
    assert max(shares["c/out/0"]) > 0.9
    heavy = faint_arrow(sites, 1.0)
    shares = memberships(heavy, dict(zip(ordered_nodes(heavy), planted(heavy), strict=True)))
    assert max(shares["c/out/0"]) < 0.7
