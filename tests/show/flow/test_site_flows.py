"""The flow of models that are no chains: layers of a depth apart, bands around what they pass."""

import re
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

import networkx as nx
import pytest

from compgraph.check import TaskProfile
from compgraph.show import flow_figure, flow_html, task_flow, task_variance_figure
from compgraph.show.flow.shapes import Shapes, flow_shapes
from fixtures.site_graphs import GRAPHS


def profile_for(graph: nx.DiGraph) -> TaskProfile:
    parts = {node: (0.9, 0.1) if data["index"] % 2 else (0.2, 0.8) for node, data in graph.nodes(data=True)}
    return TaskProfile({}, {node: dict(zip("ab", part, strict=True)) for node, part in parts.items()}, {})


def require_clear(shapes: Shapes) -> None:
    """Fail unless boxes of a column lie apart and bands run through no box between their ends."""
    columns = defaultdict(list)
    for box in shapes.boxes.values():
        columns[box.x].append(box)
    for boxes in columns.values():
        assert all(upper.bottom < lower.top for upper, lower in pairwise(boxes))
    for ribbon in shapes.ribbons:
        for x, boxes in columns.items():
            if ribbon.start < x < ribbon.stop - 1e-9:
                assert ribbon.passing is not None
                left, right, strips = ribbon.passing
                assert left <= x <= x + shapes.box <= right
                assert all(strips[-1].bottom < box.top or strips[0].top > box.bottom for box in boxes)
                assert 0 <= strips[0].top <= strips[-1].bottom <= shapes.height


def test_boxes_lie_apart_and_bands_run_around_what_they_pass(site_graph) -> None:
    shapes = flow_shapes(site_graph, task_flow(site_graph, profile_for(site_graph)))
    require_clear(shapes)
    assert shapes.around == any(ribbon.passing for ribbon in shapes.ribbons)


def test_bands_through_boxes_and_layers_in_one_place_are_rejected() -> None:
    graph = GRAPHS["inputs"]
    shapes = flow_shapes(graph, task_flow(graph, profile_for(graph)))
    with pytest.raises(AssertionError):
        require_clear(replace(shapes, ribbons=tuple(replace(each, passing=None) for each in shapes.ribbons)))
    boxes = dict(shapes.boxes)
    boxes["text/in/0"] = replace(boxes["text/in/0"], strips=boxes["image/in/0"].strips)
    with pytest.raises(AssertionError):
        require_clear(replace(shapes, boxes=boxes))


def test_the_strips_of_a_band_around_keep_their_tasks_and_parts() -> None:
    graph = GRAPHS["residual"]
    for ribbon in flow_shapes(graph, task_flow(graph, profile_for(graph), smallest=0)).ribbons:
        if ribbon.passing is None:
            continue
        strips = ribbon.passing[2]
        assert [strip.task for strip in strips] == [strip.task for strip in ribbon.arriving]
        width, whole = strips[-1].bottom - strips[0].top, sum(ribbon.band.arriving)
        for strip, end in zip(strips, ribbon.arriving, strict=True):
            assert (strip.bottom - strip.top) / width == pytest.approx((end.bottom - end.top) / whole)


def test_outlines_begin_and_end_at_the_boxes() -> None:
    graph = GRAPHS["residual"]
    for ribbon in flow_shapes(graph, task_flow(graph, profile_for(graph))).ribbons:
        upper, lower = ribbon.outline(0)
        assert (upper[0], upper[-1]) == ((ribbon.start, ribbon.leaving[0].top), (ribbon.stop, ribbon.arriving[0].top))
        assert lower[0] == (ribbon.stop, ribbon.arriving[0].bottom)
        assert len(upper) == len(lower) == (4 if ribbon.passing is None else 10)


def test_what_bands_do_that_pass_a_layer_is_said_where_there_are_any(site_graph) -> None:
    profile = profile_for(site_graph)
    said = "Bands that pass a layer run around it"
    expected = flow_shapes(site_graph, task_flow(site_graph, profile)).around
    assert (said in flow_html(site_graph, profile)) is expected
    assert (said in flow_figure(site_graph, profile).axes[0].get_title()) is expected


def test_heads_stand_under_their_names() -> None:
    graph = GRAPHS["heads"]
    texts = [text.get_text() for text in flow_figure(graph, profile_for(graph)).axes[0].texts]
    assert {"mask", "boxes.0"} <= {text.partition("\noutput of")[0] for text in texts}
    page = flow_html(graph, profile_for(graph))
    assert ">mask</text>" in page
    assert "mask: head.mask out 1" in page


def test_headings_of_the_figure_do_not_touch(site_graph) -> None:
    figure = flow_figure(site_graph, profile_for(site_graph))
    figure.draw_without_rendering()
    heads = [text.get_window_extent() for text in figure.axes[0].texts if "\n" in text.get_text()]
    assert not [1 for place, box in enumerate(heads) for other in heads[place + 1 :] if box.overlaps(other)]


def test_arrow_keys_of_the_page_go_from_column_to_column() -> None:
    graph = GRAPHS["heads"]
    columns = re.findall(r'data-column="(\d+)"', flow_html(graph, profile_for(graph)))
    assert sorted(columns) == ["0"] * 4 + ["1"] * 4 + ["2"] * 4 + ["3"] * 8


def test_variance_has_a_panel_for_every_layer() -> None:
    graph = GRAPHS["heads"]
    figure = task_variance_figure(profile_for(graph).share, graph, title="Tasks")
    titles = [axes.get_title() for axes in figure.axes if axes.get_visible()]
    assert [title.partition(" output of")[0] for title in titles[-2:]] == ["boxes.0", "mask"]
    assert len(titles) == 5
