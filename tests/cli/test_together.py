"""One command in two processes: the first speaks for both, and both fail when one does."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import compgraph
from compgraph.cli.together import TOLD, is_first, together

CODE = """
import torch

def make():
    return torch.nn.Linear(3, 2)
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "cli_pair.py").write_text(CODE)
    np.save(tmp_path / "x.npy", np.ones((5, 3)))
    return tmp_path


def pair(folder: Path, *arguments: str) -> list[tuple[int, str, str]]:
    """Run a command in two processes as torchrun would; return the exit code of each, and what it printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1"}
    path = str(Path(compgraph.__file__).parents[1])
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "compgraph", *arguments],
            cwd=folder,
            env={**os.environ, **shared, "RANK": str(rank), "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    said = [each.communicate(timeout=100) for each in started]
    return [(each.returncode, *texts) for each, texts in zip(started, said, strict=True)]


@pytest.mark.slow
def test_the_first_process_speaks_for_all(folder) -> None:
    first, second = pair(folder, "sites", "--model", "cli_pair:make", "--data", "x.npy")
    assert first[0] == 0
    assert "model input" in first[1]
    assert second == (0, "", "")


@pytest.mark.slow
def test_both_fail_when_one_does(folder) -> None:
    first, second = pair(folder, "sites", "--model", "cli_pair:make", "--data", "y.npy")
    assert first == (1, "", "compgraph: cannot read 'y.npy': No such file or directory.\n")
    assert second[:2] == (1, "")
    assert second[2].startswith(
        "compgraph: rank 0 failed (FileFormatError: cannot read 'y.npy': No such file or directory). None"
    )
    assert second[2].count("\n") == 1


@pytest.mark.parametrize("told", [{}, {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "here", "MASTER_PORT": "1"}])
def test_one_process_is_alone(told, monkeypatch) -> None:
    for name in TOLD:
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with together() as ranks:
        assert ranks is None
        assert is_first(ranks)
