"""Every experiment of the note runs as its reader would run it; experiments assert their own numbers."""

import json
import math
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from note import reproduce
from note.published import over_networks, table

NOTE = Path(reproduce.__file__).parent
FOLDER = NOTE / "experiments"
EXPERIMENTS = sorted(FOLDER.glob("[0-9][0-9][0-9]_*.py"))


def execute(path: Path, monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", [str(path), *arguments])
    runpy.run_path(str(path), run_name="__main__")


def test_there_are_experiments() -> None:
    assert {path.stem[:3] for path in EXPERIMENTS} == {f"{number:03}" for number in range(1, 13)}


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_an_experiment_runs(path: Path, capsys, monkeypatch, tmp_path) -> None:
    execute(path, monkeypatch, "--networks", "2", "--out", str(tmp_path))
    assert capsys.readouterr().out.count("\n") > 3
    figures = list(tmp_path.glob("*.png"))
    assert figures
    assert all(figure.stat().st_size < 1_000_000 for figure in figures)  # what a repository should hold of a picture


def test_an_experiment_gives_the_same_bytes_in_another_process(capsys, monkeypatch, tmp_path) -> None:
    path, (here, there) = FOLDER / "003_validation_components.py", (tmp_path / "here", tmp_path / "there")
    execute(path, monkeypatch, "--networks", "2", "--out", str(here))
    asked = ["--networks", "2", "--out", str(there)]
    done = subprocess.run([sys.executable, str(path), *asked], capture_output=True, check=True, text=True)
    assert done.stdout == capsys.readouterr().out
    pictures = {path.name: path.read_bytes() for path in here.iterdir()}
    assert pictures == {path.name: path.read_bytes() for path in there.iterdir()}
    assert pictures


def test_the_whole_note_is_kept_though_an_experiment_fails(capsys, monkeypatch, tmp_path) -> None:
    for number, measured, reported in (
        ("901", "raise RuntimeError('no luck')", "return []"),
        ("902", "return [1.0 + toy.seed for toy in toys]", "raise RuntimeError('no paper')"),
        ("903", "return [1.0, 3.0]", "return [over_networks('903', 'q', found, published=9)]"),
    ):
        code = f"def measure(toys):\n    {measured}\n\n\ndef report(found, folder):\n    {reported}\n"
        (tmp_path / f"{number}_made_up.py").write_text(f"from note.published import over_networks\n\n\n{code}")
    monkeypatch.setattr(reproduce, "EXPERIMENTS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["reproduce.py", "--networks", "1", "--out", str(tmp_path / "out")])
    said = r"failed:\n901_made_up: RuntimeError: no luck\n902_made_up: RuntimeError: no paper"
    with pytest.raises(SystemExit, match=said):
        reproduce.main()
    assert "**no** (" in capsys.readouterr().out
    (kept,) = json.loads((tmp_path / "out" / "note.json").read_bytes())
    assert (kept["published"], kept["ours"], kept["within_error"], kept["values"]) == (9, 2, False, [1, 3])
    assert "0 of 1 published numbers" in (tmp_path / "out" / "note.md").read_text()


def test_the_readme_has_the_published_numbers_of_the_last_run() -> None:
    root = NOTE.parents[1]
    published = (root / "figures" / "note.md").read_text().split("## What was not published")[0]
    rows = [line for line in published.splitlines() if line.startswith("| ")]
    assert len(rows) > 40
    readme = (root / "README.md").read_text().splitlines()
    assert [row for row in rows if row not in readme] == []


def test_an_experiment_that_is_not_there_is_named(monkeypatch, tmp_path) -> None:
    with pytest.raises(SystemExit, match="no experiment 999; there are 001"):
        execute(NOTE / "reproduce.py", monkeypatch, "--only", "999", "--out", str(tmp_path))


# Of 1, 3, 5 and 7: sqrt(20 / 3) / 2. A published mean over as many networks doubles the variance of the difference.
ERROR = math.sqrt(5 / 3)


@pytest.mark.parametrize(("published", "n", "within"), [
    (4 + 1.99 * ERROR * math.sqrt(2), 4, True),
    (4 + 2.01 * ERROR * math.sqrt(2), 4, False),
    (4 - 1.99 * ERROR * math.sqrt(5), 1, True),
    (4 - 2.01 * ERROR * math.sqrt(5), 1, False),
])  # fmt: skip
def test_a_number_agrees_within_two_standard_errors_of_the_difference(published, n, within) -> None:
    row = over_networks("x", "q", [1.0, 3.0, 5.0, 7.0], published=published, published_n=n)
    assert row.spread == pytest.approx(ERROR)
    assert row.within_error is within


def test_verdicts_are_left_out_where_there_is_nothing_to_judge() -> None:
    assert over_networks("x", "q", [1.0, 3.0]).within_error is None
    assert over_networks("x", "q", [1.0, 3.0], published=math.nan, tolerance=1).within_error is None
    assert over_networks("x", "q", [1.0], published=1.0).within_error is None
    assert over_networks("x", "q", [1.0, 1.0], published=1.0).within_error is True
    assert over_networks("x", "q", [1.0, 3.0], published=2.5, tolerance=0.5).as_asked is True
    assert over_networks("x", "q", [1.0, 3.0], published=2.5, tolerance=0.4).as_asked is False
    assert over_networks("x", "q", [1.0, 3.0], tolerance=0.4).as_asked is None
    assert over_networks("x", "q", [1.0, 3.0], published=math.nan, tolerance=1).as_asked is None


def test_networks_without_a_value_are_left_out() -> None:
    row = over_networks("x", "q", [1.0, math.nan, 3.0], published=2.0, published_n=2)
    assert (row.ours, row.spread, row.n, row.errors) == (2.0, 1.0, 2, 0.0)
    assert row.record()["values"] == [1.0, None, 3.0]


def test_a_row_of_the_table_reads_as_it_is_meant() -> None:
    row = over_networks("x", "a|b", [1.0, 2.0, 3.0], published=4.0, published_n=3, tolerance=1, note="n")
    assert (
        table([row]).splitlines()[2] == r"| x | a\|b | 4 | 2 | 0.577 | 3 | **no** (2.4 s.e.) | within 1: **no** | n |"
    )


EXPERIMENT = """
from collections.abc import Sequence
from typing import NamedTuple

from note.published import over_networks

MOST = 1


class Seed(NamedTuple):
    value: float


def measure(toys):
    return [Seed(float(toy.seed)) for toy in toys]


def report(found, folder):
    return [over_networks("901", "seeds", [each.value for each in found])]
"""


def test_an_experiment_that_cannot_be_read_is_named(tmp_path) -> None:
    broken, sound = tmp_path / "904_broken.py", tmp_path / "905_sound.py"
    broken.write_text("raise ImportError('no module')")
    sound.write_text("def measure(toys):\n    return [1.0] * len(toys)\n")
    (found,) = reproduce.measured([broken, sound], 1, 1)
    assert found == {"904_broken": "904_broken: ImportError: no module", "905_sound": [1.0]}
    with pytest.raises(ImportError):
        reproduce.load(broken)


@pytest.mark.parametrize("wrong", [("--networks", "0"), ("--processes", "0")])
def test_nothing_to_do_is_refused(wrong, capsys, monkeypatch, tmp_path) -> None:
    with pytest.raises(SystemExit):
        execute(NOTE / "reproduce.py", monkeypatch, *wrong, "--out", str(tmp_path))
    assert "at least 1 of both is needed" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_said_at_once(capsys, monkeypatch, tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit):
        execute(NOTE / "reproduce.py", monkeypatch, "--networks", "1", "--out", str(tmp_path / "file"))
    assert "choose a folder that can be written" in capsys.readouterr().err


def test_what_is_said_of_sets_of_networks_is_what_the_benchmark_found() -> None:
    found = json.loads((NOTE.parents[1] / "benchmarks" / "results" / "dominance.json").read_bytes())
    differing = np.mean(found["plain"]["far_between_sets"])
    said = runpy.run_path(str(FOLDER / "002_task_inputs.py"))["NOISE"]
    assert f"by more than 0.03 in {differing:.1f} of 16 PCs" in said


def test_several_processes_measure_what_one_does(monkeypatch, tmp_path) -> None:
    path = tmp_path / "901_seeds.py"
    path.write_text(EXPERIMENT)
    monkeypatch.setattr(reproduce, "TOGETHER", 1)
    alone = reproduce.measured([path], 2, 1)
    assert [[each.value for each in part[path.stem]] for part in alone] == [[0], []]
    assert reproduce.measured([path], 2, 2) == alone
