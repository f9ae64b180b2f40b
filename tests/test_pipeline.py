"""The one-call path on networks whose tasks are known because they were built by hand."""

import json
import math
import re
import shutil
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError
from matplotlib.colors import to_hex
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import compgraph as cg
from compgraph import analysis as steps
from compgraph.check import ChanceTest, against_rotations, against_twins, stability
from compgraph.connect import ordered_nodes
from compgraph.decompose import Interaction
from compgraph.errors import BadRequest, EmptyData, UnknownName
from compgraph.show import groups_of, task_variance_figure
from compgraph.show.graph.scene import scene

NULL = 19  # the fewest that can reach p = 0.05
HOSTILE = ('</script>:->"', "$\\frac{&", "two\nlines")


def blocky(
    sizes: tuple[int, ...], *, n_blocks: int, seed: int = 0, names: tuple[str, ...] | None = None
) -> nn.Sequential:
    """Layers of ``n_blocks`` blocks that never meet; inside a block every unit mixes everything with one sign."""
    generator, modules = torch.Generator().manual_seed(seed), OrderedDict()
    for depth, (p, q) in enumerate(pairwise(sizes)):
        linear, shape = nn.Linear(p, q), (q // n_blocks, p // n_blocks)
        with torch.no_grad():
            inside = torch.block_diag(*[torch.ones(shape)] * n_blocks)
            linear.weight.copy_(inside * (2 + torch.randn(q, p, generator=generator)) * 0.6 / shape[1] ** 0.5)
            linear.bias.copy_(0.3 * torch.randn(q, generator=generator))
        modules[names[depth] if names else f"fc{depth + 1}"] = linear
        if depth < len(sizes) - 2:
            modules[f"act{depth + 1}"] = nn.Tanh()
    return nn.Sequential(modules)


def draw(n: int = 400, *, seed: int = 0) -> Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(100 + seed))


def tasks_of(x: Tensor) -> dict[str, Tensor]:
    rest = torch.tensor([1.0, 1.0, 0.0, 0.0])
    return {"A": x * rest, "B": x * (1 - rest)}


@pytest.fixture(scope="module")
def x() -> Tensor:
    return draw()


@pytest.fixture(scope="module")
def two_tasks() -> nn.Sequential:
    return blocky((4, 12, 12, 2), n_blocks=2)


@pytest.fixture(scope="module")
def one_task() -> nn.Sequential:
    return blocky((4, 12, 12, 1), n_blocks=1)


@pytest.fixture(scope="module")
def analysis(two_tasks, x) -> cg.Analysis:
    return cg.analyze(two_tasks, x, n_null=NULL)


@pytest.fixture(scope="module")
def nothing(one_task, x) -> cg.Analysis:
    return cg.analyze(one_task, x, n_null=NULL)


@pytest.mark.parametrize("seed", range(3))
def test_planted_tasks_are_found_exactly(seed) -> None:
    model, rows = blocky((4, 12, 12, 2), n_blocks=2, seed=seed), draw(seed=seed)
    found = cg.analyze(model, rows, seed=seed, n_null=NULL)
    profile = cg.task_profile(found, model, tasks_of(rows))
    score = cg.agreement(found.groups, profile.labels, weights=dict(found.graph.nodes(data="share")))
    assert (found.groups.n_groups, score.ari, score.weighted_ari) == (2, 1, pytest.approx(1))
    assert score.unlabelled == 0
    # What is hardly read is left out of scores that are uncorrelated in this sample, where blocks are not quite apart.
    assert max(profile.interference.values()) < 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_directions_read_of_planted_tasks_do_not_mix_them(seed) -> None:
    model, rows = blocky((4, 12, 12, 2), n_blocks=2, seed=seed), draw(seed=seed)
    found = cg.analyze(model, rows, method="gradient", rule="correlation", seed=seed, n_null=NULL)
    profile = cg.task_profile(found, model, tasks_of(rows))
    score = cg.agreement(found.groups, profile.labels, weights=dict(found.graph.nodes(data="share")))
    assert (found.groups.n_groups, score.ari, score.weighted_ari) == (2, 1, pytest.approx(1))
    assert max(profile.interference.values()) < 1e-9


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_one_dense_task_is_one_group(seed, outputs) -> None:
    model = blocky((4, 12, 12, outputs), n_blocks=1, seed=seed)
    found = cg.analyze(model, draw(seed=seed), seed=seed, n_null=NULL)
    assert (found.found.n_groups, found.groups.n_groups) == (1, 1)
    assert set(found.hierarchy.values()) == {(0,)}
    assert found.tests == ()


def test_what_outside_code_counts_on(analysis, two_tasks, x) -> None:
    assert analysis.stats.layers == ("input", "act1", "act2", "fc3")
    assert list(analysis.components) == list(analysis.stats.spaces)
    assert list(analysis.groups.assignment) == ordered_nodes(analysis.graph)
    assert set(analysis.groups.assignment.values()) == {0, 1}
    assert (analysis.groups.n_groups, analysis.groups.p_value, analysis.groups.stability) == (2, 0.05, 1)
    profile = cg.task_profile(analysis, two_tasks, tasks_of(x))
    assert set(profile.share) == set(profile.labels) == set(analysis.graph)
    for node, by_task in profile.share.items():
        assert sum(by_task.values()) == pytest.approx(1)
        assert profile.labels[node] == max(by_task, key=by_task.__getitem__)
    assert cg.agreement(analysis.groups, profile.labels, weights=None).ari == 1
    for space, part in analysis.components.items():
        share = [data["share"] for _, data in analysis.graph.nodes(data=True) if data["layer"] == space.layer]
        assert part.share.max() <= 1 + 1e-9
        assert all(value > 0 for value in share)


def test_it_is_the_four_steps_and_the_evidence(analysis, two_tasks, x) -> None:
    stats = cg.collect(two_tasks, x)
    parts = cg.components(stats, "interaction")
    graph = cg.build_graph(parts, cg.edges(stats, parts, "gradient"))
    plain = cg.communities(graph, "spectral", seed=0, n_null=NULL)
    tests = (against_twins(stats), against_rotations(parts.interactions, n=NULL))
    assert analysis.tests == tests
    assert [len(test.by_chance) for test in tests] == [19, NULL]
    p_value = max(plain.p_value, *(test.p_value for test in tests))
    halves = min(plain.stability, stability(parts.interactions))
    assert analysis.found == replace(plain, p_value=p_value, stability=halves)
    assert dict(graph.edges) == dict(analysis.graph.edges)


def test_with_other_methods_it_is_the_four_steps_alone(two_tasks, x) -> None:
    found = cg.analyze(two_tasks, x, method="gradient", rule="correlation", n_null=NULL)
    stats = cg.collect(two_tasks, x)
    parts = cg.components(stats, "gradient")
    graph = cg.build_graph(parts, cg.edges(stats, parts, "correlation"))
    assert cg.communities(graph, "spectral", seed=0, n_null=NULL) == found.found
    assert (found.tests, found.evidence, parts.interactions) == ((), (), None)
    assert set(found.hierarchy.values()) == {(0,), (1,)}


def same_analysis(one: cg.Analysis, other: cg.Analysis) -> None:
    assert one.found.assignment == other.found.assignment
    assert (one.found.p_value, one.found.stability) == pytest.approx((other.found.p_value, other.found.stability))
    assert [(test.name, len(test.by_chance)) for test in one.tests] == [
        (test.name, len(test.by_chance)) for test in other.tests
    ]


def test_statistics_are_analysed_like_the_model_they_are_of(two_tasks, x) -> None:
    asked = {"n_null": NULL, "n_twins": 5, "n_seeds": 2, "seed": 1}
    whole = cg.analyze(two_tasks, x, **asked)
    same_analysis(cg.analyze(cg.collect(two_tasks, x, seed=1), **asked), whole)
    half = len(x) // 2
    parts = [cg.collect(two_tasks, x[half * i : half * (i + 1)], seed=1, first_row=half * i) for i in range(2)]
    merged = cg.analyze(parts[0] + parts[1], **asked)
    same_analysis(merged, whole)
    assert merged.tests[0].by_chance
    with pytest.raises(AssertionError):
        same_analysis(cg.analyze(parts[0] + parts[1], **asked | {"n_twins": 0}), whole)


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda stats, _x: ((replace(stats, probe=None),), {}), BadRequest, r"'interaction' needs the model, .*'plsr'"),
        (lambda stats, x: ((stats, x), {}), BadRequest, r"statistics came together with data, which were settled"),
        (lambda stats, _x: ((stats,), {"layers": ["fc"]}), BadRequest, r"together with layers"),
        (lambda stats, _x: ((stats,), {"rows": "sample"}), BadRequest, r"together with rows"),
        (lambda _stats, _x: ((nn.Linear(4, 2),), {}), BadRequest, r"a model came without data"),
        (
            lambda _stats, x: ((cg.collect(nn.Linear(4, 2), x[:1], sample="all"),), {}),
            EmptyData,
            r"data has 1 row\. At least 2",
        ),
    ],
)
def test_statistics_that_cannot_be_analysed(spoil, error, message, two_tasks, x) -> None:
    given, options = spoil(cg.collect(two_tasks, x), x)
    with pytest.raises(error, match=message):
        cg.analyze(*given, **options)


def test_statistics_of_another_version_are_refused(two_tasks, x) -> None:
    stats = cg.collect(two_tasks, x)
    for other in ({"schema": "compgraph-statistics/9"}, {"asked": {"layers": None}}):
        with pytest.raises((BadRequest, TypeCheckError), match=r"compgraph-statistics/|asked"):
            replace(stats, **other)


def test_statistics_without_a_model_do_for_moments(two_tasks, x) -> None:
    stats = replace(cg.collect(two_tasks, x), probe=None)
    found = cg.analyze(stats, method="pca", rule="plsr", algorithm="louvain", n_null=0)
    assert len(found.graph) > 4


def test_a_rotation_that_knows_no_blocks_gets_no_evidence_of_them(two_tasks, x) -> None:
    found = cg.analyze(two_tasks, x, method=Interaction(rotations=("none",)), n_null=NULL)
    assert found.tests == ()
    (note,) = found.evidence
    assert "rotation 'none', which know no blocks: their groups are held to null graphs alone" in note


def test_twins_do_not_stand_in_for_null_graphs(two_tasks, x) -> None:
    found = cg.analyze(two_tasks, x, n_null=0, n_twins=19)
    assert math.isnan(found.found.p_value)
    assert (found.found.n_groups, found.groups.n_groups) == (2, 1)
    assert "no null graphs drawn, so no p" in str(found)


def chance(p_value: float) -> ChanceTest:
    """A test with this p-value, of 9 nulls."""
    as_good = round(10 * p_value) - 1
    return ChanceTest("made up", "value", 1.0, (2.0,) * as_good + (0.0,) * (9 - as_good))


@pytest.mark.parametrize(("twins", "rotations"), [(0.4, 0.1), (0.1, 0.4), (0.4, 0.4)])
def test_the_largest_p_value_decides(twins, rotations, two_tasks, x, monkeypatch) -> None:
    monkeypatch.setattr(steps, "against_twins", lambda *_, **__: chance(twins))
    monkeypatch.setattr(steps, "against_rotations", lambda *_, **__: chance(rotations))
    found = cg.analyze(two_tasks, x, n_null=NULL)
    assert found.found.p_value == found.groups.p_value == pytest.approx(0.4)
    assert (found.found.n_groups, found.groups.n_groups) == (2, 1)
    assert "no reliable groups (2 found; p = 0.400" in str(found)
    assert set(found.hierarchy.values()) == {(0,)}


def test_halves_that_disagree_decide(two_tasks, x, monkeypatch) -> None:
    monkeypatch.setattr(steps, "stability", lambda _: 0.3)
    found = cg.analyze(two_tasks, x, n_null=NULL, n_twins=0)
    assert (found.found.stability, found.groups.n_groups) == (0.3, 1)


def test_without_twins_the_other_nulls_decide(analysis, two_tasks, x) -> None:
    found = cg.analyze(two_tasks, x, n_null=NULL, n_twins=0)
    assert found.found == analysis.found
    assert [len(test.by_chance) for test in found.tests] == [0, NULL]
    assert "untrained twins: not drawn" in str(found)


def test_twins_are_counted_from_0(two_tasks, x) -> None:
    with pytest.raises(BadRequest, match=r"n_twins=-1: a whole number of at least 0 is needed"):
        cg.analyze(two_tasks, x, n_twins=-1)


def nested(*, between: float, seed: int) -> nn.Sequential:
    """Three blocks, the first two of which hardly mix with each other and not at all with the third."""
    generator, modules = torch.Generator().manual_seed(seed), []
    for p, q in pairwise((6, 18, 18, 6)):
        linear, inside = nn.Linear(p, q), torch.block_diag(*[torch.ones(q // 3, p // 3)] * 3)
        both = inside[: 2 * q // 3, : 2 * p // 3]
        both += between * (both == 0)
        with torch.no_grad():
            linear.weight.copy_(inside * torch.randn(q, p, generator=generator) * (6 / p) ** 0.5)
            linear.bias.copy_(0.3 * torch.randn(q, generator=generator))
        modules += [linear, nn.Tanh()]
    return nn.Sequential(*modules[:-1])


def test_groups_that_are_divided_again_have_parts() -> None:
    rows = torch.randn(1000, 6, generator=torch.Generator().manual_seed(3))
    found = cg.analyze(nested(between=0.2, seed=3), rows, n_null=NULL)
    assert found.groups.n_groups == 2
    assert [each.n_blocks for each in found.components.interactions.inner] == [2, 1]
    assert list(found.hierarchy) == list(found.groups.assignment)
    assert {node: place[0] for node, place in found.hierarchy.items()} == dict(found.groups.assignment)
    (divided,) = {place[0] for place in found.hierarchy.values() if len(place) == 2}
    assert set(found.hierarchy.values()) == {(divided, 0), (divided, 1), (1 - divided,)}
    # Outputs come in pairs, one for each block that was built.
    outputs = found.components[found.stats.spaces[-1]]
    built = [int((axis.reshape(3, 2) ** 2).sum(axis=1).argmax()) for axis in outputs.axes]
    places = [found.hierarchy[node] for node, depth in found.graph.nodes(data="depth") if depth == 3]
    assert sorted(built) == [0, 0, 1, 1, 2, 2]
    assert len(set(zip(built, places, strict=True))) == len(set(places)) == 3
    assert (2, (1 - divided,)) in zip(built, places, strict=True)


def test_every_option_reaches_its_step(two_tasks, x) -> None:
    options = {"method": "plsr", "rule": "plsr", "algorithm": "greedy", "n_components": 3, "n_null": 2, "n_seeds": 3}
    found = cg.analyze(two_tasks, x, ["fc1"], **options, seed=5, first_row=7, sample=20)
    assert found.stats.layers == ("input", "fc1", "output")
    assert {data["method"] for _, data in found.graph.nodes(data=True)} == {"plsr"}
    assert {data["rule"] for *_, data in found.graph.edges(data=True) if data["kind"] == "between"} == {"plsr"}
    assert max(map(len, found.components.values())) == 3
    assert (found.found.algorithm, found.found.seed) == ("greedy", 5)
    assert found.found.parameters == {"weight": "weight", "n_seeds": 3, "n_null": 2}
    assert found.tests == ()
    assert {len(sample.ids) for sample in found.stats.samples.values()} == {20}
    assert min(sample.ids.min() for sample in found.stats.samples.values()) >= 7


def test_unknown_method_is_refused(two_tasks, x) -> None:
    with pytest.raises(UnknownName, match=r"no component method 'gradeint'.*Did you mean 'gradient'"):
        cg.analyze(two_tasks, x, method="gradeint")


@pytest.mark.parametrize(
    "form",
    [
        lambda x: list(x.split(100)),
        lambda x: DataLoader(TensorDataset(x, torch.zeros(len(x))), batch_size=64),
        lambda x: (batch for batch in x.split(100)),
        lambda x: x.numpy(),
    ],
    ids=["sequence", "loader", "generator", "array"],
)
def test_every_form_of_data_gives_the_same_groups(form, analysis, two_tasks, x) -> None:
    assert cg.analyze(two_tasks, form(x), n_null=0, n_twins=0).found.assignment == analysis.found.assignment


def test_same_seed_same_answer(analysis, two_tasks, x) -> None:
    again = cg.analyze(two_tasks, x, n_null=NULL)
    assert again.found == analysis.found
    assert dict(again.graph.edges) == dict(analysis.graph.edges)


def test_model_comes_back_byte_identical(x) -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(), nn.Linear(6, 2))
    model[0].weight.requires_grad_(False)
    model[4].eval()
    model(x).sum().backward()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    flags = [(module.training, dict(module._forward_hooks), module.__dict__.keys()) for module in model.modules()]
    grads = [(p.requires_grad, p.grad, None if p.grad is None else p.grad.clone()) for p in model.parameters()]
    state = torch.get_rng_state()
    cg.analyze(model, x, n_null=2, n_seeds=2)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert flags == [
        (module.training, dict(module._forward_hooks), module.__dict__.keys()) for module in model.modules()
    ]
    for parameter, (requires, grad, value) in zip(model.parameters(), grads, strict=True):
        assert parameter.requires_grad == requires
        assert parameter.grad is grad
        assert grad is None or torch.equal(grad, value)


def unreliable(analysis: cg.Analysis) -> cg.Analysis:
    found = replace(analysis.found, p_value=0.4)
    return replace(analysis, found=found, groups=found.trusted())


def test_unreliable_groups_are_kept_but_not_trusted(analysis) -> None:
    doubtful = unreliable(analysis)
    assert (doubtful.groups.n_groups, doubtful.groups.p_value, doubtful.groups.stability) == (1, 0.4, 1)
    assert doubtful.found.assignment == analysis.found.assignment
    assert "no reliable groups (2 found; p = 0.400, stability 1.00" in str(doubtful)


def test_summary_reads_well(analysis, nothing) -> None:
    lines = str(analysis).splitlines()
    assert lines[0] == "4 sites, 400 examples: interaction components, gradient edges, spectral groups"
    assert f"graph: {len(analysis.graph)} nodes, {analysis.graph.number_of_edges()} edges" in lines
    assert any(line.startswith("groups: 2 (p = 0.050, stability 1.00") for line in lines)
    for group, nodes in enumerate(analysis.groups.groups()):
        assert any(line.startswith(f"  group {group}: {len(nodes)} components (input in ") for line in lines)
    assert lines[1] == "note: Layers were chosen automatically: act1, act2, fc3."
    assert max(map(len, lines)) < 200
    for test in analysis.tests:
        assert f"  {test}" in lines
    assert [test.name for test in analysis.tests] == ["untrained twins", "random rotations"]
    assert "groups: no reliable groups" in str(nothing)
    assert "  No part of the network is apart from the rest" in str(nothing)


@pytest.mark.parametrize("suffix", [".html", ".dot", ".svg", ".png", ".pdf", ".json", ".graphml"])
def test_save_to_every_suffix(suffix, analysis, tmp_path) -> None:
    path = cg.save(analysis.graph, tmp_path / f"tasks{suffix}", groups=analysis.groups)
    starts = {".html": b"<!DOCTYPE", ".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF", ".json": b"{"}
    assert path.read_bytes().startswith(starts.get(suffix, b""))
    assert path.stat().st_size > 500
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".json", ".graphml"])
def test_load_gives_back_what_was_saved(suffix, analysis, tmp_path) -> None:
    graph = cg.load(cg.save(analysis.graph, tmp_path / f"tasks{suffix}", groups=analysis.groups))
    assert {node: graph.nodes[node].pop("group") for node in graph} == dict(analysis.groups.assignment)
    assert dict(graph.nodes(data=True)) == dict(analysis.graph.nodes(data=True))
    assert dict(graph.edges) == dict(analysis.graph.edges)


FILES = {"tasks.html", "tasks.dot", "tasks.svg", "graph.json", "graph.graphml", "summary.json", "figures"}


def summary_is_true(found: Mapping, analysis: cg.Analysis) -> None:
    assert found["nodes"] == len(analysis.graph) == sum(found["components"].values())
    assert found["edges"] == analysis.graph.number_of_edges()
    assert (found["n_groups"], found["groups_found"]) == (analysis.groups.n_groups, analysis.found.n_groups)
    assert found["reliable"] is analysis.found.reliable
    assert (found["p_value"], found["stability"]) == (analysis.found.p_value, analysis.found.stability)
    assert found["quality"] == analysis.found.quality
    assert (found["algorithm"], found["seed"]) == (analysis.found.algorithm, analysis.found.seed)
    assert (found["layers"], found["n_samples"]) == (list(analysis.stats.layers), analysis.stats.n_samples)
    assert found["notes"] == list(analysis.stats.notes)
    assert found["evidence"] == list(analysis.evidence)
    assert found["components"] == {str(space): len(part) for space, part in analysis.components.items()}


@pytest.fixture(scope="module")
def profiles(analysis, two_tasks, x) -> dict[str, cg.TaskProfile]:
    """Return the task profile, the tasks in both orders."""
    tasks = tasks_of(x)
    return {
        order: cg.task_profile(analysis, two_tasks, {name: tasks[name] for name in order}) for order in ("AB", "BA")
    }


@pytest.fixture(scope="module")
def reports(analysis, profiles, tmp_path_factory) -> dict[str, Path]:
    """Return the folders of reports with each profile, which tests only read."""
    place = tmp_path_factory.mktemp("reports")
    return {order: analysis.save(place / "new" / order, profile=profile) for order, profile in profiles.items()}


def test_save_writes_all_files_and_a_true_summary(analysis, reports) -> None:
    folder = reports["AB"]
    assert {path.name for path in folder.iterdir()} == {*FILES, "flow.html", "labels.json"}
    figures = {path.name: path.read_bytes() for path in (folder / "figures").iterdir()}
    assert set(figures) == {"graph.png", "tasks.png", "flow.png", "overlap-1.png", "overlap-2.png"}
    assert all(content.startswith(b"\x89PNG") for content in figures.values())
    found = json.loads((folder / "summary.json").read_bytes())
    assert found["skipped"] == {}
    assert [sentence.split(":")[0] for sentence in found["evidence"]] == ["untrained twins", "random rotations"]
    summary_is_true(found, analysis)


def colours_of_tasks(folder: Path, graph: nx.DiGraph, profile: cg.TaskProfile) -> dict[str, dict[str, str]]:
    """Return, for each file that shows both tasks and colours, the colour of each task in it."""
    page = (folder / "tasks.html").read_text()
    shown = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])
    names = {entry["group"]: entry["name"] for entry in shown["page"]["legend"]}
    dot = re.findall(r'fillcolor="(#\w{6})99".*?tooltip="component[^"]*, (\w+)"', (folder / "tasks.dot").read_text())
    flow = re.findall(r'background:(#\w{6})"></span>(\w+)<', (folder / "flow.html").read_text())
    stored = scene(loaded := cg.load(folder / "graph.json"), groups_of(loaded))
    bars = task_variance_figure(profile.share, graph, title="", groups=groups_of(loaded)).legends[0]
    return {
        "page": {names[node["group"]]: node["color"] for node in shown["nodes"]},
        "legend": {entry["name"]: entry["color"] for entry in shown["page"]["legend"]},
        "dot": {name: shade for shade, name in dot},
        "flow": {name: shade for shade, name in flow},
        "graph.json": {entry.name: entry.shade for entry in stored.legend},
        "tasks.png": {
            text.get_text(): to_hex(patch.get_facecolor()).upper()
            for text, patch in zip(bars.get_texts(), bars.get_patches(), strict=True)
        },
    }


@pytest.mark.parametrize("order", ["AB", "BA"])
def test_a_task_has_one_name_and_one_colour_in_every_file(order, analysis, profiles, reports) -> None:
    profile, folder = profiles[order], reports[order]
    found = colours_of_tasks(folder, analysis.graph, profile)
    assert set(found["page"]) == {"A", "B"}
    assert [file for file, shades in found.items() if shades != found["page"]] == []
    summary = json.loads((folder / "summary.json").read_bytes())
    assert set(summary["tasks"].values()) == {"A", "B"}
    for node, task in profile.labels.items():  # and the name is that of the task which the group serves
        assert summary["tasks"][str(analysis.groups.assignment[node])] == task


def test_summary_of_unreliable_groups_is_true_and_draws_one_group(analysis, undrawn, tmp_path) -> None:
    doubtful = unreliable(analysis)
    folder = doubtful.save(tmp_path)
    found = json.loads((folder / "summary.json").read_bytes())
    summary_is_true(found, doubtful)
    assert (found["n_groups"], found["groups_found"], found["reliable"]) == (1, 2, False)
    assert set(dict(cg.load(folder / "graph.json").nodes(data="group")).values()) == {0}
    with pytest.raises(AssertionError):
        summary_is_true(found, analysis)


def test_failing_image_is_left_out_and_said_so(analysis, undrawn, tmp_path, monkeypatch) -> None:
    program = tmp_path / "bin" / "dot"
    program.parent.mkdir()
    for name in ("dot", "neato"):
        program.with_name(name).write_text("#!/bin/sh\necho broken plugin >&2\nexit 3\n")
        program.with_name(name).chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    folder = analysis.save(tmp_path / "results")
    assert {path.name for path in folder.iterdir()} == FILES - {"tasks.svg"}
    assert "broken plugin" in json.loads((folder / "summary.json").read_bytes())["skipped"]["tasks.svg"]


def test_hostile_layer_names_survive_everything(x, tmp_path) -> None:
    model = blocky((4, 12, 12, 2), n_blocks=2, names=HOSTILE)
    found = cg.analyze(model, x, list(HOSTILE), n_null=NULL, n_twins=0, n_seeds=2)
    assert found.stats.layers == ("input", *HOSTILE)
    profile = cg.task_profile(found, model, tasks_of(x))
    assert set(profile.labels) == set(found.graph)
    folder = found.save(tmp_path, profile=profile)
    assert {data["layer"] for _, data in cg.load(folder / "graph.json").nodes(data=True)} == {"input", *HOSTILE}
    page = (folder / "tasks.html").read_text()
    assert '</script>:->"' not in page
    assert len(list((folder / "figures").iterdir())) == 5


def test_names_cannot_break_the_lines_of_the_summary(x) -> None:
    plain, hostile = (blocky((4, 12, 12, 2), n_blocks=2, names=names) for names in (("a", "b", "c"), HOSTILE))
    lines = [str(cg.analyze(model, x, n_null=0, n_twins=0)).splitlines() for model in (plain, hostile)]
    assert len(lines[0]) == len(lines[1])
    assert np.all([line.isprintable() for line in lines[1]])


def test_a_second_report_leaves_nothing_of_the_first(two_tasks, x, reports, undrawn, tmp_path) -> None:
    shutil.copytree(reports["AB"], tmp_path, dirs_exist_ok=True)
    (tmp_path / "figures" / "overlap-9.png").write_bytes(b"from a deeper network")
    (tmp_path / "mine.txt").write_text("not ours to remove")
    cg.analyze(two_tasks, x, n_null=0, n_twins=0).save(tmp_path)
    assert json.loads((tmp_path / "summary.json").read_bytes())["p_value"] is None  # a number that is missing
    assert not {"tasks.png", "flow.png", "overlap-9.png"} & {path.name for path in (tmp_path / "figures").iterdir()}
    assert not (tmp_path / "flow.html").exists()
    assert (tmp_path / "mine.txt").exists()
