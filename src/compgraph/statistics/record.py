"""What one pass over the data leaves behind: statistics for every pair of facing spaces."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from compgraph.errors import BadRequest, EmptyData
from compgraph.records import brief, freeze, rebuilt
from compgraph.statistics.facing import read_together, written_together
from compgraph.statistics.files.saved import SCHEMA
from compgraph.statistics.files.stored import Stored
from compgraph.statistics.identity import Identity, require_unchanged
from compgraph.statistics.merging import added
from compgraph.statistics.moments import Moments
from compgraph.statistics.probe import Dormant, Look, Probe
from compgraph.statistics.sample import Sample
from compgraph.statistics.spaces import Pair, Space

NO_LOOK = Look()
FEWEST = 2  # rows; with fewer nothing varies


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Statistics(Stored):
    """Everything `collect` keeps of a model and its data: no activations, only their statistics.

    Attributes
    ----------
    pairs
        Facing spaces, one for each arrow of the graph of sites, in order of depth.
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
    returned
        What the model returns: the name of each output to the space that it is. Where none are given, the last space is
        the one output.
    crossed
        For every two pairs that end at one space, the centred sum of products of what they start from.
    identity
        Of which model, rows and options they are; ``None`` for statistics made by hand.
    dormant
        What is left of the probe of each part where the statistics come from files that hold inputs.
    unpruned
        Statistics of all pairs, where the data spoke against some: other data may speak for them.
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
    returned: Mapping[str, Space] = field(default_factory=dict)
    crossed: Mapping[tuple[Pair, Pair], Float64[np.ndarray, "_ _"]] = field(default_factory=dict)
    identity: Identity | None = None
    dormant: tuple[Dormant, ...] = ()
    unpruned: "Statistics | None" = None
    schema: str = SCHEMA

    __repr__ = brief
    __reduce__ = rebuilt

    def __post_init__(self) -> None:
        if self.schema != SCHEMA or type(self.asked) is not Look:
            raise BadRequest(
                f"statistics of version {self.schema!r} came, or from before there were versions; this compgraph reads "
                f"{SCHEMA!r}. Collect them from the model again."
            )
        if not self.returned and self.pairs:
            object.__setattr__(self, "returned", {"output": self.pairs[-1].target})
        freeze(self, "moments", "samples", "returned", "crossed")

    @property
    def spaces(self) -> tuple[Space, ...]:
        """All spaces in the order in which data flows through them."""
        return tuple(sorted({space for pair in self.pairs for space in (pair.source, pair.target)}))

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the tapped sites, from the model's inputs to its outputs."""
        return tuple(dict.fromkeys(space.layer for space in self.spaces))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the model's outputs, in the order in which it returns them."""
        return tuple(self.returned)

    def into(self, space: Space) -> tuple[Pair, ...]:
        """Return the pairs that end at a space.

        Parameters
        ----------
        space
            What a site writes.

        Returns
        -------
        tuple of Pair
            One for each site that it reads.
        """
        return tuple(pair for pair in self.pairs if pair.target == space)

    def out_of(self, space: Space) -> tuple[Pair, ...]:
        """Return the pairs that start from a space.

        Parameters
        ----------
        space
            What is read of a site.

        Returns
        -------
        tuple of Pair
            One for each site that reads it.
        """
        return tuple(pair for pair in self.pairs if pair.source == space)

    def facing(self, space: Space) -> Moments:
        """Return the moments of a space with everything that faces it.

        Parameters
        ----------
        space
            An ``"out"`` side faces all that its site reads, side by side; an ``"in"`` side all that its readers write.

        Returns
        -------
        Moments
            ``x`` comes before ``y`` in the model: of an ``"out"`` side the space is ``y``, of an ``"in"`` side ``x``.
            Readers at other grids of positions count by their covariances, in units of the rows of the finest.
        """
        pairs = self.into(space) if space.side == "out" else self.out_of(space)
        return read_together(self, pairs) if space.side == "out" else written_together(self, pairs)

    def of_space(self, space: Space) -> Moments:
        """Return the moments of a space with itself.

        Parameters
        ----------
        space
            Either side of a site.

        Returns
        -------
        Moments
            Over the rows of the finest grid of positions at which something faces it.
        """
        pairs = self.into(space) if space.side == "out" else self.out_of(space)
        pair = max(pairs, key=lambda each: self.moments[each].n)
        found = self.moments[pair]
        mean, scatter = (found.mean_y, found.yy) if space.side == "out" else (found.mean_x, found.xx)
        return Moments(found.n, mean, mean, scatter, scatter, scatter)

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
        ForeignRecord
            When the model has changed since, naming the first parameter or buffer that did: costs a hash of it, some
            0.7 s for each gigabyte.
        """
        if self.probe is None:
            attach = "take stats.attach(model)" if self.dormant else "collect them from the model again"
            raise BadRequest(
                f"{purpose} needs the model, which these statistics do not hold; {attach}"
                f"{instead and ', or '}{instead}."
            )
        if self.identity is not None:
            require_unchanged(self.identity, self.probe.fingerprint(), purpose)
        return self.probe

    def require_rows(self) -> None:
        """Refuse statistics of so few rows that nothing can vary.

        Raises
        ------
        EmptyData
            Naming their number.
        """
        fewest = min((each.n for each in self.moments.values()), default=0)
        if fewest < FEWEST:
            raise EmptyData(
                f"data has {fewest} row. At least {FEWEST} are needed for anything to vary, and many more than "
                "features for trustworthy components."
            )

    def __add__(self, other: "Statistics") -> "Statistics":
        return added(self, other)
