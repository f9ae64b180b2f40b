"""A model is known again by its parameters and buffers, to the bit, and is left as it is."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from compgraph.observe.run.fingerprint import fingerprint


class Holds(nn.Module):
    """A tensor as a buffer."""

    def __init__(self, tensor: Tensor, *, persistent: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.arange(3.0))
        self.register_buffer("held", tensor, persistent=persistent)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)
        self.b.weight = self.a.weight


def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def tied() -> nn.Module:
    torch.manual_seed(0)
    return Tied()


MODELS: dict[str, Callable[[], nn.Module]] = {
    "linear": linear,
    "tied": tied,
    "norm": lambda: nn.BatchNorm1d(3),
    "buffer": lambda: Holds(torch.arange(4)),
    "not persistent": lambda: Holds(torch.arange(4.0), persistent=False),
    "sparse": lambda: Holds(torch.eye(3).to_sparse()),
    "csr": lambda: Holds(torch.eye(3).to_sparse_csr()),
    "complex": lambda: Holds(torch.arange(3) * 1j),
    "conjugate": lambda: Holds((torch.arange(3) * 1j).conj()),
    "bool": lambda: Holds(torch.tensor([True, False])),
    "bytes": lambda: Holds(torch.arange(5, dtype=torch.uint8)),
    "float8": lambda: Holds(torch.arange(5.0).to(torch.float8_e4m3fn)),
    "bfloat16": lambda: Holds(torch.arange(5.0).bfloat16()),
    "none": lambda: Holds(torch.empty(0, 7)),
    "number": lambda: Holds(torch.tensor(2.5)),
    "transposed": lambda: Holds(torch.arange(6.0).reshape(2, 3).T),
    "expanded": lambda: Holds(torch.ones(1, 3).expand(4, 3)),
    "quantised": lambda: Holds(torch.quantize_per_tensor(torch.arange(4.0), 0.1, 3, torch.qint8)),
    "parametrised": lambda: parametrizations.weight_norm(linear()),
    "spectral": lambda: parametrizations.spectral_norm(linear()),
    "no tensors": nn.Identity,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_a_copy_is_the_same_and_nothing_changes(name: str) -> None:
    model = MODELS[name]()
    state = [(key, id(each), each._version) for key, each in (*model.named_parameters(), *model.named_buffers())]
    found = fingerprint(model)
    other = MODELS[name]() if name == "csr" else copy.deepcopy(model)  # torch copies no such tensor
    assert fingerprint(other) == found == fingerprint(model)
    assert state == [(k, id(each), each._version) for k, each in (*model.named_parameters(), *model.named_buffers())]
    names = {key for key, _ in (*model.named_parameters(remove_duplicate=False), *model.named_buffers())}
    assert found.keys() - {"(type)"} == names


def test_tied_weights_have_one_hash_and_others_another() -> None:
    found = fingerprint(tied())
    assert found["a.weight"] == found["b.weight"]
    assert len({found[name] for name in ("a.weight", "a.bias", "b.bias")}) == 3


def flipped(model: nn.Module) -> nn.Module:
    with torch.no_grad():
        model.weight.view(torch.int32)[1, 1] ^= 1
    return model


def swapped(model: nn.Module) -> nn.Module:
    model.a, model.b = model.b, model.a
    return model


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (linear(), flipped(linear()), {"weight"}),
        (linear(), linear().double(), {"weight", "bias"}),
        (tied(), swapped(tied()), {"a.bias", "b.bias"}),
        (Holds(torch.zeros(2, 3)), Holds(torch.zeros(3, 2)), {"held"}),
        (Holds(torch.zeros(4, dtype=torch.int32)), Holds(torch.zeros(4)), {"held"}),
        (Holds(torch.zeros(2)), Holds(-torch.zeros(2)), {"held"}),
        (Holds(torch.eye(2).to_sparse()), Holds(2 * torch.eye(2).to_sparse()), {"held"}),
        (Holds(torch.arange(4), persistent=False), Holds(torch.arange(4) + 1, persistent=False), {"held"}),
        (Holds(torch.tensor([1 + 2j])), Holds(torch.tensor([1 - 2j])), {"held"}),
        (Holds(torch.tensor(2.5)), Holds(torch.tensor(2.25)), {"held"}),
    ],
)
def test_what_differs_is_named(one: nn.Module, other: nn.Module, differ: set[str]) -> None:
    mine, theirs = fingerprint(one), fingerprint(other)
    assert {name for name in mine if mine[name] != theirs[name]} == differ


@pytest.mark.filterwarnings("ignore")
def test_quantised_numbers_of_another_scale_differ() -> None:
    one, other = (Holds(torch.quantize_per_tensor(torch.arange(4.0), s, 0, torch.qint8)) for s in (0.1, 0.2))
    assert fingerprint(one)["held"] != fingerprint(other)["held"]


def test_layouts_of_the_same_numbers_are_the_same() -> None:
    plain = torch.arange(6.0).reshape(2, 3)
    assert fingerprint(Holds(plain)) == fingerprint(Holds(plain.T.contiguous().T))
    assert fingerprint(Holds(torch.ones(4, 3))) == fingerprint(Holds(torch.ones(1, 3).expand(4, 3)))
