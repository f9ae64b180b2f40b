"""What statistics ask a live model again, on the inputs that a pass kept: the protocol, and the sum of several."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64

from compgraph.statistics.gradients import GradientMoments, RowGradients
from compgraph.statistics.spaces import Pair, Space

if TYPE_CHECKING:
    import compgraph.statistics.record

POSITIONS = 4
"""Rows kept of one sample at one space: neighbouring positions tell nearly the same."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a model was looked at, to look at it on other data in the same way.

    Attributes
    ----------
    layers
        As they were given to `compgraph.collect`; ``None`` where they were chosen.
    rows
        What a row is.
    call, samples, axis
        As they were given.
    """

    layers: Any = None
    rows: Literal["position", "sample"] = "position"
    call: Any = None
    samples: Any = None
    axis: Any = None

    @property
    def options(self) -> dict[str, Any]:
        """The same as keyword arguments of `compgraph.collect`, as far as they were given."""
        given = {"call": self.call, "samples": self.samples, "axis": self.axis}
        return {"layers": self.layers, "rows": self.rows} | {
            name: value for name, value in given.items() if value is not None
        }


@runtime_checkable
class Probe(Protocol):
    """Asks a model again, on the inputs that a pass kept."""

    def parts(self) -> tuple["Probe", ...]:
        """Return the probes of the single passes, itself alone where there was one.

        Returns
        -------
        tuple of Probe
            In the order in which they were added.
        """
        ...

    def trainable(self) -> bool:
        """Tell whether the model has anything that training changes.

        Returns
        -------
        bool
            Without it, an untrained twin would be the model again.
        """
        ...

    def gradient_moments(
        self,
        pair: Pair,
        filters: Float64[np.ndarray, "k q"],
        patterns: Float64[np.ndarray, "m p"] | None = None,
    ) -> GradientMoments:
        """Return moments of the gradients of ``filters @ y`` with respect to ``x``, or along ``patterns``.

        Parameters
        ----------
        pair
            Whose ends ``x`` and ``y`` are.
        filters
            One target score per row.
        patterns
            Directions at the source; with them derivatives along each replace gradients.

        Returns
        -------
        GradientMoments
            Over the kept inputs.
        """
        ...

    def row_gradients(self, pair: Pair, filters: Float64[np.ndarray, "k q"]) -> RowGradients:
        """Return the gradients of ``filters @ y`` with respect to every kept ``x``.

        Parameters
        ----------
        pair
            Whose ends ``x`` and ``y`` are.
        filters
            One target score per row.

        Returns
        -------
        RowGradients
            In the order of the rows' numbers.
        """
        ...

    def output_gradients(
        self, filters: Float64[np.ndarray, "q d"]
    ) -> Iterator[Mapping[Space, Float32[np.ndarray, "n q p"]]]:
        """Yield gradients of scores of the output with respect to rows of every space before it, in chunks.

        Parameters
        ----------
        filters
            One score of the output per row.

        Yields
        ------
        Mapping
            Space to gradients of the next kept inputs.
        """
        ...

    def again(self, *, twin: int | None = None, first_row: int = 0) -> "compgraph.statistics.record.Statistics":
        """Return statistics of the kept inputs alone: of the model, or of an untrained twin with weights of a seed.

        Parameters
        ----------
        twin
            Seed of the untrained twin's weights; the model itself when None.
        first_row
            Number of the first of the kept inputs.

        Returns
        -------
        Statistics
            With a probe of its own.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class MergedProbe:
    """The probes of several passes over parts of the data: a `Probe` like any other.

    Every input that a pass kept counts once. Parts that are larger than ``sample`` are thus represented by equally many
    inputs whatever their size, unlike the rows of `Sample`, which stay a sample of the whole.

    Attributes
    ----------
    probes
        One for each pass.
    """

    probes: tuple[Probe, ...]

    def parts(self) -> tuple[Probe, ...]:
        """Return the probes of the single passes.

        Returns
        -------
        tuple of Probe
            In the order in which they were added.
        """
        return self.probes

    def trainable(self) -> bool:
        """Tell whether any of the models has anything that training changes.

        Returns
        -------
        bool
            Parts of one data set have one model, whose answer this is.
        """
        return any(probe.trainable() for probe in self.probes)

    def gradient_moments(
        self,
        pair: Pair,
        filters: Float64[np.ndarray, "k q"],
        patterns: Float64[np.ndarray, "m p"] | None = None,
    ) -> GradientMoments:
        """Return the sum of the moments of all probes.

        Parameters
        ----------
        pair
            One that every probe has.
        filters
            One target score per row.
        patterns
            Directions at the source; with them derivatives along each replace gradients.

        Returns
        -------
        GradientMoments
            Over the kept inputs of all parts. Cost: that of each probe.
        """
        first, *others = (probe.gradient_moments(pair, filters, patterns) for probe in self.probes)
        return sum(others, start=first)

    def row_gradients(self, pair: Pair, filters: Float64[np.ndarray, "k q"]) -> RowGradients:
        """Return the gradients of the rows of all probes.

        Parameters
        ----------
        pair
            One that every probe has.
        filters
            One target score per row.

        Returns
        -------
        RowGradients
            In the order of the rows' numbers.
        """
        first, *others = (probe.row_gradients(pair, filters) for probe in self.probes)
        return sum(others, start=first)

    def output_gradients(
        self, filters: Float64[np.ndarray, "q d"]
    ) -> Iterator[Mapping[Space, Float32[np.ndarray, "n q p"]]]:
        """Yield the gradients of all probes, one probe after the other.

        Parameters
        ----------
        filters
            One score of the output per row.

        Yields
        ------
        Mapping
            As each probe does.
        """
        for probe in self.probes:
            yield from probe.output_gradients(filters)

    def again(self, *, twin: int | None = None, first_row: int = 0) -> "compgraph.statistics.record.Statistics":
        """Return the sum of the statistics of what each probe kept.

        Parameters
        ----------
        twin
            Seed of the untrained twin's weights, the same for every part; the model itself when None.
        first_row
            Number of the first of the kept inputs.

        Returns
        -------
        Statistics
            With rows numbered part after part.
        """
        first, *others = self.probes
        found = first.again(twin=twin, first_row=first_row)
        for probe in others:
            found = found + probe.again(twin=twin, first_row=first_row + found.n_samples)
        return found
