"""Files written by earlier versions of the schema, and by this one, stay readable to the last bit."""

from pathlib import Path

import networkx as nx
import pytest
from networkx.utils import graphs_equal

from compgraph.connect import build_graph, check_graph, load
from compgraph.errors import FileFormatError
from compgraph.show import save
from fixtures.golden_graphs import version_1, version_2

GOLDEN = Path(__file__).with_name("golden")
MADE = {"version_1": version_1, "version_2": version_2}
NAMES = [f"{name}{suffix}" for name in MADE for suffix in (".json", ".graphml")]
# Of before there were checksums, and of now.
KINDS = [GOLDEN, GOLDEN / "with_checksum"]


def golden(name: str) -> nx.DiGraph:
    return MADE[Path(name).stem]()


@pytest.mark.parametrize("folder", KINDS, ids=lambda folder: folder.name)
@pytest.mark.parametrize("name", NAMES)
def test_a_stored_graph_loads_to_exactly_itself(name: str, folder: Path) -> None:
    found, made = load(folder / name), golden(name)
    assert graphs_equal(found, made)
    assert [[type(value) for value in data.values()] for _, data in sorted(found.nodes(data=True))] == [
        [type(data[key]) for key in found.nodes[node]] for node, data in sorted(made.nodes(data=True))
    ]


@pytest.mark.parametrize("folder", KINDS, ids=lambda folder: folder.name)
@pytest.mark.parametrize("name", NAMES)
def test_a_stored_graph_saves_to_the_same_bytes(name: str, folder: Path, tmp_path: Path) -> None:
    assert save(load(folder / name), tmp_path / name).read_bytes() == (KINDS[1] / name).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_file_without_a_checksum_loads_and_says_so(name: str, caplog: pytest.LogCaptureFixture) -> None:
    load(KINDS[1] / name)
    assert not caplog.records
    load(KINDS[0] / name)
    (said,) = caplog.records
    assert (said.name, said.levelname) == ("compgraph", "WARNING")
    assert f"{name}' has no checksum, so damage to it would not be seen" in said.getMessage()


def test_a_bit_that_changed_is_seen(tmp_path: Path) -> None:
    for folder in KINDS:
        text = (folder / "version_2.json").read_text()
        (tmp_path / "other.json").write_text(text.replace("0.14285714285714285", "0.14285714285714288"))
        if folder == GOLDEN:
            assert not graphs_equal(load(tmp_path / "other.json"), version_2())
        else:
            with pytest.raises(FileFormatError, match="damaged, or edited"):
                load(tmp_path / "other.json")


def test_graphs_are_written_in_version_2() -> None:
    graph = build_graph({}, [])
    check_graph(graph)
    assert graph.graph["schema"] == "compgraph/2"
