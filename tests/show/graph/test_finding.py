"""The lines above a picture say what was found, how sure that is and how far apart groups are."""

import math
from dataclasses import replace

import pytest

from compgraph.show.graph.finding import contents, crossing, named_by_outputs, summary, title
from compgraph.show.graph.scene import scene


def test_the_title_is_the_finding(graph, groups, doubtful):
    assert title(graph) == "Component graph: plsr components, gradient weights"
    assert title(graph, groups) == "2 groups"
    assert title(graph, groups.named({1: "left"})) == "2 groups: group 0, left"
    assert title(graph, doubtful) == title(graph, doubtful.trusted()) == "No reliable groups"


def test_many_names_are_counted_and_long_ones_cut(graph, groups):
    alone = replace(groups, assignment={node: number for number, node in enumerate(graph)})
    named = alone.named({group: f"task {group}" for group in range(11)} | {11: "x" * 500})
    assert title(graph, named) == "12 groups: task 0, task 1, task 2, task 3 and 8 more"
    assert len(title(graph, groups.named({0: "x" * 500, 1: "a\nb"}))) < 70
    assert "\n" not in title(graph, groups.named({0: "a\nb"}))


def test_the_summary_is_the_evidence(graph, groups, doubtful):
    assert summary(graph) == "Not grouped."
    said = summary(graph, groups)
    assert said.startswith("Reliable: p = 0.01, stability 0.97. ")
    assert said.endswith(" of the weight between layers crosses groups.")
    assert summary(graph, doubtful) == (
        "2 groups proposed by louvain: p = 0.4 (at most 0.05 is needed), stability 0.97 (at least 0.6)."
    )
    assert summary(graph, doubtful.trusted()) == "p = 0.4 (at most 0.05 is needed), stability 0.97 (at least 0.6)."
    assert "p not tested" in summary(graph, replace(groups, p_value=math.nan))


@pytest.mark.parametrize(
    ("far", "said"), [(0.0, "0 %"), (1e-5, "Less than 0.1 %"), (0.00912, "0.91 %"), (0.25, "25 %"), (1.0, "100 %")]
)
def test_how_much_crosses(graph, groups, far, said):
    ends = [each for each in graph.edges if graph.edges[each]["kind"] == "between"]
    apart = [groups.assignment[a] != groups.assignment[b] for a, b in ends]
    for each, is_apart in zip(ends, apart, strict=True):
        graph.edges[each]["weight"] = far / sum(apart) if is_apart else (1 - far) / (len(ends) - sum(apart))
    for source, target, data in graph.edges(data=True):  # links inside a layer do not count
        if data["kind"] == "within":
            graph.edges[source, target]["weight"] = 7.0
    assert crossing(graph, groups.assignment) == pytest.approx(far)
    assert f". {said} of the weight" in summary(graph, groups)


def test_nothing_linked_says_nothing_of_links(graph, groups):
    graph.remove_edges_from(list(graph.edges))
    assert summary(graph, groups) == "Reliable: p = 0.01, stability 0.97."


def test_contents_count_and_name_how_it_was_made(graph, groups, single):
    assert contents(graph, groups) == "12 nodes, 27 edges: plsr components, gradient weights, louvain groups"
    assert contents(single) == "1 node, 0 edges: plsr components"


def test_groups_take_the_names_of_the_outputs_they_alone_have(graph, groups):
    heads = [node for node, data in graph.nodes(data=True) if data["layer"] == "head" and data["side"] == "out"]
    for node in heads:
        graph.nodes[node]["output"] = f"task{groups.assignment[node]}"
    assert dict(named_by_outputs(graph, groups).names) == {0: "task0", 1: "task1"}
    assert [entry.name for entry in scene(graph, groups).legend] == ["task0", "task1"]
    assert scene(graph, groups).title == "2 groups: task0, task1"
    assert named_by_outputs(graph, groups.named({0: "mine"})).names == {0: "mine"}
    for node in heads:
        graph.nodes[node]["output"] = "shared" if node == heads[0] else "both"
    found = named_by_outputs(graph, groups).names
    assert "both" not in found.values() or len({groups.assignment[node] for node in heads[1:]}) == 1


def test_a_single_output_names_no_group(graph, groups):
    for node in graph:
        graph.nodes[node]["output"] = "output"
    assert named_by_outputs(graph, groups).names == {}
