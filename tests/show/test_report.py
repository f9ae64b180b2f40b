"""The summary and the folder of an analysis of a model that is no chain."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import networkx as nx
import pytest
import torch
from matplotlib.figure import Figure

import compgraph as cg
from compgraph.check import TaskProfile
from compgraph.errors import BadRequest, OutputError
from compgraph.group import Partition
from compgraph.show import export, report
from compgraph.show.report import facts, summarise, write_report
from compgraph.statistics import Statistics
from fixtures.site_graphs import EXPERTS, HEADS


@pytest.fixture(scope="module")
def stats() -> Statistics:
    return cg.collect(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh()), torch.eye(3))


@pytest.fixture
def heads(sites) -> nx.DiGraph:
    return sites(HEADS, outputs={"head.mask": "mask", "head.boxes": "boxes.0"})


def test_layers_come_in_the_order_of_the_data_and_outputs_by_name(heads, stats) -> None:
    lines = summarise(heads, Partition.single(heads), stats=stats).split("\n")
    assert [line.split()[0] for line in lines[1:6]] == ["note:", "input", "trunk", "head.boxes", "head.mask"]
    assert lines[3].endswith("components: out 4, in 4")
    assert "components of outputs: boxes.0 (4), mask (4)" in lines


def test_a_graph_without_names_of_outputs_says_nothing_of_them(sites, stats) -> None:
    graph = sites(HEADS)
    assert "outputs" not in summarise(graph, Partition.single(graph), stats=stats)
    assert facts(graph, Partition.single(graph), stats=stats)["outputs"] == {}


def test_a_hostile_name_of_an_output_is_one_line(sites, stats) -> None:
    graph = sites(HEADS, outputs={"head.mask": "two\nlines\udcff"})
    text = summarise(graph, Partition.single(graph), stats=stats)
    assert "components of outputs: two\\nlines\\udcff (4)" in text.split("\n")
    text.encode()


@pytest.mark.slow
def test_every_layer_of_a_depth_has_its_own_overlap(sites, tmp_path, stats) -> None:
    graph = sites(EXPERTS)
    groups = Partition.single(graph)
    profile = TaskProfile({}, {}, {})
    place = write_report(tmp_path, graph, groups, stats=stats, profile=profile)
    overlaps = sorted(path.name for path in (place / "figures").glob("overlap-*.png"))
    assert overlaps == ["overlap-1.png", *(f"overlap-2-{row}.png" for row in range(4))]
    assert json.loads((place / "summary.json").read_text())["components"]["expert.1 out"] == 4
    assert {"graph.png", "flow.png", "tasks.png"} <= {path.name for path in (place / "figures").iterdir()}


def found(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def write(folder: Path, graph: nx.DiGraph, stats: Statistics, profile: TaskProfile | None = None) -> dict[str, bytes]:
    write_report(folder, graph, Partition.single(graph), stats=stats, profile=profile)
    return found(folder)


PROFILE = TaskProfile({}, {}, {"s0/in/0": "left", "s0/in/1": None})


@pytest.fixture
def quick(monkeypatch) -> None:
    """Draw nothing: what is tested is where files go."""
    monkeypatch.setattr(report, "figure_bytes", lambda *_: b"a figure")
    monkeypatch.setattr(report, "_figures", lambda *_: [("graph.png", Figure())])
    monkeypatch.setattr(report, "flow_html", lambda *_, **__: "a flow")
    monkeypatch.setitem(export.EXPORTERS, ".svg", lambda *_: "<svg></svg>")


@pytest.mark.usefixtures("quick")
def test_a_report_lists_its_files_and_leaves_others_alone(graph, stats, tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    files = write(tmp_path, graph, stats, PROFILE)
    listed = json.loads(files["summary.json"])["files"]
    assert set(listed) == set(files) - {"mine.txt"}
    assert json.loads(files["labels.json"]) == {"s0/in/0": "left", "s0/in/1": None}
    # A report without a profile has no labels, and none of an older one pass for its.
    files = write(tmp_path, graph, stats)
    assert set(files) == set(listed) - {"labels.json", "flow.html"} | {"mine.txt"}


@pytest.mark.usefixtures("quick")
def test_labels_that_no_report_made_are_left(graph, stats, tmp_path) -> None:
    (tmp_path / "labels.json").write_text("{}")
    write(tmp_path, graph, stats)
    assert write(tmp_path, graph, stats)["labels.json"] == b"{}"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("place", ["flow_html", "figure_bytes", "facts", ".json", ".dot", ".svg"])
def test_an_error_anywhere_leaves_the_older_report_to_the_last_byte(place, graph, stats, tmp_path, monkeypatch) -> None:
    before = write(tmp_path, graph, stats, PROFILE)
    graph.graph["note"] = "newer"

    def fail(*_, **__):
        raise ZeroDivisionError

    if place.startswith("."):
        monkeypatch.setitem(export.EXPORTERS, place, fail)
    else:
        monkeypatch.setattr(report, place, fail)
    with pytest.raises(ZeroDivisionError):
        write(tmp_path, graph, stats, PROFILE)
    assert found(tmp_path) == before


@pytest.mark.usefixtures("quick")
def test_a_report_goes_home_and_nowhere_without_a_folder(graph, stats, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_report("~/out", graph, Partition.single(graph), stats=stats)
    assert (tmp_path / "out" / "summary.json").exists()
    with pytest.raises(BadRequest, match="an empty text came as a path"):
        write_report("", graph, Partition.single(graph), stats=stats)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="a file and not a folder"):
        write_report(tmp_path / "file", graph, Partition.single(graph), stats=stats)


KILLER = """
import os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import torch, compgraph as cg
from fixtures.graphs import make_graph
from compgraph.group import Partition
from compgraph.show.report import write_report
stats = cg.collect(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh()), torch.eye(3))
def save(folder, note):
    graph = make_graph(width=1)
    graph.graph["note"] = note
    for node in graph:
        graph.nodes[node]["label"] = note
    write_report(folder, graph, Partition.single(graph), stats=stats)
for number in range(40):
    folder = Path(sys.argv[1]) / str(number)
    save(folder, "old")
    child = os.fork()
    if child == 0:
        generation = 0
        while True:
            generation += 1
            save(folder, f"new{generation}")
    time.sleep(random.Random(number).uniform(0, 1.5))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_a_killed_save_leaves_one_report(tmp_path) -> None:
    """40 kills of the real thing: once the folder is loaded from, all files show the same graph."""
    command = [sys.executable, "-c", KILLER, str(tmp_path), str(Path(__file__).parents[1])]
    subprocess.run(command, check=True, timeout=600)
    folders = list(tmp_path.iterdir())
    assert len(folders) == 40
    for folder in folders:
        notes = {cg.load(folder / f"graph.{suffix}").graph["note"] for suffix in ("json", "graphml")}
        (note,) = notes
        shown = [set(re.findall(r"\bnew\d+\b", (folder / f"tasks.{each}").read_text())) for each in ("html", "dot")]
        assert shown == [{note} - {"old"}] * 2
        assert (folder / "summary.json").exists()
