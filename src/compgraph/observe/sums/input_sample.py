"""A bounded sample of a model's inputs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from compgraph.errors import ShapeError
from compgraph.observe.data.call import Call, leaves_of
from compgraph.observe.sums.reservoir import Reservoir

_BYTES = 256 * 2**20
_CPU = torch.device("cpu")
_Ids = Int64[np.ndarray, " n"]


class InputSample:
    """At most ``capacity`` inputs, those of lowest priority, on the CPU and in storage of their own.

    Batches whose samples cannot be taken apart are kept whole instead, the first ones.

    Parameters
    ----------
    call
        The first batch, for the size of its arguments.
    capacity
        Largest number of inputs.
    seed
        Seed of the choice.
    n_bytes
        Fewer are kept where they would take more than this, by default 256 MiB.
    most
        Fewer are kept where gradients of more would take too long.

    Attributes
    ----------
    all_wanted
        Whether time puts no limit to them.
    """

    def __init__(
        self, call: Call, *, capacity: int, seed: int, n_bytes: int | None = None, most: int | None = None
    ) -> None:
        self._notes: tuple[str, ...] = ()
        self._offered = 0
        size = _bytes(call) // max(call.size, 1) if call.whole else _bytes(call.rows(slice(0, 1)))
        room = max(2, (_BYTES if n_bytes is None else n_bytes) // max(size, 1))
        if room < capacity:
            self._notes = (f"Gradients use {room} inputs instead of {capacity}: each takes {size / 1e6:.1f} MB.",)
        self.all_wanted = most is None or most >= min(capacity, room)
        if most is not None and not self.all_wanted:
            room = most
        self.reservoir = Reservoir(min(capacity, room), seed)
        self._kept: list[_Kept] = []
        self._of_slot = np.zeros(self.reservoir.capacity, dtype=np.int64)  # which of them a slot's input is in
        self._place = np.zeros(self.reservoir.capacity, dtype=np.int64)  # and where there
        self._whole: list[tuple[Call, _Ids]] = []

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
            When they have another shape than those of the batches before with the same arguments.
        """
        self._offered += call.size
        if call.whole:
            self._add_whole(call, ids)
            return
        held = len(self.reservoir.ids)
        new, slots = self.reservoir.offer(ids)
        if len(new) == 0:
            return
        for slot in slots[slots < held]:
            self._kept[self._of_slot[slot]].free.append(int(self._place[slot]))
        which = next((i for i, each in enumerate(self._kept) if each.takes(call)), len(self._kept))
        if which == len(self._kept):
            self._kept.append(_Kept(call, self.reservoir.capacity))
        self._of_slot[slots] = which
        self._place[slots] = self._kept[which].put(call, torch.from_numpy(new))
        self._drop_empty()

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on inputs that were not kept."""
        few = self.reservoir.capacity
        if self.all_wanted or self._offered <= few:
            return self._notes
        return (*self._notes, f"Gradients use {few} of {self._offered} inputs: the model computes much for each.")

    def __len__(self) -> int:
        return len(self.reservoir.ids) + sum(call.size for call, _ in self._whole)

    @property
    def nbytes(self) -> int:
        """Size of everything that is kept."""
        return sum(_bytes(each.held) for each in self._kept) + sum(_bytes(call) for call, _ in self._whole)

    def chunks(self, step: int) -> Iterator[tuple[Call, Int64[np.ndarray, " m"]]]:
        """Iterate over the kept inputs, those with the same arguments together and by increasing priority.

        Parameters
        ----------
        step
            Number of inputs at a time; batches that are kept whole come whole.

        Yields
        ------
        tuple
            A call on the CPU, and the numbers of its samples.
        """
        order = self.reservoir.order
        for which, kept in enumerate(self._kept):
            mine = order[self._of_slot[order] == which]
            for start in range(0, len(mine), step):
                slots = mine[start : start + step]
                yield kept.held.rows(torch.from_numpy(self._place[slots])), self.reservoir.ids[slots]
        yield from self._whole

    def _drop_empty(self) -> None:
        """Forget arguments none of whose samples are left, with what those shared."""
        left = [i for i, each in enumerate(self._kept) if len(each.free) < each.held.size]
        if len(left) < len(self._kept):
            now = np.zeros(len(self._kept), dtype=np.int64)
            now[left] = np.arange(len(left))
            self._kept, self._of_slot = [self._kept[i] for i in left], now[self._of_slot]

    def _add_whole(self, call: Call, ids: _Ids) -> None:
        if self._whole and len(self) + call.size > self.reservoir.capacity:
            note = "Gradients use whole batches, the first ones: their samples cannot be taken apart."
            self._notes = tuple(dict.fromkeys((*self._notes, note)))
            return
        self._whole.append((call.private(_CPU), ids.copy()))


class _Kept:
    """Inputs of calls that have the same arguments, apart from their samples."""

    def __init__(self, call: Call, capacity: int) -> None:
        self.capacity = capacity
        self.first = call.rows(slice(0, 0)).private(_CPU)
        self.size = call.size
        self.held, self.free = self.first, list[int]()

    def takes(self, call: Call) -> bool:
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


def _bytes(call: Call) -> int:
    return sum(each.numel() * each.element_size() for each in call.tensors.values())
