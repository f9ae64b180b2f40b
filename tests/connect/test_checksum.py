"""A damaged file does not load as another graph: bits and bytes change, and what comes of it is counted."""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable

import networkx as nx
import pytest
from networkx.utils import graphs_equal

from compgraph.connect import checksum, from_graphml, from_json, graphml_file, json_file, to_graphml, to_json
from compgraph.errors import FileFormatError, GraphError
from fixtures.golden_graphs import version_2

FORMATS: dict[str, tuple[Callable[..., bytes], Callable[..., nx.DiGraph]]] = {
    "json": (to_json, from_json),
    "graphml": (to_graphml, from_graphml),
}
TRIES = 300


def flip(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def substitute(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + bytes([rng.choice(b'0123456789abcz"<>{}[],:= \n\xff')]) + data[place + 1 :]


def insert(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + bytes([rng.choice(b'0123456789abcz"<>{}[],:= \n\xff')]) + data[place:]


def delete(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + data[place + 1 :]


def outcome(data: bytes, read: Callable[..., nx.DiGraph], graph: nx.DiGraph) -> str:
    """Say whether damaged bytes are refused, or load as the same graph, or as another."""
    try:
        found = read(data)
    except FileFormatError:
        return "refused"
    return "same" if graphs_equal(found, graph) else "wrong"


def damaged(kind: str, change: Callable[[bytes, random.Random], bytes]) -> Counter[str]:
    (write, read), graph, rng = FORMATS[kind], version_2(), random.Random(0)
    data = write(graph)
    return Counter(outcome(change(data, rng), read, graph) for _ in range(TRIES))


@pytest.mark.parametrize("change", [flip, substitute, insert, delete])
@pytest.mark.parametrize("kind", FORMATS)
def test_no_change_of_a_byte_loads_as_another_graph(kind: str, change: Callable[..., bytes]) -> None:
    counts = damaged(kind, change)
    assert counts["wrong"] == 0
    assert counts["refused"] + counts["same"] == TRIES
    assert counts["refused"] > TRIES / 3


@pytest.mark.parametrize("kind", FORMATS)
def test_without_the_checksum_some_do(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (json_file, graphml_file):
        monkeypatch.setattr(module, "verify", lambda *_, **__: None)
    assert damaged(kind, flip)["wrong"] > 0


@pytest.mark.parametrize("kind", FORMATS)
def test_every_bit_around_the_checksum(kind: str) -> None:
    """Its name, its value and what surrounds them: a damaged checksum is not taken for none."""
    (write, read), graph = FORMATS[kind], nx.DiGraph(schema="compgraph/2")
    where = {"layer": "fc1", "side": "in", "depth": 1, "index": 0, "method": "pca"}
    graph.add_node("a", **where, strength=2.0, share=1.0, label="a")
    data = write(graph)
    counts: Counter[str] = Counter()
    around = [b'"checksum": "compgraph'] if kind == "json" else [b"compgraph_checksum", b">compgraph-sha256"]
    for start in map(data.index, around):
        for place in range(max(start - 60, 0), min(start + 120, len(data))):
            for bit in range(8):
                changed = data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
                counts[outcome(changed, read, graph)] += 1
    assert counts["wrong"] == 0
    assert counts["refused"] > 1000


@pytest.mark.parametrize("kind", FORMATS)
def test_no_truncation_loads_as_another_graph(kind: str) -> None:
    (write, read), graph = FORMATS[kind], version_2()
    data = write(graph)
    assert {outcome(data[:length], read, graph) for length in range(0, len(data.rstrip()), 7)} == {"refused"}


def test_both_formats_have_the_same_checksum_and_any_program_can_compute_it() -> None:
    graph = version_2()
    document = json.loads(to_json(graph))
    stated = document.pop("checksum")
    assert stated.encode() in to_graphml(graph)
    document["nodes"].sort(key=lambda node: node["id"])
    document["edges"].sort(key=lambda edge: (edge["source"], edge["target"]))
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert stated == f"compgraph-sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def test_it_does_not_depend_on_order_and_depends_on_all_else() -> None:
    graph = version_2()
    other = nx.DiGraph(**dict(reversed(graph.graph.items())))
    other.add_nodes_from(reversed([(node, dict(reversed(data.items()))) for node, data in graph.nodes(data=True)]))
    other.add_edges_from(reversed(list(graph.edges(data=True))))
    assert checksum(other) == checksum(graph)
    node = next(iter(graph))
    edge = next(iter(graph.edges))
    changed = set()
    for place, name, value in [
        *((other.nodes[node], name, value) for name, value in graph.nodes[node].items()),
        *((other.edges[edge], name, value) for name, value in graph.edges[edge].items()),
        *((other.graph, name, value) for name, value in graph.graph.items()),
    ]:
        place[name] = f"{value}." if isinstance(value, str) else value + 1e-9
        changed.add(checksum(other))
        place[name] = value
    assert len(changed) == len(graph.nodes[node]) + len(graph.edges[edge]) + len(graph.graph)
    other.remove_edge(*edge)
    assert checksum(other) not in {*changed, checksum(graph)}


@pytest.mark.parametrize("kind", FORMATS)
def test_an_edited_file_says_how_it_can_be_read(kind: str, tmp_path) -> None:
    (write, read), graph = FORMATS[kind], version_2()
    data = write(graph)
    stated = checksum(graph).encode()
    edited = data.replace(graph.graph["schema"].encode(), b"compgraph/1")
    with pytest.raises(FileFormatError, match=r"the file was damaged, or edited.*remove its '(compgraph_)?checksum'"):
        read(edited)
    lines = edited.splitlines(keepends=True)
    mended = b"".join(line for line in lines if stated not in line)
    assert read(mended.replace(b"],\n}", b"]\n}")).graph["schema"] == "compgraph/1"


def test_a_graph_may_have_a_checksum_of_its_own_but_not_ours() -> None:
    graph = version_2()
    assert graph.graph["checksum"]
    for write, read in FORMATS.values():
        assert graphs_equal(read(write(graph)), graph)
    for name, value in (("compgraph_checksum", "x"), ("other", checksum(graph)), ("id", "x")):
        graph = version_2()
        graph.graph[name] = value
        assert graphs_equal(from_json(to_json(graph)), graph)
        with pytest.raises(GraphError, match=rf"attribute '{name}'.*del graph\.graph\['{name}'\]"):
            to_graphml(graph)
