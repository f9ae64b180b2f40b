"""Which rows come: the number of each row of the data, and whether it is to be counted here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int64
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from compgraph.errors import BadRequest
from compgraph.observe.data.call import Call
from compgraph.observe.data.sampled import ASK, sampled

BLOCK = 4096  # rows that are multiplied at once: sums of whole blocks are the same whoever adds them


@dataclass(frozen=True, slots=True)
class Numbered:
    """The rows of one batch.

    Attributes
    ----------
    ids
        Number of each row.
    counted
        False for copies of rows that are counted elsewhere.
    """

    ids: Int64[np.ndarray, " n"]
    counted: Bool[np.ndarray, " n"]


@runtime_checkable
class Numbering(Protocol):
    """Numbers the rows of batches, which come in the order of the data."""

    def take(self, batch: Any, size: int, /) -> Numbered:
        """Return the numbers of the next rows."""
        ...

    def finish(self) -> None:
        """Refuse numbers that no row came for."""
        ...


def numbers(data: Any, row_ids: Any = None, first_row: int = 0) -> Numbering:
    """Find out how the rows of data are numbered.

    Parameters
    ----------
    data
        As for `compgraph.collect`; asked before it is read.
    row_ids
        One number for each row in the order of the data (a list, range, array or tensor of whole numbers from 0 on,
        none of them twice), or a function from a batch to the numbers of its rows. By default those of a loader whose
        sampler is one of several that share a data set, or a list, are the indices in the data set, and all others
        count up.
    first_row
        Where counting starts.

    Returns
    -------
    Numbering
        For one pass.

    Raises
    ------
    BadRequest
        When the numbers are none, come twice or in two ways, or the loader's cannot be known.
    """
    if row_ids is not None:
        if first_row:
            raise BadRequest(f"row_ids came together with first_row={first_row}; both number the rows, so give one.")
        return _Asked(row_ids) if callable(row_ids) else _Listed(_checked(row_ids), "row_ids")
    if not isinstance(data, DataLoader):
        return _Counted(first_row)
    if any(kind.__name__ == "DataLoaderDispatcher" for kind in type(data).__mro__):
        raise BadRequest(
            "the loader is a DataLoaderDispatcher, which sends rows of one process to all, copies among them. Prepare "
            f"it with DataLoaderConfiguration(dispatch_batches=False). {ASK}"
        )
    found = _shared_stream(data) if isinstance(data.dataset, IterableDataset) else _indices(data, first_row)
    if found is not None and first_row:
        raise BadRequest(f"first_row={first_row} came with a loader whose sampler numbers the rows; leave it out.")
    return found or _Counted(first_row)


def share(n_rows: int, rank: int, size: int, *, block: int = BLOCK) -> slice:
    """Return the rows of data in memory that one of several ranks takes.

    Parameters
    ----------
    n_rows
        Of all data.
    rank, size
        Which of how many.
    block
        Cuts are at multiples of this many rows, where each rank gets some.

    Returns
    -------
    slice
        One after the other without gaps; their lengths differ by a block at most.
    """
    n_blocks = -(-n_rows // block)
    if n_blocks < size:
        return slice(n_rows * rank // size, n_rows * (rank + 1) // size)
    start, stop = (block * (n_blocks * each // size) for each in (rank, rank + 1))
    return slice(start, min(stop, n_rows))


class Shared:
    """Numbers the rows of one of several ranks, which takes its share of data in memory.

    Parameters
    ----------
    every
        Numbers the rows of all data.
    rank, size
        Which of how many.
    """

    def __init__(self, every: Numbering, rank: int, size: int) -> None:
        self._every, self._rank, self._size, self._after = every, rank, size, 0

    def cut(self, n_rows: int) -> slice:
        """Return the share of so many rows, whose numbers come next."""
        mine = share(n_rows, self._rank, self._size)
        if mine.start:
            self._every.take(None, mine.start)
        self._after = n_rows - mine.stop
        return mine

    def take(self, batch: Any, size: int, /) -> Numbered:
        """Return the numbers of the next rows."""
        return self._every.take(batch, size)

    def finish(self) -> None:
        """Refuse numbers that no row came for."""
        if self._after:
            self._every.take(None, self._after)
        self._every.finish()


class _Counted:
    """Rows count up."""

    def __init__(self, first: int) -> None:
        self._next = first

    def take(self, _batch: Any, size: int, /) -> Numbered:
        start, self._next = self._next, self._next + size
        return Numbered(np.arange(start, self._next, dtype=np.int64), np.full(size, True))

    def finish(self) -> None:
        """Refuse nothing: any number of rows will do."""


class _Listed:
    """Numbers that are known beforehand."""

    def __init__(
        self, ids: Int64[np.ndarray, " n"], named: str, counted: Bool[np.ndarray, " n"] | None = None,
        sizes: tuple[int, ...] | None = None,
    ) -> None:  # fmt: skip
        self._ids, self._named, self._sizes = ids, named, sizes
        self._counted = np.full(len(ids), True) if counted is None else counted
        self._place = self._batch = 0

    def take(self, _batch: Any, size: int, /) -> Numbered:
        start, stop = self._place, self._place + size
        if self._sizes is not None and self._sizes[self._batch : self._batch + 1] != (size,):
            wanted = dict(enumerate(self._sizes)).get(self._batch, 0)
            raise BadRequest(
                f"batch {self._batch} has {size} samples, and {self._named} names {wanted} items of the data set, so "
                f"that samples are not its items. {ASK}"
            )
        if stop > len(self._ids):
            raise BadRequest(
                f"{self._named} has {len(self._ids)} numbers, and batch {self._batch} ends at row {stop} of the data; "
                "give a number for each row."
            )
        self._place, self._batch = stop, self._batch + 1
        return Numbered(self._ids[start:stop], self._counted[start:stop])

    def finish(self) -> None:
        if self._place < len(self._ids):
            raise BadRequest(
                f"{self._named} has {len(self._ids)} numbers, and the data gave {self._place} rows; give a number for "
                "each row, and all rows."
            )


class _Asked:
    """A function of the caller's tells the numbers."""

    def __init__(self, ask: Callable[[Any], Any]) -> None:
        self._ask = ask

    def take(self, batch: Any, size: int, /) -> Numbered:
        if isinstance(batch, Call):
            raise BadRequest("row_ids is a function from a batch, and the data come in one piece; give the numbers.")
        ids = _checked(self._ask(batch))
        if len(ids) != size:
            raise BadRequest(f"row_ids gave {len(ids)} numbers for a batch of {size} rows; give one for each row.")
        return Numbered(ids, np.full(size, True))

    def finish(self) -> None:
        """Refuse nothing: every batch was asked about."""


class _Streamed:
    """The rows of one rank of a stream that is dealt out in turns of so many rows, the last one filled up."""

    def __init__(self, *, rank: int, ranks: int, turn: int, n_rows: int | None) -> None:
        self._rank, self._ranks, self._turn, self._n_rows = rank, ranks, turn, n_rows
        self._place = 0

    def take(self, _batch: Any, size: int, /) -> Numbered:
        places = np.arange(self._place, self._place + size, dtype=np.int64)
        self._place += size
        ids = (places // self._turn * self._ranks + self._rank) * self._turn + places % self._turn
        return Numbered(ids, np.full(size, True) if self._n_rows is None else ids < self._n_rows)

    def finish(self) -> None:
        """Refuse nothing: a stream ends where it ends."""


def _indices(loader: DataLoader[Any], first_row: int) -> Numbering | None:
    read = sampled(loader)
    if read is None or (first_row and not read.shared):
        return None
    return _Listed(read.ids, "the loader's sampler", read.counted, read.sizes)


def _shared_stream(loader: DataLoader[Any]) -> Numbering | None:
    """Return the numbers of a stream that accelerate's IterableDatasetShard deals out; None for other streams."""
    shard: Any = loader.dataset
    if not all(hasattr(shard, name) for name in ("num_processes", "process_index", "split_batches", "drop_last")):
        return None
    if loader.num_workers > 1:
        raise BadRequest(
            f"the loader's {type(shard).__name__} is read by {loader.num_workers} workers, each of which may read it "
            f"whole. Take num_workers=1. {ASK}"
        )
    inner: Any = getattr(shard, "dataset", None)
    try:
        n_rows = None if shard.drop_last else len(inner)
    except (TypeError, NotImplementedError):
        raise BadRequest(
            f"the loader's {type(shard).__name__} fills up its last batch with copies, and a {type(inner).__name__} "
            f"does not say how long it is, so that they cannot be told. Take drop_last=True. {ASK}"
        ) from None
    ranks = int(shard.num_processes)
    turn = int(shard.batch_size) // ranks if shard.split_batches else int(shard.batch_size)
    return _Streamed(rank=int(shard.process_index), ranks=ranks, turn=turn, n_rows=n_rows)


def _checked(given: Any) -> Int64[np.ndarray, " n"]:
    array = given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
    array = array.astype(np.int64) if array.shape == (0,) else array
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise BadRequest(f"row_ids is {array.dtype} of shape {array.shape}; needed is one whole number for each row.")
    if len(array) and (int(array.min()) < 0 or int(array.max()) >= 2**63):
        wrong = int(array.min()) if int(array.min()) < 0 else int(array.max())
        raise BadRequest(f"row_ids has {wrong}; needed are whole numbers from 0 to {2**63 - 1}.")
    ids = array.astype(np.int64)
    values, first, times = np.unique(ids, return_index=True, return_counts=True)
    if (times > 1).any():
        twice = int(np.argmax(times > 1))
        raise BadRequest(
            f"row_ids has {values[twice]} {times[twice]} times, first at row {first[twice]}; a row counts once, so "
            "leave its copies out of the data."
        )
    return ids
