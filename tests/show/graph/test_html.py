"""The page is one offline file, holds the graph as data, and no name becomes markup."""

import json
import re
from html.parser import HTMLParser

import networkx as nx
import pytest

from compgraph.errors import MissingTool
from compgraph.show.graph.html import html_page
from compgraph.show.graph.palette import FAINT, colour


class Reader(HTMLParser):
    """Collects elements, attributes that could load something, and the text of every script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_data(self, data):
        if self.lasttag == "script" and self.scripts:
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)

    def data(self, name: str):
        (text,) = [text for attributes, text in self.scripts if attributes.get("id") == name]
        return json.loads(text.strip())


def require_inert(page: str) -> None:
    """Fail unless the page loads nothing and has exactly the elements of the template."""
    reader = Reader(page)
    assert not re.search(r"""(?i)(src|href)\s*=\s*["']?\s*(https?:)?//""", page)
    assert not {"src", "href", "onerror", "onload", "onclick"} & {name for name, _ in reader.attributes}
    assert reader.tags.count("script") == 4
    assert not {"link", "iframe", "img", "object", "base", "form"} & set(reader.tags)


def test_the_page_is_offline_and_says_so(graph, groups):
    page = html_page(graph, groups)
    require_inert(page)
    assert "sourceMappingURL" not in page
    assert "default-src 'none'" in page
    assert page.startswith("<!DOCTYPE html>")


def test_a_page_with_pasted_names_is_rejected(graph):
    name = "</script><script>alert(1)</script>"
    careless = html_page(graph).replace("</body>", f"<p>{name}</p></body>")
    with pytest.raises(AssertionError):
        require_inert(careless)
    with pytest.raises(AssertionError):
        require_inert(html_page(graph).replace("<head>", '<head><link href="https://cdn.example/x.css">'))


def test_the_data_is_the_graph(graph, groups):
    data = Reader(html_page(graph, groups)).data("data")
    key = {node["id"]: node["key"] for node in data["nodes"]}
    assert sorted(key.values()) == sorted(graph)
    edges = {(key[edge["from"]], key[edge["to"]]): edge for edge in data["edges"]}
    assert set(edges) == set(graph.edges)
    for ends, edge in edges.items():
        assert {name: edge[name] for name in ("weight", "effect", "kind", "rule")} == graph.edges[ends]
    for node in data["nodes"]:
        assert node["label"] == graph.nodes[node["key"]]["label"]
        assert node["group"] == groups.assignment[node["key"]]
        assert node["color"] == colour(node["group"])


def test_edges_inside_a_group_have_its_colour_and_strong_ones_are_wide(graph, groups):
    data = Reader(html_page(graph, groups)).data("data")
    group = {node["id"]: node["group"] for node in data["nodes"]}
    for edge in data["edges"]:
        same = group[edge["from"]] == group[edge["to"]]
        assert edge["color"] == (colour(group[edge["from"]]) if same else FAINT)
    ranked = sorted(data["edges"], key=lambda edge: edge["relative"])
    assert [edge["width"] for edge in ranked] == sorted(edge["width"] for edge in ranked)


def test_physics_is_off_and_everything_has_a_place(graph, groups):
    reader = Reader(html_page(graph, groups))
    assert reader.data("options")["physics"] == {"enabled": False}
    assert reader.data("options")["edges"]["smooth"] is False
    assert all({"x", "y"} <= set(node) for node in reader.data("data")["nodes"])


def test_the_page_tells_what_was_found(graph, groups, doubtful):
    page = Reader(html_page(graph, groups)).data("data")["page"]
    assert [(entry["group"], entry["size"]) for entry in page["legend"]] == [(0, 8), (1, 4)]
    assert [column["subject"] for column in page["columns"]] == ["fc1", "fc1", "head", "head"]
    assert (page["title"], page["summary"][:9]) == ("2 groups", "Reliable:")
    assert page["contents"].startswith("12 nodes, 27 edges: ")
    page = Reader(html_page(graph, doubtful)).data("data")["page"]
    assert page["legend"] == []
    assert (page["title"], page["summary"][:19]) == ("No reliable groups", "2 groups proposed b")


def test_a_dense_graph_hides_most_edges_at_first_and_stays_small(graph_of, groups_for):
    graph = graph_of(("input", "a", "b", "head"), width=16)
    page = html_page(graph, groups_for(graph))
    data = Reader(page).data("data")
    shown = [edge for edge in data["edges"] if edge["relative"] >= data["page"]["threshold"]]
    assert len(data["edges"]) == 1280
    assert 3 * 96 <= len(shown) < 3.5 * 96
    assert len(page.encode()) < 1_000_000


def test_every_control_is_labelled(graph):
    page = html_page(graph)
    tags = Reader(page).tags
    for name in ("search", "threshold"):
        assert f'for="{name}"' in page
        assert f'id="{name}"' in page
    assert tags.count("button") == 2
    assert 'aria-label="Component graph' in page


def test_hostile_names_are_data(hostile, groups_for, hostile_names):
    page = html_page(hostile, groups_for(hostile))
    require_inert(page)
    labels = {node["label"] for node in Reader(page).data("data")["nodes"]}
    assert {f"{name} out 0" for name in hostile_names} <= labels
    assert "alert(1)<" not in page


def test_pyvis_own_adders_are_not_used(graph_of, monkeypatch):
    from pyvis.network import Network

    def refuse(*_, **__):
        raise AssertionError("quadratic, and it changes the caller's graph")

    for name in ("add_node", "add_nodes", "add_edge", "add_edges", "from_nx"):
        monkeypatch.setattr(Network, name, refuse)
    graph = graph_of(("input", *(f"l{i}" for i in range(332)), "head"), width=3)
    data = Reader(html_page(graph)).data("data")
    assert (len(data["nodes"]), len(data["edges"])) == (1998, 5985)


def test_same_graph_same_page(graph, groups, shuffled):
    assert html_page(graph, groups) == html_page(shuffled(graph), groups)


def test_the_graph_is_left_alone(graph, groups):
    before = graph.copy()
    html_page(graph, groups)
    assert nx.utils.graphs_equal(graph, before)


def test_one_node_no_edges_and_nothing(single):
    data = Reader(html_page(single)).data("data")
    assert (len(data["nodes"]), data["edges"], data["page"]["threshold"]) == (1, [], 0.0)
    single.clear_edges()
    single.remove_node("s0/in/0")
    require_inert(html_page(single))


def test_a_pyvis_without_its_library_is_named(graph, monkeypatch, tmp_path):
    from pyvis.network import Network

    original = Network.__init__

    def elsewhere(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.template_dir = str(tmp_path)

    monkeypatch.setattr(Network, "__init__", elsewhere)
    with pytest.raises(MissingTool, match=r"does not carry lib/vis-.*Reinstall"):
        html_page(graph)
