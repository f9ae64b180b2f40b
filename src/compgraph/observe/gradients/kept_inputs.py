"""The inputs that a pass kept, on the device of the model, and random signs of their rows."""

from collections.abc import Iterator
from math import prod

import numpy as np
from jaxtyping import Float64, Int64
from torch import nn

from compgraph.observe.budget import FEWEST_INPUTS
from compgraph.observe.data.call import Call
from compgraph.observe.run.rows import Grid
from compgraph.observe.run.unwrap import device_of
from compgraph.observe.sums.input_sample import InputSample
from compgraph.statistics import row_priority

ROWS_OF_A_PAIR = 1024  # enough for gradients between two sites, where each input has many and costs much


class KeptInputs:
    """Gives the kept inputs in chunks, with storage of their own.

    Parameters
    ----------
    model
        Says where they have to be.
    inputs
        The sample.
    """

    def __init__(self, model: nn.Module, inputs: InputSample) -> None:
        self._model, self._inputs = model, inputs

    def chunks(
        self, step: int, *, grid: Grid | None = None, most: int | None = None
    ) -> Iterator[tuple[Call, Int64[np.ndarray, " n"]]]:
        """Iterate over calls of the kept inputs.

        Parameters
        ----------
        step
            Inputs in a call.
        grid
            Positions of a pair of sites. Where inputs are dear, no more are given than make enough rows of it.
        most
            Inputs that are given; all without.

        Yields
        ------
        tuple
            A call, and the numbers of its samples.
        """
        if grid is not None and not self._inputs.all_wanted:
            most = max(FEWEST_INPUTS // 4, -(-ROWS_OF_A_PAIR // prod(grid)))
        for call, ids in self._inputs.chunks(step, most):
            yield call.private(device_of(self._model, call)), ids

    def signs(self, grid: Grid, ids: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " rows"] | None:
        """Return random signs of the rows of samples; they depend on the numbers of the rows and the seed alone.

        Parameters
        ----------
        grid
            Positions at which each sample has a row.
        ids
            Numbers of the samples.

        Returns
        -------
        numpy.ndarray or None
            None where each sample has one row.
        """
        positions = prod(grid)
        if positions == 1:
            return None
        row_ids = (ids[:, None] * positions + np.arange(positions)).reshape(-1)
        return 1.0 - 2.0 * (row_priority(row_ids, self._inputs.reservoir.seed + 1) & np.uint64(1))
