"""What long use leaves behind, and what is made of files and labels that are not what they should be.

Run ``python benchmarks/soak.py --minutes 15`` to analyse, save and load small networks over and over, and
``python benchmarks/soak.py --fuzz --minutes 10`` to read tampered files and score nasty labels. Both print a table;
they measure, and judge nothing.
"""

import argparse
import gc
import itertools
import resource
import sys
import tempfile
import threading
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

import compgraph as cg
from fuzzing import Counts, fuzz_file, fuzz_labels
from hostile import targets

WARM_UP = 5  # rounds: caches fill, libraries load
PROCESS = Path("/proc/self")


@dataclass(frozen=True, slots=True)
class State:
    """What the process holds."""

    megabytes: float
    files: int
    threads: int
    temporaries: int

    @classmethod
    def now(cls, folder: Path) -> "State":
        """Look, after the garbage is out."""
        gc.collect()
        open_files = len(list((PROCESS / "fd").iterdir())) if PROCESS.exists() else -1
        tasks = len(list((PROCESS / "task").iterdir())) if PROCESS.exists() else threading.active_count()
        return cls(resident(), open_files, tasks, len(list(folder.iterdir())))


def resident() -> float:
    """Return the megabytes in memory; the most there ever were where the system does not say."""
    if PROCESS.exists():
        return int((PROCESS / "statm").read_text().split()[1]) * resource.getpagesize() / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def once(seed: int, folder: Path) -> None:
    """Analyse a small network of random weights, save what was found, and read it again."""
    torch.manual_seed(seed)
    width = 6 + seed % 5
    model = nn.Sequential(nn.Linear(5, width), nn.Tanh(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 3))
    analysis = cg.analyze(model, torch.randn(200, 5), n_null=9, n_twins=2, progress=False)
    analysis.save(folder)
    cg.load(folder / "graph.json")
    cg.load(cg.save(analysis.graph, folder / "graph.graphml", groups=analysis.found))


def soak(minutes: float) -> list[tuple[str, str]]:
    """Use the package until the time is over, and return what was measured.

    Parameters
    ----------
    minutes
        How long.

    Returns
    -------
    list of tuple
        What, and how much.
    """
    before, end = tempfile.tempdir, time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as root:
        temporary, results = Path(root, "tmp"), Path(root, "out")
        temporary.mkdir()
        tempfile.tempdir = str(temporary)
        try:
            start, sizes, states, kept = State.now(temporary), [], [], set()
            for number in itertools.count():
                once(number, results)
                sizes.append(resident())
                if number + 1 == WARM_UP:
                    states.append(State.now(temporary))
                    kept = {path.relative_to(results) for path in results.rglob("*")}
                if time.monotonic() > end and number >= 2 * WARM_UP:
                    break
            last = State.now(temporary)
            left = {path.relative_to(results) for path in results.rglob("*")} - kept
        finally:
            tempfile.tempdir = before
    late = sizes[WARM_UP:]
    slopes = [1024 * float(np.polyfit(np.arange(len(part)), part, 1)[0]) for part in (late, late[len(late) // 2 :])]
    warm = states[0]
    return [
        ("rounds", str(len(sizes))),
        (
            "resident MB at start, after warm-up, at end",
            f"{start.megabytes:.1f}, {warm.megabytes:.1f}, {last.megabytes:.1f}",
        ),
        ("KB more a round, after warm-up and in the last half", f"{slopes[0]:+.1f}, {slopes[1]:+.1f}"),
        ("open files at start, after warm-up, at end", f"{start.files}, {warm.files}, {last.files}"),
        ("threads at start, after warm-up, at end", f"{start.threads}, {warm.threads}, {last.threads}"),
        ("temporaries after warm-up, at end", f"{warm.temporaries}, {last.temporaries}"),
        ("files in the results that warm-up did not leave", ", ".join(map(str, sorted(left))) or "none"),
    ]


def fuzz(minutes: float, seed: int = 0) -> dict[str, Counts]:
    """Try every kind of file, and labels, for an equal part of the time each.

    Parameters
    ----------
    minutes
        How long in all.
    seed
        Of all that is tried.

    Returns
    -------
    dict
        What was tried to what was made of it.
    """
    kinds = targets()
    seconds = 60 * minutes / (len(kinds) + 1)
    found = {name: fuzz_file(target, seconds=seconds, seed=seed) for name, target in kinds.items()}
    return {**found, "labels for agreement": fuzz_labels(seconds=seconds, seed=seed)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15, help="how long (default: 15)")
    parser.add_argument("--fuzz", action="store_true", help="hostile files and labels in place of long use")
    parser.add_argument("--seed", type=int, default=0, help="of what is tried")
    given = parser.parse_args()
    if not given.fuzz:
        for what, value in soak(given.minutes):
            print(f"{what:55} {value}")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy and networkx, about what they are given
        found = fuzz(given.minutes, given.seed)
    print(f"{'':28}{'tried':>9}{'same':>9}{'other':>9}{'refused':>9}{'raw':>9}{'slowest':>10}")
    for name, each in found.items():
        numbers = (each.tried, each.same, each.other, each.refused, each.raw)
        print(f"{name:28}" + "".join(f"{number:9}" for number in numbers) + f"{each.slowest:8.2f} s")
    for name, each in found.items():
        for fault in each.faults:
            print(f"\n== {name}: {fault}")


if __name__ == "__main__":
    main()
