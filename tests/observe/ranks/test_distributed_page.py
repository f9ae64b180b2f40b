"""The how-to on several processes: its files are written, its commands run, and they print what the page says."""

import doctest
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "how-to" / "distributed.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
FILES = {
    code.partition("\n")[0].removeprefix("# "): code for kind, code in BLOCKS if kind == "python"
}  # the first line of each is its name
COMMANDS = [
    (code, following[1] if following[0] == "text" else "")
    for (kind, code), following in zip(BLOCKS, [*BLOCKS[1:], ("", "")], strict=True)
    if kind == "sh"
]
LENIENT = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with the files of the page."""
    folder = tmp_path_factory.mktemp("distributed")
    for name, code in FILES.items():
        (folder / name).write_text(code)
    np.save(folder / "data.npy", np.random.default_rng(0).normal(size=(2000, 4)))
    return folder


def run(command: str, folder: Path) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}."}
    shell = [shutil.which("bash") or "bash", "-c", command]
    done = subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_examples_are_short() -> None:
    longest = max(len(code.splitlines()) for code in FILES.values())
    assert longest <= 11  # ten lines, and the name
    assert len(COMMANDS) == 6


@pytest.mark.slow
@pytest.mark.parametrize(("command", "printed"), COMMANDS[:3], ids=["one_command", "job", "loader_job"])
def test_processes_that_meet(command, printed, folder) -> None:
    said = run(command, folder)
    if printed:
        assert doctest.OutputChecker().check_output(printed, said, LENIENT), said
    else:
        assert "groups: 2 (p = 0.050" in said
        assert said.count("written to results") == 1
        assert (folder / "results" / "graph.json").exists()


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("accelerate"), reason="accelerate is not installed")
def test_accelerate(folder) -> None:
    assert run("torchrun --nproc-per-node=2 accelerated.py", folder).split() == ["1999", "1999"]


@pytest.mark.slow
def test_processes_that_never_meet(folder) -> None:
    for command, printed in COMMANDS[3:]:
        said = run(command, folder)
        assert doctest.OutputChecker().check_output(printed, said, LENIENT), said
