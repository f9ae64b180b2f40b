"""Numbers of the samples that a pass has seen."""

import numpy as np
from jaxtyping import Int64

from compgraph.statistics import Rows


class Numbers:
    """Takes in the numbers of one batch after the other; consecutive ones take no memory."""

    def __init__(self) -> None:
        self.n = 0
        self._spans: list[list[int]] = []
        self._others: list[Int64[np.ndarray, " n"]] = []

    def add(self, ids: Int64[np.ndarray, " n"]) -> None:
        """Take in the numbers of a batch.

        Parameters
        ----------
        ids
            In any order.
        """
        self.n += len(ids)
        if len(ids) == 0:
            return
        first, stop = int(ids[0]), int(ids[-1]) + 1
        if stop - first != len(ids) or (np.diff(ids) != 1).any():
            self._others.append(ids.copy())
        elif self._spans and self._spans[-1][1] == first:
            self._spans[-1][1] = stop
        else:
            self._spans.append([first, stop])

    def set(self) -> Rows:
        """Return all numbers.

        Returns
        -------
        Rows
            Of all batches.

        Raises
        ------
        BadRequest
            When one came twice.
        """
        spans = [Rows.between(*each) for each in self._spans]
        return Rows.union([*spans, *([Rows.of(np.concatenate(self._others))] if self._others else [])])
