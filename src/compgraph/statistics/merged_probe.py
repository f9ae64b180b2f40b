"""The probes of several passes side by side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Float64

from compgraph.errors import BadRequest
from compgraph.statistics.gradients import GradientMoments, RowGradients
from compgraph.statistics.probe import Dormant, Probe
from compgraph.statistics.responses import FiltersOf
from compgraph.statistics.spaces import Pair, Space

if TYPE_CHECKING:
    import compgraph.statistics.record


@dataclass(frozen=True, slots=True, eq=False)
class MergedProbe:
    """The probes of several passes over parts of the data, side by side: a `Probe` like any other.

    For probes that do not know which inputs one pass would have kept. Every input that a pass kept counts once, so that
    parts are represented by equally many inputs whatever their size.

    Attributes
    ----------
    probes
        One for each pass.
    """

    probes: tuple[Probe, ...]

    def joined(self, others: Sequence[Probe]) -> Probe:
        """Return the probes of more passes side by side.

        Parameters
        ----------
        others
            Of the same model.

        Returns
        -------
        Probe
            In order.
        """
        return MergedProbe((*self.probes, *others))

    def fingerprint(self) -> Mapping[str, str]:
        """Return the hashes of the model of the first probe.

        Returns
        -------
        Mapping
            Parts of one data set have one model.
        """
        return self.probes[0].fingerprint()

    def dormant(self) -> Dormant:
        """Refuse to be stored.

        Returns
        -------
        Dormant
            Never.

        Raises
        ------
        BadRequest
            As nothing joins what the parts kept.
        """
        raise BadRequest("the inputs of several probes side by side are not stored; store each part by itself.")

    def settled(self, full: "compgraph.statistics.record.Statistics") -> "compgraph.statistics.record.Statistics":
        """Leave statistics as they are.

        Parameters
        ----------
        full
            Of all pairs.

        Returns
        -------
        Statistics
            The same.
        """
        return full

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
        self, filters: Float64[np.ndarray, "q d"], most: int | None = None
    ) -> Iterator[Mapping[Space, Float32[np.ndarray, "n q p"]]]:
        """Yield the gradients of all probes, one probe after the other.

        Parameters
        ----------
        filters
            One score of the output per row.
        most
            Inputs that are used, as many of each probe.

        Yields
        ------
        Mapping
            As each probe does.
        """
        for probe in self.probes:
            yield from probe.output_gradients(filters, most and -(-most // len(self.probes)))

    def responses(self, twins: Sequence[int], filters: FiltersOf, most: int | None = None) -> Iterator[None]:
        """Leave every twin to be looked at by itself.

        Parameters
        ----------
        twins
            Seeds.
        filters, most
            Not asked.

        Yields
        ------
        None
            For each twin.
        """
        del filters, most  # what suits one part of the inputs need not suit the others
        yield from [None] * len(twins)

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
