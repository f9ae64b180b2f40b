"""All experiments on many networks: several processes, experiments that fail, and requests that cannot be met."""

import json
import sys

import pytest

from note import reproduce

EXPERIMENT = """
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


@pytest.fixture
def already_trained(monkeypatch, trained) -> list[range]:
    """Take networks that are there in place of training; return the seeds that were asked for."""
    asked: list[range] = []

    def take(seeds):
        asked.append(seeds)
        return trained[seeds.start : seeds.stop]

    monkeypatch.setattr(reproduce, "multiplications", take)
    return asked


def run(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["reproduce.py", *arguments])
    reproduce.main()


def test_the_whole_note_is_kept_though_an_experiment_fails(already_trained, capsys, monkeypatch, tmp_path) -> None:
    for number, measured, reported in (
        ("901", "raise RuntimeError('no luck')", "return []"),
        ("902", "return [1.0 + toy.seed for toy in toys]", "raise RuntimeError('no paper')"),
        ("903", "return [1.0, 3.0]", "return [over_networks('903', 'q', found, published=9)]"),
    ):
        code = f"def measure(toys):\n    {measured}\n\n\ndef report(found, folder):\n    {reported}\n"
        (tmp_path / f"{number}_made_up.py").write_text(f"from note.published import over_networks\n\n\n{code}")
    monkeypatch.setattr(reproduce, "EXPERIMENTS", tmp_path)
    said = r"failed:\n901_made_up: RuntimeError: no luck\n902_made_up: RuntimeError: no paper"
    with pytest.raises(SystemExit, match=said):
        run(monkeypatch, "--networks", "1", "--out", str(tmp_path / "out"))
    assert "**no** (" in capsys.readouterr().out
    (kept,) = json.loads((tmp_path / "out" / "note.json").read_bytes())
    assert (kept["published"], kept["ours"], kept["within_error"], kept["values"]) == (9, 2, False, [1, 3])
    assert "0 of 1 published numbers" in (tmp_path / "out" / "note.md").read_text()


def test_an_experiment_that_is_not_there_is_named(monkeypatch, tmp_path) -> None:
    with pytest.raises(SystemExit, match="no experiment 999; there are 001"):
        run(monkeypatch, "--only", "999", "--out", str(tmp_path))


def test_an_experiment_that_cannot_be_read_is_named(already_trained, tmp_path) -> None:
    broken, sound = tmp_path / "904_broken.py", tmp_path / "905_sound.py"
    broken.write_text("raise ImportError('no module')")
    sound.write_text("def measure(toys):\n    return [1.0] * len(toys)\n")
    (found,) = reproduce.measured([broken, sound], 1, 1)
    assert found == {"904_broken": "904_broken: ImportError: no module", "905_sound": [1.0]}
    with pytest.raises(ImportError):
        reproduce.load(broken)


def test_networks_that_no_experiment_uses_are_not_trained(already_trained, monkeypatch, tmp_path) -> None:
    path = tmp_path / "906_seeds.py"
    path.write_text(EXPERIMENT)
    monkeypatch.setattr(reproduce, "TOGETHER", 1)
    found = reproduce.measured([path], 2, 1)
    assert [[each.value for each in part[path.stem]] for part in found] == [[0], []]
    assert already_trained == [range(1)]


@pytest.mark.parametrize("wrong", [("--networks", "0"), ("--processes", "0")])
def test_nothing_to_do_is_refused(wrong, capsys, monkeypatch, tmp_path) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, *wrong, "--out", str(tmp_path))
    assert "at least 1 of both is needed" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_said_at_once(capsys, monkeypatch, tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit):
        run(monkeypatch, "--networks", "1", "--out", str(tmp_path / "file"))
    assert "choose a folder that can be written" in capsys.readouterr().err


def test_several_processes_measure_what_one_does(already_trained, monkeypatch, tmp_path) -> None:
    path = tmp_path / "901_seeds.py"
    path.write_text(EXPERIMENT)
    monkeypatch.setattr(reproduce, "TOGETHER", 1)
    alone = reproduce.measured([path], 2, 1)
    assert reproduce.measured([path], 2, 2) == alone  # the others train their own
    assert len(already_trained) == 1
