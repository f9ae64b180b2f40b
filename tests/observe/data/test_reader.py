"""A batch in any form is the call of the model that a person means, or is asked about."""

from collections import UserDict, namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from compgraph.errors import BadRequest
from compgraph.observe.data.call import Call
from compgraph.observe.data.reader import Reader


class One(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)


class Two(One):
    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        return self.fc(u) * v[:, :1]


class Masked(One):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.fc(x if mask is None else x * mask)


class Scaled(One):
    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        return self.fc(x * scale)


class Losing(One):
    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.fc(x) if labels is None else self.fc(x).sum()


class Open(One):
    def forward(self, x: Tensor, **others: Tensor) -> Tensor:
        return self.fc(x + sum(others.values()))


class Any(One):
    def forward(self, *args: Tensor) -> Tensor:
        return self.fc(args[0])


X, Z = torch.randn(8, 6), torch.randn(8, 6)
LABELS = torch.arange(8)


def same(call: Call, **arguments: Tensor) -> bool:
    return list(call.tensors) == list(arguments) and all(
        torch.equal(call.tensors[name], each) for name, each in arguments.items()
    )


@pytest.mark.parametrize(
    "batch",
    [X, [X], (X,), {"x": X}, UserDict(x=X), (X, LABELS), [X, LABELS], ((X,), LABELS), ({"x": X}, LABELS), X.numpy()],
    ids=["tensor", "list", "tuple", "dict", "mapping", "target", "listed", "nested", "dict-target", "array"],
)
def test_one_input_is_one_input_however_it_is_passed(batch):
    call = Reader(One()).read(batch)
    assert same(call, x=X)
    assert list(call.inputs) == ["x"]
    assert call.size == 8
    assert call.axes == {"x": 0}


def test_columns_are_arguments_by_name_in_the_order_of_forward():
    reader = Reader(Two())
    for batch in ({"u": X, "v": Z}, {"v": Z, "u": X}):
        assert list(reader.read(batch).kwargs) == ["u", "v"]
        assert same(reader.read(batch), u=X, v=Z)


def test_columns_that_forward_does_not_take_are_left_out_and_said():
    reader = Reader(One())
    assert same(reader.read({"label": ["a"] * 8, "x": X, "id": LABELS}), x=X)
    assert reader.notes == ("The columns 'label', 'id' are no arguments of forward(x) and were left out.",)


def test_what_is_said_is_said_once():
    reader = Reader(One())
    reader.read((X, LABELS))
    reader.read((X, LABELS))
    assert len(reader.notes) == 1


def test_a_column_that_lacks_is_named_with_what_came():
    with pytest.raises(BadRequest, match=r"'u' \(float32 \(8, 6\)\), 'w' \(a str\), and forward\(u, v\) needs 'v'"):
        Reader(Two()).read({"u": X, "w": "text"})
    assert same(Reader(Two()).read({"u": X, "v": Z}), u=X, v=Z)


def test_items_that_lack_are_named_with_what_came():
    with pytest.raises(BadRequest, match=r"holds float32 \(8, 6\), and forward\(u, v\) needs 'v'"):
        Reader(Two()).read(X)


def test_columns_that_are_no_tensors_are_passed_on():
    call = Reader(Scaled()).read({"x": X, "scale": 2.0})
    assert dict(call.kwargs)["scale"] == 2.0
    assert torch.equal(call.run(model := Scaled()), model(X, 2.0))


def test_lists_of_numbers_among_the_columns_are_tensors():
    assert same(Reader(Two()).read({"u": X.tolist(), "v": Z.numpy()}), u=X, v=Z)


def test_forward_with_keywords_gets_all_columns_of_numbers():
    reader = Reader(Open())
    assert same(reader.read({"x": X, "z": Z, "name": "text"}), x=X, z=Z)
    assert "got the columns 'z' as well" in reader.notes[0]
    assert "The columns 'name' are no arguments" in reader.notes[1]


def test_a_lone_column_is_the_input_of_torchs_own_modules_alone():
    assert same(Reader(nn.Sequential(nn.Linear(6, 2))).read({"x": X}), input=X)
    with pytest.raises(BadRequest, match=r"'features'.*needs 'x'"):
        Reader(One()).read({"features": X})


@pytest.mark.parametrize("batch", [(X, Z), [X, Z], ((X, Z), LABELS), [[X, Z], LABELS], (X, Z, LABELS)])
def test_required_arguments_come_first(batch):
    assert same(Reader(Two()).read(batch), u=X, v=Z)


@pytest.mark.parametrize("model", [One(), Losing(), Scaled()], ids=lambda each: type(each).__name__)
def test_targets_are_left_out_and_said(model):
    reader = Reader(model)
    assert same(reader.read((X, LABELS)), x=X)
    assert "Item 1 of each batch was taken for a target and left out" in reader.notes[0]


def test_an_optional_argument_or_a_target_is_asked_about():
    mask = torch.rand(8, 6)
    with pytest.raises(BadRequest, match=r"whether item 1, float32 \(8, 6\), is 'mask' or a target is in doubt"):
        Reader(Masked()).read((X, mask))
    assert same(Reader(Masked()).read({"x": X, "mask": mask}), x=X, mask=mask)
    assert same(Reader(Masked(), call=lambda batch: (batch[0],)).read((X, mask)), x=X)
    assert same(Reader(Masked(), call=lambda batch: (batch[0], batch[1])).read((X, mask)), x=X, mask=mask)


def test_nested_arguments_may_be_optional_ones():
    mask = torch.rand(8, 6)
    assert same(Reader(Masked()).read(((X, mask), LABELS)), x=X, mask=mask)
    with pytest.raises(BadRequest, match=r"start with a tuple of 2, and forward\(x\) takes 1"):
        Reader(One()).read(((X, Z), LABELS))


def test_forward_that_takes_any_number_gets_the_floating_items():
    reader = Reader(Any())
    call = reader.read((X, Z, LABELS))
    assert list(call.tensors) == ["0", "1"]
    assert "got the first 2 items of each batch; items 2 to 2 were taken for targets" in reader.notes[0]


def test_named_tuples_are_matched_by_name_where_they_have_the_names():
    swapped, other = namedtuple("Swapped", "label x"), namedtuple("Other", "image label")
    assert same(Reader(One()).read(swapped(LABELS, X)), x=X)
    assert same(Reader(One()).read(other(X, LABELS)), x=X)


@pytest.mark.parametrize(
    ("model", "data"), [(torch.float32, torch.float64), (torch.bfloat16, torch.float32), (torch.float64, torch.float32)]
)
def test_data_are_cast_to_the_models_precision_and_it_is_said(model, data):
    reader = Reader(One().to(model))
    assert reader.read(X.to(data)).tensors["x"].dtype == model
    came, needed = (str(each).removeprefix("torch.") for each in (data, model))
    assert reader.notes == (f"{came} inputs were cast to {needed}, the model's precision.",)


def test_integers_and_models_of_several_precisions_or_none_are_left_alone():
    assert Reader(One()).read({"x": LABELS}).tensors["x"].dtype == torch.int64
    mixed = nn.Sequential(nn.Linear(6, 3), nn.Linear(3, 2).double())
    for model in (mixed, nn.Sequential(nn.Tanh())):
        reader = Reader(model)
        assert reader.read(X.double()).tensors["input"].dtype == torch.float64
        assert reader.notes == ()


@dataclass
class Graph:
    x: Tensor
    edges: Tensor
    n: int


class Opaque:
    """A batch of another library: no container of ours."""

    def __init__(self, x: Tensor) -> None:
        self.x = x


def test_batches_of_another_kind_need_a_function():
    with pytest.raises(BadRequest, match=r"a batch is a Opaque.*call=lambda batch: "):
        Reader(One()).read(Opaque(X))
    call = Reader(One(), call=lambda batch: (batch.x, 8)).read(Opaque(X))
    assert same(call, x=X)
    assert not call.whole


@pytest.mark.parametrize(
    "made", [lambda b: b.x, lambda b: (b.x,), lambda b: {"x": b.x}, lambda b: (b.x, 8), lambda b: ({"x": b.x}, 8)]
)
def test_a_function_returns_arguments_in_any_form(made):
    call = Reader(One(), call=made).read(Opaque(X))
    assert same(call, x=X)
    assert call.size == 8


def test_samples_that_lie_in_no_axis_are_kept_together():
    call = Reader(Two(), call=lambda batch: ((batch.x, batch.edges), batch.n)).read(Graph(X, torch.zeros(2, 5), 3))
    assert (call.size, call.whole) == (3, True)
    assert call.axes == {"u": None, "v": None}


def test_objects_among_the_arguments_keep_samples_together_and_are_copied():
    given = Opaque(X.clone())
    call = Reader(One(), call=lambda batch: (batch, 8)).read(given)
    assert (call.size, call.whole) == (8, True)
    own = call.private(torch.device("cpu"))
    given.x.zero_()
    assert torch.equal(own.args[0].x, X)


def test_what_a_function_returns_is_held_against_forward():
    with pytest.raises(BadRequest, match=r"call= gave 2 arguments, and the model takes forward\(x\)"):
        Reader(One(), call=lambda batch: (batch, batch)).read(X)
    with pytest.raises(BadRequest, match=r"call= gave 'z', and the model takes forward\(x\)"):
        Reader(One(), call=lambda batch: {"x": batch, "z": batch}).read(X)


def test_calls_are_read_already():
    call = Call((X,), {}, 8, {"0": 0})
    assert Reader(One(), call=lambda _: 1 / 0).read(call) is call


@pytest.mark.parametrize("given", [{"call": "batch"}, {"samples": "first"}, {"samples": True}, {"samples": {"x": "a"}}])
def test_parameters_that_are_none_are_refused(given):
    with pytest.raises(BadRequest, match="needed is"):
        Reader.__init__.__wrapped__(object.__new__(Reader), One(), **given)
