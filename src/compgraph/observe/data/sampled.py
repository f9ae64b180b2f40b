"""Which rows of a data set a loader reads, where its sampler is one of several that share the data set.

Samplers that give every process as many rows as all others repeat some rows. Each rank works out here what all ranks
read, so that a row which several of them read is counted by one.
"""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int64
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, SequentialSampler

from compgraph.errors import BadRequest

ASK = "Say which rows come: row_ids=, one number for each row, or a function from a batch to the numbers of its rows."
Batches = list[list[int]]


@dataclass(frozen=True, slots=True)
class Sampled:
    """What one rank reads.

    Attributes
    ----------
    ids
        Of each row, its index in the data set.
    counted
        Whether this rank counts it.
    sizes
        Rows of each batch.
    shared
        Whether other ranks read other rows of the same data set.
    """

    ids: Int64[np.ndarray, " n"]
    counted: Bool[np.ndarray, " n"]
    sizes: tuple[int, ...]
    shared: bool


def sampled(loader: DataLoader[Any]) -> Sampled | None:
    """Return which rows a loader over a map-style data set is going to read.

    Parameters
    ----------
    loader
        Left as it is, its sampler and their generators too.

    Returns
    -------
    Sampled or None
        None where rows come in an order that cannot be known, or that is their own, to one process alone.

    Raises
    ------
    BadRequest
        When the loader is one of several that share a data set, and which rows it reads cannot be known.
    """
    sampler = loader.batch_sampler if loader.batch_sampler is not None else loader.sampler
    skip = int(getattr(loader, "skip_batches", 0) or 0)
    while hasattr(sampler, "skip_batches") and hasattr(sampler, "batch_sampler"):  # accelerate's SkipBatchSampler
        skip, sampler = skip + int(sampler.skip_batches), sampler.batch_sampler
    if isinstance(getattr(sampler, "sampler", None), SequentialSampler) and not _is_shard(sampler) and not skip:
        return None
    if not isinstance(sampler, BatchSampler | Sequence) and not _is_shard(sampler):
        if _is_replica(sampler):
            raise BadRequest(
                f"the loader's {type(sampler).__name__} is shared by several processes, and its batches are items of "
                f"the data set (batch_size=None), whose rows nobody has counted. {ASK}"
            )
        return None
    epoch = getattr(loader, "iteration", None)  # which loaders of accelerate set when they start
    ranks, own = _read_by_all(sampler, epoch if isinstance(epoch, int) else None)
    if ranks is None:
        return None
    ranks = [batches[skip:] for batches in ranks]
    rows = [np.fromiter(chain.from_iterable(batches), np.int64) for batches in ranks]
    if own is None:
        unique = len(np.unique(rows[0])) == len(rows[0])  # else rows are repeated on purpose, as weights
        return Sampled(rows[0], np.full(len(rows[0]), True), _sizes(ranks[0]), shared=False) if unique else None
    return Sampled(rows[own], counted(rows)[own], _sizes(ranks[own]), shared=True)


def counted(ranks: Sequence[Int64[np.ndarray, " _"]]) -> list[Bool[np.ndarray, " _"]]:
    """Say who counts which row: the rank that reads it earliest in its own order, of several the lowest.

    Parameters
    ----------
    ranks
        What each reads.

    Returns
    -------
    list of numpy.ndarray
        For each rank and row whether it counts there; every row that is read counts once.
    """
    rows = np.concatenate(ranks)
    places = np.concatenate([np.arange(len(each)) * len(ranks) + rank for rank, each in enumerate(ranks)])
    order = np.argsort(places, kind="stable")
    _, first = np.unique(rows[order], return_index=True)
    counts = np.zeros(len(rows), bool)
    counts[order[first]] = True
    return np.split(counts, np.cumsum([len(each) for each in ranks])[:-1])


def _read_by_all(sampler: Any, epoch: int | None) -> tuple[list[Batches] | None, int | None]:
    """Return the batches of all ranks and the number of this one, None where there is one process."""
    if _is_shard(sampler):
        batches = _batches(sampler.batch_sampler, epoch)
        if batches is None:
            raise BadRequest(
                f"the loader's {type(sampler).__name__} shares out what {_inner(sampler)} draws, and that cannot be "
                "known beforehand. Prepare a loader that does not shuffle, or one with a seed "
                f"(DataLoaderConfiguration(use_seedable_sampler=True)). {ASK}"
            )
        return [_share(sampler, batches, rank) for rank in range(sampler.num_processes)], sampler.process_index
    inner: Any = getattr(sampler, "sampler", None)
    if _is_replica(inner):
        if type(sampler) is not BatchSampler:
            raise BadRequest(
                f"the loader's {type(sampler).__name__} makes batches of what a {type(inner).__name__} shares out, in "
                f"a way that only its author knows. {ASK}"
            )
        rows = _replicas(inner, epoch)
        return [_cut(each, sampler) for each in rows], int(inner.rank)
    batches = _batches(sampler, epoch)
    return (None if batches is None else [batches]), None


def _is_shard(sampler: Any) -> bool:
    """Tell whether a batch sampler gives out batches of another one, as accelerate's BatchSamplerShard does."""
    return all(hasattr(sampler, name) for name in ("num_processes", "process_index", "batch_sampler"))


def _is_replica(sampler: Any) -> bool:
    """Tell whether a sampler shares out single rows, as torch's DistributedSampler does."""
    return all(hasattr(sampler, name) for name in ("num_replicas", "rank"))


def _share(shard: Any, batches: Batches, rank: int) -> Batches:
    twin = copy(shard)
    twin.process_index = rank
    twin.batch_sampler = _Given(batches, shard.batch_sampler)
    return [list(each) for each in twin]


class _Given:
    """Batches that are known, in the place of the sampler that made them."""

    def __init__(self, batches: Batches, made_by: Any) -> None:
        self.batches = batches
        self.batch_size, self.drop_last = getattr(made_by, "batch_size", None), getattr(made_by, "drop_last", False)

    def __iter__(self) -> Iterator[list[int]]:
        return (list(each) for each in self.batches)  # a shard may write to them

    def __len__(self) -> int:
        return len(self.batches)


def _replicas(sampler: Any, epoch: int | None) -> list[list[int]]:
    """Return the rows of every rank."""
    whole = copy(sampler)
    if epoch is not None:
        whole.epoch = epoch
    size = int(sampler.num_replicas)
    if type(sampler) is DistributedSampler:  # all ranks take their turns in one list
        whole.num_replicas, whole.rank, whole.num_samples = 1, 0, sampler.total_size
        rows = list(whole)
        return [rows[rank::size] for rank in range(size)]
    found = [_as_rank(whole, rank) for rank in range(size)]
    if found[sampler.rank] != _as_rank(whole, sampler.rank):
        raise BadRequest(f"the loader's {type(sampler).__name__} gives other rows each time it is asked. {ASK}")
    return found


def _as_rank(sampler: Any, rank: int) -> list[int]:
    twin = copy(sampler)
    twin.rank = rank
    return list(twin)


def _batches(sampler: Any, epoch: int | None) -> Batches | None:
    """Return the batches of a sampler that one process has for itself, where they can be known."""
    if isinstance(sampler, list | tuple) and all(isinstance(each, Sequence) for each in sampler):
        return [list(each) for each in sampler]
    if type(sampler) is not BatchSampler:
        return None
    rows = _rows(sampler.sampler, epoch)
    return None if rows is None else _cut(rows, sampler)


def _rows(sampler: Any, epoch: int | None) -> list[int] | None:
    if isinstance(sampler, list | tuple | range):
        return list(sampler)
    if isinstance(sampler, np.ndarray | torch.Tensor):
        return sampler.tolist()
    if isinstance(sampler, SequentialSampler):
        return list(range(len(sampler)))
    if not all(hasattr(sampler, name) for name in ("initial_seed", "epoch", "generator")):
        return None
    twin = copy(sampler)  # accelerate's SeedableRandomSampler: a seed and the epoch say all
    twin.generator = None
    twin.epoch = sampler.epoch if epoch is None else epoch
    return list(twin)


def _cut(rows: list[int], sampler: Any) -> Batches:
    size = int(sampler.batch_size)
    batches = [rows[start : start + size] for start in range(0, len(rows), size)]
    return batches[:-1] if sampler.drop_last and batches and len(batches[-1]) < size else batches


def _sizes(batches: Batches) -> tuple[int, ...]:
    return tuple(map(len, batches))


def _inner(shard: Any) -> str:
    sampler = getattr(shard.batch_sampler, "sampler", shard.batch_sampler)
    return f"a {type(sampler).__name__}"
