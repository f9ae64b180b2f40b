"""The summary and the folder of an analysis of a model that is no chain."""

import json

import networkx as nx
import pytest
import torch

import compgraph as cg
from compgraph.check import TaskProfile
from compgraph.group import Partition
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
