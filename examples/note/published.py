"""What the experiments share: rows of published numbers beside ours, and what several of them measure with."""

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from compgraph.connect import write_atomically
from compgraph.show import figure_bytes
from compgraph.toys import Toy, multiplications
from note.pictures.panels import mean_and_error

HEADINGS = ("experiment", "quantity", "published", "ours", "±", "n", "within error", "asked", "note")
# An experiment is two functions: what is measured of some networks, a record for each, and the rows of all records.
Measure = Callable[[Sequence[Toy]], list[Any]]
Report = Callable[[list[Any], Path], list["Result"]]
ERRORS = 2.0  # joint standard errors that count as agreement


@dataclass(frozen=True)
class Result:
    """One number of one experiment, the mean over networks unless `note` says otherwise.

    Attributes
    ----------
    values
        One for each network; NaN where a network has none.
    published
        None where no number was published, and NaN where one was that ours cannot be held against; `note` says why.
    published_n
        Networks that the published mean is over. What they scatter is not known and taken to be what ours do.
    tolerance
        How far ours was asked to be from the published number at most; NaN where nothing was asked.
    note
        What a reader must know; of a number that differs, why it does.
    """

    experiment: str
    quantity: str
    values: tuple[float, ...]
    published: float | None = None
    published_n: int = 100
    tolerance: float = math.nan
    note: str = ""

    @property
    def ours(self) -> float:
        """Mean over the networks."""
        return float(mean_and_error(np.array(self.values))[0])

    @property
    def spread(self) -> float:
        """Standard error of the mean; NaN of a single network."""
        return float(mean_and_error(np.array(self.values))[1])

    @property
    def n(self) -> int:
        """Networks that have a value."""
        return sum(not math.isnan(value) for value in self.values)

    @property
    def errors(self) -> float:
        """Difference in units of its standard error, that of the published mean included; NaN without one."""
        if self.published is None:
            return math.nan
        error = self.spread * math.sqrt(1 + self.n / self.published_n)
        difference = abs(self.ours - self.published)
        return 0.0 if error == difference == 0 else difference / error if error > 0 else math.nan

    @property
    def within_error(self) -> bool | None:
        """Whether ours agrees with the published number; None where that cannot be said."""
        return None if math.isnan(self.errors) else self.errors <= ERRORS

    @property
    def as_asked(self) -> bool | None:
        """Whether ours is as near to the published number as asked; None where nothing was."""
        if self.published is None or math.isnan(self.published) or math.isnan(self.tolerance):
            return None
        return abs(self.ours - self.published) <= self.tolerance

    def record(self) -> dict[str, object]:
        """Return everything as JSON can hold it: the numbers that are drawn, and the verdicts."""
        numbers = {"ours": self.ours, "spread": self.spread, "errors": self.errors, "tolerance": self.tolerance}
        known = {name: None if math.isnan(value) else value for name, value in numbers.items()}
        published = None if self.published is None or math.isnan(self.published) else self.published
        return {
            "experiment": self.experiment, "quantity": self.quantity, "published": published, **known,
            "n": self.n, "within_error": self.within_error, "as_asked": self.as_asked, "note": self.note,
            "values": [None if math.isnan(each) else float(f"{each:.6g}") for each in self.values],
        }  # fmt: skip


def over_networks(
    experiment: str,
    quantity: str,
    values: Sequence[float] | np.ndarray,
    *,
    published: float | None = None,
    published_n: int = 100,
    tolerance: float = math.nan,
    note: str = "",
) -> Result:
    """Make a row of one value per network."""
    row = tuple(np.asarray(values, dtype=np.float64).tolist())
    return Result(experiment, quantity, row, published, published_n, tolerance, note)


def table(results: Sequence[Result]) -> str:
    """Write rows as a Markdown table."""
    lines = [" | ".join(HEADINGS), " | ".join("---" for _ in HEADINGS)]
    lines += [" | ".join(_cells(result)) for result in results]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def _cells(result: Result) -> list[str]:
    agrees = {None: "", True: f"yes ({result.errors:.1f} s.e.)", False: f"**no** ({result.errors:.1f} s.e.)"}
    asked = {None: "", True: f"within {result.tolerance:g}: yes", False: f"within {result.tolerance:g}: **no**"}
    numbers = [_number(value) for value in (result.published, result.ours, result.spread)]
    texts = [result.quantity.replace("|", "\\|"), *numbers, str(result.n)]
    note = result.note.replace("|", "\\|")
    return [result.experiment, *texts, agrees[result.within_error], asked[result.as_asked], note]


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def write(figure: Figure, folder: Path, name: str) -> Path:
    """Write a figure as it goes into the README, the same bytes every time."""
    return write_atomically(folder / f"note-{name}.png", figure_bytes(figure, ".png", dpi=150))


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Compute on one thread, so that numbers do not depend on how many cores a machine has."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(n_threads)


@cache
def networks(n: int) -> tuple[Toy, ...]:
    """Train the first `n` networks of the note, once in a process."""
    return multiplications(range(n))


def command(measure: Measure, report: Report, *, describe: str | None, most: int = 100, n_networks: int = 5) -> None:
    """Run one experiment from the command line: train the networks, measure, draw and print the rows."""
    parser = argparse.ArgumentParser(description=(describe or "").splitlines()[0] if describe else None)
    parser.add_argument("--networks", type=int, default=n_networks, metavar="N", help="networks to measure over")
    parser.add_argument("--out", type=Path, default=Path("figures"), metavar="FOLDER", help="where figures go")
    asked = parser.parse_args()
    with on_one_thread():
        print(table(report(measure(networks(min(asked.networks, most))), asked.out)))
