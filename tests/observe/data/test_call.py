"""A call is its arguments and where its samples are."""

import pytest
import torch
from torch import Tensor, nn

from compgraph.errors import BadRequest
from compgraph.observe.data.call import Call

X, T = torch.arange(12.0).reshape(4, 3), torch.arange(8.0).reshape(2, 4)


def call() -> Call:
    kwargs = {"t": T, "shared": torch.ones(4, 4), "flag": True, "nested": {"ids": torch.arange(4)}}
    axes = {"x": 0, "t": 1, "shared": None, "nested.ids": 0}
    return Call((X,), kwargs, 4, axes, names=("x",))


def test_tensors_have_the_names_of_parameters():
    assert list(call().tensors) == ["x", "t", "shared", "nested.ids"]
    assert list(Call((X, {"a": T}), {}, 4, {}).tensors) == ["0", "1.a"]


def test_inputs_are_floating_with_an_axis_of_samples():
    assert list(call().inputs) == ["x", "t"]
    sparse = Call((X.to_sparse(),), {}, 4, {"0": 0})
    assert list(sparse.inputs) == []


@pytest.mark.parametrize(
    "index",
    [slice(1, 3), slice(-2, None), torch.tensor([3, 0]), torch.tensor([True, False, False, True])],
    ids=["slice", "end", "numbers", "mask"],
)
def test_rows_are_taken_along_the_axis_of_samples(index):
    found = call().rows(index)
    assert torch.equal(found.args[0], X[index])
    assert torch.equal(found.kwargs["t"], T[:, index])
    assert torch.equal(found.kwargs["nested"]["ids"], torch.arange(4)[index])
    assert torch.equal(found.kwargs["shared"], torch.ones(4, 4))
    assert found.kwargs["flag"] is True
    assert found.size == len(found.args[0]) == 2


def test_samples_that_belong_together_are_not_taken_apart():
    whole = Call((X,), {}, 2, {"0": None}, whole=True)
    with pytest.raises(BadRequest, match="2 samples that cannot be taken apart"):
        whole.rows(slice(0, 1))


def test_a_private_call_shares_nothing():
    mine = call()
    own = mine.private(torch.device("cpu"))
    for name, each in own.tensors.items():
        assert torch.equal(each, mine.tensors[name])
        assert each.data_ptr() != mine.tensors[name].data_ptr()


def test_a_private_call_has_copies_of_other_objects():
    class Box:
        def __init__(self) -> None:
            self.x = X.clone()

    box = Box()
    own = Call((box,), {}, 4, {}, whole=True).private(torch.device("cpu")).args[0]
    box.x.zero_()
    assert torch.equal(own.x, X)


def test_objects_that_cannot_be_copied_are_named():
    class Box:
        def __init__(self) -> None:
            self.x = X.clone().requires_grad_() * 2

    with pytest.raises(BadRequest, match=r"a Box that cannot be copied .*autograd did not compute"):
        Call((Box(),), {}, 4, {}, whole=True).private(torch.device("cpu"))


def test_every_tensor_is_exchanged_by_name():
    seen = {}
    found = call().map(lambda name, each: seen.setdefault(name, each + 1))
    assert list(seen) == ["x", "t", "shared", "nested.ids"]
    assert torch.equal(found.kwargs["nested"]["ids"], torch.arange(4) + 1)
    assert torch.equal(call().kwargs["nested"]["ids"], torch.arange(4))


def test_a_model_is_called_with_the_arguments():
    class Model(nn.Module):
        def forward(self, x: Tensor, **others: object) -> tuple[Tensor, dict[str, object]]:
            return x, others

    given = call()
    x, others = given.run(Model())
    assert x is X
    assert others == given.kwargs
