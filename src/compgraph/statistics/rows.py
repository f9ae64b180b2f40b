"""Which rows of a data set statistics are of: sets of numbers that are small where the numbers follow a rule."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from compgraph.errors import BadRequest

SHOWN = 3  # runs that a text lists


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A set of row numbers, as arithmetic progressions.

    Attributes
    ----------
    runs
        One progression a row: its first number, how many there are, and the step.

    Notes
    -----
    Takes 24 bytes for a contiguous part of the data or every k-th row of it, and 12 bytes a row for rows that follow no
    rule.
    """

    runs: Int64[np.ndarray, "k 3"]

    def __post_init__(self) -> None:
        runs = np.array(self.runs)
        runs.flags.writeable = False
        object.__setattr__(self, "runs", runs)

    @classmethod
    def of(cls, ids: Int64[np.ndarray, " n"]) -> "Rows":
        """Return the set of some numbers.

        Parameters
        ----------
        ids
            In any order.

        Returns
        -------
        Rows
            Cost O(n log n).

        Raises
        ------
        BadRequest
            When a number comes twice.
        """
        ids = np.sort(np.asarray(ids, dtype=np.int64))
        steps = np.diff(ids)
        if len(ids) and (steps == 0).any():
            twice = int(ids[np.flatnonzero(steps == 0)[0]])
            raise _twice(twice)
        runs, at = [], 0
        changes = np.flatnonzero(np.diff(steps)) + 1  # where a step differs from the one before
        for end in [*changes.tolist(), len(steps)]:
            if at < len(ids) and (end > at or end == len(steps)):
                n = end - at + 1
                runs.append((int(ids[at]), n, int(steps[at]) if n > 1 else 1))
                at = end + 1
        if at < len(ids):
            runs.append((int(ids[at]), 1, 1))
        return cls(_array(runs))

    @classmethod
    def between(cls, first: int, stop: int) -> "Rows":
        """Return the set of consecutive numbers.

        Parameters
        ----------
        first, stop
            The first one, and the one after the last.

        Returns
        -------
        Rows
            Empty where they are equal.
        """
        return cls(_array([(first, stop - first, 1)] if stop > first else []))

    @classmethod
    def union(cls, parts: Iterable["Rows"]) -> "Rows":
        """Return all numbers of several sets.

        Parameters
        ----------
        parts
            That have no number in common.

        Returns
        -------
        Rows
            The same whatever their order.

        Raises
        ------
        BadRequest
            Naming a number that is in two of them.
        """
        every = list(parts)
        whole = sorted((int(first), int(first + n)) for each in every for first, n, step in each.runs if step == 1)
        if sum(len(each.runs) for each in every) == len(whole):  # contiguous ones need no list of their numbers
            joined: list[tuple[int, int]] = []
            for first, stop in whole:
                if joined and first < joined[-1][1]:
                    raise _twice(first)
                if joined and first == joined[-1][1]:
                    joined[-1] = (joined[-1][0], stop)
                else:
                    joined.append((first, stop))
            return cls(_array([(first, stop - first, 1) for first, stop in joined]))
        return cls.of(np.concatenate([each.ids for each in every]))

    @property
    def ids(self) -> Int64[np.ndarray, " n"]:
        """The numbers, in order within each run."""
        found = [first + step * np.arange(n) for first, n, step in self.runs]
        return np.concatenate(found) if found else np.empty(0, dtype=np.int64)

    @property
    def first(self) -> int:
        """The smallest number, and 0 where there is none."""
        return int(self.runs[:, 0].min()) if len(self.runs) else 0

    @property
    def gaps(self) -> "Rows":
        """The numbers from 0 on, below the largest, that are missing."""
        if (self.runs[:, 2] == 1).all():  # contiguous ones need no list of their numbers
            runs = self.runs[np.argsort(self.runs[:, 0])]
            before, after = np.concatenate([[0], runs[:, 0] + runs[:, 1]])[:-1], runs[:, 0]
            found = np.column_stack([before, after - before, np.ones(len(runs), dtype=np.int64)])
            return Rows(found[found[:, 1] > 0])
        before = np.concatenate([[-1], np.sort(self.ids)])
        missing = np.diff(before) - 1
        here = missing > 0
        return Rows(np.column_stack([before[:-1][here] + 1, missing[here], np.ones(here.sum(), dtype=np.int64)]))

    def __len__(self) -> int:
        return int(self.runs[:, 1].sum())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rows):
            return NotImplemented
        return len(self) == len(other) and np.array_equal(np.sort(self.ids), np.sort(other.ids))

    def __hash__(self) -> int:
        return hash((len(self), self.first))

    def __str__(self) -> str:
        shown = [_in_words(*map(int, run)) for run in self.runs[:SHOWN]]
        more = len(self.runs) - SHOWN
        return ", ".join([*shown, *([f"and {more} more runs"] if more > 0 else [])]) or "none"


def _array(runs: Sequence[tuple[int, int, int]]) -> Int64[np.ndarray, "k 3"]:
    return np.array(runs, dtype=np.int64).reshape(-1, 3)


def _twice(row: int) -> BadRequest:
    return BadRequest(
        f"row {row} comes twice, and each row of the data counts once. Give each part the number of its first row, "
        "first_row=, or of every row, row_ids=."
    )


def _in_words(first: int, n: int, step: int) -> str:
    if n == 1:
        return str(first)
    every = "" if step == 1 else f" by {step}"
    return f"{first}-{first + (n - 1) * step}{every}"
