"""Every experiment of the note runs, from training to pictures; experiments assert their own numbers."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from note import reproduce

EXPERIMENTS = sorted(reproduce.EXPERIMENTS.glob("[0-9][0-9][0-9]_*.py"))
MOST_BYTES = 1_000_000  # what a repository should hold of a picture


def test_there_are_experiments() -> None:
    assert {path.stem[:3] for path in EXPERIMENTS} == {f"{number:03}" for number in range(1, 13)}


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_an_experiment_runs(path: Path, tmp_path, trained) -> None:
    experiment = reproduce.load(path)
    results = experiment.report(experiment.measure(trained), tmp_path)
    assert results
    assert {row.experiment[:3] for row in results} == {path.stem[:3]}
    figures = list(tmp_path.glob(f"note-{path.stem[:3]}-*.png"))
    assert figures
    assert all(figure.stat().st_size < MOST_BYTES for figure in figures)


def test_the_command_line_gives_the_same_bytes_in_another_process(capsys, monkeypatch, tmp_path) -> None:
    path, (here, there) = (
        reproduce.EXPERIMENTS / "003_validation_components.py",
        (tmp_path / "here", tmp_path / "there"),
    )
    monkeypatch.setattr(sys, "argv", [str(path), "--networks", "2", "--out", str(here)])
    runpy.run_path(str(path), run_name="__main__")
    asked = ["--networks", "2", "--out", str(there)]
    done = subprocess.run([sys.executable, str(path), *asked], capture_output=True, check=True, text=True)
    assert done.stdout == capsys.readouterr().out
    assert done.stdout.count("\n") > 3
    pictures = {path.name: path.read_bytes() for path in here.iterdir()}
    assert pictures == {path.name: path.read_bytes() for path in there.iterdir()}
    assert pictures
