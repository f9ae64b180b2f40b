"""Columns follow the data, groups keep to their lanes, colours only claim what is reliable."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compgraph.group import Partition
from compgraph.show.graph.layout import ROW, layered_positions, stacks
from compgraph.show.graph.palette import NEUTRAL, colour, shown_groups
from compgraph.show.graph.scene import scene


def test_columns_follow_the_data(graph, groups):
    table = stacks(graph, groups)
    assert [(c.depth, c.side, c.layer) for c in table] == [
        (0, "in", "input"),
        (1, "out", "fc1"),
        (1, "in", "fc1"),
        (2, "out", "head"),
    ]
    xs = [c.x for c in table]
    assert xs == sorted(set(xs))
    assert xs[2] - xs[1] < xs[1] - xs[0]  # the two sides of one layer stand close together


def test_every_edge_runs_to_the_right(graph, groups):
    positions = layered_positions(graph, groups)
    assert all(positions[a][0] < positions[b][0] for a, b in graph.edges)


def test_nodes_of_a_column_stand_by_group_then_index(graph_of, groups_for):
    graph = graph_of(width=5)
    order = [graph.nodes[node]["index"] for node in stacks(graph, groups_for(graph))[1].nodes]
    assert order == [0, 2, 4, 1, 3]


def test_groups_keep_to_their_lanes(graph_of, groups_for):
    graph = graph_of(width=6)
    groups = groups_for(graph, 3)
    positions = layered_positions(graph, groups)
    heights = [[y for node, (_, y) in positions.items() if groups.assignment[node] == g] for g in range(3)]
    assert max(heights[0]) < min(heights[1]) <= max(heights[1]) < min(heights[2])


def test_an_unreliable_partition_leaves_the_order_to_the_index(graph, doubtful):
    assert layered_positions(graph, doubtful) == layered_positions(graph, None)
    for column in stacks(graph, doubtful):
        assert [graph.nodes[node]["index"] for node in column.nodes] == [0, 1, 2]


def test_positions_do_not_depend_on_the_order_of_insertion(graph, groups, shuffled):
    assert layered_positions(shuffled(graph), groups) == layered_positions(graph, groups)


def test_one_node_and_none(single):
    assert layered_positions(single) == {"s0/in/0": (0.0, 0.0)}
    single.remove_node("s0/in/0")
    assert layered_positions(single) == {}
    assert stacks(single) == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=st.lists(st.integers(0, 11), min_size=12, max_size=12))
def test_nodes_never_touch_and_lanes_never_waste_more_than_half(graph, labels):
    assignment = dict(zip(graph, labels, strict=True))
    positions = layered_positions(graph, Partition(assignment, 0.4, 0.01, 1.0, "louvain", {}, 0))
    ys = [y for _, y in positions.values()]
    for column in stacks(graph):
        heights = sorted(positions[node][1] for node in column.nodes)
        assert all(b - a >= 0.99 * ROW for a, b in pairwise(heights))
    assert max(ys) - min(ys) <= 2 * 1.5 * 3 * ROW


def test_eighteen_groups_have_eighteen_colours():
    shades = [colour(group) for group in range(18)]
    assert len(set(shades)) == 18
    assert colour(18) == colour(0)
    assert all(len(shade) == 7 and int(shade[1:], 16) >= 0 for shade in shades)


@pytest.mark.parametrize(("n_groups", "p_value", "shown"), [(2, 0.01, True), (1, 0.01, False), (2, 0.3, False)])
def test_only_reliable_groups_are_coloured(graph, groups_for, n_groups, p_value, shown):
    groups = groups_for(graph, n_groups, p_value=p_value)
    colours = {mark.shade for mark in scene(graph, groups).marks}
    assert colours == ({colour(0), colour(1)} if shown else {NEUTRAL})
    assert bool(shown_groups(groups)) is shown


def test_no_partition_is_grey(graph):
    assert {mark.shade for mark in scene(graph).marks} == {NEUTRAL}
