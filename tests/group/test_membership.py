"""Shares of groups, by hand on small graphs."""

import networkx as nx
import numpy as np
import pytest

from compgraph.group import communities, memberships

PAIR = {"L0/in/0": 0, "L0/in/1": 1, "L1/out/0": 0, "L1/out/1": 1}
CHAIN = PAIR | {"L1/in/0": 0, "L1/in/1": 1, "L2/out/0": 0, "L2/out/1": 1}


def require_shares(shares) -> None:
    """Require one share per group, none negative, that add up to 1."""
    rows = np.array(list(shares.values()))
    assert (rows >= 0).all()
    np.testing.assert_allclose(rows.sum(axis=1), 1)


def test_shares_are_those_of_the_weights(layered) -> None:
    found = memberships(layered([np.array([[3.0, 1.0], [0.0, 4.0]])]), PAIR)
    assert found == {
        "L0/in/0": pytest.approx((3 / 4, 1 / 4)),
        "L0/in/1": pytest.approx((0, 1)),
        "L1/out/0": pytest.approx((1, 0)),
        "L1/out/1": pytest.approx((1 / 5, 4 / 5)),
    }
    assert list(found) == list(PAIR)


def test_upstream_and_downstream_count_alike_however_heavy(layered) -> None:
    graph = layered([np.array([[1.0, 3.0], [0.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])])
    # The middle layer as one space with links on both sides.
    graph.add_edge("L1/out/1", "L2/out/0", weight=1000.0, effect=1.0, kind="between", rule="test")
    found = memberships(graph, CHAIN)
    upstream = np.array([3 / 7, 4 / 7])  # groups 0 and 1 of layer 0
    assert found["L1/out/1"] == pytest.approx(tuple((upstream + np.array([1, 0])) / 2))


def test_links_within_a_layer_count_only_where_there_are_no_others(layered) -> None:
    mixed = np.array([[1.0, 1.0], [1.0, 3.0]])
    graph = layered([np.eye(2), np.eye(2)], within=[mixed])
    found = memberships(graph, CHAIN)
    assert set(found.values()) == {(1.0, 0.0), (0.0, 1.0)}
    graph.remove_edge("L0/in/1", "L1/out/1")
    found = memberships(graph, CHAIN)
    assert found["L1/out/1"] == pytest.approx((1 / 4, 3 / 4))
    assert found["L1/in/1"] == (0, 1)


def test_node_without_links_belongs_to_its_own_group(layered) -> None:
    graph = layered([np.array([[1.0, 0.0], [0.0, 0.0]])])
    found = memberships(graph, PAIR)
    assert (found["L0/in/1"], found["L1/out/1"]) == ((0, 1), (0, 1))
    graph.add_edge("L0/in/1", "L1/out/0", weight=0.0, effect=0.0, kind="between", rule="test")
    assert memberships(graph, PAIR)["L0/in/1"] == (0, 1)


@pytest.mark.parametrize("seed", range(3))
def test_shares_add_up_to_one_and_do_not_depend_on_order(seed, random_graph, shuffled) -> None:
    graph = random_graph(seed)
    group_of = {node: index % 3 for node, index in graph.nodes(data="index")}
    found = memberships(graph, group_of)
    require_shares(found)
    assert {len(each) for each in found.values()} == {3}
    assert memberships(shuffled(graph, seed), group_of) == found
    with pytest.raises(AssertionError):
        require_shares({node: (*each, 0.1) for node, each in found.items()})


def test_scale_of_a_block_does_not_matter(random_graph) -> None:
    graph = random_graph(0)
    group_of = {node: index % 2 for node, index in graph.nodes(data="index")}
    before = memberships(graph, group_of)
    for source, _, edge in graph.edges(data=True):
        edge["weight"] *= 100.0 if source.startswith("L1/in") else 1.0
    after = memberships(graph, group_of)
    np.testing.assert_allclose([after[node] for node in graph], [before[node] for node in graph])


def test_another_weight_is_read_when_named(layered) -> None:
    graph = layered([np.ones((2, 2))])
    nx.set_edge_attributes(graph, {edge: float(edge[0][-1] == edge[1][-1]) for edge in graph.edges}, "other")
    assert set(memberships(graph, PAIR).values()) == {(0.5, 0.5)}
    assert set(memberships(graph, PAIR, weight="other").values()) == {(1, 0), (0, 1)}


def test_a_planted_bridge_is_shared_and_nothing_else(planted) -> None:
    graph = planted(2, noise=0.0)
    for source in ("L1/in/0", "L1/in/1"):
        graph.add_edge(source, "L2/out/0", weight=0.2, effect=0.1, kind="between", rule="test")
    found = communities(graph, n_null=0)
    assert found.n_groups == 2
    assert "L2/out/0" in found.shared()
    for node, shares in found.membership.items():
        assert (max(shares) < 0.8) == (node in found.shared())
        assert node in ("L2/out/0", "L1/in/1") or max(shares) == pytest.approx(1)
    assert set(found.shared(below=1.1)) == set(graph)
    assert found.shared(below=0.4) == ()


def test_partitions_carry_memberships_that_fit_their_groups(planted) -> None:
    found = communities(planted(2, noise=0.05), n_null=0)
    require_shares(found.membership)
    assert list(found.membership) == list(found.assignment)
    assert {node: int(np.argmax(each)) for node, each in found.membership.items()} == dict(found.assignment)
    single = found.trusted()
    assert single.n_groups == 1
    assert set(single.membership.values()) == {(1.0,)}
    assert single.shared() == ()


def literal(graph: nx.DiGraph, group_of) -> dict[str, np.ndarray]:
    """Both sums of the formula, link by link."""
    found = {}
    for node in graph:
        shares = {}
        for within in (False, True):
            sides = [[(e[i], w) for *e, w, k in links if (k == "within") == within] for i, links in _sides(graph, node)]
            means = [
                sum(w * np.eye(max(group_of.values()) + 1)[group_of[other]] for other, w in side)
                / sum(w for _, w in side)
                for side in sides
                if side
            ]
            shares[within] = np.mean(means, axis=0) if means else None
        own = np.eye(max(group_of.values()) + 1)[group_of[node]]
        found[node] = next(each for each in (shares[False], shares[True], own) if each is not None)
    return found


def _sides(graph: nx.DiGraph, node: str) -> list[tuple[int, list[tuple]]]:
    def known(edges) -> list[tuple]:
        return [(a, b, data["weight"], data["kind"]) for a, b, data in edges]

    return [(1, known(graph.out_edges(node, data=True))), (0, known(graph.in_edges(node, data=True)))]


@pytest.mark.parametrize("n_groups", [2, 40])
def test_shares_are_those_of_the_formula(n_groups, random_graph) -> None:
    graph = random_graph(1)
    graph.remove_edges_from(list(graph.out_edges("L0/in/3")))
    graph.remove_edges_from(list(graph.out_edges("L1/in/2")))
    group_of = {node: i % n_groups for i, node in enumerate(graph)}
    found, expected = memberships(graph, group_of), literal(graph, group_of)
    for node in graph:
        np.testing.assert_allclose(found[node], expected[node], atol=1e-15)
