"""Some samples of calls that have the same arguments otherwise."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from compgraph.errors import ShapeError
from compgraph.observe.data.call import Call, leaves_of

CPU = torch.device("cpu")


class KeptCalls:
    """Inputs of calls that have the same arguments, apart from their samples.

    Parameters
    ----------
    call
        The first of them.
    capacity
        Inputs that are kept at most.
    """

    def __init__(self, call: Call, capacity: int) -> None:
        self.capacity = capacity
        self.first = call.rows(slice(0, 0)).private(CPU)
        self.size = call.size
        self.held, self.free = self.first, list[int]()

    def takes(self, call: Call) -> bool:
        """Tell whether a call has the same arguments apart from its samples."""
        if call.axes != self.first.axes or call.names != self.first.names:
            return False
        mine, given = (list(leaves_of(each.args, each.kwargs, each.names)) for each in (self.first, call))
        return [name for name, _ in mine] == [name for name, _ in given] and all(
            _same(a, b, call.axes.get(name)) for (name, a), (_, b) in zip(mine, given, strict=True)
        )

    def put(self, call: Call, new: Tensor) -> Int64[np.ndarray, " new"]:
        """Store some rows of a call, and return their places."""
        self._require_shapes(call)
        lacking = len(new) - len(self.free)
        if lacking > 0:
            self._grow(lacking)
        places = [self.free.pop() for _ in range(len(new))]
        index, given = torch.tensor(places), call.tensors
        for name, mine in self.held.tensors.items():
            axis = self.held.axes[name]
            if axis is not None:
                rows = given[name].detach().index_select(axis, new.to(given[name].device))
                mine.index_copy_(axis, index, rows.to(mine))
        return np.array(places, dtype=np.int64)

    def _grow(self, lacking: int) -> None:
        """Make room by doubling, so that rows are seldom moved, and never beyond what can be kept."""
        before = self.held.size
        now = min(max(before + lacking, 2 * before), max(self.capacity, before + lacking))
        extra = self.first.map(lambda name, each: _rows_like(each, self.first.axes[name], now - before)).tensors
        held = self.held.map(
            lambda name, each: (
                each
                if self.held.axes[name] is None
                else torch.cat([each, extra[name]], dim=int(self.held.axes[name] or 0))
            )
        )
        self.held = replace(held, size=now)
        self.free = [*range(now - 1, before - 1, -1), *self.free]

    def _require_shapes(self, call: Call) -> None:
        given = call.tensors
        for name, mine in self.first.tensors.items():
            axis = self.first.axes[name]
            if axis is None:
                continue
            shape = list(mine.shape)
            shape[axis] = given[name].shape[axis]
            if tuple(shape) != tuple(given[name].shape):
                shape[axis] = self.size
                raise ShapeError(
                    f"the model's input has the shape {tuple(given[name].shape)} where the first batch had "
                    f"{tuple(shape)}: only the number of samples may change. Pad or crop the inputs to one size."
                )


def _rows_like(each: Tensor, axis: int | None, n: int) -> Tensor:
    if axis is None:
        return each
    shape = list(each.shape)
    shape[axis] = n
    return each.new_empty(shape)


def _same(mine: Any, given: Any, axis: int | None) -> bool:
    if isinstance(mine, Tensor) and isinstance(given, Tensor):
        if mine.dtype != given.dtype:
            return False
        return mine.dim() == given.dim() if axis is not None else torch.equal(mine, given.to(mine.device))
    return mine is given or (type(mine) is type(given) and bool(np.all(mine == given)))
