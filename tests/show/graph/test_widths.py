"""Weights look alike in every block, and the default threshold keeps what a reader can take in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compgraph.show.graph.widths import pen_width, readable_threshold, relative_weights


def test_the_strongest_edge_of_every_block_is_one(graph):
    relative = relative_weights(graph)
    assert set(relative) == set(graph.edges)
    for source, target in (("s0/in", "s1/out"), ("s1/out", "s1/in"), ("s1/in", "s2/out")):
        block = {e: v for e, v in relative.items() if e[0].startswith(source) and e[1].startswith(target)}
        assert max(block.values()) == 1.0
        strongest = max(block, key=lambda edge: graph.edges[edge]["weight"])
        for edge, value in block.items():
            assert value == pytest.approx(graph.edges[edge]["weight"] / graph.edges[strongest]["weight"])


def test_a_block_without_weight_is_zero(graph):
    for _, _, data in graph.edges(data=True):
        data["weight"] = 0.0
    assert set(relative_weights(graph).values()) == {0.0}


@given(st.lists(st.floats(0, 1), max_size=60), st.integers(1, 12))
def test_the_threshold_keeps_three_edges_a_node(values, n_nodes):
    relative = {("a", str(i)): value for i, value in enumerate(values)}
    threshold = readable_threshold(relative, n_nodes)
    shown = [value for value in values if value >= threshold]
    assert len(shown) >= min(3 * n_nodes, len(values))
    # Only ties, to the three decimals of the slider, may exceed the budget.
    assert len([value for value in values if value >= threshold + 0.0011]) <= 3 * n_nodes


def test_a_sparse_graph_hides_nothing(graph):
    assert readable_threshold(relative_weights(graph), len(graph)) == 0.0


def test_pens_grow_with_the_weight():
    assert [pen_width(x) for x in (0.0, 0.5, 1.0)] == [0.4, 2.7, 5.0]
