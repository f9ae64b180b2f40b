"""The tables of docs/how-it-fails.md are what comes of running what they list."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "how-it-fails.md").read_text()
Rows = list[list[str]]


@pytest.fixture(scope="module")
def found() -> dict[str, Rows]:
    """What comes now, in a process whose annotations nothing enforces."""
    done = subprocess.run(
        [sys.executable, str(HERE / "how_it_fails.py"), "--print"], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def on_the_page(kind: str) -> Rows:
    section = re.search(rf"^## {kind}\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [line[2:-2].split(" | ", 1) for line in section[1].splitlines() if line.startswith("| ")][2:]


def test_the_page_says_what_comes(found) -> None:
    wrong = {kind: [row for row in rows if row not in on_the_page(kind)] for kind, rows in found.items()}
    assert not {kind: rows for kind, rows in wrong.items() if rows}, "python tests/contracts/how_it_fails.py renews it"
    assert {kind: len(rows) for kind, rows in found.items()} == {kind: len(on_the_page(kind)) for kind in found}


def test_nothing_is_raised_raw(found) -> None:
    assert not [row for rows in found.values() for row in rows if row[1].startswith("raw ")]


def test_as_many_work_as_should(found) -> None:
    works = [row for rows in found.values() for row in rows if row[1].startswith("works")]
    assert len(works) > 40
    assert sum(map(len, found.values())) > 110
