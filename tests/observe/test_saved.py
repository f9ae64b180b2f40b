"""Statistics come back from a file exactly, and with their model ask it what they asked before."""

import copy
import os
import pickle
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import compgraph as cg
from compgraph.errors import BadRequest, CompgraphError, FileFormatError, ForeignRecord
from compgraph.statistics import Statistics
from compgraph.storage import seal, unseal
from fixtures.kinds_of_passes import KINDS, Kind, difference, rows

SCHEMA = "compgraph-statistics/1"


def collected(kind: Kind) -> tuple[nn.Module, Statistics]:
    model = kind.network()
    return model, cg.collect(model, kind.data, **kind.options)


@pytest.fixture(scope="module")
def passes() -> dict[str, tuple[nn.Module, Statistics]]:
    return {name: collected(kind) for name, kind in KINDS.items()}


def answers(stats: Statistics) -> dict[str, Any]:
    """All that statistics ask their model."""
    probe = stats.live("a test")
    found: dict[str, Any] = {}
    for pair in stats.pairs:
        filters = np.eye(len(stats.moments[pair].mean_y))
        for name, ask in (("moments", probe.gradient_moments), ("rows", probe.row_gradients)):
            try:
                found[f"{name} of {pair}"] = ask(pair, filters)
            except CompgraphError as error:
                found[f"{name} of {pair}"] = str(error)
    widths = [len(stats.of_space(space).mean_x) for space in stats.returned.values()]
    try:
        found["outputs"] = [
            {str(space): each for space, each in chunk.items()}
            for chunk in probe.output_gradients(np.eye(sum(widths))[:, : widths[0]])
        ]
    except CompgraphError as error:
        found["outputs"] = str(error)
    found["twin"] = probe.again(twin=3)
    return found


@pytest.mark.parametrize("keep_inputs", [False, True])
@pytest.mark.parametrize("name", KINDS)
def test_a_file_holds_all_but_the_model(name: str, keep_inputs: bool, passes: dict, tmp_path: Path) -> None:
    _, stats = passes[name]
    path = stats.save(tmp_path / "stats.safetensors", keep_inputs=keep_inputs)
    found = Statistics.load(path)
    if keep_inputs:
        assert difference(found, stats) == ""
    else:
        assert all(each.is_withheld and not len(each.x) and not len(each.y) for each in found.samples.values())
        assert difference(bare(found), bare(stats)) == ""
    assert found.probe is None
    assert found.asked.rows == stats.asked.rows
    assert bool(found.dormant) is keep_inputs
    again = Statistics.from_bytes(found.to_bytes(keep_inputs=keep_inputs))
    assert again.to_bytes(keep_inputs=keep_inputs) == path.read_bytes()


def bare(stats: Statistics) -> Statistics:
    """Return statistics without their samples."""
    less = None if stats.unpruned is None else replace(stats.unpruned, samples={}, probe=None)
    return replace(stats, samples={}, unpruned=less)


def test_there_are_pruned_and_blind_ones(passes: dict) -> None:
    assert passes["pruned"][1].unpruned is not None
    assert any(each.blind for each in passes["blind"][1].probe.graph.arrows)
    assert passes["whole"][1].probe.inputs.held.calls[0][0].whole
    assert len(passes["heads"][1].outputs) == 2


@pytest.mark.parametrize("name", KINDS)
def test_with_its_model_it_asks_what_it_asked(name: str, passes: dict) -> None:
    model, stats = passes[name]
    woken = Statistics.from_bytes(stats.to_bytes(keep_inputs=True)).attach(model, **KINDS[name].given)
    assert difference(woken, stats) == ""
    mine, theirs = answers(woken), answers(stats)
    assert difference(pruned_of_time(mine), pruned_of_time(theirs), name) == ""
    assert woken.asked.options.keys() == stats.asked.options.keys()
    assert woken.to_bytes(keep_inputs=True) == stats.to_bytes(keep_inputs=True)


def pruned_of_time(found: dict[str, Any]) -> dict[str, Any]:
    chunks = found["outputs"]
    return {**found, "outputs": chunks if isinstance(chunks, str) else dict(enumerate(chunks))}


@pytest.mark.parametrize("name", ["mlp", "pruned", "heads"])
def test_an_analysis_of_what_was_loaded_is_the_same(name: str, passes: dict) -> None:
    model, stats = passes[name]
    woken = Statistics.from_bytes(stats.to_bytes(keep_inputs=True)).attach(model)
    mine, theirs = (cg.analyze(each, n_null=3, n_twins=2) for each in (woken, stats))
    assert mine.graph.nodes(data=True) == theirs.graph.nodes(data=True)
    assert list(mine.graph.edges(data=True)) == list(theirs.graph.edges(data=True))
    assert mine.groups.assignment == theirs.groups.assignment
    assert str(mine) == str(theirs)


def test_functions_are_asked_for(passes: dict) -> None:
    model, stats = passes["functions"]
    dormant = Statistics.from_bytes(stats.to_bytes(keep_inputs=True))
    with pytest.raises(BadRequest, match=r"site '0' was picked by a function.*give it again, as in attach") as caught:
        dormant.attach(model)
    assert "layers={'0': function" in str(caught.value)
    with pytest.raises(BadRequest, match=r"hold no inputs.*keep_inputs=True"):
        Statistics.from_bytes(stats.to_bytes()).attach(model)


@pytest.mark.slow  # starts Python itself
def test_the_same_statistics_are_the_same_bytes_in_every_process(passes: dict, tmp_path: Path) -> None:
    code = (
        "import sys, compgraph as cg; from fixtures.kinds_of_passes import KINDS\n"
        "for name in ('heads', 'pruned', 'nested'):\n"
        "    kind = KINDS[name]\n"
        "    cg.collect(kind.network(), kind.data, **kind.options).save(f'{sys.argv[1]}/{name}', keep_inputs=True)\n"
    )
    tests = Path(__file__).parents[1]
    path = os.pathsep.join([str(tests), *sys.path])
    env = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": path, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=env)
    for name in ("heads", "pruned", "nested"):
        assert (tmp_path / name).read_bytes() == passes[name][1].to_bytes(keep_inputs=True), name


def changed(model: nn.Module) -> nn.Module:
    with torch.no_grad():
        model[2].weight[1, 1] += 1e-6
    return model


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: nn.Linear(6, 2), r"'\(type\)' holds|'0.weight' is in one"),
        (lambda: changed(KINDS["mlp"].network()), "'2.weight' holds other numbers, the first of 1"),
        (lambda: KINDS["mlp"].network().double(), "'0.weight' holds other numbers, the first of 6"),
        (lambda: KINDS["mlp"].network().to("meta"), "'0.weight' holds other numbers"),
    ],
)
def test_another_model_is_refused(other: Callable[[], nn.Module], message: str, passes: dict) -> None:
    dormant = Statistics.from_bytes(passes["mlp"][1].to_bytes(keep_inputs=True))
    with pytest.raises(ForeignRecord, match=message):
        dormant.attach(other())


def test_a_model_in_a_wrapper_is_the_same(passes: dict) -> None:
    dormant = Statistics.from_bytes(passes["mlp"][1].to_bytes(keep_inputs=True))
    for wrapped in (nn.DataParallel(KINDS["mlp"].network()), torch.compile(KINDS["mlp"].network(), backend="eager")):
        assert difference(dormant.attach(wrapped), passes["mlp"][1]) == ""


# Files that are none


def flipped(data: bytes, n: int) -> list[bytes]:
    found = []
    for bit in np.random.default_rng(0).choice(8 * len(data), size=n, replace=False).tolist():
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        found.append(bytes(damaged))
    return found


def outcomes(pieces: list[bytes], stats: Statistics) -> tuple[int, int, int]:
    """Count what was refused, what came back as it was, and what came back as other statistics."""
    refused = same = 0
    for data in pieces:
        try:
            same += difference(Statistics.from_bytes(data), stats) == ""
        except FileFormatError:
            refused += 1
    return refused, same, len(pieces) - refused - same


def test_no_damaged_file_loads_as_other_statistics(passes: dict) -> None:
    data = passes["mlp"][1].to_bytes(keep_inputs=True)
    refused, _, other = outcomes(flipped(data, 300), Statistics.from_bytes(data))
    assert other == 0
    assert refused > 290
    lengths = [*range(64), *range(64, len(data), 211)]
    assert outcomes([data[:n] for n in lengths], passes["mlp"][1]) == (len(lengths), 0, 0)


def test_files_of_other_kinds_are_named(passes: dict, tmp_path: Path) -> None:
    graph = tmp_path / "graph.json"
    cg.save(cg.build_graph(parts := cg.components(passes["mlp"][1], "pca"), cg.edges(passes["mlp"][1], parts)), graph)
    os.mkfifo(tmp_path / "pipe")
    facts, arrays = unseal(passes["mlp"][1].to_bytes(), SCHEMA)
    (tmp_path / "later").write_bytes(seal("compgraph-statistics/2", facts, arrays))
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("not statistics at all, and longer than a header")
    for name, message in {
        "graph.json": "damaged, or was not written",
        "pipe": "it is a pipe",
        ".": "it is a folder",
        "empty": "damaged, or was not written",
        "text": "damaged, or was not written",
        "missing": "cannot read",
        "later": "holds 'compgraph-statistics/2'; 'compgraph-statistics/1' is needed",
    }.items():
        with pytest.raises(FileFormatError, match=message):
            Statistics.load(tmp_path / name)


# Copies


@pytest.mark.parametrize("name", ["mlp", "pruned", "heads"])
def test_copies_are_the_same(name: str, passes: dict) -> None:
    _, stats = passes[name]
    dormant = Statistics.from_bytes(stats.to_bytes(keep_inputs=True))
    for each in (stats, dormant):
        for other in (pickle.loads(pickle.dumps(each)), copy.deepcopy(each), copy.copy(each)):  # noqa: S301
            assert difference(other, each) == ""
            assert other.to_bytes(keep_inputs=True) == each.to_bytes(keep_inputs=True)


@pytest.mark.parametrize("name", KINDS)
def test_statistics_are_one_line(name: str, passes: dict) -> None:
    _, stats = passes[name]
    for each in (stats, Statistics.from_bytes(stats.to_bytes(keep_inputs=True))):
        assert "\n" not in repr(each)
        assert len(repr(each)) < 2000


def test_bytes_of_wide_statistics_take_little_more_than_twice_their_size() -> None:
    stats = cg.collect(nn.Sequential(nn.Linear(700, 700), nn.Tanh(), nn.Linear(700, 5)), rows(30, 700))
    tracemalloc.start()
    data = stats.to_bytes()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(data) > 1e7
    assert peak < 2.2 * len(data)
