"""One call, any suffix: whole files or none, the caller's graph untouched, groups carried along."""

import errno
import math
import shutil
from dataclasses import replace
from pathlib import Path

import networkx as nx
import pytest

from compgraph.connect import load
from compgraph.errors import BadRequest, GraphError, OutputError, UnknownName
from compgraph.show import groups_of, register_exporter, registered_exporters, save, with_groups
from compgraph.show.export import EXPORTERS

SUFFIXES = (".dot", ".graphml", ".html", ".json", ".pdf", ".png", ".svg")


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch):
    """Images come from matplotlib, whatever this machine has."""
    monkeypatch.setattr(shutil, "which", lambda _: None)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_suffix_gives_the_same_bytes_and_leaves_the_graph_alone(graph, groups, shuffled, suffix, tmp_path):
    before = graph.copy()
    first = save(graph, tmp_path / f"a{suffix}", groups=groups)
    second = save(shuffled(graph), str(tmp_path / f"b{suffix.upper()}"), groups=groups)
    assert first.read_bytes() == second.read_bytes() != b""
    assert nx.utils.graphs_equal(graph, before)


def test_the_suffixes_are_registered():
    assert registered_exporters() == SUFFIXES


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_node_without_edges(single, suffix, tmp_path):
    assert save(single, tmp_path / f"one{suffix}").stat().st_size > 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_edges(graph, groups, suffix, tmp_path):
    graph.clear_edges()
    assert save(graph, tmp_path / f"points{suffix}", groups=groups).stat().st_size > 0


@pytest.mark.parametrize("suffix", [".json", ".graphml"])
def test_stored_groups_come_back(graph, groups, suffix, tmp_path):
    loaded = load(save(graph, tmp_path / f"g{suffix}", groups=groups))
    assert dict(loaded.nodes(data="group")) == dict(groups.assignment)
    assert loaded.graph["group_p_value"] == 0.01
    found = groups_of(loaded)
    assert found is not None
    assert replace(found, assignment={}) == replace(groups, assignment={})
    assert dict(found.assignment) == dict(groups.assignment)
    assert (
        save(loaded, tmp_path / "a.html").read_bytes() == save(graph, tmp_path / "b.html", groups=groups).read_bytes()
    )


def test_numbers_that_are_not_known_are_left_out(graph, groups):
    copy = with_groups(graph, replace(groups, p_value=math.nan))
    assert "group_p_value" not in copy.graph
    found = groups_of(copy)
    assert found is not None
    assert math.isnan(found.p_value)


@pytest.mark.parametrize("value", [None, "0", 0.0, -1])
def test_groups_that_are_none_are_refused_by_name_and_kept_in_exact_files(graph, groups, value, tmp_path):
    copy = with_groups(graph, groups)
    assert groups_of(graph) is None
    copy.nodes["s1/out/0"].pop("group")
    said = r"node 's1/out/0' has no attribute 'group', 1 of 12 nodes have none"
    if value is not None:
        copy.nodes["s1/out/0"]["group"] = value
        said = f"node 's1/out/0' has the group {value!r}"
    for suffix in SUFFIXES:
        if suffix in (".json", ".graphml"):
            assert nx.utils.graphs_equal(load(save(copy, tmp_path / f"g{suffix}")), copy)
        else:
            with pytest.raises(GraphError, match=said):
                save(copy, tmp_path / f"g{suffix}")
    nx.set_node_attributes(copy, 0, "group")
    assert groups_of(copy).n_groups == 1


def test_a_foreign_p_value_is_not_believed(graph, groups):
    copy = with_groups(graph, groups)
    copy.graph["group_p_value"] = "tiny"
    found = groups_of(copy)
    assert found is not None
    assert not found.reliable


def test_a_node_without_a_group_is_named(graph, groups, tmp_path):
    assignment = {node: group for node, group in groups.assignment.items() if not node.startswith("s1/out")}
    with pytest.raises(GraphError, match=r"node 's1/out/0' has no group, 3 of 12 nodes have none"):
        save(graph, tmp_path / "g.html", groups=replace(groups, assignment=assignment))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x.htm", r"no exporter for the suffix '\.htm'. Known: '\.dot', .*Did you mean '\.html'\?"),
        ("plain", r"no exporter for the suffix ''. Known: '\.dot'"),
    ],
)
def test_an_unknown_suffix_lists_the_known_ones(graph, tmp_path, name, message):
    with pytest.raises(UnknownName, match=message):
        save(graph, tmp_path / name)


def test_a_graph_outside_the_schema_is_refused(graph, tmp_path):
    graph.nodes["s1/out/0"]["share"] = math.nan
    with pytest.raises(GraphError, match="'s1/out/0' has 'share' = nan"):
        save(graph, tmp_path / "g.html")


def test_a_path_that_cannot_be_written(graph, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "folder.html").mkdir()
    for path in (tmp_path / "file" / "g.html", tmp_path / "folder.html"):
        with pytest.raises(OutputError, match=r"cannot write .*html"):
            save(graph, path)


def test_a_full_disk_leaves_the_old_file(graph, tmp_path, monkeypatch):
    path = tmp_path / "g.html"
    path.write_text("old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        save(graph, path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["g.html"]


def test_a_format_of_ones_own(graph, tmp_path, monkeypatch):
    monkeypatch.setattr("compgraph.show.export.EXPORTERS", dict(EXPORTERS))
    register_exporter(".CSV", lambda graph, _: f"{len(graph)} ä\n")
    assert save(graph, tmp_path / "g.csv").read_bytes() == "12 ä\n".encode()


@pytest.mark.parametrize("suffix", ["csv", "", ".", ".a/b", "..csv"])
def test_a_suffix_that_is_none_is_refused(suffix):
    with pytest.raises(BadRequest, match="a dot followed by letters or digits"):
        register_exporter(suffix, lambda *_: b"")


@pytest.mark.parametrize("suffix", [".html", ".dot", ".svg", ".json", ".png", ".pdf"])
def test_hostile_names_in_every_format(hostile, groups_for, suffix, tmp_path):
    assert save(hostile, tmp_path / f"h{suffix}", groups=groups_for(hostile)).stat().st_size > 0


def test_groups_of_another_graph_are_refused(graph, groups, tmp_path):
    foreign = replace(groups, assignment={**groups.assignment, "elsewhere/out/0": 0})
    with pytest.raises(GraphError, match=r"node 'elsewhere/out/0', which is not in the graph \(1 such nodes\)"):
        save(graph, tmp_path / "g.html", groups=foreign)
