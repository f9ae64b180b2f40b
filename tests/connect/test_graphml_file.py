"""GraphML is read as strictly as JSON: what would be overlooked is refused by name."""

from collections.abc import Callable

import networkx as nx
import pytest
from networkx.utils import graphs_equal

from compgraph.connect import from_graphml, from_json, to_graphml, to_json
from compgraph.errors import FileFormatError, GraphError

HEAD = "".join(
    f'<key id="{scope[0]}{name}" for="{scope}" attr.name="{name}" attr.type="{kind}"/>'
    for scope, names in {
        "graph": {"schema": "string", "note": "double"},
        "node": {
            **dict.fromkeys(("layer", "side", "method", "label"), "string"),
            **dict.fromkeys(("depth", "index"), "int"),
            **dict.fromkeys(("strength", "share"), "double"),
        },
        "edge": {"weight": "double", "effect": "double", "kind": "string", "rule": "string"},
    }.items()
    for name, kind in names.items()
)


def data(scope: str, **values: object) -> str:
    return "".join(f'<data key="{scope[0]}{name}">{value}</data>' for name, value in values.items())


def node(name: str, depth: int, more: str = "") -> str:
    values = {"layer": "fc", "side": "out", "method": "pca", "label": "a", "depth": depth, "index": 0}
    return f'<node id="{name}">{data("node", **values, strength=1.5, share=0.5)}{more}</node>'


EDGE = data("edge", weight=0.5, effect=-0.5, kind="between", rule="plsr")
EDGES = f'<edge source="a" target="b">{EDGE}</edge>'
GRAPH = (
    f'<graph edgedefault="directed">{data("graph", schema="compgraph/2")}{node("a", 0)}{node("b", 1)}{EDGES}</graph>'
)
XMLNS = 'xmlns="http://graphml.graphdrawing.org/xmlns"'


def document(graph: str = GRAPH, head: str = HEAD) -> bytes:
    return f"<graphml {XMLNS}>{head}{graph}</graphml>".encode()


BAD: dict[str, tuple[bytes, str]] = {
    "no XML": (b"graph", "syntax error"),
    "other XML": (b"<html/>", "begins with <html>"),
    "no graph": (document(""), "holds 0 graphs"),
    "two graphs": (document(GRAPH + GRAPH), "holds 2 graphs"),
    "undirected": (document(GRAPH.replace('"directed"', '"undirected"')), "not directed"),
    "no direction": (document(GRAPH.replace(' edgedefault="directed"', "")), "not directed"),
    "repeated node": (document(GRAPH.replace(EDGES, node("a", 0) + EDGES)), "node 'a' comes twice"),
    "repeated edge": (document(GRAPH.replace(EDGES, EDGES * 2)), "edge 'a' -> 'b' comes twice"),
    "edge to nowhere": (document(GRAPH.replace('target="b"', 'target="c"')), "'c' leads to a node that is not listed"),
    "edge both ways": (document(GRAPH.replace("<edge ", '<edge directed="false" ')), "is not directed"),
    "edge without an end": (document(GRAPH.replace(' target="b"', "")), "a <edge> lacks 'target'"),
    "node without an id": (document(GRAPH.replace(' id="b"', "")), "a <node> lacks 'id'"),
    "repeated data": (document(GRAPH.replace(node("b", 1), node("b", 1, data("node", label="b")))), "'label' twice"),
    "two keys of one name": (
        document(
            GRAPH.replace(node("b", 1), node("b", 1, '<data key="x">1</data>')),
            f'{HEAD}<key id="x" for="node" attr.name="depth" attr.type="double"/>',
        ),
        "'depth' twice",
    ),
    "repeated data of the graph": (document(GRAPH.replace("<node", data("graph", schema="x") + "<node", 1)), "twice"),
    "repeated key": (document(head=HEAD + HEAD), "comes twice"),
    "unknown key": (document(GRAPH.replace('key="nlabel"', 'key="nlobel"', 1)), "'nlobel', which is none of a node"),
    "key of an edge on a node": (document(GRAPH.replace('key="nlabel"', 'key="ekind"', 1)), "none of a node"),
    "nested graph": (document(GRAPH.replace(node("b", 1), node("b", 1, GRAPH))), "<node> holds <graph>"),
    "hyperedge": (document(GRAPH.replace(EDGES, f"<hyperedge/>{EDGES}")), "<graph> holds <hyperedge>"),
    "port": (document(GRAPH.replace(node("b", 1), node("b", 1, '<port name="p"/>'))), "<node> holds <port>"),
    "port of an edge": (document(GRAPH.replace("<edge ", '<edge sourceport="p" ')), "<edge> has 'sourceport'"),
    "elements in data": (document(GRAPH.replace(">pca<", "><b>pca</b><", 1)), "holds elements|holds <b>"),
    "stray text": (document(GRAPH.replace("<node", "stray<node", 1)), "holds the text 'stray'"),
    "another type": (document(head=HEAD.replace('"double"', '"boolean"', 1)), "has the type 'boolean'"),
    "a number that is none": (document(GRAPH.replace(">1.5<", ">1_5<", 1)), "'1_5' is no number"),
    "a whole number that is none": (document(GRAPH.replace(">0<", ">1_0<", 1)), "'1_0' is no whole number"),
    "digits of another script": (document(GRAPH.replace(">1.5<", ">\u0661<", 1)), "is no number"),
    "infinite": (document(GRAPH.replace(">1.5<", ">1e999<", 1)), "'strength' = inf; a finite number"),
    "not a number": (document(GRAPH.replace(">-0.5<", ">nan<", 1)), "'effect' = nan; a finite number"),
    "infinite graph": (
        document(GRAPH.replace("<node", data("graph", note="1e999") + "<node", 1)),
        "graph has 'note' = inf",
    ),
    "huge": (document(GRAPH.replace(">0<", f">{'9' * 5000}<", 1)), "4300 digits"),
    "large": (document(GRAPH.replace(">0<", f">{'9' * 400}<", 1)), "1,329 bits; a number has at most 1,024"),
    "entities": (b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]>" + document(), "DOCTYPE or entities"),
    "other encoding": (document().decode().encode("utf-16"), "not UTF-8"),
    "deep": (b"<a>" * 200_000, "not readable as GraphML"),
    "deep and closed": (document("<graph>" * 100_000 + "</graph>" * 100_000), "holds <graph>"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_would_be_overlooked_is_refused(case: str) -> None:
    content, said = BAD[case]
    with pytest.raises(FileFormatError, match=said):
        from_graphml(content)


ODD: dict[str, bytes] = {
    "plain": document(),
    "without a namespace": document().replace(XMLNS.encode(), b""),
    "with what Gephi and yEd add": document(
        f"<desc>made elsewhere</desc>{GRAPH}".replace(
            'edgedefault="directed"', 'edgedefault="directed" parse.nodes="2"'
        )
    ),
    "with comments": document(GRAPH.replace("<node", "<!-- a node --><node")),
    "edges first": document(GRAPH.replace(EDGES, "").replace("<node", f"{EDGES}<node", 1)),
    "directed edges": document(GRAPH.replace("<edge ", '<edge directed="true" ')),
    "defaults": document(
        GRAPH.replace(data("node", method="pca"), ""),
        HEAD.replace('attr.name="method" attr.type="string"/>', 'attr.name="method"><default>pca</default></key>'),
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_what_other_programs_write_is_read(case: str) -> None:
    assert graphs_equal(from_graphml(ODD[case]), from_graphml(document()))


def test_ids_of_edges_are_kept() -> None:
    found = from_graphml(document(GRAPH.replace("<edge ", '<edge id="e0" ')))
    assert found.edges["a", "b"]["id"] == "e0"
    assert graphs_equal(from_graphml(to_graphml(found)), found)


def test_the_lax_reader_lets_them_through() -> None:
    """The broken twin: networkx takes the last of repeated nodes and the first of two graphs."""
    assert len(nx.parse_graphml(BAD["repeated node"][0].decode())) == 2
    assert len(nx.parse_graphml(BAD["two graphs"][0].decode())) == 2


def made(**graph_attributes: object) -> nx.DiGraph:
    found = from_graphml(document())
    found.graph.update(graph_attributes)
    return found


@pytest.mark.parametrize("write", [to_json, to_graphml])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("inf"), "the graph has 'x' = inf; a finite number"),
        (None, "the graph has 'x' of type NoneType"),
        ([1], "the graph has 'x' of type list"),
        (True, "the graph has 'x' of type bool"),
        (10**400, "the graph has 'x' of 1,329 bits"),
        ("\ud83d\ude00", "both halves of a surrogate pair"),
    ],
)
def test_attributes_of_the_graph_are_checked_when_it_is_written(write: Callable, value: object, said: str) -> None:
    with pytest.raises(GraphError, match=said):
        write(made(x=value))


def test_names_of_attributes_and_both_halves_of_a_character_are_checked_everywhere() -> None:
    for place in ("graph", "node", "edge"):
        found = made()
        {"graph": found.graph, "node": found.nodes["a"], "edge": found.edges["a", "b"]}[place][3] = "x"
        with pytest.raises(GraphError, match="an attribute called 3; names are str"):
            to_json(found)
    renamed = nx.relabel_nodes(made(), {"a": "\ud83d\ude00"})
    with pytest.raises(GraphError, match=r"both halves .* write the character itself"):
        to_json(renamed)
    mended = nx.relabel_nodes(renamed, lambda name: name.encode("utf-16", "surrogatepass").decode("utf-16"))
    assert graphs_equal(from_json(to_json(mended)), mended)


@pytest.mark.parametrize("text", ["", " ", " a ", "\ttab", "line\nline", "]]>", "<!DOCTYPE", "a\udcff"])
def test_any_text_survives_where_it_can(text: str) -> None:
    found = made(note2=text)
    found.nodes["a"]["label"] = text
    found = nx.relabel_nodes(found, {"b": f"{text}b"})
    assert graphs_equal(from_json(to_json(found)), found)
    if text.isprintable() or text.isspace() or "\n" in text or "\t" in text:
        assert graphs_equal(from_graphml(to_graphml(found)), found)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[]", "a list, not an object"),
        (b'{"graph": {}, "nodes": [], "edges": [], "extra": 1}', "JSON with 'extra' beside graph, nodes, edges and"),
        (b'{"graph": [], "nodes": [], "edges": []}', "'graph' is not an object"),
        (b'{"graph": {}, "nodes": {}, "edges": []}', "'nodes' is not a list"),
        (b'{"graph": {"schema": "compgraph/2", "x": 1e999}, "nodes": [], "edges": []}', "1e999 is not finite"),
        (b'{"graph": {"schema": "compgraph/2", "x": null}, "nodes": [], "edges": []}', "'x' of type NoneType"),
        (b'{"graph": {"schema": "compgraph/2"}, "nodes": [], "edges": [], "checksum": 5}', "checksum 5"),
        (b'{"graph": {"schema": "compgraph/2"}, "nodes": [{"id": []}], "edges": []}', "not of a component graph"),
        (b'{"graph": {"schema": "compgraph/2"}, "nodes": [{"id": 1}], "edges": []}', "ids are str"),
    ],
)
def test_json_of_another_form_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(FileFormatError, match=said):
        from_json(content)
