"""Whether a network comes apart: gaps among the leaks of its modes."""

from typing import Literal

import numpy as np
from jaxtyping import Float64

Outputs = Literal["fixed", "free"]

# Chosen on seeds 0 to 59 of the toys. Where outputs may turn there are modes for every pair of them, more than for
# single outputs, so that chance brings the first ones closer together and a smaller gap says as much. Of networks
# without tasks, only untrained ones have gaps near these, and their twins tell those.
LARGEST_LEAK = {"free": 0.07, "fixed": 0.1}  # blocks that leak more than this are not apart
# Nor are those that leak more than this part of what varies: what is constant in the derivatives leaks nothing in its
# own singular vectors, whatever they are.
LARGEST_PART = {"free": 0.2, "fixed": 0.28}
SMALLEST_GAP = {
    "free": 1.7,
    "fixed": 2.7,
}  # the next mode must leak this many times as much as the last one that counts
SAME_LEAK = 0.005  # differences below this say nothing
CEILING = 0.5  # leaks above this are alike: nothing couples
SMALLEST_BEND = 0.05  # with Jacobians that vary less than this part of their size, any basis is as good as another


def largest_leak(outputs: Outputs, bend: float) -> float:
    """Return the largest leak that counts as little.

    Parameters
    ----------
    outputs
        Of which modes.
    bend
        Of the network: leaks count as little only beside what varies.

    Returns
    -------
    float
        Below 1.
    """
    return min(LARGEST_LEAK[outputs], bend * LARGEST_PART[outputs])


def gaps(leak: Float64[np.ndarray, " m"], outputs: Outputs, bend: float = 1.0) -> list[tuple[int, float]]:
    """List the gaps among leaks after modes that leak little, the widest first.

    Parameters
    ----------
    leak
        Increasing.
    outputs
        Which modes they are of.
    bend
        Of the network: leaks count as little only beside what varies.

    Returns
    -------
    list of tuple
        Number of modes before the gap, and how many times as much the next one leaks as the last, in units of the
        smallest number that counts.
    """
    # Free modes end where outputs or directions do; a mode beyond them leaks all. Fixed ones end with as many blocks as
    # outputs, which says nothing about gaps.
    following = np.append(leak[1:], 1.0) if outputs == "free" else leak[1:]
    last = leak[: len(following)]
    ratio = np.minimum(following, CEILING) / (last + SAME_LEAK) / SMALLEST_GAP[outputs]
    few = np.flatnonzero(last <= largest_leak(outputs, bend))
    return [(int(i) + 1, float(ratio[i])) for i in few[np.argsort(-ratio[few], kind="stable")]]
