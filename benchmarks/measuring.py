"""Interleaved timings, their ratios, and the report that every benchmark prints and stores."""

import argparse
import importlib.metadata
import json
import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from compgraph.connect import write_atomically

SEED = 0
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "ikpls")
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of repeated measurements and the range they fell in."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Summarise the measurements."""
        ordered = sorted(values)
        return cls(statistics.median(ordered), ordered[0], ordered[-1])

    def __str__(self) -> str:
        return f"{_short(self.median)} ({_short(self.low)} to {_short(self.high)})"


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for."""

    name: str
    quick: bool
    json: Path


def request(name: str, about: str) -> Request:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="small sizes and few repeats, to see that it runs")
    parser.add_argument(
        "--json", type=Path, help=f"where the numbers go (default: results/{name}.json, or {name}-quick.json)"
    )
    given = parser.parse_args()
    default = RESULTS / (f"{name}-quick.json" if given.quick else f"{name}.json")
    return Request(name, given.quick, given.json or default)


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of every round: by the clock, and those that a core was busy, which other programs disturb less."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def interleaved(subjects: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, Times]:
    """Time every subject once per round, in an order that rotates, so that noise hits all alike."""
    names, times = list(subjects), {name: Times() for name in subjects}
    for turn in range(repeats):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            wall, cpu = time.perf_counter(), time.process_time()
            subjects[name]()
            times[name].wall.append(time.perf_counter() - wall)
            times[name].cpu.append(time.process_time() - cpu)
    return times


def ratio(values: Iterable[float], base: Iterable[float]) -> Spread:
    """Return how many times larger than ``base`` the values are, round by round."""
    return Spread.of(a / b for a, b in zip(values, base, strict=True))


def machine() -> dict[str, object]:
    """Describe what the numbers were measured on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "torch threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := installed(name))},
    }


def installed(package: str) -> str | None:
    """Return the version of a package, or nothing where it is missing."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def load() -> float:
    """Return how many processes wanted a core in the last minute, this one included."""
    return round(os.getloadavg()[0], 2)


def report(asked: Request, facts: Mapping[str, object], rows: list[dict[str, object]], details: object = None) -> None:
    """Print the machine, the circumstances and a table, and store all of it.

    Parameters
    ----------
    asked
        The command line.
    facts
        Sizes, seed, repeats and what the columns mean.
    rows
        One per line of the table, with the same keys.
    details
        Every single measurement, for the file alone.
    """
    threads = [f"{name}={os.environ[name]}" for name in ("OMP_NUM_THREADS",) if name in os.environ]
    command = shlex.join([*threads, "python", *sys.argv])
    record = {"command": command, "quick": asked.quick, "machine": machine(), **facts, "rows": rows}
    for key, value in record.items():
        if key != "rows":
            print(f"{key}: {_line(value)}")
    print("\n" + _table(rows))
    stored = json.dumps({**record, "details": details}, indent=2, default=asdict) + "\n"
    print(f"\nwritten to {write_atomically(asked.json, stored.encode())}")


def _table(rows: list[dict[str, object]]) -> str:
    cells = [list(rows[0]), *([_short(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _short(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _line(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_line(each)}" for key, each in value.items())
    return str(value)


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text().splitlines() if listing.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
