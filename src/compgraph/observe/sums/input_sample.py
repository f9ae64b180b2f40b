"""A bounded sample of a model's inputs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int64

from compgraph.errors import ForeignRecord
from compgraph.observe.data.call import Call
from compgraph.observe.sums.kept_calls import CPU, KeptCalls
from compgraph.observe.sums.reservoir import Reservoir

_BYTES = 256 * 2**20
_Ids = Int64[np.ndarray, " n"]


@dataclass(frozen=True, slots=True)
class Held:
    """Kept inputs, and how they were chosen.

    Attributes
    ----------
    capacity, seed
        Largest number of inputs, and seed of the choice.
    all_wanted
        Whether time puts no limit to them.
    notes
        Sentences for people.
    offered
        Inputs that were chosen from.
    calls
        The inputs, with the numbers of their samples.
    """

    capacity: int
    seed: int
    all_wanted: bool
    notes: tuple[str, ...]
    offered: int
    calls: tuple[tuple[Call, Int64[np.ndarray, " _"]], ...]


class InputSample:
    """At most ``capacity`` inputs, those of lowest priority, on the CPU and in storage of their own.

    Batches whose samples cannot be taken apart are kept whole instead, the first ones.

    Parameters
    ----------
    capacity
        Largest number of inputs.
    seed
        Seed of the choice.
    all_wanted
        Whether time puts no limit to them.
    notes
        Sentences on the choice of the capacity.
    offered
        Inputs that the kept ones were chosen from before.
    """

    def __init__(
        self, capacity: int, seed: int, *, all_wanted: bool = True, notes: tuple[str, ...] = (), offered: int = 0
    ) -> None:
        self.all_wanted, self._notes, self._offered = all_wanted, notes, offered
        self.reservoir = Reservoir(capacity, seed)
        self._kept: list[KeptCalls] = []
        self._of_slot = np.zeros(self.reservoir.capacity, dtype=np.int64)  # which of them a slot's input is in
        self._place = np.zeros(self.reservoir.capacity, dtype=np.int64)  # and where there
        self._whole: list[tuple[Call, _Ids]] = []

    @classmethod
    def for_calls(
        cls, call: Call, *, capacity: int, seed: int, n_bytes: int | None = None, most: int | None = None
    ) -> "InputSample":
        """Return an empty sample for inputs of some size.

        Parameters
        ----------
        call
            The first batch, for the size of its arguments.
        capacity, seed
            As for the class.
        n_bytes
            Fewer are kept where they would take more than this, by default 256 MiB.
        most
            Fewer are kept where gradients of more would take too long.

        Returns
        -------
        InputSample
            That keeps at least two inputs, unless fewer are asked for.
        """
        notes: tuple[str, ...] = ()
        size = _bytes(call) // max(call.size, 1) if call.whole else _bytes(call.rows(slice(0, 1)))
        room = max(2, (_BYTES if n_bytes is None else n_bytes) // max(size, 1))
        if room < capacity:
            notes = (f"Gradients use {room} inputs instead of {capacity}: each takes {size / 1e6:.1f} MB.",)
        all_wanted = most is None or most >= min(capacity, room)
        if most is not None and not all_wanted:
            room = most
        return cls(min(capacity, room), seed, all_wanted=all_wanted, notes=notes)

    @classmethod
    def of(cls, held: Held) -> "InputSample":
        """Return a sample of inputs that were kept before.

        Parameters
        ----------
        held
            From `held`.

        Returns
        -------
        InputSample
            With storage of its own.
        """
        offered = held.offered - sum(call.size for call, _ in held.calls)
        sample = cls(held.capacity, held.seed, all_wanted=held.all_wanted, notes=held.notes, offered=offered)
        for call, ids in held.calls:
            sample.add(call, ids)
        return sample

    @property
    def held(self) -> Held:
        """What is kept, and how it was chosen."""
        calls = tuple(self.chunks(max(1, len(self))))
        return Held(self.reservoir.capacity, self.reservoir.seed, self.all_wanted, self._notes, self._offered, calls)

    def joined(self, others: Sequence["InputSample"]) -> "InputSample":
        """Return the sample that would have been kept of the inputs of all.

        Parameters
        ----------
        others
            Samples of other parts of the data, in their order.

        Returns
        -------
        InputSample
            Of those of lowest priority in any.

        Raises
        ------
        ForeignRecord
            When one was to keep another number of inputs.
        """
        every = [self.held, *(each.held for each in others)]
        rules = {(each.capacity, each.seed) for each in every}
        if len(rules) > 1:
            listed = " and ".join(f"{capacity} inputs of seed {seed}" for capacity, seed in sorted(rules))
            raise ForeignRecord(
                f"parts that keep {listed} do not merge; collect all with the same sample, seed, memory."
            )
        calls = tuple(call for each in every for call in each.calls)
        notes = tuple(dict.fromkeys(note for each in every for note in each.notes))
        return InputSample.of(replace(every[0], notes=notes, offered=sum(each.offered for each in every), calls=calls))

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
            self._kept.append(KeptCalls(call, self.reservoir.capacity))
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

    def chunks(self, step: int, most: int | None = None) -> Iterator[tuple[Call, Int64[np.ndarray, " m"]]]:
        """Iterate over the kept inputs, those with the same arguments together and by increasing priority.

        Parameters
        ----------
        step
            Number of inputs at a time; batches that are kept whole come whole.
        most
            At most so many, those of lowest priority, or as many whole batches as reach that; all without.

        Yields
        ------
        tuple
            A call on the CPU, and the numbers of its samples.
        """
        order = self.reservoir.order[:most]
        for which, kept in enumerate(self._kept):
            mine = order[self._of_slot[order] == which]
            for start in range(0, len(mine), step):
                slots = mine[start : start + step]
                yield kept.held.rows(torch.from_numpy(self._place[slots])), self.reservoir.ids[slots]
        seen = len(order)
        for call, ids in self._whole:
            if most is not None and seen >= most:
                return
            seen += call.size
            yield call, ids

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
        self._whole.append((call.private(CPU), ids.copy()))


def _bytes(call: Call) -> int:
    return sum(each.numel() * each.element_size() for each in call.tensors.values())
