import json
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networkx.utils import graphs_equal

from compgraph.connect import from_graphml, from_json, load, to_graphml, to_json, write_atomically
from compgraph.errors import FileFormatError, GraphError, UnknownName

XML_TEXT = st.text(
    st.characters(min_codepoint=32, exclude_categories=("Cs", "Cn", "Cc"), max_codepoint=0xFFFD), min_size=1
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def make(layer: str = "fc", share: float = 0.25, weight: float = 0.5) -> nx.DiGraph:
    graph = nx.DiGraph(schema="compgraph/2", note="two nodes")
    for index in range(2):
        graph.add_node(
            f"n{index}",
            layer=layer,
            side="out",
            depth=index,
            index=0,
            method="pca",
            strength=1.5,
            share=share,
            label=f"{layer} {index}",
        )
    graph.add_edge("n0", "n1", weight=abs(weight), effect=weight, kind="between", rule="plsr")
    return graph


@settings(deadline=None, max_examples=60)
@given(XML_TEXT, FINITE, FINITE)
def test_both_formats_round_trip_exactly(layer: str, share: float, weight: float) -> None:
    graph = make(layer, share, weight)
    assert graphs_equal(from_json(to_json(graph)), graph)
    assert graphs_equal(from_graphml(to_graphml(graph)), graph)


HOSTILE = [
    "</script>",
    '"quoted"',
    "back\\slash",
    "a:b",
    "x -> y",
    "{",
    "🙂",
    "\u202eright to left",
    "&lt;",
    "y" * 20_000,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_survive_in_both_formats(name: str, tmp_path: Path) -> None:
    graph = make(name)
    for suffix, serialise in ((".json", to_json), (".graphml", to_graphml)):
        path = write_atomically(tmp_path / f"graph{suffix}", serialise(graph))
        assert graphs_equal(load(path), graph)


@pytest.mark.parametrize("name", ["nul\x00", "bell\x07", "carriage\rreturn", "a\udcff"])
def test_text_that_xml_cannot_hold_is_refused_there_by_name_and_kept_in_json(name: str) -> None:
    with pytest.raises(GraphError, match=r"GraphML cannot hold.*: layer .* of node 'n0' .*Save it as \.json") as caught:
        to_graphml(make(name))
    assert repr(name) in str(caught.value)
    assert graphs_equal(from_json(to_json(make(name))), make(name))


@pytest.mark.parametrize(("name", "place"), [("id", "'n0'"), ("source", "'n0' -> 'n1'"), ("target", "'n0' -> 'n1'")])
def test_an_attribute_that_would_overwrite_an_end_is_refused(name: str, place: str) -> None:
    graph = make()
    (graph.nodes["n0"] if name == "id" else graph.edges["n0", "n1"])[name] = "elsewhere"
    with pytest.raises(GraphError, match=rf"{place} has an attribute '{name}', a name that the JSON .* another name"):
        to_json(graph)


@pytest.mark.parametrize("name", ["source", "target"])
def test_a_node_may_be_called_a_source(name: str) -> None:
    graph = make()
    graph.nodes["n0"][name] = "retina"
    assert from_json(to_json(graph)).nodes["n0"][name] == "retina"


def test_the_bytes_do_not_depend_on_the_order_of_insertion() -> None:
    graph = make()
    backwards = nx.DiGraph(**graph.graph)
    backwards.add_nodes_from(reversed(list(graph.nodes(data=True))))
    backwards.add_edges_from(graph.edges(data=True))
    assert to_json(backwards) == to_json(graph)
    assert to_graphml(backwards) == to_graphml(graph)


def document(**changes: object) -> bytes:
    return json.dumps({**json.loads(to_json(make())), **changes}).encode()


NODE = json.loads(to_json(make()))["nodes"][0]
BAD_JSON = {
    "truncated": to_json(make())[:-9],
    "empty": b"",
    "binary": b"\x93NUMPY\x01\x00",
    "a list": b"[1, 2]",
    "nan": to_json(make()).replace(b"0.25", b"NaN"),
    "infinite": to_json(make()).replace(b"0.25", b"1e999"),
    "deep": b"[" * 100_000,
    "repeated key": to_json(make()).replace(b'"index": 0', b'"index": 0, "index": 1', 1),
    "repeated node": document(nodes=[NODE, NODE]),
    "edge to nowhere": document(nodes=[NODE]),
    "other version": document(graph={"schema": "compgraph/3"}),
    "no nodes": b'{"graph": {}}',
    "node that is a number": document(nodes=[1]),
    "edge without an end": document(edges=[{"source": "n0"}]),
}


@pytest.mark.parametrize("case", BAD_JSON)
def test_a_bad_json_file_gets_one_kind_of_error(case: str, tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    path.write_bytes(BAD_JSON[case])
    with pytest.raises(FileFormatError, match=r"graph\.json' is not a component graph"):
        load(path)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    for suffix, data in ((".json", to_json(make())), (".graphml", to_graphml(make()))):
        path = tmp_path / f"graph{suffix}"
        for length in range(0, len(data.rstrip()) - 1, 23):
            path.write_bytes(data[:length])
            with pytest.raises(FileFormatError):
                load(path)


def test_entities_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "graph.graphml"
    path.write_bytes(b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><graphml>&a;</graphml>')
    with pytest.raises(FileFormatError, match="DOCTYPE or entities"):
        load(path)


def test_a_missing_file_and_an_unknown_suffix_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"cannot read .*none\.json.*No such file"):
        load(tmp_path / "none.json")
    with pytest.raises(UnknownName, match=r"no readable graph format '\.pkl'. Known: '\.graphml', '\.json'"):
        load(tmp_path / "graph.pkl")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_another_encoding_does_not_hide_entities(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "graph.graphml"
    path.write_bytes('<!DOCTYPE x [<!ENTITY a "aaaa">]><graphml>&a;</graphml>'.encode(encoding))
    with pytest.raises(FileFormatError, match=r"not UTF-8|DOCTYPE or entities"):
        load(path)
