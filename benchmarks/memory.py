"""What observing holds: peak memory of `compgraph.collect` as rows grow, against storing activations."""

import resource
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context

import torch
from torch import Tensor, nn

import measuring
from collecting import BATCH, TAPPED, WIDTHS, bare, build_model, covariances, stored
from compgraph import collect

WARM_UP = 2 * BATCH
FLOOR, OURS, STORED, PEER = (
    "bare forward pass",
    "compgraph.collect",
    "hooks that store",
    "hooks that store, NumPy float64",
)
SUBJECTS: dict[str, Callable[[nn.Module, Iterator[Tensor]], object]] = {
    FLOOR: bare,
    OURS: lambda model, batches: collect(model, batches, TAPPED, progress=False),
    STORED: stored,
    PEER: lambda model, batches: covariances(stored(model, batches)),
}


def made(n: int) -> Iterator[Tensor]:
    """Yield batches of random rows that exist one at a time."""
    generator = torch.Generator().manual_seed(measuring.SEED)
    for start in range(0, n, BATCH):
        yield torch.randn(min(BATCH, n - start), WIDTHS[0], generator=generator)


def growth(subject: str, n: int) -> float:
    """Return by how many MB the peak of this process rises over that of a bare forward pass."""
    model = build_model()
    bare(model, made(WARM_UP))
    before = _peak()
    SUBJECTS[subject](model, made(n))
    return _peak() - before


def measure(cases: list[tuple[str, int]], repeats: int) -> dict[tuple[str, int], list[float]]:
    """Run every case in a process of its own, once per round."""
    found: dict[tuple[str, int], list[float]] = {case: [] for case in cases}
    # One task per process: a peak never falls again.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as fresh:
        for _ in range(repeats):
            for case in cases:
                found[case].append(fresh.submit(growth, *case).result())
    return found


def least() -> float:
    """Return the size in MB of the float64 sums themselves."""
    own = sum(width * (width + 1) for width in WIDTHS)
    cross = sum(a * b for a, b in pairwise(WIDTHS))
    return 8 * (own + cross) / 1e6


def main() -> None:
    """Measure and report."""
    asked = measuring.request("memory", str(__doc__))
    sizes, repeats = ((5_000, 20_000), 1) if asked.quick else ((10_000, 40_000, 160_000), 3)
    before = measuring.load()
    found = measure([(subject, n) for subject in SUBJECTS for n in sizes], repeats)
    rows = [
        {
            "subject": subject,
            "rows": n,
            "peak, MB": measuring.Spread.of(values),
            f"times its own at {sizes[0]:,}": _relative(values, found[subject, sizes[0]]),
            "times the sums": measuring.Spread.of(value / least() for value in values),
        }
        for (subject, n), values in found.items()
    ]
    facts = {
        "about": __doc__,
        "n": ", ".join(f"{n:,}" for n in sizes),
        "model": "MLP " + "-".join(map(str, WIDTHS)) + ", ReLU, float32",
        "batch size": BATCH,
        "seed": measuring.SEED,
        "repeats": f"{repeats} rounds of fresh processes; median (lowest to highest)",
        "peak": f"ru_maxrss above that after {WARM_UP} rows of a bare forward pass, in the same process; MB are 1e6 B",
        "the sums": f"means and second moments of all sites and pairs in float64, {least():.1f} MB",
        "target": "compgraph.collect does not grow with the rows",
        "load before and after": [before, measuring.load()],
    }
    measuring.report(asked, facts, rows, {f"{subject}, {n}": values for (subject, n), values in found.items()})


def _relative(values: list[float], bases: list[float]) -> measuring.Spread | str:
    if min(bases) == 0:
        return "-"
    return measuring.ratio(values, bases)


def _peak() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
