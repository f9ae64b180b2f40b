"""What is printed never costs what was found: terminals of any encoding, pipes that nobody reads to the end."""

import ast
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import compgraph as cg
from compgraph.cli import commands as cli
from compgraph.cli.terminal import say

CODE = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh())
    model.add_module("编码器", nn.Linear(6, 2))
    return model
"""
ANALYZE = ("analyze", "--model", "named_nets:make", "--data", "x.npy", "--null", "0", "--twins", "0", "--out", "out")
FILES = {"tasks.html", "tasks.dot", "tasks.svg", "graph.json", "graph.graphml", "summary.json", "figures"}


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "named_nets.py").write_text(CODE, encoding="utf-8")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(60, 4)))
    return tmp_path


def command(folder: Path, encoding: str, *arguments: str, end: str = "") -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own; ``end`` is shell text that follows it."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(cli.__file__).parents[2]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": encoding,
    }
    line = ["bash", "-o", "pipefail", "-c", f'"$@" {end}', "-", sys.executable, "-m", "compgraph.cli", *arguments]
    return subprocess.run(line, capture_output=True, cwd=folder, env=environment, check=False)


@pytest.mark.slow
def test_a_layer_name_that_the_terminal_cannot_hold(folder) -> None:
    done = command(folder, "cp1252", *ANALYZE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"  \u7f16\u7801\u5668 " in done.stdout
    assert done.stdout.splitlines()[-1].startswith(b"written to out")
    assert {path.name for path in (folder / "out").iterdir()} == FILES
    assert "编码器" in dict(cg.load(folder / "out" / "graph.json").nodes(data="layer")).values()


@pytest.mark.slow
def test_a_sign_that_the_terminal_cannot_hold(folder) -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    parts = cg.components(stats := cg.collect(model, torch.randn(60, 4)), "pca")
    graph = cg.build_graph(parts, cg.edges(stats, parts, "plsr"))
    cg.save(graph, folder / "graph.json")
    labels = ", ".join(f'"{node}": "{graph.nodes[node]["side"]}"' for node in graph)
    (folder / "labels.json").write_text(f"{{{labels}}}")
    done = command(folder, "ascii", "evaluate", "graph.json", "labels.json")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b" +/- 0." in done.stdout


@pytest.mark.slow
def test_a_pipe_that_is_read_for_one_line(folder) -> None:
    done = command(folder, "utf-8", *ANALYZE, end="| head -1")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") == 1
    assert {path.name for path in (folder / "out").iterdir()} == FILES


@pytest.mark.slow
def test_a_pipe_that_nobody_reads(folder) -> None:
    # `true` ends at once; PIPESTATUS is that of the command alone.
    for arguments in (("--help",), ANALYZE):
        done = command(folder, "utf-8", *arguments, end="| true; exit ${PIPESTATUS[0]}")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert {path.name for path in (folder / "out").iterdir()} == FILES


@pytest.mark.slow
def test_a_process_without_a_terminal(folder) -> None:
    done = command(folder, "utf-8", *ANALYZE, end=">&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert {path.name for path in (folder / "out").iterdir()} == FILES


@pytest.mark.slow
def test_rows_of_another_kind(folder) -> None:
    # In a process of its own: the types that tests check would refuse it in other words.
    done = command(folder, "utf-8", *ANALYZE, "--rows", "pixel")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"compgraph: no choice of rows 'pixel'. Known: 'auto', 'position', 'sample'.\n"


@pytest.mark.parametrize(
    ("encoding", "text", "shown"),
    [
        ("utf-8", "1 ± 2 编", "1 ± 2 编"),
        ("utf-8", "a\udcff", "a\\udcff"),
        ("cp1252", "1 ± 2 编", "1 ± 2 \\u7f16"),
        ("ascii", "1 ± 2 é", "1 +/- 2 \\xe9"),
        ("gb18030", "编", "编"),
    ],
)
def test_characters_are_kept_where_they_can_be(encoding, text, shown) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    say(text, stream=stream)
    assert stream.buffer.getvalue().decode(encoding) == f"{shown}\n"


def test_a_terminal_of_an_unknown_encoding() -> None:
    class Odd(io.StringIO):
        encoding = "unknown-8bit"

    say("1 ± 2", stream=(stream := Odd()))
    assert stream.getvalue() == "1 \\xb1 2\n"


def test_a_full_disk_is_no_closed_pipe() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123
        with pytest.raises(OSError, match="No space left"):
            say("what was found", stream=full)
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())


def test_results_are_saved_before_anything_is_printed(folder, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    there = []
    monkeypatch.setattr(cli, "say", lambda *_, **__: there.append(Path("out/summary.json").exists()))
    np.save("bad.npy", np.full((5, 4), np.nan))
    tasks = ("--task", "a=x.npy", "--task", "b=bad.npy")
    assert cli.main([*ANALYZE, *tasks]) == 1
    assert there == [True, True]  # the summary, and what is wrong with b
    assert {path.name for path in (folder / "out").iterdir()} == FILES
    sys.modules.pop("named_nets", None)


def test_the_command_line_prints_in_one_place() -> None:
    printing = {"print", "print_exc", "write", "ArgumentParser"}
    offenders = []
    for path in Path(cli.__file__).parent.glob("*.py"):
        for each in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(each.func, "id", getattr(each.func, "attr", "")) if isinstance(each, ast.Call) else ""
            if path.name != "terminal.py" and name in printing:
                offenders.append(f"{path.name}:{each.lineno} {name}")
    assert offenders == []
