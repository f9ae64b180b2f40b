"""Which rows a bounded sample keeps, batch after batch."""

import numpy as np
from jaxtyping import Int64, UInt64

from compgraph.statistics import row_priority


class Reservoir:
    """Keeps the row numbers of lowest priority, in slots that those who store the rows share.

    Parameters
    ----------
    capacity
        Largest number of slots.
    seed
        Seed of the priorities.
    """

    def __init__(self, capacity: int, seed: int) -> None:
        self.capacity, self.seed = capacity, seed
        self.ids: Int64[np.ndarray, " m"] = np.empty(0, dtype=np.int64)
        self._priorities = row_priority(self.ids, seed)

    def offer(self, ids: Int64[np.ndarray, " n"]) -> tuple[Int64[np.ndarray, " new"], Int64[np.ndarray, " new"]]:
        """Decide which of the new rows are kept, and in which slots.

        Parameters
        ----------
        ids
            Row numbers of the new rows.

        Returns
        -------
        tuple of numpy.ndarray
            Indices of the new rows that are kept, and the slot of each; other rows may have been there before.
        """
        held, priorities = len(self.ids), row_priority(ids, self.seed)
        # Once the slots are full hardly any row is a candidate, and most of the work ends here.
        candidates = (
            np.flatnonzero(priorities < self._priorities.max()) if held == self.capacity else np.arange(len(ids))
        )
        if len(candidates) == 0:
            return candidates, candidates
        everything = np.concatenate([self._priorities, priorities[candidates]])
        n_slots = min(self.capacity, len(everything))
        lowest = np.argpartition(everything, n_slots - 1)[:n_slots]
        new = candidates[lowest[lowest >= held] - held]
        free = np.ones(n_slots, dtype=bool)
        free[lowest[lowest < held]] = False
        slots = np.flatnonzero(free)
        if n_slots > held:
            self.ids, self._priorities = _longer(self.ids, n_slots), _longer(self._priorities, n_slots)
        self.ids[slots], self._priorities[slots] = ids[new], priorities[new]
        return new, slots

    def state(self) -> tuple[Int64[np.ndarray, " m"], UInt64[np.ndarray, " m"]]:
        """Return a copy of what is held, for `restore`.

        Returns
        -------
        tuple of numpy.ndarray
            Row numbers and priorities.
        """
        return self.ids.copy(), self._priorities.copy()

    def restore(self, state: tuple[Int64[np.ndarray, " m"], UInt64[np.ndarray, " m"]]) -> None:
        """Go back to an earlier state.

        Parameters
        ----------
        state
            From `state`.
        """
        self.ids, self._priorities = state

    @property
    def order(self) -> Int64[np.ndarray, " m"]:
        """Slots by increasing priority."""
        return np.argsort(self._priorities)


def _longer(array: np.ndarray, length: int) -> np.ndarray:
    return np.concatenate([array, np.zeros(length - len(array), dtype=array.dtype)])
