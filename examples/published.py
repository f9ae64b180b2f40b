"""What the experiments share: rows of published numbers beside ours, and what several of them measure with."""

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.linalg import orth

import compgraph as cg
from compgraph.show.drawing import INK
from compgraph.toys import Toy, multiplications

HEADINGS = ("experiment", "quantity", "published", "ours", "spread", "within", "note")


@dataclass(frozen=True)
class Result:
    """One number of one experiment.

    `spread` is the standard error of `ours` over networks unless `note` says otherwise. `published` is None where no
    number was published. `within` is how far `ours` may lie from it: NaN where nothing can be held against it.
    """

    experiment: str
    quantity: str
    published: float | None
    ours: float
    spread: float = math.nan
    within: float = math.nan
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether ours is within the tolerance of the published number; None where there is nothing to compare."""
        if self.published is None or math.isnan(self.within):
            return None
        return abs(self.ours - self.published) <= self.within


def over_networks(
    experiment: str,
    quantity: str,
    values: Sequence[float] | np.ndarray,
    *,
    published: float | None = None,
    within: float = math.nan,
    note: str = "",
) -> Result:
    """Make a row of the mean of one value per network and its standard error."""
    row = np.asarray(values, dtype=np.float64)
    return Result(experiment, quantity, published, float(row.mean()), standard_error(row), within, note)


def standard_error(values: Sequence[float] | np.ndarray) -> float:
    """Return the standard error of the mean along the first axis of one value per network; NaN of a single network."""
    row = np.asarray(values, dtype=np.float64)
    return float(row.std(ddof=1) / math.sqrt(len(row))) if len(row) > 1 else math.nan


def table(results: Sequence[Result]) -> str:
    """Write rows as a Markdown table; a row that differs from what was published says so."""
    lines = [" | ".join(HEADINGS), " | ".join("---" for _ in HEADINGS)]
    lines += [" | ".join(_cells(result)) for result in results]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def _cells(result: Result) -> list[str]:
    note = result.note if result.holds is not False else f"**differs** {result.note}".strip()
    numbers = [_number(value) for value in (result.published, result.ours, result.spread, result.within)]
    return [result.experiment, result.quantity.replace("|", "\\|"), *numbers, note.replace("|", "\\|")]


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def covariances(toy: Toy, space: cg.Space) -> dict[str, np.ndarray]:
    """Return, for each task, the covariance of a layer's activations while only the inputs of that task vary."""
    found = {}
    for task, rows in toy.tasks.items():
        stats = cg.collect(toy.model, rows, toy.layers, sample=1, progress=False)
        pair = next(pair for pair in stats.pairs if pair.source == space)
        found[task] = stats.moments[pair].xx / stats.moments[pair].n
    return found


def principal_within(filters: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the principal axes of what some filters see of a space, and the variance along each, the largest first."""
    basis = orth(filters.T).T
    values, vectors = np.linalg.eigh(basis @ covariance @ basis.T)
    return vectors[:, ::-1].T @ basis, values[::-1]


def plain(axes: Axes, title: str) -> None:
    """Head a panel and leave out the lines it does not need."""
    axes.set_title(title, fontsize=10, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)


def write(figure: Figure, folder: Path, name: str) -> Path:
    """Write a figure as it goes into the README, the same bytes every time."""
    path = folder / f"note-{name}.png"
    figure.savefig(path, dpi=150, metadata={"Software": None})
    return path


@cache
def networks(n: int) -> tuple[Toy, ...]:
    """Train the first `n` networks of the note, once in a process."""
    return multiplications(range(n))


def command(
    run: Callable[[Sequence[Toy], Path], list[Result]], *, describe: str | None, n_networks: int = 5
) -> list[Result]:
    """Run one example from the command line: train the networks, make the folder, print the rows."""
    parser = argparse.ArgumentParser(description=(describe or "").splitlines()[0] if describe else None)
    parser.add_argument("--networks", type=int, default=n_networks, metavar="N", help="networks to measure over")
    parser.add_argument("--out", type=Path, default=Path("figures"), metavar="FOLDER", help="where figures go")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    results = run(networks(asked.networks), asked.out)
    print(table(results))
    return results
