"""A bounded sample of rows that does not depend on the order in which rows arrive."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64, UInt64

from compgraph.arguments import checked
from compgraph.errors import BadRequest, ShapeError
from compgraph.records import brief, read_only


@checked
def row_priority(ids: Int64[np.ndarray, " n"], seed: int) -> UInt64[np.ndarray, " n"]:
    """Give every row id a pseudo-random rank that depends on the id and the seed alone.

    Parameters
    ----------
    ids
        Row numbers, unique over the whole data.
    seed
        Chooses one of 2^64 orders.

    Returns
    -------
    numpy.ndarray
        Distinct ids get distinct ranks, since the mixing is a bijection of 64-bit words.

    References
    ----------
    Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014),
    doi:10.1145/2714064.2660195.

    Examples
    --------
    >>> np.argsort(row_priority(np.arange(5), seed=0)).tolist(), np.argsort(row_priority(np.arange(5), seed=1)).tolist()
    ([0, 3, 1, 4, 2], [3, 4, 1, 2, 0])
    """
    word = ids.astype(np.uint64) + np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    for multiplier, shift in ((0xBF58476D1CE4E5B9, 30), (0x94D049BB133111EB, 27)):
        word = (word ^ (word >> np.uint64(shift))) * np.uint64(multiplier)
    return np.asarray(word ^ (word >> np.uint64(31)))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sample:
    """At most ``capacity`` rows drawn uniformly without replacement: those of lowest priority.

    Merging keeps the lowest priorities of both sides, so the result depends on the rows and the seed, never
    on batch size, order or sharding.

    Attributes
    ----------
    x, y
        Rows observed together, sorted by priority.
    ids
        Their row numbers in the whole data.
    n
        Number of rows seen.
    capacity
        Largest number of rows kept.
    seed
        Seed of the priorities.
    """

    x: Float64[np.ndarray, "m p"]
    y: Float64[np.ndarray, "m q"]
    ids: Int64[np.ndarray, " m"]
    n: int
    capacity: int
    seed: int

    __repr__ = brief

    def __post_init__(self) -> None:
        if self.capacity < 1:
            raise BadRequest(f"a sample of {self.capacity} rows holds nothing; ask for a capacity of at least 1.")
        object.__setattr__(self, "x", read_only(self.x))
        object.__setattr__(self, "y", read_only(self.y))

    @classmethod
    def of(
        cls,
        x: Float[np.ndarray, "n p"],
        y: Float[np.ndarray, "n q"],
        *,
        ids: Int64[np.ndarray, " n"],
        capacity: int,
        seed: int,
    ) -> "Sample":
        """Draw a sample of rows held in memory.

        Parameters
        ----------
        x, y
            Rows observed together.
        ids
            Their row numbers, unique over everything that will be merged.
        capacity
            Largest number of rows kept.
        seed
            Seed of the priorities.

        Returns
        -------
        Sample
            Cost O(n log n) time, O(capacity) memory kept.

        Raises
        ------
        BadRequest
            When ``capacity`` is below 1 or an id comes twice.
        """
        order = np.argsort(row_priority(ids, seed))[: max(capacity, 0)]
        if len(np.unique(ids)) != len(ids):
            raise BadRequest("a row id comes twice; a sample needs ids that are unique over the whole data.")
        return cls(x[order].astype(np.float64), y[order].astype(np.float64), ids[order], len(ids), capacity, seed)

    def __add__(self, other: "Sample") -> "Sample":
        if (self.capacity, self.seed) != (other.capacity, other.seed):
            raise BadRequest(
                f"samples of capacity {self.capacity}, seed {self.seed} and capacity {other.capacity}, seed "
                f"{other.seed} do not merge; draw both with the same capacity and seed."
            )
        if (self.x.shape[1], self.y.shape[1]) != (other.x.shape[1], other.y.shape[1]):
            raise ShapeError(
                f"samples with {self.x.shape[1]} + {self.y.shape[1]} and {other.x.shape[1]} + "
                f"{other.y.shape[1]} features do not merge; both must come from the same pair of spaces."
            )
        if self.is_withheld or other.is_withheld:
            return Sample(self.x, self.y, self.ids, self.n + other.n, self.capacity, self.seed).withheld()
        merged = Sample.of(
            np.concatenate([self.x, other.x]),
            np.concatenate([self.y, other.y]),
            ids=np.concatenate([self.ids, other.ids]),
            capacity=self.capacity,
            seed=self.seed,
        )
        return Sample(merged.x, merged.y, merged.ids, self.n + other.n, self.capacity, self.seed)

    @property
    def is_withheld(self) -> bool:
        """Whether the rows were left out of the file that the sample comes from."""
        return self.n > 0 and len(self.ids) == 0

    def withheld(self) -> "Sample":
        """Return the sample without its rows, which may be private.

        Returns
        -------
        Sample
            That knows how many rows were seen.
        """
        return Sample(self.x[:0], self.y[:0], self.ids[:0], self.n, self.capacity, self.seed)

    @property
    def weight(self) -> float:
        """Number of rows of the data that each kept row stands for."""
        return self.n / len(self.ids) if len(self.ids) else 0.0
