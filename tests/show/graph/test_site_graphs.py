"""Pictures of models that are no chains: layers side by side, edges around what they pass, heads by their names."""

import json
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import combinations, pairwise

import networkx as nx
import pytest

from compgraph.connect import from_json, to_json
from compgraph.group import Partition
from compgraph.show import dot_text, figure_bytes, graph_figure, html_page, layered_positions, save
from compgraph.show.graph.layer_order import layer_order
from compgraph.show.graph.layout import ROW, stacks
from compgraph.show.graph.scene import Scene, scene
from compgraph.show.graph.words import heading, readers_of
from fixtures.site_graphs import CROSSED, GRAPHS, HEADS, RESIDUAL, transformer

HEADING = 2 * ROW  # from the uppermost node of a layer to the upper edge of its heading, at the least


def require_apart(shown: Scene) -> None:
    """Fail unless layers of a depth share a column, nodes lie apart, and headings stand on nothing else."""
    places = {mark.node: mark.place for mark in shown.marks}
    columns, across = defaultdict(list), defaultdict(set)
    for each in shown.columns:
        across[each.stack.depth, each.stack.side].add(each.stack.x)
        assert {places[node][0] for node in each.stack.nodes} == {each.stack.x}
        columns[each.stack.x].append(each)
    assert all(len(xs) == 1 for xs in across.values())
    assert len(columns) == len(across)
    for beside in columns.values():
        heights = sorted(places[node][1] for each in beside for node in each.stack.nodes)
        assert all(b - a >= 0.99 * ROW for a, b in pairwise(heights))
        ranges = sorted((each.top - HEADING, each.bottom) for each in beside)
        assert all(above[1] < below[0] for above, below in pairwise(ranges))


def test_layers_of_a_depth_stand_one_below_another(site_graph) -> None:
    shown = scene(site_graph)
    require_apart(shown)
    assert len(shown.columns) == len({(d["layer"], d["side"]) for _, d in site_graph.nodes(data=True)})


def test_two_layers_in_one_place_are_rejected() -> None:
    shown = scene(GRAPHS["heads"])
    first = {mark.index: mark.place for mark in shown.marks if mark.label.startswith("boxes.0")}
    marks = tuple(
        replace(mark, place=first[mark.index]) if mark.label.startswith("mask") else mark for mark in shown.marks
    )
    with pytest.raises(AssertionError):
        require_apart(replace(shown, marks=marks))


def test_a_column_of_its_own_for_each_layer_is_rejected() -> None:
    shown = scene(GRAPHS["heads"])
    *others, last = shown.columns
    moved = replace(last, stack=replace(last.stack, x=last.stack.x + 100))
    marks = tuple(
        replace(m, place=(m.place[0] + 100, m.place[1])) if m.node in last.stack.nodes else m for m in shown.marks
    )
    with pytest.raises(AssertionError):
        require_apart(replace(shown, columns=(*others, moved), marks=marks))


def require_nothing_hidden(shown: Scene) -> None:
    """Fail unless every edge keeps clear of the nodes of the columns that it passes."""
    for line in shown.lines:
        stations = [shown.marks[line.source].place, *line.route, shown.marks[line.target].place]
        for mark in shown.marks:
            for (x, y), (right, _) in pairwise(stations):
                if x < mark.place[0] < right:
                    assert len(stations) == 4
                    assert stations[1][0] <= mark.place[0] <= stations[2][0]
                    assert abs(mark.place[1] - y) > 0.4 * ROW


def test_edges_run_around_the_nodes_that_they_pass(site_graph) -> None:
    require_nothing_hidden(scene(site_graph))


def test_a_straight_edge_past_a_layer_is_rejected() -> None:
    shown = scene(GRAPHS["residual"])
    with pytest.raises(AssertionError):
        require_nothing_hidden(replace(shown, lines=tuple(replace(line, route=()) for line in shown.lines)))


def test_edges_of_one_arrow_run_in_the_order_of_their_sources() -> None:
    shown = scene(GRAPHS["residual"])
    levels = {line.source: line.route[0][1] for line in shown.lines if line.route}
    down = sorted(levels, key=lambda source: shown.marks[source].place[1])
    assert [levels[source] for source in down] == sorted(levels.values())
    assert len(set(levels.values())) == 4


def crossings(graph: nx.DiGraph, order: dict[int, tuple[str, ...]]) -> int:
    place = {(depth, name): rank for depth, names in order.items() for rank, name in enumerate(names)}
    data = graph.nodes
    arrows = {((data[a]["depth"], data[a]["layer"]), (data[b]["depth"], data[b]["layer"])) for a, b in graph.edges}
    steps = [(place[a], place[b], a[0], b[0]) for a, b in arrows if a[0] < b[0]]
    return sum((a - c) * (b - d) < 0 for (a, b, *e), (c, d, *f) in combinations(steps, 2) if e == f)


def test_layers_stand_beside_those_they_are_linked_with(sites) -> None:
    graph = sites(CROSSED)
    order = layer_order(graph, {})
    assert (order[1], order[2]) == (("p", "q"), ("z", "y"))
    assert crossings(graph, order) == 0
    assert crossings(graph, {depth: tuple(sorted(names)) for depth, names in order.items()}) == 1


def test_layers_linked_alike_stand_in_the_order_of_their_groups(sites) -> None:
    graph = sites(HEADS)
    group_of = {node: int(node.startswith("head.boxes")) for node in graph}
    assert layer_order(graph, group_of)[2] == ("head.mask", "head.boxes")
    assert layer_order(graph, {})[2] == ("head.boxes", "head.mask")


def test_the_two_sides_of_a_layer_are_level(sites) -> None:
    places = layered_positions(GRAPHS["experts"])
    for node, (_, y) in places.items():
        if "/out/" in node and "expert" in node:
            assert places[node.replace("/out/", "/in/")][1] == y


def test_the_picture_does_not_depend_on_the_order_of_insertion(site_graph, shuffled) -> None:
    assert layered_positions(shuffled(site_graph)) == layered_positions(site_graph)
    assert html_page(shuffled(site_graph)) == html_page(site_graph)
    assert dot_text(shuffled(site_graph)) == dot_text(site_graph)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("residual", [("a", "reads input"), ("a", "writes"), ("b, c", "read a"), ("b", "writes"), ("c", "reads b")]),
        ("experts", [("router", "reads input"), ("router", "writes"), ("4 layers", "read router")]),
    ],
)
def test_headings_name_who_reads(name, expected) -> None:
    readers = readers_of(GRAPHS[name])
    assert [heading(stack, readers) for stack in stacks(GRAPHS[name])][: len(expected)] == expected


def test_heads_go_by_their_names_everywhere(tmp_path) -> None:
    graph = GRAPHS["heads"]
    shown = scene(graph)
    assert [(each.subject, each.verb) for each in shown.columns][-2:] == [
        ("boxes.0", "output of head.boxes"),
        ("mask", "output of head.mask"),
    ]
    (mark,) = [mark for mark in shown.marks if mark.node == "head.mask/out/1"]
    assert mark.label == "mask: head.mask out 1"
    assert mark.words.startswith("component 1 of the output mask, which head.mask writes, plsr")
    page = json.loads(re.search(r'id="data">(.*?)</script>', html_page(graph), re.DOTALL)[1])
    assert [column["subject"] for column in page["page"]["columns"]][-2:] == ["boxes.0", "mask"]
    assert "mask: head.mask out 1" in {node["label"] for node in page["nodes"]}
    assert 'label="mask\\noutput of head.mask"' in dot_text(graph)
    assert "mask\noutput of head.mask" in {text.get_text() for text in graph_figure(graph).axes[0].texts}


def test_an_output_that_is_called_like_its_layer_is_named_once(sites) -> None:
    shown = scene(sites([("input", "output")], outputs={"output": "output"}))
    assert (shown.columns[-1].subject, shown.columns[-1].verb) == ("output", "writes")
    assert shown.marks[-1].label == "output out 3"


def test_the_page_draws_the_scene(site_graph) -> None:
    shown = scene(site_graph)
    data = json.loads(re.search(r'id="data">(.*?)</script>', html_page(site_graph), re.DOTALL)[1])
    assert [(node["x"], node["y"]) for node in data["nodes"]] == [pytest.approx(m.place, abs=1e-3) for m in shown.marks]
    drawn = {(edge["from"], edge["to"]): edge.get("route", []) for edge in data["edges"]}
    for line in shown.lines:
        route = [coordinate for place in drawn[line.source, line.target] for coordinate in place]
        assert route == pytest.approx([coordinate for place in line.route for coordinate in place], abs=1e-3)


def test_the_drawing_draws_the_scene(site_graph) -> None:
    from matplotlib.collections import LineCollection

    shown = scene(site_graph)
    (lines,) = [each for each in graph_figure(site_graph).axes[0].collections if isinstance(each, LineCollection)]
    drawn = Counter(
        tuple(round(v, 6) for p in (s[0], s[len(s) // 2], s[-1]) for v in p) for s in lines.get_segments() if len(s) > 2
    )
    assert sum(drawn.values()) == sum(bool(line.route) for line in shown.lines)
    for line in shown.lines:
        if line.route:
            level = line.route[0][1]
            assert any(key[3] == round(level, 6) for key in drawn)


def test_headings_of_a_drawing_do_not_touch() -> None:
    long = "decoder.heads.final_projection"
    graph = GRAPHS["experts"].copy()
    for _, data in graph.nodes(data=True):
        data["layer"] = data["layer"].replace("expert", long)
    figure = graph_figure(graph)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not [1 for one, other in combinations(boxes, 2) if one.overlaps(other)]


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
@pytest.mark.parametrize("name", ["residual", "heads", "inputs", "experts"])
def test_graphviz_keeps_the_layers_of_a_depth_in_a_rank(name) -> None:
    graph = GRAPHS[name]
    done = subprocess.run(["dot", "-Tplain"], input=dot_text(graph).encode(), capture_output=True, check=True)  # noqa: S607
    across = {words[1]: words[2] for words in map(str.split, done.stdout.decode().splitlines()) if words[0] == "node"}
    ranks = defaultdict(set)
    for number, mark in enumerate(scene(graph).marks):
        ranks[mark.place[0]].add(across[f"n{number}"])
    assert all(len(xs) == 1 for xs in ranks.values())
    assert len(set.union(*ranks.values())) == len(ranks)


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
@pytest.mark.parametrize("name", ["<a>", "y" * 20_000, "&" * 20_000, "a\udcff", '"' * 9000, "</script>", "two\nlines"])
def test_graphviz_reads_hostile_names_of_layers_and_heads(sites, name) -> None:
    graph = sites([("input", name), (name, "<b>"), ("input", "<b>")], outputs={"<b>": f"<{name}>"}, width=2)
    for command in (["dot", "-Tsvg"], ["neato", "-n2", "-Tsvg"]):
        done = subprocess.run(command, input=dot_text(graph).encode(), capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")


def test_text_in_angle_brackets_is_quoted(sites) -> None:
    text = dot_text(sites([("<x>", "<a>"), ("<a>", "<b>")]))
    assert not re.search(r"=<", text)
    assert 'label="<b>\\nreads <a>"' in text


@pytest.mark.parametrize(
    "name", ["</script><script>alert(1)</script>", '"><img src=x onerror=a>', "a\udcff", "y" * 20_000]
)
def test_hostile_names_of_heads_are_data(sites, name, tmp_path) -> None:
    graph = sites([("input", "t"), ("t", "h")], outputs={"h": name}, width=2)
    page = html_page(graph)
    page.encode()
    assert page.count("</script>") == html_page(sites([("input", "t"), ("t", "h")], width=2)).count("</script>")
    assert "<img src=x" not in page
    assert nx.utils.graphs_equal(from_json(to_json(graph)), graph)
    assert save(graph, tmp_path / "graph.svg").stat().st_size > 1000
    assert figure_bytes(graph_figure(graph), ".svg")


def test_many_blocks_make_a_page_of_bearable_size(sites) -> None:
    graph = sites(transformer(), width=8)
    assert len(html_page(graph).encode()) < 1_500_000


def test_groups_are_told_apart_beside_each_other() -> None:
    graph = GRAPHS["heads"]
    groups = Partition({node: graph.nodes[node]["index"] % 2 for node in graph}, 0.4, 0.01, 1.0, "louvain", {}, 0)
    require_apart(scene(graph, groups))
    for stack in stacks(graph, groups):
        assert [graph.nodes[node]["index"] for node in stack.nodes] == [0, 2, 1, 3]


def test_a_weight_is_said_to_be_of_what_it_is_a_share_of() -> None:
    shown = scene(GRAPHS["residual"])
    said = {shown.marks[line.target].node.rpartition("/")[0]: line.words for line in shown.lines}
    assert "of all that reaches the target's space" in said["c/out"]
    assert "of this pair of spaces" in said["b/out"]


def test_version_1_is_drawn_like_version_2(sites) -> None:
    old = sites(RESIDUAL)
    old.graph["schema"] = "compgraph/1"
    assert dot_text(old) == dot_text(sites(RESIDUAL))
    assert html_page(old) == html_page(sites(RESIDUAL))
