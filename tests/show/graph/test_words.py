"""The sentences say what the schema says, and no name can mislead."""

import pytest

from compgraph.show.graph.layout import stacks
from compgraph.show.graph.words import describe_edge, describe_node, heading, printable, readers_of, recipe


def test_what_a_node_is(graph):
    graph.nodes["s1/out/1"]["share"] = 0.1234
    readers = readers_of(graph)
    text = describe_node(graph, "s1/out/1", readers)
    assert text == "component 1 of what fc1 writes, plsr, 12.3 % of the space's total strength"
    assert describe_node(graph, "s1/in/0", readers).startswith("component 0 of what head reads from fc1, plsr, ")


def test_what_an_edge_is(graph):
    graph.edges["s1/out/0", "s1/in/2"].update(effect=-0.5, weight=0.25, rule="overlap")
    text = describe_edge(("fc1 out 0", "fc1 in 2"), graph.edges["s1/out/0", "s1/in/2"])
    assert text == (
        "fc1 out 0 → fc1 in 2: effect -0.5, weight 0.25 of this pair of spaces, within a layer, rule overlap"
    )


def test_column_headings(graph):
    readers = readers_of(graph)
    assert [heading(column, readers) for column in stacks(graph)] == [
        ("fc1", "reads input"),
        ("fc1", "writes"),
        ("head", "reads fc1"),
        ("head", "writes"),
    ]


def test_a_last_space_that_nothing_reads(single):
    assert heading(stacks(single)[0], readers_of(single)) == ("input", "is read")
    assert "the next layer reads from input" in describe_node(single, "s0/in/0", {})


def test_a_recipe_names_the_method_and_the_rule_between_layers(graph, single):
    graph.edges["s1/out/0", "s1/in/0"]["rule"] = "overlap"
    assert recipe(graph) == "Component graph: plsr components, gradient weights"
    assert recipe(single) == "Component graph: plsr components"


def test_hostile_names_become_one_printable_line_each(hostile_names):
    lines = [printable(name) for name in hostile_names]
    assert len(set(lines)) == len(lines)
    for line in lines:
        line.encode("utf-8")
        assert not any(ord(mark) < 32 or mark in "\x7f\u2028\u202e" for mark in line)
    assert "😀" in lines[6]


@pytest.mark.parametrize(("mark", "seen"), [("\ud800", "\\ud800"), ("\uffff", "\\uffff"), ("\0", "\\x00")])
def test_what_no_encoding_carries_is_escaped(mark, seen):
    assert printable(mark) == seen


@pytest.mark.parametrize("limit", [5, 6, 24])
def test_long_names_keep_both_ends(limit):
    line = printable("start" + "x" * 2000 + "end", limit=limit)
    assert len(line) == limit
    assert line[0] == "s"
    assert line[-1] == "d"
