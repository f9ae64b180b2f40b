"""What flows is conserved: strips sum to bands, bands to boxes; and the pictures show just that."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import networkx as nx
import pytest

from compgraph.check import TaskProfile
from compgraph.errors import BadRequest, GraphError, UnknownName
from compgraph.show import figure_bytes, flow_figure, flow_html, save_flow, task_flow
from compgraph.show.flow.bands import Flow
from compgraph.show.flow.shapes import Shapes, flow_shapes, spread
from compgraph.show.graph.palette import NEUTRAL, colour


def profile_of(shares: dict[str, dict[str, float]]) -> TaskProfile:
    return TaskProfile({}, shares, {node: max(parts, key=parts.get) for node, parts in shares.items()})


def tasks_for(graph: nx.DiGraph) -> TaskProfile:
    """Give every component its own mixture of two tasks."""
    parts = {node: (0.1 + 0.8 * (position % 7) / 7) for position, node in enumerate(sorted(graph))}
    return profile_of({node: {"left": part, "right": 1 - part} for node, part in parts.items()})


def require_conserved(graph: nx.DiGraph, profile: TaskProfile, found: Flow) -> None:
    """Fail unless bands are what the weights say, strips are what the profile says, and nothing appears or is lost."""
    for node, split in found.split.items():
        assert sum(split) == pytest.approx(graph.nodes[node]["share"])
        leaving = [sum(band.leaving) for band in found.bands if band.source == node]
        arriving = [sum(band.arriving) for band in found.bands if band.target == node]
        for bands in (leaving, arriving):
            assert not bands or sum(bands) == pytest.approx(found.height[node])
    for band in found.bands:
        weights = {source: data["weight"] for source, _, data in graph.in_edges(band.target, data=True)}
        width = graph.nodes[band.target]["share"] * weights[band.source] / sum(weights.values())
        shares = profile.share[band.source]
        assert list(band.arriving) == pytest.approx([*(width * shares[task] for task in found.tasks), 0])
        along = [part / sum(band.leaving) for part in band.leaving]
        assert along == pytest.approx([part / width for part in band.arriving])


def test_strips_sum_to_bands_and_bands_to_boxes(graph):
    profile = tasks_for(graph)
    found = task_flow(graph, profile, smallest=0)
    assert len(found.bands) == graph.number_of_edges()
    assert found.hidden == 0
    require_conserved(graph, profile, found)


def test_bands_as_wide_as_raw_weights_or_without_a_strip_are_rejected(graph):
    profile = tasks_for(graph)
    found = task_flow(graph, profile, smallest=0)
    raw = [graph.edges[band.source, band.target]["weight"] for band in found.bands]
    careless = [
        replace(band, leaving=(weight, 0.0, 0.0), arriving=(weight, 0.0, 0.0))
        for band, weight in zip(found.bands, raw, strict=True)
    ]
    swapped = [replace(band, leaving=band.arriving) for band in found.bands]
    partial = [replace(found.bands[0], leaving=(0.0, *found.bands[0].leaving[1:])), *found.bands[1:]]
    for bands in (careless, swapped, partial, found.bands[1:]):
        with pytest.raises(AssertionError):
            require_conserved(graph, profile, replace(found, bands=tuple(bands)))


def small(weights: dict[tuple[str, str], float], shares: dict[str, float]) -> nx.DiGraph:
    """Make a graph of two spaces: nodes named a... are written, others read."""
    graph = nx.DiGraph(schema="compgraph/2")
    for node, share in shares.items():
        where = {"layer": "fc", "side": "out" if node < "m" else "in", "depth": 0, "index": len(graph), "method": "m"}
        graph.add_node(node, **where, label=f"fc {node}", share=share, strength=share)
    for (source, target), weight in weights.items():
        graph.add_edge(source, target, weight=weight, effect=weight, kind="within", rule="given")
    return graph


WEIGHTS = {("a", "x"): 0.3, ("a", "y"): 0.1, ("b", "x"): 0.1, ("b", "y"): 0.5}
SHARES = {"a": 0.5, "b": 0.5, "x": 0.8, "y": 0.12}


def test_widths_by_hand():
    profile = profile_of({"a": {"left": 0.75, "right": 0.25}, "b": {"left": 0.0, "right": 1.0}})
    found = task_flow(small(WEIGHTS, SHARES), profile, smallest=0)
    widths = {(band.source, band.target): (band.leaving, band.arriving) for band in found.bands}
    # x takes 0.8 in proportion 3 : 1, y takes 0.12 in proportion 1 : 5; a then sends 0.6 and 0.02, b 0.2 and 0.1.
    assert widths["a", "x"][1] == pytest.approx((0.45, 0.15, 0))
    assert widths["b", "y"][1] == pytest.approx((0, 0.1, 0))
    assert widths["a", "x"][0] == pytest.approx((0.75 * 0.5 * 0.6 / 0.62, 0.25 * 0.5 * 0.6 / 0.62, 0))
    assert widths["b", "x"][0] == pytest.approx((0, 0.5 * 0.2 / 0.3, 0))


def test_flow_that_arrives_at_another_task_crosses():
    left, right = {"left": 1.0, "right": 0.0}, {"left": 0.0, "right": 1.0}
    found = task_flow(small(WEIGHTS, SHARES), profile_of({"a": left, "b": right, "x": left, "y": right}), smallest=0)
    assert found.crossing == pytest.approx((0.2 + 0.02) / 0.92)
    apart = {("a", "x"): 0.5, ("b", "y"): 0.5}
    assert task_flow(small(apart, SHARES), profile_of({"a": left, "b": right, "x": left, "y": right})).crossing == 0
    assert task_flow(small({}, SHARES), profile_of({})).crossing == 0


def test_the_scale_of_weights_does_not_matter():
    profile = profile_of({"a": {"left": 0.75, "right": 0.25}, "b": {"left": 0.0, "right": 1.0}})
    scaled = {edge: 8 * weight for edge, weight in WEIGHTS.items()}
    assert task_flow(small(scaled, SHARES), profile) == task_flow(small(WEIGHTS, SHARES), profile)


def test_what_is_hidden_is_counted(graph):
    profile = tasks_for(graph)
    whole, calm = task_flow(graph, profile, smallest=0), task_flow(graph, profile, smallest=0.1)
    width = {band: sum(band.leaving) + sum(band.arriving) for band in whole.bands}
    assert 0 < len(calm.bands) < len(whole.bands)
    assert set(calm.bands) <= set(whole.bands)
    missing = set(whole.bands) - set(calm.bands)
    assert all(max(sum(band.leaving), sum(band.arriving)) < 0.1 for band in missing)
    assert calm.hidden == pytest.approx(sum(width[band] for band in missing) / sum(width.values()))


def test_what_no_task_moves_belongs_to_none():
    found = task_flow(small(WEIGHTS, SHARES), profile_of({"a": {"left": 0.0, "right": 0.0}, "x": {"left": 1.0}}))
    assert found.tasks == ("left", "right")
    assert found.split["a"] == (0, 0, 0.5)
    assert found.split["b"] == (0, 0, 0.5)
    assert found.split["x"] == (0.8, 0, 0)
    assert all(band.leaving[:2] == (0, 0) for band in found.bands)


def test_a_link_without_weight_carries_nothing():
    dead = {("a", "x"): 0.0, ("b", "x"): 1.0, ("a", "y"): 0.0, ("b", "y"): 0.0}
    found = task_flow(small(dead, SHARES), profile_of({}), smallest=0)
    assert [(band.source, band.target) for band in found.bands] == [("b", "x")]


def test_a_profile_of_another_graph_is_refused(graph):
    with pytest.raises(GraphError, match=r"'nowhere', which is not among the 12 nodes .*same components"):
        task_flow(graph, profile_of({"nowhere": {"left": 1.0}}))


@pytest.mark.parametrize("share", [-0.1, float("nan"), float("inf"), 0.9])
def test_shares_that_are_no_shares_are_refused(graph, share):
    with pytest.raises(BadRequest, match=r"shares of node 's0/in/0' are .*at most 1"):
        task_flow(graph, profile_of({"s0/in/0": {"left": share, "right": 0.2}}))


@pytest.mark.parametrize("smallest", [-0.1, 1, float("nan"), True])
def test_a_smallest_band_that_is_no_share_is_refused(graph, smallest):
    with pytest.raises(BadRequest, match=r"smallest=.* is needed"):
        task_flow(graph, profile_of({}), smallest=smallest)


def require_laid_out(shapes: Shapes) -> None:
    """Fail unless boxes of a column lie apart and bands touch theirs side by side, in whole."""
    for column in range(shapes.n_columns):
        boxes = [box for box in shapes.boxes.values() if box.column == column]
        assert all(upper.bottom < lower.top for upper, lower in pairwise(boxes))
        assert boxes[0].top >= -1e-12
        assert boxes[-1].bottom <= shapes.height + 1e-12
    for node, box in shapes.boxes.items():
        ends = {"from": [r.leaving for r in shapes.ribbons if r.band.source == node]}
        ends["to"] = [r.arriving for r in shapes.ribbons if r.band.target == node]
        for strips in ends.values():
            spans = sorted((each[0].top, each[-1].bottom) for each in strips)
            assert all(a[1] <= b[0] + 1e-12 for a, b in pairwise(spans))
            assert all(box.top - 1e-12 <= top and bottom <= box.bottom + 1e-12 for top, bottom in spans)


def test_boxes_lie_apart_and_bands_touch_them_side_by_side(graph_of):
    graph = graph_of(("input", "a", "b", "head"), width=5)
    shapes = flow_shapes(graph, task_flow(graph, tasks_for(graph), smallest=0))
    assert [(stack.depth, stack.side) for stack in shapes.stacks] == [
        *((0, "in"), (1, "out"), (1, "in"), (2, "out"), (2, "in"), (3, "out"))
    ]
    require_laid_out(shapes)
    clash = replace(shapes.ribbons[0], leaving=shapes.ribbons[1].leaving)
    with pytest.raises(AssertionError):
        require_laid_out(replace(shapes, ribbons=(clash, *shapes.ribbons[1:])))


def test_components_of_a_task_stand_together(graph):
    shapes = flow_shapes(graph, task_flow(graph, tasks_for(graph)))
    for column in range(4):
        splits = [[s.task for s in box.strips] for box in shapes.boxes.values() if box.column == column]
        assert all(len(split) == 2 for split in splits)
        widths = [[s.bottom - s.top for s in b.strips] for b in shapes.boxes.values() if b.column == column]
        dominant = [pair[1] > pair[0] for pair in widths]
        assert dominant == sorted(dominant)


def test_a_component_without_importance_still_has_a_place():
    graph = small(WEIGHTS, SHARES | {"a": 0.0})
    shapes = flow_shapes(graph, task_flow(graph, profile_of({"a": {"left": 1.0}}), smallest=0))
    assert shapes.boxes["a"].top == shapes.boxes["a"].bottom
    ribbon = next(ribbon for ribbon in shapes.ribbons if ribbon.band.source == "a")
    assert [strip.task for strip in ribbon.leaving] == [strip.task for strip in ribbon.arriving] == [0]


def texts(figure) -> list[str]:
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text)]


def test_the_figure_says_what_it_shows(graph):
    from matplotlib.patches import PathPatch

    profile = tasks_for(graph)
    figure = flow_figure(graph, profile, smallest=0.1)
    found = task_flow(graph, profile, smallest=0.1)
    words = texts(figure)
    assert "Component graph: plsr components, gradient weights" in words
    assert {"left", "right", "fc1\nwrites", "head\nreads fc1"} <= set(words)
    assert any(f"Bands below 10 % of a space are hidden: {100 * found.hidden:.2g} % of all flow." in t for t in words)
    strips = [patch for patch in figure.axes[0].patches if isinstance(patch, PathPatch)]
    assert len(strips) == 2 * len(found.bands)
    assert "Mine" in texts(flow_figure(graph, profile, title="Mine"))
    assert not any("hidden" in text for text in texts(flow_figure(graph, profile, smallest=0)))


def test_picture_and_page_tell_their_scale_and_what_widths_are(graph):
    words = texts(flow_figure(graph, tasks_for(graph)))
    page = flow_html(graph, tasks_for(graph))
    assert "20 % of\na space" in words
    top, bottom = map(float, re.search(r'class="bar" d="M\S+ (\S+)V(\S+)"', page).groups())
    assert bottom - top == pytest.approx(0.2 * 460, abs=0.02)
    (bar,) = flow_figure(graph, tasks_for(graph)).axes[0].lines
    assert abs(bar.get_ydata()[1] - bar.get_ydata()[0]) == pytest.approx(0.2)
    assert any("explained" in each and "an attribution" in each for each in words)
    assert "an attribution" in page


def test_every_component_has_its_index_where_there_is_room(graph_of):
    graph = graph_of(("input", "a", "b", "head"), width=9)
    for _, data in graph.nodes(data=True):
        data["share"] = 1e-4 if data["index"] else 1 - 8e-4
    figure = flow_figure(graph, tasks_for(graph))
    labels = [text for text in figure.axes[0].texts if text.get_text().isdigit()]
    assert len(labels) == len(graph)
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in labels]
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])
    assert flow_html(graph, tasks_for(graph)).count('class="index"') == len(graph)


def test_labels_are_moved_apart_and_no_further():
    assert spread([0.0, 1.0, 1.0, 3.0], 0.5, 3.0) == [0.0, 1.0, 1.5, 3.0]
    assert spread([2.0, 2.0, 2.0], 0.5, 2.0) == [1.0, 1.5, 2.0]
    assert spread([], 0.5, 2.0) == []


def test_grey_stands_for_no_task(graph):
    figure = flow_figure(graph, profile_of({"s0/in/0": {"left": 1.0}}))
    assert "no task" in texts(figure)
    page = flow_html(graph, profile_of({"s0/in/0": {"left": 1.0}}))
    assert f'<path data-task="1" fill="{NEUTRAL}"' in page
    assert f'<path data-task="0" fill="{colour(0)}"' in page


@pytest.mark.parametrize("suffix", [".svg", ".png", ".html"])
def test_same_graph_same_bytes(graph, shuffled, suffix, tmp_path):
    profile = tasks_for(graph)
    first = save_flow(tmp_path / f"a{suffix}", graph, profile).read_bytes()
    assert first == save_flow(tmp_path / f"b{suffix}", shuffled(graph), profile).read_bytes()


def test_the_graph_is_left_alone(graph):
    before = graph.copy()
    flow_html(graph, tasks_for(graph))
    flow_figure(graph, tasks_for(graph))
    assert nx.utils.graphs_equal(graph, before)


class Reader(HTMLParser):
    """Collects elements and attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def count(self, tag: str) -> int:
        return sum(each == tag for each, _ in self.elements)


def require_inert(page: str) -> None:
    """Fail unless the page loads nothing and has one script, and no name became an element."""
    reader = Reader(page)
    known = {"html", "head", "meta", "title", "style", "body", "h1", "p", "div", "button", "span", "script"}
    assert {tag for tag, _ in reader.elements} <= known | {"svg", "g", "path", "rect", "text"}
    names = {name for _, attributes in reader.elements for name in attributes}
    assert not {name for name in names if name.startswith("on") or name in ("src", "href")}
    assert reader.count("script") == reader.count("svg") == reader.count("style") == 1
    assert "default-src 'none'" in page
    assert "://" not in page


def test_the_page_is_offline(graph):
    page = flow_html(graph, tasks_for(graph))
    require_inert(page)
    assert page.startswith("<!DOCTYPE html>")
    with pytest.raises(AssertionError):
        require_inert(page.replace("</body>", "<p></script><script>alert(1)</script></p></body>"))
    with pytest.raises(AssertionError):
        require_inert(page.replace("<head>", '<head><link href="//cdn.example/x.css">'))


def test_hostile_names_are_text(hostile, hostile_names, tmp_path):
    profile = profile_of({node: dict.fromkeys(hostile_names, 0.1) for node in hostile})
    page = flow_html(hostile, profile, title=hostile_names[0])
    require_inert(page)
    assert "<title>&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;</title>" in page
    assert save_flow(tmp_path / "hostile.png", hostile, profile).stat().st_size > 1000
    assert figure_bytes(flow_figure(hostile, profile, title="$\\frac{"), ".svg")


def test_the_drawing_is_the_flow(graph):
    profile = tasks_for(graph)
    found = task_flow(graph, profile)
    elements = Reader(flow_html(graph, profile)).elements
    boxes = [attributes for tag, attributes in elements if tag == "g" and attributes.get("class") == "box"]
    bands = [attributes for tag, attributes in elements if tag == "g" and attributes.get("class") == "band"]
    assert [box["tabindex"] for box in boxes] == ["0", *["-1"] * 11]
    assert len(bands) == len(found.bands)
    order = list(flow_shapes(graph, found).boxes)
    ends = [(order[int(band["data-from"])], order[int(band["data-to"])]) for band in bands]
    assert ends == [(band.source, band.target) for band in found.bands]
    heights = [float(a["height"]) for tag, a in elements if tag == "rect" and "class" not in a]
    assert sum(heights) == pytest.approx(460 * sum(found.height.values()), abs=0.2)


def test_the_page_tells_what_things_are():
    profile = profile_of({"a": {"left": 0.75, "right": 0.25}, "b": {"left": 0.0, "right": 1.0}})
    page = flow_html(small(WEIGHTS, SHARES), profile)
    tips = re.findall(r'class="(?:box|band)".*?<title>(.*?)</title>', page, flags=re.DOTALL)
    assert tips[0] == (
        "fc a → fc x: effect +0.3, weight 0.3 of this pair of spaces, within a layer, rule given\n"
        "carries 60 % of the target&#x27;s space, 48 % of the source&#x27;s\nleft 45 %, right 15 %"
    )
    assert any(
        tip.startswith("fc b\ncomponent 1 of what fc writes") and "right 50 %\nto fc x 33 %" in tip for tip in tips
    )


def test_a_wide_graph_gives_a_small_page(graph_of):
    graph = graph_of(("input", "a", "b", "head"), width=24)
    page = flow_html(graph, tasks_for(graph))
    assert len(page.encode()) < 800_000
    require_inert(page)


def test_one_node_and_nothing(single):
    assert "1 components, 0 bands" in flow_html(single, profile_of({}))
    assert figure_bytes(flow_figure(single, profile_of({})), ".png")
    single.remove_node("s0/in/0")
    require_inert(flow_html(single, profile_of({})))
    assert figure_bytes(flow_figure(single, profile_of({})), ".png")


def test_an_unknown_suffix_is_named(graph, tmp_path):
    with pytest.raises(UnknownName, match=r"flow diagram format.*'\.gif'.*'\.html'"):
        save_flow(tmp_path / "flow.gif", graph, profile_of({}))
