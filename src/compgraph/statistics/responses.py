"""How one network responds on the inputs that a pass kept: how its spaces vary, and what its outputs depend on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from compgraph.statistics.moments import Moments
from compgraph.statistics.spaces import Space

FiltersOf = Callable[[Mapping[Space, Moments]], Mapping[str, Float64[np.ndarray, "_ _"]]]
"""From the moments of all spaces that are read, and of the outputs, to the scores of each output by its name."""


@dataclass(frozen=True, slots=True, eq=False)
class Responses:
    """What one network does on the kept inputs.

    Attributes
    ----------
    moments
        Of every space that is read, and of every output, with itself.
    heads
        Number of scores of each output that has any.
    gradients
        Chunk by chunk, and once only: for every space that is read, those of the scores of all outputs side by side
        with respect to some of its rows.
    """

    moments: Mapping[Space, Moments]
    heads: tuple[int, ...]
    gradients: Iterator[Mapping[Space, Float32[np.ndarray, "_ q _"]]]
