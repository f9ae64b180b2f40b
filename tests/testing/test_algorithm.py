"""Every contract of community algorithms has one that breaks it and no other, and is caught by its name."""

import random

import networkx as nx
import numpy as np
import pytest

from compgraph.errors import ContractBroken, UnknownName
from compgraph.testing import CONTRACTS, check_algorithm


def honest(graph, weight="weight"):
    """Components that links of more than average weight join."""
    weights = [value for _, _, value in graph.edges(data=weight)]
    kept = [(a, b) for a, b, value in graph.edges(data=weight) if value >= np.mean(weights)]
    pruned = nx.Graph()
    pruned.add_nodes_from(graph)
    pruned.add_edges_from(kept)
    return [set(part) for part in nx.connected_components(pruned)]


def mixed(graph, weight):
    """Whether the planted groups are nearly as well linked to each other as in themselves."""
    weights = [value for *_, value in graph.edges(data=weight)]
    return nx.is_connected(graph) and min(weights) > 0.1 * np.mean(weights) and len(graph) == 32


def raises(graph):
    raise KeyError("nothing here")


def forgets_a_node(graph, weight="weight"):
    return [group - {0} for group in honest(graph, weight)]


def restless():
    calls = [0]

    def algorithm(graph, weight="weight"):
        calls[0] += 1
        return [{0}, set(graph) - {0}] if calls[0] % 2 and mixed(graph, weight) else honest(graph, weight)

    return algorithm


def global_dice(graph, weight="weight", seed=None):
    if mixed(graph, weight):
        lone = random.randrange(32)
        return [set(graph) - {lone}, {lone}]
    return honest(graph, weight)


def one_of_two(graph, weight="weight"):
    """Both planted groups in one, where nothing else tells: they are linked."""
    groups = honest(graph, weight)
    linked = nx.is_connected(graph) and len(graph) == 32
    return [set(graph)] if linked else groups


def only_weight(graph, weight="weight"):
    if weight != "weight":
        return [{node} for node in graph]
    return honest(graph)


def by_number(graph, weight="weight"):
    groups = honest(graph, weight)
    in_order = all(
        graph.nodes[a]["depth"] <= graph.nodes[b]["depth"] for a, b in zip(graph, list(graph)[1:], strict=False)
    )
    return groups if in_order else [set(graph)]


def by_a_number(graph, weight="weight"):
    weights = [value for *_, value in graph.edges(data=weight)]
    return honest(graph, weight) if max(weights) < 1000 else [{node} for node in graph]


def lone_together(graph, weight="weight"):
    groups = honest(graph, weight)
    lone = {node for node in graph if graph.degree(node) == 0}
    return [group for group in groups if not group & lone] + ([lone] if lone else [])


def joins_parts(graph, weight="weight"):
    parts = list(nx.connected_components(graph))
    return [set(graph)] if len(parts) == 2 and min(map(len, parts)) > 1 else honest(graph, weight)


def needs_three(graph, weight="weight"):
    if len(graph) < 3:
        raise ValueError("k must be below the number of nodes")
    return honest(graph, weight)


def writes_on_nodes(graph, weight="weight"):
    groups = honest(graph, weight)
    for number, group in enumerate(groups):
        for node in group:
            graph.nodes[node]["group"] = number
    return groups


TWINS = {
    "answers": raises,
    "partitions_the_nodes": forgets_a_node,
    "same_seed_same_groups": restless(),
    "finds_planted_groups": one_of_two,
    "reads_the_weight_it_is_given": only_weight,
    "numbers_are_names": by_number,
    "ignores_units": by_a_number,
    "lone_nodes_stay_alone": lone_together,
    "separate_parts_stay_apart": joins_parts,
    "smallest_graph": needs_three,
    "leaves_the_graph_alone": writes_on_nodes,
}


def test_every_contract_has_a_broken_twin() -> None:
    assert list(TWINS) == list(CONTRACTS["algorithm"])


@pytest.mark.parametrize("name", TWINS)
def test_a_broken_twin_is_rejected_by_the_contract_that_it_breaks(name) -> None:
    with pytest.raises(ContractBroken, match=f"- {name}: ") as caught:
        check_algorithm(TWINS[name])
    # Groups that were planted are not found either when the nodes are numbered in another order.
    also = {"finds_planted_groups": ("numbers_are_names",)}.get(name, ())
    assert caught.value.contracts == (name, *also)


def test_what_they_are_twins_of_is_accepted() -> None:
    check_algorithm(honest)


def test_dice_of_the_process_are_no_seed() -> None:
    with pytest.raises(ContractBroken) as caught:
        check_algorithm(global_dice)
    assert caught.value.contracts == ("same_seed_same_groups",)


def test_an_algorithm_that_takes_no_weight_reads_the_usual_one() -> None:
    def without(graph):
        return honest(graph)

    check_algorithm(without)


def test_an_algorithm_that_edits_the_frozen_graph_is_told() -> None:
    with pytest.raises(ContractBroken, match=r"- answers: it raised NetworkXError: Frozen graph"):
        check_algorithm(lambda graph: graph.remove_node(0))


def test_a_name_that_is_unknown_is_refused() -> None:
    with pytest.raises(UnknownName, match=r"no community algorithm 'luvain'.*Did you mean 'louvain'"):
        check_algorithm("luvain")
