"""Who counts which row: whatever the loader, the ranks together count each row of the data set once."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
)

from compgraph.errors import BadRequest
from compgraph.observe.data.call import Call
from compgraph.observe.data.row_ids import Numbered, numbers, share
from fixtures import shards


class Rows(Dataset):
    """Every row holds its own number."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: Any) -> torch.Tensor:
        return torch.as_tensor(index)


class Stream(IterableDataset):
    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(torch.arange(self.n))


class SizedStream(Stream):
    def __len__(self) -> int:
        return self.n


def read(loader: Any, row_ids: Any = None, first_row: int = 0) -> tuple[list[int], list[int]]:
    """Return the rows that a loader gives, and those of them that count; the ids are the rows."""
    numbering, rows, kept = numbers(loader, row_ids, first_row), [], []
    for batch in loader:
        numbered = numbering.take(batch, len(batch))
        assert len(numbered.ids) == len(numbered.counted) == len(batch)
        assert batch[torch.from_numpy(numbered.counted)].tolist() == numbered.ids[numbered.counted].tolist()
        rows += batch.tolist()
        kept += numbered.ids[numbered.counted].tolist()
    numbering.finish()
    return rows, kept


def owners(loaders: list[Any]) -> set[int]:
    """Read all loaders; rows that are read count once, on the rank that reads them earliest."""
    found = [read(loader) for loader in loaders]
    seen = {row for rows, _ in found for row in rows}
    assert Counter(row for _, kept in found for row in kept) == Counter(seen)
    for row in seen:
        owner = min((rows.index(row), rank) for rank, (rows, _) in enumerate(found) if row in rows)[1]
        assert row in found[owner][1]
    return seen


few, ranks, flag = st.integers(1, 50), st.integers(1, 8), st.booleans()


@given(n=few, size=ranks, batch=st.integers(1, 7), shuffle=flag, drop=flag, drop_batch=flag, epoch=st.integers(0, 3))
@settings(max_examples=60)
def test_distributed_samplers(n, size, batch, shuffle, drop, drop_batch, epoch) -> None:
    def loader(rank: int) -> DataLoader:
        sampler = DistributedSampler(Rows(n), size, rank, shuffle=shuffle, drop_last=drop)
        sampler.set_epoch(epoch)
        return DataLoader(Rows(n), batch_size=batch, sampler=sampler, drop_last=drop_batch)

    if drop and n < size:  # torch gives nobody anything, or refuses
        return
    seen = owners([loader(rank) for rank in range(size)])
    if not drop and not drop_batch:
        assert seen == set(range(n))


class Reversed(DistributedSampler):
    """A sampler of someone's own."""

    def __iter__(self) -> Iterator[int]:
        return iter(list(super().__iter__())[::-1])


class Restless(DistributedSampler):
    turns = iter(range(10**6))

    def __iter__(self) -> Iterator[int]:
        return iter([next(self.turns) % 3])


def test_distributed_samplers_of_another_kind() -> None:
    assert owners([DataLoader(Rows(10), 2, sampler=Reversed(Rows(10), 4, rank)) for rank in range(4)]) == {*range(10)}
    with pytest.raises(BadRequest, match="Restless gives other rows each time it is asked"):
        numbers(DataLoader(Rows(10), 2, sampler=Restless(Rows(10), 2, 1)))
    sampler = DistributedSampler(Rows(9), 3, 1)
    with pytest.raises(BadRequest, match="Own makes batches of what a DistributedSampler shares out"):
        numbers(DataLoader(Rows(9), batch_sampler=type("Own", (BatchSampler,), {})(sampler, 2, False)))
    with pytest.raises(BadRequest, match=r"its batches are items of the data set \(batch_size=None\)"):
        numbers(DataLoader(Rows(9), batch_size=None, sampler=sampler))
    with pytest.raises(BadRequest, match="first_row=7 came with a loader whose sampler numbers the rows"):
        numbers(DataLoader(Rows(9), batch_size=2, sampler=sampler), None, 7)


def test_asking_leaves_the_sampler_as_it_is() -> None:
    sampler = shards.SeedableRandomSampler(Rows(20))
    loader = DataLoader(
        Rows(20), batch_sampler=shards.BatchSamplerShard(BatchSampler(sampler, 4, False), 2, 1, False, True)
    )
    before = torch.random.get_rng_state()
    numbers(loader)
    assert (sampler.epoch, sampler.generator) == (0, None)
    assert torch.equal(before, torch.random.get_rng_state())


@given(n=few, size=ranks, batch=st.integers(1, 5), split=flag, even=flag, drop=flag, shuffle=flag, data=st.data())
@settings(max_examples=80)
def test_loaders_prepared_by_accelerate(n, size, batch, split, even, drop, shuffle, data) -> None:
    batch = batch * size if split else batch
    skip, further = data.draw(st.integers(0, 1)), data.draw(st.integers(0, 1))

    def loader(rank: int) -> DataLoader:
        sampler = shards.SeedableRandomSampler(Rows(n)) if shuffle else range(n)
        made = shards.BatchSamplerShard(BatchSampler(sampler, batch, drop), size, rank, split, even)
        left_out = shards.SkipBatchSampler(made, further)
        return Skipping(skip, Rows(n), batch_sampler=left_out)

    seen = owners([loader(rank) for rank in range(size)])
    if not drop and not skip + further:
        assert seen == set(range(n))


class Skipping(DataLoader):
    """A loader that starts later, as those of accelerate that go on where a run stopped."""

    def __init__(self, skip: int, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.skip_batches, self.iteration = skip, 0

    def __iter__(self) -> Iterator[Any]:
        return (batch for number, batch in enumerate(super().__iter__()) if number >= self.skip_batches)


@given(n=few, size=ranks, batch=st.integers(1, 5), split=flag, drop=flag)
def test_streams_prepared_by_accelerate(n, size, batch, split, drop) -> None:
    batch = batch * size if split else batch
    turn = batch if split else batch * size
    parts = [shards.IterableDatasetShard(SizedStream(n), batch, drop, size, rank, split) for rank in range(size)]
    kept = [row for part in parts for row in read(DataLoader(part, batch_size=3))[1]]
    assert sorted(kept) == list(range(n // turn * turn if drop else n))


def test_streams_whose_copies_cannot_be_told() -> None:
    endless = shards.IterableDatasetShard(Stream(9), 2, False, 2, 0, False)
    with pytest.raises(BadRequest, match="IterableDatasetShard fills up its last batch with copies, and a Stream does"):
        numbers(DataLoader(endless, batch_size=2))
    whole = shards.IterableDatasetShard(Stream(9), 2, True, 2, 0, False)
    with pytest.raises(BadRequest, match="read by 2 workers"):
        numbers(DataLoader(whole, batch_size=2, num_workers=2))
    assert read(DataLoader(whole, batch_size=2))[1] == [0, 1, 4, 5]


def test_what_accelerate_draws_at_random_is_refused() -> None:
    random = BatchSampler(RandomSampler(Rows(9)), 2, False)
    with pytest.raises(
        BadRequest, match=r"BatchSamplerShard shares out what a RandomSampler draws.*use_seedable_sampler"
    ):
        numbers(DataLoader(Rows(9), batch_sampler=shards.BatchSamplerShard(random, 2, 0, False, True)))
    with pytest.raises(BadRequest, match=r"DataLoaderDispatcher, which sends.*dispatch_batches=False"):
        numbers(type("DataLoaderDispatcher", (DataLoader,), {})(Rows(9)))


def test_loaders_of_one_process() -> None:
    assert read(DataLoader(Rows(7), batch_size=3))[1] == list(range(7))
    assert read(DataLoader(Rows(90), batch_size=3, sampler=[8, 80, 3, 4]))[1] == [8, 80, 3, 4]
    assert read(DataLoader(Rows(90), batch_size=3, sampler=torch.tensor([8, 80])))[1] == [8, 80]
    assert read(DataLoader(Rows(90), batch_sampler=[[8, 80, 3], [4]]))[1] == [8, 80, 3, 4]
    later = shards.SkipBatchSampler(BatchSampler(SequentialSampler(Rows(7)), 3, False), 1)
    assert read(DataLoader(Rows(7), batch_sampler=later))[1] == [3, 4, 5, 6]
    for loader in (
        DataLoader(Rows(4), batch_size=2, shuffle=True),  # nobody knows
        DataLoader(Rows(4), batch_size=2, sampler=[3, 3, 0, 1]),  # repeated on purpose
        DataLoader(Stream(4), batch_size=2),
        DataLoader(Rows(4), batch_size=None),
        [torch.ones(4)],
    ):
        assert numbers(loader).take(None, 4).ids.tolist() == [0, 1, 2, 3]
        assert numbers(loader, None, 70).take(None, 4).ids.tolist() == [70, 71, 72, 73]
    listed = numbers(DataLoader(Rows(4), batch_size=2, sampler=[3, 1]), None, 5)  # as asked for
    assert listed.take(None, 2).ids.tolist() == [5, 6]


def test_batches_that_are_not_items_of_the_data_set() -> None:
    numbering = numbers(DataLoader(Rows(9), batch_size=2, sampler=[4, 5, 6]))
    numbering.take(None, 2)
    with pytest.raises(BadRequest, match="batch 1 has 5 samples, and the loader's sampler names 1 items of the data"):
        numbering.take(None, 5)


@pytest.mark.parametrize("ids", [[5, 0, 9], range(3, 6), np.array([5, 0, 9], np.uint8), torch.tensor([5, 0, 9])])
def test_numbers_that_are_given(ids) -> None:
    numbering = numbers(torch.ones(3, 2), ids)
    taken = [numbering.take(None, 2), numbering.take(None, 1)]
    assert [each for numbered in taken for each in numbered.ids.tolist()] == [int(each) for each in ids]
    assert all(each.counted.all() and each.ids.dtype == np.int64 for each in taken)
    numbering.finish()


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([0, 1, 0, 0], "row_ids has 0 3 times, first at row 0; a row counts once"),
        ([3, -2], "row_ids has -2; needed are whole numbers from 0"),
        (np.array([1, 2**63], np.uint64), f"row_ids has {2**63}; needed"),
        ([0.0, 1.0], r"row_ids is float64 of shape \(2,\); needed is one whole number for each row"),
        ([True, False], "row_ids is bool"),
        ([[1, 2]], r"row_ids is int64 of shape \(1, 2\)"),
        (["a"], "row_ids is <U1"),
        (7, r"of shape \(\)"),
    ],
)
def test_numbers_that_are_refused(ids, message) -> None:
    with pytest.raises(BadRequest, match=message):
        numbers(torch.ones(4, 2), ids)
    with pytest.raises(BadRequest, match=message):
        numbers([], lambda _batch: ids).take(torch.ones(4, 2), 4)


def test_numbers_that_do_not_fit_the_rows() -> None:
    with pytest.raises(BadRequest, match=r"row_ids came together with first_row=3; both number the rows"):
        numbers(torch.ones(3, 2), [1, 2, 3], 3)
    numbering = numbers(torch.ones(3, 2), [7, 8, 9])
    numbering.take(None, 2)
    with pytest.raises(BadRequest, match="row_ids has 3 numbers, and the data gave 2 rows"):
        numbering.finish()
    with pytest.raises(BadRequest, match="row_ids has 3 numbers, and batch 1 ends at row 4 of the data"):
        numbering.take(None, 2)
    assert numbers([], []).finish() is None


def test_functions_from_a_batch() -> None:
    numbering = numbers([], lambda batch: batch["id"])
    found = numbering.take({"id": torch.tensor([4, 2])}, 2)
    assert isinstance(found, Numbered)
    assert found.ids.tolist() == [4, 2]
    with pytest.raises(BadRequest, match="row_ids gave 2 numbers for a batch of 3 rows"):
        numbering.take({"id": [4, 2]}, 3)
    with pytest.raises(BadRequest, match="the data come in one piece; give the numbers"):
        numbering.take(Call((torch.ones(2),), {}, 2, {"0": 0}), 2)
    numbering.finish()


@given(n=st.integers(0, 200), size=ranks, block=st.integers(1, 30))
def test_shares(n, size, block) -> None:
    parts = [share(n, rank, size, block=block) for rank in range(size)]
    assert [row for part in parts for row in range(n)[part]] == list(range(n))
    lengths = [len(range(n)[part]) for part in parts]
    if -(-n // block) >= size:
        assert all(part.start % block == 0 for part in parts)
        assert min(lengths) > 0
    else:
        assert max(lengths) - min(lengths) <= 1


def test_shares_are_of_blocks_of_the_sums() -> None:
    assert share(10_000, 1, 2) == slice(4096, 10_000)
    assert share(8000, 2, 3) == slice(5333, 8000)
