"""DOT text: every string closes, every name is quoted, every edge of positive weight is there."""

import re
import shutil
import subprocess
from dataclasses import replace

import graphviz
import pytest

from compgraph.show.graph.dot import _way, dot_text
from compgraph.show.graph.palette import colour
from compgraph.show.graph.scene import scene
from compgraph.show.graph.widths import relative_weights
from compgraph.show.graph.words import printable

TOKEN = re.compile(r'\s+|"(?:[^"\\]|\\.)*"|->|[{}\[\]=;,]|-?[A-Za-z0-9_.]+', re.DOTALL)


def tokens(text: str) -> list[str]:
    """Split DOT into tokens; whatever is not a token of the language is an error."""
    found, place = [], 0
    while place < len(text):
        match = TOKEN.match(text, place)
        assert match, f"not DOT at {text[place : place + 40]!r}"
        found.append(match.group())
        place = match.end()
    words = [token for token in found if not token.isspace()]
    assert words.count("{") == words.count("}")
    assert words.count("[") == words.count("]")
    return words


def statements(text: str) -> tuple[dict[str, dict[str, str]], dict[tuple[str, str], dict[str, str]]]:
    """Read the nodes and edges with their attributes."""
    words, nodes, edges = tokens(text), {}, {}
    for place, word in enumerate(words):
        if word != "[" or not re.fullmatch(r"n\d+", words[place - 1]):
            continue
        inside = words[place + 1 : words.index("]", place)]
        attributes = {inside[i]: plain(inside[i + 2]) for i in range(0, len(inside), 3)}
        if words[place - 2] == "->":
            edges[words[place - 3], words[place - 1]] = attributes
        else:
            nodes[words[place - 1]] = attributes
    return nodes, edges


def plain(word: str) -> str:
    """Return what graphviz makes of a quoted string."""
    text = word[1:-1].replace('\\"', '"') if word.startswith('"') else word
    return text.replace("\\\\", "\\").replace("&amp;", "&")


def test_edges_are_written_as_graphviz_writes_them(graph, groups):
    for number, node in enumerate(graph):
        graph.nodes[node]["label"] = ['a "b" \\ & <c>', "\\", 'ü\n"', "n1"][number % 4]
    slow, shown = graphviz.Digraph(), scene(graph, groups)
    for line in shown.lines:
        if line.relative == 0:
            continue
        slow.edge(
            f"n{line.source}",
            f"n{line.target}",
            penwidth=f"{line.width:g}",
            color=f"{line.shade}{round(255 * (0.2 + 0.7 * line.relative)):02X}",
            tooltip=graphviz.nohtml(graphviz.escape(printable(line.words, limit=3000).replace("&", "&amp;"))),
        )
    lines = [line for line in dot_text(graph, groups).splitlines() if "->" in line.split("[")[0]]
    assert lines == [line for line in slow.source.splitlines() if "->" in line]


def test_every_node_and_every_edge_with_weight(graph, groups):
    graph.edges["s0/in/0", "s1/out/0"]["weight"] = 0.0
    nodes, edges = statements(dot_text(graph, groups))
    assert sorted(node["label"] for node in nodes.values()) == sorted(label for _, label in graph.nodes(data="label"))
    assert len(edges) == graph.number_of_edges() - 1


def test_columns_are_ranks_under_headings(graph):
    text = dot_text(graph)
    assert text.count("rank=same") == 4
    assert text.count("subgraph cluster_") == 4
    assert "rankdir=LR" in text
    assert 'label="fc1\\nwrites"' in text


def test_groups_are_colours_and_weights_are_widths(graph, groups):
    nodes, edges = statements(dot_text(graph, groups))
    assert {node["fillcolor"][:7] for node in nodes.values()} == {colour(0), colour(1)}
    widths = sorted(float(edge["penwidth"]) for edge in edges.values())
    expected = sorted(0.4 + 4.6 * value for value in relative_weights(graph).values())
    assert widths == pytest.approx(expected, abs=1e-3)


def test_labels_and_tooltips_carry_hostile_names(hostile, groups_for, hostile_names):
    nodes, edges = statements(dot_text(hostile, groups_for(hostile)))
    assert len(nodes) == len(hostile)
    assert len(edges) == hostile.number_of_edges()
    tooltips = " | ".join(node["tooltip"] for node in nodes.values())
    for name in hostile_names:
        assert f"what {printable(name)} writes" in tooltips
    assert all(len(node["label"]) <= 24 for node in nodes.values())


def test_a_careless_writer_is_caught(hostile_names):
    careless = "digraph { " + " ".join(f'n{i} [label="{name}"]' for i, name in enumerate(hostile_names)) + " }"
    with pytest.raises(AssertionError):
        tokens(careless)


def test_same_graph_same_text(graph, groups, shuffled):
    assert dot_text(shuffled(graph), groups) == dot_text(graph, groups)


def test_one_node(single):
    nodes, edges = statements(dot_text(single))
    assert list(nodes) == ["n0"]
    assert edges == {}


@pytest.mark.parametrize("sign", ["x", "&", "\\", '"', "é", "😀", "\n"])
def test_no_string_is_longer_than_graphviz_reads(graph_of, sign):
    long, graph = sign * 17_000, graph_of(width=1)
    graph.graph["method"] = long
    for index, node in enumerate(graph):
        graph.nodes[node].update(layer=f"{graph.nodes[node]['layer']}{long}", method=long, label=f"{long}{index}")
    for _, _, data in graph.edges(data=True):
        data["rule"] = long
    text = dot_text(graph)
    assert max(len(token.encode()) for token in tokens(text)) < 16_384
    nodes, _ = statements(text)
    assert len(nodes) == len(graph)
    assert all("…" in node["label"] for node in nodes.values())
    if shutil.which("dot"):
        done = subprocess.run(["dot", "-Tsvg"], input=text.encode(), capture_output=True, check=False)  # noqa: S607
        assert (done.returncode, done.stderr) == (0, b"")


def test_a_way_past_very_many_layers_is_straight(graph):
    shown = scene(graph)
    line = replace(shown.lines[0], route=tuple((float(n), 5.0) for n in range(2000)))
    assert _way(shown, line) == _way(shown, replace(line, route=()))
