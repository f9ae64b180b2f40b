"""Whatever holds data is read as a person means it, or asked about with remedies that work."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import DataLoader, Dataset, TensorDataset

from compgraph.errors import BadRequest
from compgraph.observe.data.batches import batches, n_batches
from compgraph.observe.data.reader import Reader


class One(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1


class Two(nn.Module):
    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return x + z


class Shared(nn.Module):
    def forward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        return x if weight is None else x @ weight


X, Z, Y = torch.randn(50, 6), torch.randn(50, 6), torch.randn(50)


def read(data: Any, model: nn.Module | None = None, **options: Any) -> list[dict[str, Tensor]]:
    reader = Reader(model or One(), **options)
    return [reader.read(batch).tensors for batch in batches(data, 20, reader)]


def joined(found: list[dict[str, Tensor]], axis: int = 0) -> dict[str, Tensor]:
    return {name: torch.cat([each[name] for each in found], dim=axis) for name in found[0]}


def same(found: dict[str, Tensor], **expected: Tensor) -> bool:
    return list(found) == list(expected) and all(torch.equal(found[name], each) for name, each in expected.items())


class Samples(Dataset):
    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return {"text": "a sentence", "x": X[place], "label": place}


def numbers() -> Iterator[Tensor]:
    yield from X.split(20)


@pytest.mark.parametrize(
    ("data", "n"),
    [
        (X, 3),
        (X.numpy(), 3),
        (X.tolist(), 3),
        ({"x": X}, 3),
        ({"x": X.numpy(), "name": "text"}, 3),
        ((X,), 3),
        ((X, Y), 3),
        (({"x": X}, Y), 3),
        (((X,), Y), 3),
        ([X], 1),
        ([{"x": X[:30]}, {"x": X[30:]}], 2),
        (list(X.split(25)), 2),
        (tuple(X.split(25)), 2),
        (tuple(X.split(20)), 3),
        ([each.numpy() for each in X.split(20)], 3),
        (np.split(X.numpy(), 2), 2),
        (TensorDataset(X), 3),
        (TensorDataset(X, Y), 3),
        (Samples(), 3),
        (DataLoader(TensorDataset(X, Y), batch_size=10), 5),
        (DataLoader(Samples(), batch_size=10), 5),
        (numbers(), None),
    ],
    ids=lambda each: type(each).__name__,
)
def test_one_input_is_one_input_in_whatever_holds_it(data, n):
    assert n_batches(data, 20, Reader(One())) == n
    found = read(data)
    assert same(joined(found), x=X)
    assert n is None or len(found) == n


@pytest.mark.parametrize(
    "data",
    [(X, Z), (X, Z, Y), {"z": Z, "x": X}, TensorDataset(X, Z), [(X[:20], Z[:20]), (X[20:], Z[20:])], ((X, Z), Y)],
    ids=["tuple", "target", "dict", "dataset", "batches", "nested"],
)
def test_two_inputs_are_two_inputs(data):
    assert same(joined(read(data, Two())), x=X, z=Z)


def test_columns_of_one_table_are_inputs_and_target():
    table = np.random.default_rng(0).normal(size=(50, 6))
    found = joined(read((table[:, :3], table[:, 3:])))
    assert same(found, x=torch.from_numpy(table[:, :3]))


def test_shared_tensors_are_not_cut():
    weight = torch.randn(6, 2)
    found = read({"x": X, "weight": weight}, Shared())
    assert [len(each["x"]) for each in found] == [20, 20, 10]
    assert all(torch.equal(each["weight"], weight) for each in found)


def test_a_tensor_is_cut_along_the_axis_of_samples():
    time_first = X.T[:, :, None].clone()
    found = read(time_first, samples=1)
    assert [each["x"].shape[1] for each in found] == [20, 20, 10]
    assert same(joined(found, axis=1), x=time_first)
    assert n_batches(time_first, 20, Reader(One(), samples=1)) == 3


def test_a_large_batch_is_cut_before_a_function_gets_it():
    sizes = []

    def call(batch: dict[str, Tensor]) -> Tensor:
        sizes.append(len(batch["rows"]))
        return 2 * batch["rows"]

    assert same(joined(read({"rows": X, "unit": "m"}, call=call)), x=2 * X)
    assert sizes == [20, 20, 10]


def test_two_tensors_of_one_shape_in_a_list_are_asked_about_and_the_remedies_work():
    data = [X, Z]
    with pytest.raises(BadRequest, match=r"may be inputs and their targets\. Give tuple\(data\).*torch\.cat\(data\)"):
        read(data)
    assert same(joined(read(tuple(data))), x=X)
    assert same(joined(read(torch.cat(data))), x=torch.cat(data))


@pytest.mark.parametrize("data", [[X, Y], [X, Y[:, None]], [X.numpy(), Z.numpy()], [X, Z, Y]])
def test_inputs_and_targets_in_a_list_are_asked_about(data):
    with pytest.raises(BadRequest, match="a list holds batches"):
        read(data)


def test_many_tensors_of_one_shape_in_a_tuple_are_asked_about_and_the_remedies_work():
    data = (X, Z, X + 1)
    with pytest.raises(BadRequest, match=r"list\(data\) where each is a batch, and data\[0\]"):
        read(data)
    assert same(joined(read(list(data))), x=torch.cat(data))
    assert same(joined(read(data[0])), x=X)


@pytest.mark.parametrize("data", [[*X], tuple(X), [*X.numpy()], [(row, 0) for row in X]])
def test_a_list_of_samples_is_told_from_batches(data):
    model = nn.Sequential(nn.Linear(6, 3))
    with pytest.raises(BadRequest, match=r"single sample.*torch\.stack\(samples\).*DataLoader\(data, batch_size=256\)"):
        read(data, model)
    assert same(joined(read(DataLoader(list(data), batch_size=256), model)), input=X)
    if isinstance(data[0], Tensor):
        assert same(joined(read(torch.stack(list(data)), model)), input=X)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("words", "data is a str"),
        (3, "data is a int"),
        (torch.tensor(1.0), "data is one number"),
        (["a sentence"], "a str where tensors of numbers are needed"),
        ([None], "got NoneType"),
    ],
)
def test_what_holds_no_data_is_named(data, message):
    with pytest.raises(BadRequest, match=message):
        read(data)


@pytest.mark.parametrize("hold", [lambda each: each, lambda each: [each], lambda each: [([each, each], Y)]])
@pytest.mark.parametrize(
    ("make", "came"),
    [
        (lambda: pack_sequence([X[:3], X[:2]]), "a PackedSequence"),
        (lambda: torch.nested.nested_tensor([X[:3], X[:2]], layout=torch.jagged), "a nested tensor"),
        (X.to_sparse, "a sparse tensor"),
        (lambda: X.to("meta"), "'meta'"),
        (lambda: np.array(["a", "b"]), "an array of texts"),
        (lambda: pytest.importorskip("PIL.Image").new("RGB", (4, 4)), "a PIL image"),
    ],
    ids=["packed", "nested", "sparse", "meta", "texts", "pil"],
)
def test_what_cannot_be_a_tensor_is_named_wherever_it_is(hold, make, came):
    data = hold(make())
    with pytest.raises(BadRequest, match=f"{came}.*; needed are dense tensors"):
        read(data)


@pytest.mark.parametrize("data", [["a", "b"], [["a", "b"]], [(["a", "b"], Y)], {"x": ["a", "b"]}, [{"x": "a"}]])
def test_texts_are_to_be_numbers_first(data):
    with pytest.raises(BadRequest, match=r"a str where tensors of numbers are needed.*token ids"):
        read(data)


def test_calls_are_data():
    reader = Reader(One())
    calls = [reader.read(each) for each in X.split(20)]
    assert same(joined(read(calls)), x=X)
    assert same(joined(read(calls[0])), x=X[:20])
