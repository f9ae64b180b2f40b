"""A bounded sample of a model's inputs."""

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from compgraph.errors import ShapeError
from compgraph.observe.run.batches import Call
from compgraph.observe.sums.reservoir import Reservoir

_BYTES = 256 * 2**20


class InputSample:
    """At most ``capacity`` inputs, those of lowest priority, on the CPU and in storage of their own.

    Parameters
    ----------
    call
        The first batch, for the shapes of its arguments.
    capacity
        Largest number of inputs; fewer are kept where they would take more than 256 MiB.
    seed
        Seed of the choice.
    """

    def __init__(self, call: Call, *, capacity: int, seed: int) -> None:
        one = call.rows(lambda each: each[:1])
        size = sum(each.numel() * each.element_size() for each in one.tensors)
        room = max(2, _BYTES // max(size, 1))
        self.notes: tuple[str, ...] = ()
        if room < capacity:
            self.notes = (f"Gradients use {room} inputs instead of {capacity}: each takes {size / 1e6:.1f} MB.",)
        self.reservoir = Reservoir(min(capacity, room), seed)
        self._size = call.size
        self._per_sample = [_per_sample(each, call.size) for each in call.tensors]
        self._held = call.map(lambda each: self._room(each, call.size))

    def add(self, call: Call, ids: Int64[np.ndarray, " n"]) -> None:
        """Consider the inputs of one batch.

        Parameters
        ----------
        call
            Its arguments.
        ids
            Numbers of its samples.

        Raises
        ------
        ShapeError
            When they have another shape than those of the first batch.
        """
        new, slots = (torch.from_numpy(each) for each in self.reservoir.offer(ids))
        for held, given, counts in zip(self._held.tensors, call.tensors, self._per_sample, strict=False):
            if counts and len(new):
                self._require_shape(held, given)
                held[slots] = given.detach()[new.to(given.device)].to(held)

    def __len__(self) -> int:
        return len(self.reservoir.ids)

    def take(self, start: int, stop: int) -> tuple[Call, Int64[np.ndarray, " m"]]:
        """Return some of the kept inputs, by increasing priority.

        Parameters
        ----------
        start, stop
            Which ones.

        Returns
        -------
        tuple
            A call on the CPU, and the numbers of its samples.
        """
        order = self.reservoir.order[start:stop]
        index, counts = torch.from_numpy(order), iter(self._per_sample)
        return self._held.map(lambda each: each[index] if next(counts) else each), self.reservoir.ids[order]

    def _require_shape(self, held: Tensor, given: Tensor) -> None:
        if held.shape[1:] != given.shape[1:]:
            raise ShapeError(
                f"the model's input has the shape {tuple(given.shape)} where the first batch had "
                f"{(self._size, *held.shape[1:])}: only the number of samples may change. Pad or crop the inputs to "
                "one size."
            )

    def _room(self, each: Tensor, size: int) -> Tensor:
        if not _per_sample(each, size):
            return each.detach().cpu().clone()
        return torch.empty(self.reservoir.capacity, *each.shape[1:], dtype=each.dtype)


def _per_sample(each: Tensor, size: int) -> bool:
    return each.dim() > 0 and len(each) == size
