import inspect

import networkx as nx
import numpy as np
import pytest

from compgraph.connect import (
    EdgeMatrix,
    build_graph,
    check_graph,
    node_id,
    ordered_nodes,
    spaces_of,
)
from compgraph.decompose import Components
from compgraph.errors import GraphError
from compgraph.statistics import Space

SOURCE, TARGET = Space("a:b/out", "in", 0), Space("fc", "out", 1)


def part(space: Space, axes: np.ndarray) -> Components:
    k, d = axes.shape
    ones = np.ones(k)
    return Components(space, "test", axes, axes, np.zeros(d), ones, ones, ones / k, ones)


PARTS = {SOURCE: part(SOURCE, np.eye(3)[[2, 0]]), TARGET: part(TARGET, np.full((3, 3), 0.5))}
EFFECT = np.array([[1.0, -2.0, 0.0], [0.5, 1e-9, 3.0]])
BLOCK = EdgeMatrix(SOURCE, TARGET, "between", "plsr", EFFECT, EFFECT**2 / (EFFECT**2).sum())


@pytest.fixture
def graph() -> nx.DiGraph:
    return build_graph(PARTS, [BLOCK])


def test_every_component_is_a_node_and_every_effect_an_edge(graph: nx.DiGraph) -> None:
    assert len(graph) == 5
    assert graph.number_of_edges() == 4  # the exact zero and the one lost in rounding noise are no edges
    edge = graph.edges[node_id(SOURCE, 0), node_id(TARGET, 1)]
    assert edge == {"weight": pytest.approx(4 / 14.25), "effect": -2.0, "kind": "between", "rule": "plsr"}
    assert graph.nodes[node_id(TARGET, 2)]["label"] == "fc out 2"


def test_a_neuron_is_known_by_its_number(graph: nx.DiGraph) -> None:
    assert graph.nodes[node_id(SOURCE, 0)]["label"] == "a:b/out in unit 2"


@pytest.mark.parametrize("layer", ["a:b", "x -> y", "</script>", "\x00\n", "naïve", "../../x", "a/out/1", "a\udcff"])
def test_ids_are_printable_and_have_no_colon(layer: str) -> None:
    made = node_id(Space(layer, "out", 1), 3)
    assert made.isascii()
    assert made.isprintable()
    assert ":" not in made


def test_ids_are_unique() -> None:
    names = ["a", "a/out/1", "a/out", "a%2Fout", "", "1"]
    made = {node_id(Space(name, side, 1), i) for name in names for side in ("in", "out") for i in range(12)}
    assert len(made) == len(names) * 2 * 12


def test_nodes_are_read_in_the_order_of_the_data_however_they_were_added(graph: nx.DiGraph) -> None:
    backwards = nx.DiGraph(**graph.graph)
    backwards.add_nodes_from(reversed(list(graph.nodes(data=True))))
    assert ordered_nodes(backwards) == ordered_nodes(graph) == list(graph)
    assert {str(space): len(nodes) for space, nodes in spaces_of(graph).items()} == {"a:b/out in": 2, "fc out": 3}


def test_layers_of_one_depth_keep_their_nodes_together() -> None:
    one, other = Space("one", "out", 1), Space("other", "out", 1)
    graph = build_graph({other: part(other, np.eye(2)), one: part(one, np.eye(2))}, [])
    assert ordered_nodes(graph) == ["one/out/0", "one/out/1", "other/out/0", "other/out/1"]
    assert list(spaces_of(graph)) == [one, other]


def test_index_ten_comes_after_index_nine() -> None:
    graph = build_graph({TARGET: part(TARGET, np.eye(12))}, [])
    assert [graph.nodes[node]["index"] for node in ordered_nodes(graph)] == list(range(12))


def test_blocks_must_fit_the_components() -> None:
    with pytest.raises(GraphError, match="expect 2 components in a:b/out in, which has 3"):
        build_graph({**PARTS, SOURCE: part(SOURCE, np.eye(3))}, [BLOCK])
    with pytest.raises(GraphError, match="expect 3 components in fc out, which has 0"):
        build_graph({SOURCE: PARTS[SOURCE]}, [BLOCK])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda g: g.graph.update(schema="compgraph/9"),
            "reads 'compgraph/1' and 'compgraph/2'",
        ),
        (lambda g: g.add_node("x"), "node 'x' lacks the attribute 'layer'"),
        (lambda g: g.add_node(3), "id of type int"),
        (lambda g: g.nodes["fc/out/0"].update(share=np.float32(1)), "'share' of type float32; plain float"),
        (lambda g: g.nodes["fc/out/0"].update(depth=True), "'depth' of type bool; plain int"),
        (lambda g: g.nodes["fc/out/0"].update(share=float("nan")), "'share' = nan; a finite number"),
        (lambda g: g.nodes["fc/out/0"].update(extra=[1]), "'extra' of type list"),
        (lambda g: g.nodes["fc/out/0"].update(side="up"), "the side 'up'"),
        (lambda g: first_edge(g).update(weight=-1.0), "negative weight -1.0; signs belong in 'effect'"),
        (lambda g: first_edge(g).update(weight=float("inf")), "'weight' = inf"),
        (lambda g: first_edge(g).update(kind="sideways"), "the kind 'sideways'"),
        (lambda g: first_edge(g).pop("rule"), "lacks the attribute 'rule'"),
        (lambda g: g.nodes["fc/out/0"].update(output=0), "'output' of type int; .* plain str"),
        (lambda g: g.nodes[node_id(SOURCE, 0)].update(output="mask"), "the output 'mask' but the side 'in'"),
        (
            lambda g: first_edge(g).update(kind="within"),
            "to layer 'fc'; it must stay in one layer",
        ),
        (lambda g: g.nodes["fc/out/1"].update(depth=0), "from depth 0 to depth 0; depth must grow along it"),
    ],
)
def test_a_graph_off_the_schema_is_refused_by_name(graph: nx.DiGraph, spoil, message: str) -> None:
    spoil(graph)
    with pytest.raises(GraphError, match=message):
        check_graph(graph)


@pytest.mark.parametrize(
    "change",
    [
        lambda g: g.nodes["fc/out/0"].update(output=0),
        lambda g: first_edge(g).update(kind="within"),
        lambda g: g.nodes["fc/out/1"].update(depth=0),
    ],
)
def test_what_version_2_forbids_version_1_allows(graph: nx.DiGraph, change) -> None:
    change(graph)
    graph.graph["schema"] = "compgraph/1"
    check_graph(graph)


def test_attributes_of_tomorrow_are_allowed(graph: nx.DiGraph) -> None:
    graph.graph["checksum"] = "sha256:0"
    graph.nodes["fc/out/0"].update(output="mask", task="all/left", order=0.5, rank=3)
    check_graph(graph)


def first_edge(graph: nx.DiGraph) -> dict[str, object]:
    return next(iter(graph.edges(data=True)))[2]


@pytest.mark.parametrize("wrong", [nx.Graph, nx.MultiDiGraph])
def test_only_a_digraph_is_a_component_graph(wrong: type) -> None:
    with pytest.raises(GraphError, match=f"not a {wrong.__name__}"):
        inspect.unwrap(check_graph)(wrong(schema="compgraph/2"))
