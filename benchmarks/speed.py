"""How much quicker than commit 43b74b0: analyses, groups of graphs and all methods, each next to a floor and a peer.

Run ``python benchmarks/speed.py`` on an idle machine; it takes most of an hour on one thread, most of it for the old
code, which it checks out with ``git worktree`` into a folder of its own and removes again. ``--quick`` takes small
sizes. Every run is a process of its own, and within a round all subjects of a row follow one another.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measuring import Spread, load, ratio, report, request

HERE = Path(__file__).parent
COMMIT = "43b74b0"
EXTRAPOLATED = 3  # null graphs of the old code where 99 would take most of an hour


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    name, size
        Of the subject.
    target
        How many times quicker it is to be; 0 where the old code does not finish.
    rounds
        How often it is timed.
    """

    name: str
    size: int
    target: float
    rounds: int


ROWS = (
    Row("note", 0, 3, 5),
    Row("digits", 0, 4, 3),
    Row("width", 1024, 8, 2),
    Row("outputs", 48, 10, 1),
    Row("depth", 32, 5, 2),
    Row("nodes", 100, 10, 5),
    Row("nodes", 300, 15, 2),
    Row("nodes", 1000, 20, 1),
    Row("nodes", 3000, 50, 1),
    Row("nodes", 10_000, 0, 1),
    Row("mlp", 60_000, 16 / 7, 2),
    Row("mlp", 600_000, 0, 1),
)
QUICK = (Row("note", 0, 3, 1), Row("width", 32, 8, 1), Row("nodes", 40, 10, 1), Row("mlp", 2000, 16 / 7, 1))


@contextmanager
def old_code() -> Iterator[Path]:
    """Check the old commit out, and take it away again."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / COMMIT
        git = ["git", "-C", str(HERE)]
        subprocess.run([*git, "worktree", "add", "--detach", str(place), COMMIT], check=True, capture_output=True)
        try:
            yield place / "src"
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(place)], check=True, capture_output=True)


def timed(source: Path, role: str, row: Row, nulls: int = 99) -> dict[str, float]:
    """Return the CPU seconds and the memory in MB of one run in a process of its own."""
    given = {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1", "NULLS": str(nulls)}
    command = [sys.executable, str(HERE / "subjects.py"), role, row.name, str(row.size)]
    done = subprocess.run(command, env={**os.environ, **given}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{role} {row.name} {row.size} on {source}:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def of_old(source: Path, row: Row) -> float:
    """Return the CPU seconds of the old code, of many nodes as some null graphs and the rest in proportion."""
    if row.name != "nodes" or row.size < 3000:
        return timed(source, "subject", row)["cpu"]
    none, few = (timed(source, "subject", row, nulls)["cpu"] for nulls in (0, EXTRAPOLATED))
    return none + 99 * (few - none) / EXTRAPOLATED


def measured(row: Row, old: Path) -> tuple[dict[str, object], dict[str, list[float]]]:
    """Return a line of the table and all single measurements."""
    ours, theirs, floors, peers, peaks = [], [], [], [], []
    for _ in range(row.rounds):
        found = timed(HERE.parent / "src", "subject", row)
        ours.append(found["cpu"])
        peaks.append(found["peak"])
        if row.target:
            theirs.append(of_old(old, row))
        floors += [timed(HERE.parent / "src", "floor", row)["cpu"]] if row.size <= 60_000 else []
        if (row.name == "nodes" and row.size <= 300) or (row.name == "mlp" and row.size <= 60_000):
            peers.append(timed(HERE.parent / "src", "peer", row)["cpu"])
    line: dict[str, object] = {
        "row": f"{row.name} {row.size or ''}".strip(),
        "CPU seconds": Spread.of(ours),
        "MB": round(max(peaks)),
        f"of {COMMIT}": Spread.of(theirs) if theirs else "-",
        "times quicker": ratio(theirs, ours) if theirs else "-",
        "asked": round(row.target, 1) or "-",
        "times the floor": ratio(ours, floors) if floors else "-",
        "peer, times ours": ratio(peers, ours) if peers else "-",
    }
    return line, {"ours": ours, COMMIT: theirs, "floor": floors, "peer": peers, "MB": peaks}


def main() -> None:
    """Measure and report."""
    asked = request("speed", str(__doc__).split("\n", 1)[0])
    before, lines, details = load(), [], {}
    with old_code() as old:
        for row in QUICK if asked.quick else ROWS:
            line, details[f"{row.name} {row.size}"] = measured(row, old)
            lines.append(line)
            print(line, flush=True)
    facts = {
        "about": str(__doc__).split("\n", 1)[0],
        "seed": 100,
        "rounds": "1 to 5, a process for every run; median (lowest to highest), ratios within a round",
        "floor": "forward and backward passes of 20 networks; 99 permutations of the weights; one forward pass",
        "peer": "networkx's Louvain 100 times; hooks that store, scikit-learn's PCA and PLSRegression",
        "extrapolated": f"{COMMIT} on 3,000 nodes: {EXTRAPOLATED} null graphs for 99",
        "MB": "growth of the peak in the run",
        "load before and after": [before, load()],
    }
    report(asked, facts, lines, details)


if __name__ == "__main__":
    main()
