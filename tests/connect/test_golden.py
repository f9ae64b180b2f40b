"""Files written by earlier versions of the schema, and by this one, stay readable to the last bit."""

from pathlib import Path

import pytest
from networkx.utils import graphs_equal

from compgraph.connect import build_graph, check_graph, load
from compgraph.show import save
from fixtures.golden_graphs import version_1, version_2

GOLDEN = Path(__file__).with_name("golden")
MADE = {"version_1": version_1, "version_2": version_2}
NAMES = [f"{name}{suffix}" for name in MADE for suffix in (".json", ".graphml")]


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_graph_loads_to_exactly_itself(name: str) -> None:
    found, made = load(GOLDEN / name), MADE[Path(name).stem]()
    assert graphs_equal(found, made)
    assert [[type(value) for value in data.values()] for _, data in sorted(found.nodes(data=True))] == [
        [type(data[key]) for key in found.nodes[node]] for node, data in sorted(made.nodes(data=True))
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_graph_saves_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    assert save(load(GOLDEN / name), tmp_path / name).read_bytes() == (GOLDEN / name).read_bytes()


def test_a_bit_that_changed_is_seen(tmp_path: Path) -> None:
    text = (GOLDEN / "version_2.json").read_text()
    (tmp_path / "other.json").write_text(text.replace("0.14285714285714285", "0.14285714285714288"))
    assert not graphs_equal(load(tmp_path / "other.json"), version_2())


def test_graphs_are_written_in_version_2() -> None:
    graph = build_graph({}, [])
    check_graph(graph)
    assert graph.graph["schema"] == "compgraph/2"
