"""Refusals where nothing enforces annotations: no raw error, and docs/how-it-fails.md says what comes."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "how-it-fails.md").read_text()
Rows = list[list[str]]


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """What a process says in which the tests' checks of annotations do not refuse first."""
    done = subprocess.run([sys.executable, str(HERE / "plain_process.py")], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_wrong_types_are_refused_everywhere(answers) -> None:
    assert not answers["types"]["offences"]
    assert answers["types"]["functions"] > 100
    assert answers["types"]["parameters"] > 250


def test_a_function_that_trusts_its_arguments_is_seen(answers) -> None:
    raw = " ".join(answers["types"]["twin"])
    assert "AttributeError" in raw
    assert "TypeError" in raw
    assert "with right arguments" not in raw


def test_checking_extensions_needs_no_test_library(answers) -> None:
    assert answers["libraries"] == []


def on_the_page(kind: str) -> Rows:
    section = re.search(rf"^## {kind}\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [line[2:-2].split(" | ", 1) for line in section[1].splitlines() if line.startswith("| ")][2:]


def test_the_page_says_what_comes(answers) -> None:
    found = answers["failures"]
    wrong = {kind: [row for row in rows if row not in on_the_page(kind)] for kind, rows in found.items()}
    assert not {kind: rows for kind, rows in wrong.items() if rows}, "python tests/contracts/how_it_fails.py renews it"
    assert {kind: len(rows) for kind, rows in found.items()} == {kind: len(on_the_page(kind)) for kind in found}


def test_nothing_is_raised_raw(answers) -> None:
    assert not [row for rows in answers["failures"].values() for row in rows if row[1].startswith("raw ")]


def test_as_many_work_as_should(answers) -> None:
    rows = [row for rows in answers["failures"].values() for row in rows]
    assert len([row for row in rows if row[1].startswith("works")]) > 40
    assert len(rows) > 110


HARMLESS = {"nothing", "size", "returned = {}", "asked = {}"}  # and budgets, notes, and no samples or sums


def test_statistics_of_sealed_nonsense_are_refused_on_purpose(answers) -> None:
    found = answers["nonsense"]
    assert [f"{name}: {found[name]}" for name in found if not found[name][2]] == []
    assert [f"{name}: {found[name]}" for name in found if found[name][0] in ("pca", "ask")] == []
    passed = {name for name in found if not found[name][0]}
    assert "nothing" in passed
    unlike = {name for name in passed - HARMLESS if name.split()[0] not in ("notes", "samples", "crossed")}
    assert {name.split()[0] for name in unlike} <= {"budget", "elements"}
