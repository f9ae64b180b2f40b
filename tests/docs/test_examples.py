"""The short examples run as a reader would run them; they assert their own numbers."""

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SLOW = {"explain_the_method"}  # takes minutes; make docs shows it without running it


def test_there_are_examples() -> None:
    assert {path.stem for path in EXAMPLES} > SLOW


@pytest.mark.parametrize("path", [each for each in EXAMPLES if each.stem not in SLOW], ids=lambda path: path.stem)
def test_an_example_runs(path, capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    drawn = tmp_path / "plsr-graph.png"
    monkeypatch.setattr(sys, "argv", [str(path), str(drawn)])
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out
    assert drawn.exists() == (path.stem == "draw_plsr_graph")


def test_the_picture_in_the_readme_is_as_wide_and_light_as_it_should_be() -> None:
    assert (ROOT / "figures" / "plsr-graph.png").stat().st_size < 150_000
