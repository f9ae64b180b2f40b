"""Moments of a space with all that it reads, or with all that reads it, put side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64
from scipy.linalg import block_diag

from compgraph.statistics.moments import Moments
from compgraph.statistics.spaces import Pair

if TYPE_CHECKING:
    import compgraph.statistics.record


def read_together(stats: "compgraph.statistics.record.Statistics", pairs: Sequence[Pair]) -> Moments:
    """Return the moments of what a site reads, side by side, with what it writes.

    Parameters
    ----------
    stats
        Of a pass.
    pairs
        All that end at one space.

    Returns
    -------
    Moments
        Cost O((sum of widths)^2) memory where there are several.
    """
    each = [stats.moments[pair] for pair in pairs]
    if len(each) == 1:
        return each[0]
    blocks = [
        [moments.xx if one == other else _crossed(stats, one, other) for other in pairs]
        for one, moments in zip(pairs, each, strict=True)
    ]
    return Moments(
        each[0].n,
        np.concatenate([moments.mean_x for moments in each]),
        each[0].mean_y,
        np.block(blocks),
        np.concatenate([moments.xy for moments in each]),
        each[0].yy,
    )


def written_together(stats: "compgraph.statistics.record.Statistics", pairs: Sequence[Pair]) -> Moments:
    """Return the moments of a space with what its readers write, side by side.

    Parameters
    ----------
    stats
        Of a pass.
    pairs
        All that start from one space.

    Returns
    -------
    Moments
        The products of different readers are left at 0: nothing that looks at what is read asks for them.
    """
    each = [stats.moments[pair] for pair in pairs]
    if len(each) == 1:
        return each[0]
    finest = max(each, key=lambda moments: moments.n)
    rows = [finest.n / moments.n for moments in each]
    return Moments(
        finest.n,
        finest.mean_x,
        np.concatenate([moments.mean_y for moments in each]),
        finest.xx,
        np.concatenate([moments.xy * scale for moments, scale in zip(each, rows, strict=True)], axis=1),
        block_diag(*(moments.yy * scale for moments, scale in zip(each, rows, strict=True))),
    )


def merged_cross(
    one: "compgraph.statistics.record.Statistics", other: "compgraph.statistics.record.Statistics"
) -> dict[tuple[Pair, Pair], Float64[np.ndarray, "_ _"]]:
    """Merge the cross products of two parts of the data, as `Moments` do.

    Parameters
    ----------
    one, other
        Statistics of the same sites.

    Returns
    -------
    dict
        By the two pairs that end at one space.
    """
    found = {}
    for ends, products in one.crossed.items():
        mine, theirs = ([part.moments[pair] for pair in ends] for part in (one, other))
        left, right = (there.mean_x - here.mean_x for here, there in zip(mine, theirs, strict=True))
        n = mine[0].n + theirs[0].n
        between = mine[0].n * theirs[0].n / n if n else 0.0
        found[ends] = products + other.crossed[ends] + between * np.outer(left, right)
    return found


def _crossed(stats: "compgraph.statistics.record.Statistics", one: Pair, other: Pair) -> Float64[np.ndarray, "_ _"]:
    found = stats.crossed.get((one, other))
    return stats.crossed[other, one].T if found is None else found
