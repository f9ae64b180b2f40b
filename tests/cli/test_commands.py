"""The command line: every command, and one clear line for everything that can be wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import compgraph as cg
from compgraph.cli import commands as cli
from compgraph.cli import demo
from compgraph.show.graph.groups_on_nodes import with_groups

CODE = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    first, last = nn.Linear(4, 6), nn.Linear(6, 2)
    with torch.no_grad():
        first.weight.abs_().mul_(4 * torch.block_diag(torch.ones(3, 2), torch.ones(3, 2)))
        last.weight.abs_().mul_(torch.block_diag(torch.ones(1, 3), torch.ones(1, 3)))
    return nn.Sequential(first, nn.Tanh(), last)

class Raises(nn.Linear):
    def forward(self, x):
        if len(x) < 256:
            raise ZeroDivisionError("the third\\nlayer divided by nothing")
        return super().forward(x)

def make_raises():
    return Raises(4, 2)

class Interrupts(nn.Linear):
    def forward(self, x):
        raise KeyboardInterrupt

def make_interrupts():
    return Interrupts(4, 2)
"""
QUICK = ["--null", "19"]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A current folder with models, data and task inputs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, "cli_nets", raising=False)
    (tmp_path / "cli_nets.py").write_text(CODE)
    rows = np.random.default_rng(0).normal(size=(300, 4))
    np.save("x.npy", rows)
    np.save("left.npy", rows * [1, 1, 0, 0])
    np.save("right.npy", rows * [0, 0, 1, 1])
    np.save("nan.npy", np.where(np.arange(4) == 2, np.nan, rows))
    np.save("empty.npy", rows[:0])
    np.save("wide.npy", np.ones((5, 9)))
    Path("broken.json").write_text('{"graph": ')
    Path("list.json").write_text("[1, 2]")
    Path("file").write_text("not a folder")
    yield tmp_path
    sys.modules.pop("cli_nets", None)


@pytest.fixture(scope="module")
def graph() -> nx.DiGraph:
    """Two groups in a small network, found once for all tests that only read them."""
    made: dict = {}
    exec(CODE, made)  # noqa: S102  the text above
    analysis = cg.analyze(made["make"](), torch.randn(200, 4), n_null=0)
    assert analysis.found.n_groups == 2
    return with_groups(analysis.graph, analysis.found)


@pytest.fixture
def results(folder, graph) -> Path:
    cg.save(graph, "results/graph.json")
    return folder / "results"


MODEL, DATA = ("--model", "cli_nets:make"), ("--data", "x.npy")


def run(*arguments: str) -> int:
    return cli.main(arguments)


def test_sites(folder, capsys) -> None:
    assert run("sites", *MODEL, *DATA) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["site", "type", "shape", "calls", "tappable"]
    assert [line.split()[0] for line in lines[1:]] == ["input", "0", "1", "2", "output"]


def test_analyze_with_tasks(folder, capsys) -> None:
    tasks = ("--task", "left=left.npy", "--task", "right=right.npy")
    assert run("analyze", *MODEL, *DATA, *tasks, "--out", "results", *QUICK) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "3 sites, 300 examples: interaction components, gradient edges, spectral groups" in captured.out
    assert "importance-weighted ARI" in captured.out
    assert captured.out.splitlines()[-1].startswith("written to results; open results/tasks.html")
    labels = json.loads(Path("results/labels.json").read_bytes())
    graph = cg.load("results/graph.json")
    assert set(labels) == set(graph)
    assert {labels["input/in/0"], labels["input/in/1"]} == {"left", "right"}
    assert Path("results/figures/tasks.png").exists()


def test_analyze_reads_weights_and_options(folder, undrawn, capsys) -> None:
    save_file({"weight": torch.ones(2, 4), "bias": torch.zeros(2)}, "w.safetensors")
    Path("linear_nets.py").write_text(
        "from torch import nn\ndef make():\n    return nn.Sequential(nn.Linear(4, 2))[0]\n"
    )
    options = ("--method", "pca", "--rule", "covariance", "--algorithm", "louvain", "--components", "1", "--seed", "4")
    model = ("--model", "linear_nets:make", "--weights", "w.safetensors")
    assert run("analyze", *model, *DATA, *options, *QUICK, "--out", "r") == 0
    assert "pca components, covariance edges, louvain groups" in capsys.readouterr().out
    summary = json.loads(Path("r/summary.json").read_bytes())
    assert summary["seed"] == 4
    assert set(summary["components"].values()) == {1}


@pytest.mark.parametrize(
    ("given", "words"), [(["--twins", "3"], "untrained twins: gap "), (["--twins", "0"], "not drawn")]
)
def test_twins_are_passed_on(given, words, folder, undrawn, capsys) -> None:
    assert run("analyze", *MODEL, *DATA, *given, *QUICK, "--out", "r") == 0
    assert words in capsys.readouterr().out
    (twins, _) = json.loads(Path("r/summary.json").read_bytes())["evidence"]
    assert twins.startswith("untrained twins: ")
    assert words in twins


def test_layers_are_passed_on(folder, undrawn, capsys) -> None:
    assert run("analyze", *MODEL, *DATA, "--layers", "0", "2", "--out", "r", "--null", "0") == 0
    assert json.loads(Path("r/summary.json").read_bytes())["layers"] == ["input", "0", "2"]


def test_readings_are_passed_on(folder, monkeypatch) -> None:
    given: list[dict] = []
    monkeypatch.setattr(cli, "analyze", lambda *_, **options: given.append(options) or 1 / 0)
    texts = ("--rows", "sample", "--memory", "2GB", "--axis", "0=1", "--axis", "2=-1", "--samples", "x=0")
    assert run("analyze", *MODEL, *DATA, *texts, "--out", "r") == 1
    assert run("analyze", *MODEL, *DATA, "--axis", "2", "--samples", "1", "--out", "r") == 1
    assert run("analyze", *MODEL, *DATA, "--out", "r") == 1
    names = ("rows", "memory", "axis", "samples")
    assert [[each[name] for name in names] for each in given] == [
        ["sample", "2GB", {"0": 1, "2": -1}, {"x": 0}],
        ["auto", "4GB", 2, 1],
        ["auto", "4GB", None, None],
    ]


def test_samples_along_another_axis(folder, undrawn, capsys) -> None:
    Path("time_nets.py").write_text("from torch import nn\n\ndef make():\n    return nn.GRU(4, 3)\n")
    np.save("time.npy", np.random.default_rng(0).normal(size=(7, 60, 4)))
    model, quick = ("--model", "time_nets:make", "--data", "time.npy"), ("--method", "pca", "--rule", "plsr", *QUICK)
    assert run("analyze", *model, *quick, "--samples", "1", "--rows", "position", "--out", "r") == 0
    assert ", 60 examples" in capsys.readouterr().out
    sys.modules.pop("time_nets", None)


@pytest.mark.parametrize("name", ["page.html", "graph.dot", "graph.svg", "graph.graphml", "copy.json"])
def test_export(results, name, capsys) -> None:
    assert run("export", "results/graph.json", name) == 0
    assert capsys.readouterr().out.strip().endswith(name)
    assert Path(name).stat().st_size > 500


def test_export_there_and_back_is_exact(results) -> None:
    assert run("export", "results/graph.json", "a.graphml") == run("export", "a.graphml", "b.json") == 0
    assert Path("b.json").read_bytes() == (results / "graph.json").read_bytes()


def test_evaluate(results, capsys) -> None:
    groups = dict(cg.load("results/graph.json").nodes(data="group"))
    names = {node: f"task {group}" for node, group in groups.items()}
    first = next(iter(names))
    Path("labels.json").write_text(json.dumps(names | {first: None}))
    assert run("evaluate", "results/graph.json", "labels.json") == 0
    out = capsys.readouterr().out
    assert f"2 groups against 2 labels on {len(groups) - 1} components (1 without a label)" in out
    assert "ARI 1.000 (by chance" in out


def test_evaluate_finds_groups_where_none_are_stored(results, capsys) -> None:
    graph = cg.load("results/graph.json")
    for node in graph:
        graph.nodes[node].pop("group")
    cg.save(graph, "bare.json")
    Path("labels.json").write_text(json.dumps({node: graph.nodes[node]["layer"] for node in graph}))
    assert run("evaluate", "bare.json", "labels.json") == 0
    assert "against 3 labels" in capsys.readouterr().out


@pytest.fixture
def tiny_demo(monkeypatch):
    """One toy without training and one recipe."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    rows = torch.randn(200, 4)
    tasks = {"A": rows * torch.tensor([1.0, 1, 0, 0]), "B": rows * torch.tensor([0.0, 0, 1, 1])}
    toy = demo.Toy("tiny", model, rows, tasks, ("1", "2"), {}, 0)
    monkeypatch.setattr(demo, "TOYS", {"tiny": lambda **_: toy})
    monkeypatch.setattr(demo, "RECIPES", ((demo.METHOD, demo.RULE, demo.ALGORITHM),))


def test_demo(folder, tiny_demo, capsys) -> None:
    assert run("demo", "--out", "made", "--networks", "tiny") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("tiny: interaction components, spectral groups: ")
    assert lines[2].startswith("network")
    assert lines[3].startswith("tiny")
    assert lines[-1] == "Open made/tiny/tasks.html in a browser."
    assert Path("made/tiny/tasks.html").exists()
    assert len(json.loads(Path("made/summary.json").read_bytes())["rows"]) == 1


@pytest.mark.parametrize("command", ["demo", "sites", "analyze", "export", "evaluate"])
def test_help_has_an_example(command, capsys) -> None:
    with pytest.raises(SystemExit) as left:
        run(command, "--help")
    assert left.value.code == 0
    assert f"example:\n  compgraph {command} " in capsys.readouterr().out


def test_help_names_everything_registered(capsys, monkeypatch) -> None:
    monkeypatch.setitem(cli.ALGORITHMS, "mine", lambda graph: [set(graph)])
    with pytest.raises(SystemExit):
        run("analyze", "--help")
    shown = capsys.readouterr().out.replace("-\n", "-")
    for known in (cli.METHODS, [*cli.RULES, cli.GRADIENT], cli.ALGORITHMS):
        listed = " ".join(shown.split())
        assert f"{', '.join(sorted(known)[:-1])} or {max(known)} (default: " in listed


def test_examples_parse() -> None:
    commands = cli._parser()._subparsers._group_actions[0].choices
    assert len(commands) == 5
    for name, command in commands.items():
        example = command.epilog.split("\n")[1].split()
        assert example[:2] == ["compgraph", name]
        assert cli._parser().parse_args(example[1:]).run


def analyze(*extra: str, model: str = "cli_nets:make", data: str = "x.npy", out: str = "out") -> list[str]:
    return ["analyze", "--model", model, "--data", data, "--out", out, "--null", "0", *extra]


BAD = {
    "unwritable out": (analyze(out="file/inside"), "cannot write into 'file/inside'"),
    "out is a file": (analyze(out="file"), "cannot write into 'file'"),
    "unknown layer": (analyze("--layers", "fc9"), "no module 'fc9'. Nearest: "),
    "NaN data": (analyze(data="nan.npy"), "site 'input' holds NaN or infinite values in batch 0"),
    "empty data": (analyze(data="empty.npy"), "data has no rows"),
    "missing data": (analyze(data="gone.npy"), "cannot read 'gone.npy': No such file"),
    "unknown data suffix": (analyze(data="x.csv"), "no data format '.csv'"),
    "missing weights": (analyze("--weights", "gone.pt"), "cannot read 'gone.pt': No such file"),
    "data of another width": (analyze(data="wide.npy"), "while compgraph.collect ran the model on batch 0"),
    "unknown model": (analyze(model="cli_nets:mak"), "cannot import 'cli_nets:mak'"),
    "model without a name": (analyze(model="cli_nets"), "names no factory"),
    "unknown method": (analyze("--method", "plrs"), "no component method 'plrs'. Known: "),
    "unknown rule": (analyze("--rule", "plrs"), "no edge rule 'plrs'. Known: "),
    "unknown algorithm": (analyze("--algorithm", "luvain"), "no community algorithm 'luvain'. Known: "),
    "negative twins": (analyze("--twins", "-1"), "n_twins=-1: a whole number of at least 0 is needed"),
    "no components": (analyze("--components", "0"), "n_components=0: a whole number of at least 1 is needed"),
    "negative seed": (analyze("--seed", "-1"), "seed"),
    "memory of another kind": (analyze("--memory", "much"), "memory is 'much'; needed is a number of bytes or a text"),
    "too little memory": (analyze("--memory", "5kB"), "memory=5000: a whole number of at least 1000000 is needed"),
    "axis of another kind": (analyze("--axis", "0=two"), "axis='two': a whole number"),
    "axis without a number": (analyze("--axis", "0="), "--axis '0=' is neither NUMBER nor NAME=NUMBER"),
    "samples of another kind": (analyze("--samples", "x=two"), "samples"),
    "samples of no argument": (analyze("--samples", "mask=none"), "samples names 'mask', and the model's arguments"),
    "task without a file": (analyze("--task", "left"), "--task 'left' names no task; write NAME=FILE"),
    "one task": (analyze("--task", "left=left.npy"), "--task gives 'left' alone"),
    "task twice": (analyze("--task", "a=left.npy", "--task", "a=right.npy"), "--task gives 'a' twice"),
    "missing task": (analyze("--task", "a=left.npy", "--task", "b=gone.npy"), "cannot read 'gone.npy'"),
    "sites of no data": (["sites", *MODEL, "--data", "gone.npy"], "cannot read 'gone.npy'"),
    "no folder": (analyze("--out", ""), "an empty text came as a path; write '.' for the current folder"),
    "no folder of the demo": (["demo", "--out", ""], "an empty text came as a path"),
    "missing graph": (["export", "gone.json", "a.html"], "cannot read 'gone.json'"),
    "broken graph": (["export", "broken.json", "a.html"], "'broken.json' is not a component graph"),
    "unknown graph suffix": (["export", "x.npy", "a.html"], "no readable graph format '.npy'"),
    "labels of another form": (["evaluate", "list.json", "list.json"], "'list.json' is not a component graph"),
    "unknown network": (["demo", "--networks", "mnist"], "no demonstration network 'mnist'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_line(case, folder, capsys) -> None:
    arguments, message = BAD[case]
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert cli.main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("compgraph: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("[1, 2]", "is JSON, but no object of node id to label"),
        ('{"input/in/0": ["a"]}', "is JSON, but no object of node id to label"),
        ('{"input/in/0": ', "cannot read labels from"),
        ('{"input/in/0": "a", "input/in/0": "b"}', "an object repeats a key, 'input/in/0'"),
        ('{"input/in/0": NaN}', "NaN is not JSON"),
        ('{"input/in/0": 1e999}', "the number 1e999 is not finite"),
        ('{"nowhere": "a"}', "belong to no node"),
        ("{}", "has a label"),
    ],
)
def test_bad_labels(labels, message, results, capsys) -> None:
    Path("labels.json").write_text(labels)
    assert run("evaluate", "results/graph.json", "labels.json") == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_one_label_for_one_node_is_no_success(results, capsys) -> None:
    Path("labels.json").write_text(json.dumps({next(iter(cg.load("results/graph.json"))): "a"}))
    assert run("evaluate", "results/graph.json", "labels.json") == 0
    said = capsys.readouterr().out
    assert "no score: " in said
    assert "ARI" not in said


def test_unwritable_export_leaves_nothing(results, capsys) -> None:
    assert run("export", "results/graph.json", "file/a.html") == 1
    assert "cannot write 'file/a.html'" in capsys.readouterr().err
    assert Path("file").read_text() == "not a folder"
    assert run("export", "results/graph.json", "a.xyz") == 1
    assert "no exporter for the suffix '.xyz'" in capsys.readouterr().err


def test_model_that_raises_is_named_with_its_batch(folder, capsys) -> None:
    assert cli.main(analyze(model="cli_nets:make_raises")) == 1
    error = capsys.readouterr().err
    assert "ZeroDivisionError: the third layer divided by nothing" in error
    assert "on batch 1" in error  # 256 rows in batch 0, 44 in batch 1
    assert "--traceback" in error
    assert error.count("\n") == 1


def test_traceback_on_request(folder, capsys) -> None:
    assert cli.main(["--traceback", *analyze(model="cli_nets:make_raises")]) == 1
    error = capsys.readouterr().err
    assert "Traceback (most recent call last)" in error
    assert 'cli_nets.py", line' in error
    assert "shows where" not in error


def test_interrupt_of_a_model(folder, capsys) -> None:
    assert cli.main(analyze(model="cli_nets:make_interrupts")) == 130
    assert capsys.readouterr().err == "compgraph: interrupted; files written so far are whole.\n"
    assert not list(Path("out").iterdir())


def test_interrupt_while_writing_leaves_no_part_of_a_report(folder, undrawn, capsys, monkeypatch) -> None:
    replace, calls = Path.replace, []

    def third_time(self, target):
        calls.append(target)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", third_time)
    assert cli.main(analyze()) == 130
    assert list(Path("out").rglob("*")) == []


def test_as_a_program(tmp_path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "compgraph.cli", "--help"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("demo", "sites", "analyze", "export", "evaluate"):
        assert f"\n    {command} " in done.stdout
