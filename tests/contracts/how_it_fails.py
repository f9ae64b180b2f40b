"""Fill the tables of docs/how-it-fails.md by running what they list: ``python tests/contracts/how_it_fails.py``."""

import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import compgraph as cg

sys.path.insert(0, str(Path(__file__).parents[1]))
from contracts.bad_inputs import KINDS
from contracts.faults import FAULTS

PAGE = Path(__file__).parents[2] / "docs" / "how-it-fails.md"
LONGEST = 150


def outcome(run: Callable[[], Any]) -> str:
    """Say in a cell of a table what comes of it."""
    try:
        said = run()
    except cg.CompgraphError as error:
        return f"`{type(error).__name__}`: {_short(str(error))}"
    except Exception as error:  # noqa: BLE001 - a raw error is what a table like this is to show
        own = any(note.startswith("while compgraph") for note in getattr(error, "__notes__", ()))
        return f"{'the model or data raise' if own else 'raw'} `{type(error).__name__}`: {_short(str(error))}"
    return f"works: {_short(str(said))}" if said else "works"


def _short(text: str) -> str:
    first = re.split(r"(?<=[.])\s", " ".join(text.split()), maxsplit=1)[0]
    cut = first.rstrip(".") if len(first) <= LONGEST else first[:LONGEST].rsplit(" ", 1)[0] + " ..."
    return cut.replace("|", r"\|").replace("<", "&lt;").replace("*", r"\*")


def tables() -> dict[str, list[tuple[str, str]]]:
    """Return the rows of every table; writes into the current folder."""
    return {kind: [(what, outcome(run)) for what, run in cases] for kind, cases in {**KINDS, "Faults": FAULTS}.items()}


def filled(page: str, found: dict[str, list[tuple[str, str]]]) -> str:
    """Return the page with its tables exchanged; they stand between a heading and the next."""
    for kind, rows in found.items():
        table = "\n".join(["| what comes | what it gets |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in rows)])
        page = re.sub(
            rf"(## {kind}\n.*?)\| what comes.*?(?=\n\n|\Z)", lambda m, t=table: m[1] + t, page, flags=re.DOTALL
        )
    return page


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    os.chdir(tempfile.mkdtemp())
    PAGE.write_text(filled(PAGE.read_text(), tables()))
