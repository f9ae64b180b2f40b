"""What one pass over the data leaves behind: statistics for every pair of facing spaces."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64

from compgraph.arrays import brief
from compgraph.errors import BadRequest
from compgraph.frozen import freeze, rebuilt
from compgraph.statistics.gradients import GradientMoments
from compgraph.statistics.moments import Moments
from compgraph.statistics.sample import Sample
from compgraph.statistics.spaces import Pair, Space


@runtime_checkable
class GradientSource(Protocol):
    """Something that can differentiate scores at one space with respect to rows at the space before it."""

    def gradient_moments(
        self,
        pair: Pair,
        filters: Float64[np.ndarray, "k q"],
        patterns: Float64[np.ndarray, "m p"] | None = None,
    ) -> GradientMoments:
        """Return moments of the gradients of ``filters @ y`` with respect to ``x``, or along ``patterns``."""
        ...

    def output_gradients(
        self, filters: Float64[np.ndarray, "q d"]
    ) -> Iterator[Mapping[Space, Float32[np.ndarray, "n q p"]]]:
        """Yield gradients of scores of the output with respect to rows of every space before it, in chunks."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class MergedGradients:
    """The gradients of several passes over parts of the data: a `GradientSource` like any other.

    Every input that a pass kept counts once. Parts that are larger than ``sample`` are thus represented by equally many
    inputs whatever their size, unlike the rows of `Sample`, which stay a sample of the whole.

    Attributes
    ----------
    sources
        One for each pass.
    """

    sources: tuple[GradientSource, ...]

    def gradient_moments(
        self,
        pair: Pair,
        filters: Float64[np.ndarray, "k q"],
        patterns: Float64[np.ndarray, "m p"] | None = None,
    ) -> GradientMoments:
        """Return the sum of the moments of all sources.

        Parameters
        ----------
        pair
            One that every source has.
        filters
            One target score per row.
        patterns
            Directions at the source; with them derivatives along each replace gradients.

        Returns
        -------
        GradientMoments
            Over the kept inputs of all parts. Cost: that of each source.
        """
        first, *others = (source.gradient_moments(pair, filters, patterns) for source in self.sources)
        return sum(others, start=first)

    def output_gradients(
        self, filters: Float64[np.ndarray, "q d"]
    ) -> Iterator[Mapping[Space, Float32[np.ndarray, "n q p"]]]:
        """Yield the gradients of all sources, one source after the other.

        Parameters
        ----------
        filters
            One score of the output per row.

        Yields
        ------
        Mapping
            As each source does.
        """
        for source in self.sources:
            yield from source.output_gradients(filters)


def _merged(one: GradientSource | None, other: GradientSource | None) -> GradientSource | None:
    """Merge two sources; statistics half of which cannot be differentiated cannot be differentiated."""
    if one is None or other is None:
        return None
    return MergedGradients(
        tuple(
            part for each in (one, other) for part in (each.sources if isinstance(each, MergedGradients) else (each,))
        )
    )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Statistics:
    """Everything `collect` keeps of a model and its data: no activations, only their statistics.

    Attributes
    ----------
    pairs
        Facing spaces in order of depth, from the model's input to its output.
    moments
        Means and second moments of the rows at both ends of each pair.
    samples
        A bounded sample of the same rows.
    n_samples
        Number of examples seen. A pair may have more rows than that, where positions are rows.
    notes
        Sentences for people: what was chosen on their behalf and what was left out.
    gradients
        Differentiates the model on a sample of its inputs; ``None`` for statistics read from elsewhere, and for a sum
        with such.
    asked
        The ``layers`` and ``rows`` that `collect` was asked for, to observe the model on other data in the same way.
    """

    pairs: tuple[Pair, ...]
    moments: Mapping[Pair, Moments]
    samples: Mapping[Pair, Sample]
    n_samples: int
    notes: tuple[str, ...] = ()
    gradients: GradientSource | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)

    __repr__ = brief
    __reduce__ = rebuilt

    def __post_init__(self) -> None:
        freeze(self, "moments", "samples")

    @property
    def spaces(self) -> tuple[Space, ...]:
        """All spaces in the order in which data flows through them."""
        return tuple(sorted({space for pair in self.pairs for space in (pair.source, pair.target)}))

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the tapped sites, from the model's input to its output."""
        return tuple(dict.fromkeys(space.layer for space in self.spaces))

    def __add__(self, other: "Statistics") -> "Statistics":
        if self.pairs != other.pairs:
            raise BadRequest(
                f"statistics of the layers {', '.join(self.layers)} and {', '.join(other.layers)} do not merge; "
                "collect both with the same layers."
            )
        return Statistics(
            self.pairs,
            {pair: self.moments[pair] + other.moments[pair] for pair in self.pairs},
            {pair: self.samples[pair] + other.samples[pair] for pair in self.pairs},
            self.n_samples + other.n_samples,
            tuple(dict.fromkeys(self.notes + other.notes)),
            _merged(self.gradients, other.gradients),
            self.asked,
        )
