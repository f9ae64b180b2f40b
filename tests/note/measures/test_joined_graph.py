"""A component is one node: what enters it, and what leaves it."""

import networkx as nx
import numpy as np
import pytest

from compgraph.connect import EdgeMatrix, build_graph, check_graph, node_id, spaces_of
from compgraph.decompose import Components
from compgraph.errors import GraphError
from compgraph.statistics import Space
from note.measures.joined_graph import build_joined_graph

SOURCE = Space("a:b/out", "in", 0)
IN, OUT, NEXT = (Space("fc", "in", 1), Space("fc", "out", 1), Space("head", "out", 2))


def part(space: Space, axes: np.ndarray) -> Components:
    k, d = axes.shape
    ones = np.ones(k)
    return Components(space, "test", axes, axes, np.zeros(d), ones, ones, ones / k, ones)


def joinable() -> tuple[dict[Space, Components], list[EdgeMatrix]]:
    """Return a chain of three layers whose middle one has the same components on both sides."""
    axes = np.array([[1.0, 0.5], [0.0, 1.0]])
    parts = {SOURCE: part(SOURCE, np.eye(3)), OUT: part(OUT, axes), IN: part(IN, axes), NEXT: part(NEXT, np.eye(1))}
    blocks = []
    for source, target, kind in ((SOURCE, OUT, "between"), (OUT, IN, "within"), (IN, NEXT, "between")):
        effect = np.arange(1.0, 1 + len(parts[source]) * len(parts[target])).reshape(len(parts[source]), -1)
        blocks.append(EdgeMatrix(source, target, kind, "plsr", effect, effect**2 / (effect**2).sum()))
    return parts, blocks


def has_one_node_a_component(build) -> None:
    """What enters a component and what leaves it is at one node, with the effects of the blocks."""
    parts, blocks = joinable()
    graph = build(parts, blocks)
    assert {str(space): len(nodes) for space, nodes in spaces_of(graph).items()} == {
        "a:b/out in": 3, "fc out": 2, "head out": 1,
    }  # fmt: skip
    effects = nx.get_edge_attributes(graph, "effect")
    entering = {(node_id(SOURCE, a), node_id(OUT, b)): blocks[0].effect[a, b] for a, b in np.ndindex(3, 2)}
    leaving = {(node_id(OUT, a), node_id(NEXT, 0)): blocks[2].effect[a, 0] for a in range(2)}
    assert effects == entering | leaving
    check_graph(graph)


def test_a_component_that_is_written_is_the_one_that_is_read() -> None:
    has_one_node_a_component(build_joined_graph)
    with pytest.raises(AssertionError):  # a node for either side
        has_one_node_a_component(build_graph)


def test_sides_with_other_components_are_not_joined() -> None:
    parts, blocks = joinable()
    message = r"2 components in fc out and 2 in fc in are not the same"
    with pytest.raises(GraphError, match=message):
        build_joined_graph({**parts, IN: part(IN, np.eye(2))}, blocks)
    with pytest.raises(GraphError, match="2 components in fc out and 1 in fc in are not the same"):
        build_joined_graph({**parts, IN: part(IN, np.eye(2)[:1])}, blocks)
