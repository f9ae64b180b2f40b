"""Statistics of some of the pairs of a pass, as if there had been no others."""

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from compgraph.statistics.spaces import Pair, Space

if TYPE_CHECKING:
    from compgraph.statistics.record import Statistics


def restricted(full: "Statistics", keep: Collection[tuple[str, str]], outputs: Collection[str]) -> "Statistics":
    """Leave out pairs.

    Parameters
    ----------
    full
        Statistics of all pairs.
    keep
        Layers at both ends of the pairs that stay.
    outputs
        Names of the outputs that stay.

    Returns
    -------
    Statistics
        With depths of the pairs that stay, and the full ones beside them, for merging.
    """
    pairs = [pair for pair in full.pairs if (pair.source.layer, pair.target.layer) in keep]
    depths: dict[str, int] = {}
    for pair in sorted(pairs, key=lambda each: each.target.depth):  # sources come before their targets
        source, target = pair.source.layer, pair.target.layer
        depths[target] = max(depths.get(target, 0), depths.setdefault(source, 0) + 1)

    def moved(space: Space) -> Space:
        return replace(space, depth=depths.get(space.layer, 0))

    now = {pair: Pair(moved(pair.source), moved(pair.target)) for pair in pairs}
    order = sorted(pairs, key=lambda each: (now[each].source, now[each].target))
    return replace(
        full,
        pairs=tuple(now[pair] for pair in order),
        moments={now[pair]: full.moments[pair] for pair in order},
        samples={now[pair]: full.samples[pair] for pair in order if pair in full.samples},
        returned={name: moved(space) for name, space in full.returned.items() if name in outputs},
        crossed={(now[a], now[b]): each for (a, b), each in full.crossed.items() if a in now and b in now},
        unpruned=full,
    )
