"""Kept inputs are those of lowest priority, whatever arguments they came with."""

import numpy as np
import pytest
import torch
from torch import Tensor

from compgraph.errors import ShapeError
from compgraph.observe.data.call import Call
from compgraph.observe.sums.input_sample import InputSample
from compgraph.statistics import row_priority

ROWS = torch.randn(100, 3)


def plain(rows: slice) -> Call:
    x = ROWS[rows]
    return Call((x,), {}, len(x), {"x": 0}, names=("x",))


def masked(rows: slice, mask: Tensor) -> Call:
    x = ROWS[rows]
    return Call((x,), {"mask": mask, "flag": 2}, len(x), {"x": 0, "mask": None}, names=("x",))


def filled(*calls: Call, capacity: int = 20, **options: int) -> InputSample:
    sample, first = InputSample.for_calls(calls[0], capacity=capacity, seed=3, **options), 0
    for call in calls:
        sample.add(call, np.arange(first, first + call.size))
        first += call.size
    return sample


def lowest(n: int, ids: np.ndarray) -> np.ndarray:
    return ids[np.argsort(row_priority(ids, 3))][:n]


@pytest.mark.parametrize("step", [1, 7, 100])
def test_inputs_of_lowest_priority_come_first(step):
    sample = filled(*(plain(slice(start, start + 30)) for start in (0, 30, 60)))
    chunks = list(sample.chunks(step))
    ids = np.concatenate([ids for _, ids in chunks])
    assert ids.tolist() == lowest(20, np.arange(90)).tolist()
    assert torch.equal(torch.cat([call.args[0] for call, _ in chunks]), ROWS[ids])
    assert [call.size for call, _ in chunks][:-1] == [step] * (len(chunks) - 1)


def test_calls_with_other_arguments_are_kept_apart():
    mask = torch.ones(3, 3)
    sample = filled(
        plain(slice(0, 30)), masked(slice(30, 60), mask), plain(slice(60, 90)), masked(slice(90, 100), mask)
    )
    chunks = list(sample.chunks(100))
    ids = lowest(20, np.arange(100))
    with_mask = (ids >= 90) | ((ids >= 30) & (ids < 60))
    assert [found.tolist() for _, found in chunks] == [ids[~with_mask].tolist(), ids[with_mask].tolist()]
    for call, found in chunks:
        assert torch.equal(call.args[0], ROWS[found])
    assert [dict(call.kwargs).keys() for call, _ in chunks] == [set(), {"mask", "flag"}]
    assert len(sample) == 20


def test_shared_tensors_that_change_are_kept_with_their_samples():
    sample = filled(masked(slice(0, 50), torch.zeros(3, 3)), masked(slice(50, 100), torch.ones(3, 3)))
    for call, ids in sample.chunks(100):
        assert call.kwargs["mask"].mean() == float(ids[0] >= 50)
        assert len({bool(each >= 50) for each in ids}) == 1


def test_other_values_of_a_flag_are_other_arguments():
    calls = [Call((ROWS[:50],), {"flag": flag}, 50, {"0": 0}) for flag in (True, False)]
    assert [call.kwargs["flag"] for call, _ in filled(*calls).chunks(100)] == [True, False]


def test_a_few_are_those_of_lowest_priority_whatever_their_arguments():
    sample = filled(masked(slice(0, 50), torch.zeros(3, 3)), masked(slice(50, 100), torch.ones(3, 3)))
    every = np.concatenate([ids for _, ids in sample.chunks(100)])
    found = [ids for _, ids in sample.chunks(3, 8)]
    assert sorted(np.concatenate(found)) == sorted(lowest(8, every))
    assert len({bool(each >= 50) for ids in found for each in ids}) == 2
    assert [len(ids) for _, ids in sample.chunks(100, 50)] == [len(ids) for _, ids in sample.chunks(100)]


def test_samples_along_another_axis():
    x = ROWS[:90].T.clone()
    sample = filled(Call((x[:, :40],), {}, 40, {"0": 1}), Call((x[:, 40:],), {}, 50, {"0": 1}))
    ((call, ids),) = sample.chunks(100)
    assert torch.equal(call.args[0], x[:, ids])


def test_nothing_is_shared_with_the_caller():
    rows = ROWS.clone()
    sample = filled(Call((rows,), {}, 100, {"0": 0}))
    rows.zero_()
    ((call, ids),) = sample.chunks(100)
    assert torch.equal(call.args[0], ROWS[ids])


def test_what_is_kept_does_not_grow():
    few = filled(plain(slice(0, 30)))
    many = filled(*(plain(slice(start, start + 30)) for start in (0, 30, 60, 0, 30, 60)))
    assert few.nbytes == many.nbytes == 20 * 3 * 4


def test_arguments_none_of_whose_samples_are_left_are_forgotten():
    masks = [torch.full((3, 3), float(i)) for i in range(40)]
    sample = filled(*(masked(slice(0, 50), mask) for mask in masks), capacity=2)
    assert sample.nbytes <= 2 * (9 + 2 * 3) * 4


def test_a_limit_of_memory_is_said():
    sample = filled(plain(slice(0, 50)), n_bytes=5 * 12)
    assert len(sample) == 5
    assert sample.notes == ("Gradients use 5 inputs instead of 20: each takes 0.0 MB.",)


def test_a_shape_that_changes_is_refused():
    sample = filled(plain(slice(0, 5)))
    with pytest.raises(ShapeError, match=r"has the shape \(6, 4\) where the first batch had \(5, 3\)"):
        sample.add(Call((torch.ones(6, 4),), {}, 6, {"x": 0}, names=("x",)), np.arange(5, 11))


def whole(n: int) -> Call:
    return Call((torch.randn(10 * n, 3),), {}, n, {"0": None}, whole=True)


def test_batches_whose_samples_belong_together_are_kept_whole():
    calls = [whole(8), whole(8), whole(8)]
    sample = filled(*calls)
    chunks = list(sample.chunks(3))
    assert [ids.tolist() for _, ids in chunks] == [list(range(8)), list(range(8, 16))]
    for (call, _), given in zip(chunks, calls, strict=False):
        assert torch.equal(call.args[0], given.args[0])
    assert len(sample) == 16
    assert [ids.tolist() for _, ids in sample.chunks(3, 5)] == [list(range(8))]  # enough, and never a part of a batch
    assert len(list(sample.chunks(3, 9))) == 2
    assert "the first ones: their samples cannot be taken apart" in sample.notes[0]


def test_one_whole_batch_is_kept_however_large():
    sample = filled(whole(50))
    assert len(sample) == 50
