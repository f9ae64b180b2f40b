"""What statistics ask a live model again, on the inputs that a pass kept: the protocol, and the sum of several."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64

from compgraph.records import brief
from compgraph.statistics.gradients import GradientMoments, RowGradients
from compgraph.statistics.responses import FiltersOf, Responses
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


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dormant:
    """What is left of a probe without its model: enough to make it again beside the same model.

    Attributes
    ----------
    facts
        What JSON can hold.
    arrays
        By the names that the facts use.
    """

    facts: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]

    __repr__ = brief


@runtime_checkable
class Probe(Protocol):
    """Asks a model again, on the inputs that a pass kept."""

    def joined(self, others: Sequence["Probe"]) -> "Probe":
        """Return one probe in place of those of several parts of the data, this one first.

        Parameters
        ----------
        others
            Of the same model.

        Returns
        -------
        Probe
            On the inputs that one pass over all parts would have kept, where the probes know how.
        """
        ...

    def fingerprint(self) -> Mapping[str, str]:
        """Return a hash of every parameter and buffer of the model as it is now.

        Returns
        -------
        Mapping
            By name; empty where the probe has no such model.
        """
        ...

    def dormant(self) -> Dormant:
        """Return what is needed to make the probe again beside the same model: its kept inputs, and the sites.

        Returns
        -------
        Dormant
            Without the model.
        """
        ...

    def settled(self, full: "compgraph.statistics.record.Statistics") -> "compgraph.statistics.record.Statistics":
        """Return statistics without the pairs that the kept inputs speak against.

        Parameters
        ----------
        full
            Of all pairs, with this probe.

        Returns
        -------
        Statistics
            The same where there are none.
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
        self, filters: Float64[np.ndarray, "q d"], most: int | None = None
    ) -> Iterator[Mapping[Space, Float32[np.ndarray, "n q p"]]]:
        """Yield gradients of scores of the output with respect to rows of every space before it, in chunks.

        Parameters
        ----------
        filters
            One score of the output per row.
        most
            Inputs that are used, a random choice; all that were kept without.

        Yields
        ------
        Mapping
            Space to gradients of the next kept inputs.
        """
        ...

    def responses(
        self, twins: Sequence[int], filters: FiltersOf, most: int | None = None
    ) -> Iterator[Responses | None]:
        """Yield what untrained twins do on the kept inputs, several of them at once where that is quicker.

        Parameters
        ----------
        twins
            Seeds of their weights.
        filters
            Chooses the scores of one twin.
        most
            Inputs on which scores are differentiated, as `output_gradients` takes it.

        Yields
        ------
        Responses or None
            Of each twin in turn; None for one that has to be looked at by itself, with `again`.
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
