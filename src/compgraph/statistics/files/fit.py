"""Whether statistics from a file can be what a pass leaves behind, in every number that a later step builds upon."""

from typing import TYPE_CHECKING

import numpy as np

from compgraph.statistics.moments import Moments
from compgraph.statistics.rows import Rows
from compgraph.statistics.sample import Sample
from compgraph.statistics.spaces import Pair, Space

if TYPE_CHECKING:
    from compgraph.statistics.record import Statistics


def require_fit(stats: "Statistics") -> None:
    """Refuse statistics whose parts do not fit each other.

    Parameters
    ----------
    stats
        From a file.

    Raises
    ------
    ValueError
        Naming the first part that does not.
    """
    widths: dict[Space, int] = {}
    _require(len(set(stats.pairs)) == len(stats.pairs), "a pair twice")
    _require_count(stats.n_samples, "n_samples")
    for pair in stats.pairs:
        _require(pair.source.side == "in" and pair.target.side == "out", f"a pair from {pair.source} to {pair.target}")
        _require_moments(stats.moments[pair], pair)
        p, q = stats.moments[pair].xy.shape
        same = widths.setdefault(pair.source, p) == p and widths.setdefault(pair.target, q) == q
        _require(same, f"{pair} with other widths than before")
        if pair in stats.samples:
            _require_sample(stats.samples[pair], pair, (p, q))
    for (one, other), sums in stats.crossed.items():
        _require(one.target == other.target, f"{one} and {other} together")
        _require(sums.shape == (widths[one.source], widths[other.source]), f"{sums.shape} for {one} and {other}")
        _require(bool(np.isfinite(sums).all()), f"sums of {one} and {other} that are not finite")
    for name, space in stats.returned.items():
        _require(space.side == "out" and space in widths, f"an output {name!r} at {space}")
    if stats.identity is not None:
        _require_rows(stats.identity.rows, stats.n_samples)


def _require(fits: bool, what: str) -> None:
    if not fits:
        raise ValueError(f"there is {what}")


def _require_count(n: object, what: str) -> None:
    _require(type(n) is int and 0 <= n < 2**63, f"{what} = {n!r}")


def _require_moments(moments: Moments, pair: Pair) -> None:
    _require_count(moments.n, f"n of {pair}")
    p, q = len(moments.mean_x), len(moments.mean_y)
    for name, shape in (("mean_x", (p,)), ("mean_y", (q,)), ("xx", (p, p)), ("xy", (p, q)), ("yy", (q, q))):
        each = getattr(moments, name)
        _require(each.shape == shape and bool(np.isfinite(each).all()), f"{name} of {pair} with {each.shape} numbers")


def _require_sample(sample: Sample, pair: Pair, widths: tuple[int, int]) -> None:
    for name in ("n", "capacity", "seed"):
        _require_count(getattr(sample, name), f"{name} of the sample of {pair}")
    m = len(sample.ids)
    shapes = (sample.x.shape, sample.y.shape, sample.ids.shape)
    _require(shapes == ((m, widths[0]), (m, widths[1]), (m,)), f"a sample of {pair} of {shapes}")
    _require(sample.ids.dtype == np.int64 and m <= min(sample.n, sample.capacity), f"a sample of {pair} of {m} rows")


def _require_rows(rows: Rows, n: int) -> None:
    runs = rows.runs
    _require(runs.ndim == 2 and runs.shape[1:] == (3,) and runs.dtype == np.int64, f"{runs.shape} numbers of rows")
    _require(bool((runs >= [0, 1, 1]).all()), "a row of a number below 0")
    # As Python's integers, which are never too large.
    ends = [first + (count - 1) * step for first, count, step in runs.tolist()]
    _require(max(ends, default=0) < 2**63, "a row of a number too large")
    _require(sum(runs[:, 1].tolist()) == n, f"{n} samples and other rows")
