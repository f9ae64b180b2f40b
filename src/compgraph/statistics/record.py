"""What one pass over the data leaves behind: statistics for every pair of facing spaces."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from compgraph.errors import BadRequest, EmptyData
from compgraph.records import brief, freeze, rebuilt
from compgraph.statistics.moments import Moments
from compgraph.statistics.probe import Look, MergedProbe, Probe
from compgraph.statistics.sample import Sample
from compgraph.statistics.spaces import Pair, Space

SCHEMA = "compgraph-statistics/1"
NO_LOOK = Look()
FEWEST = 2  # rows; with fewer nothing varies


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
    probe
        Asks the model again on a sample of its inputs; ``None`` for statistics read from elsewhere, and for a sum with
        such.
    asked
        What `collect` was asked for, to look at the model on other data in the same way.
    schema
        Version of this record.
    """

    pairs: tuple[Pair, ...]
    moments: Mapping[Pair, Moments]
    samples: Mapping[Pair, Sample]
    n_samples: int
    notes: tuple[str, ...] = ()
    probe: Probe | None = None
    asked: Look = NO_LOOK
    schema: str = SCHEMA

    __repr__ = brief
    __reduce__ = rebuilt

    def __post_init__(self) -> None:
        if self.schema != SCHEMA or type(self.asked) is not Look:
            raise BadRequest(
                f"statistics of version {self.schema!r} came, or from before there were versions; this compgraph reads "
                f"{SCHEMA!r}. Collect them from the model again."
            )
        freeze(self, "moments", "samples")

    @property
    def spaces(self) -> tuple[Space, ...]:
        """All spaces in the order in which data flows through them."""
        return tuple(sorted({space for pair in self.pairs for space in (pair.source, pair.target)}))

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the tapped sites, from the model's input to its output."""
        return tuple(dict.fromkeys(space.layer for space in self.spaces))

    @property
    def gradients(self) -> Probe | None:
        """The former name of `probe`."""
        warnings.warn("Statistics.gradients is called Statistics.probe from 0.2 on.", DeprecationWarning, stacklevel=2)
        return self.probe

    def live(self, purpose: str, *, instead: str = "") -> Probe:
        """Return what asks the model again.

        Parameters
        ----------
        purpose
            What it is needed for, as the subject of a sentence.
        instead
            What else would do, for the message.

        Returns
        -------
        Probe
            Of the model that was collected from.

        Raises
        ------
        BadRequest
            When the statistics came without a model.
        """
        if self.probe is None:
            raise BadRequest(
                f"{purpose} needs the model, which these statistics do not hold; collect them from the model again"
                f"{instead and ', or '}{instead}."
            )
        return self.probe

    def require_rows(self) -> None:
        """Refuse statistics of so few rows that nothing can vary.

        Raises
        ------
        EmptyData
            Naming the number of rows.
        """
        fewest = min((each.n for each in self.moments.values()), default=0)
        if fewest < FEWEST:
            raise EmptyData(
                f"data has {fewest} row. At least {FEWEST} are needed for anything to vary, and many more than "
                "features for trustworthy components."
            )

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
            _merged(self.probe, other.probe),
            self.asked,
        )


def _merged(one: Probe | None, other: Probe | None) -> Probe | None:
    """Merge two probes; statistics half of which have no model have none."""
    return None if one is None or other is None else MergedProbe(one.parts() + other.parts())
