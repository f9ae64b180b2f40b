"""What a component method returns."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64


class Directions(NamedTuple):
    """Directions found by a component method, the most important first.

    A method may return a plain ``(axes, strength)``; the rest then follows from these two.

    Attributes
    ----------
    axes
        One filter per row: the score of a row ``x`` is ``axes @ (x - center)``.
    strength
        How much each one accounts for, in the units of the method (variance, or gradient energy).
    gap
        Relative distance of the eigenvalue or singular value that chose the direction to the nearest other one that
        it was chosen from; near 0 the direction is arbitrary within a degenerate block.
    patterns
        What the activations do when a score rises by one: the dual of ``axes``.
    block
        Number of the block that a direction is in, where the method finds blocks.
    part
        Number of its part of that block.
    total
        Strength of the whole space; its variance where none is given.
    """

    axes: Float64[np.ndarray, "k d"]
    strength: Float64[np.ndarray, " k"]
    gap: Float64[np.ndarray, " k"] | None = None
    patterns: Float64[np.ndarray, "k d"] | None = None
    block: Int64[np.ndarray, " k"] | None = None
    part: Int64[np.ndarray, " k"] | None = None
    total: float | None = None
