"""Every example runs as its reader would run it; the examples assert their own numbers."""

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
# What an example is given besides a folder for its figures; those that are not named take nothing.
SMALL = {"explain_the_method": ("--quick",)}


def test_there_are_examples() -> None:
    assert {path.stem for path in EXAMPLES} >= {"find_tasks", "add_a_method", *SMALL}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = (*SMALL[path.stem], "--out", str(tmp_path)) if path.stem in SMALL else ()
    monkeypatch.setattr(sys, "argv", [str(path), *given])
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.strip()
    assert bool(list(tmp_path.glob("*.png"))) == bool(given)
