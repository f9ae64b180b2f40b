"""What forward takes, of models and of what they are wrapped in."""

import pytest
import torch
from torch import Tensor, nn

from compgraph.observe.data.signature import signature_of


class Model(nn.Module):
    def forward(self, a: Tensor, /, b: Tensor, c: float = 1.0, *rest: Tensor, d: Tensor, **others: Tensor) -> None:
        """Take everything there is."""


class Delegating(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def __getattr__(self, name: str) -> object:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("inner"), name)

    def forward(self, mine: Tensor) -> Tensor:
        return self.inner(mine)


def test_every_kind_of_parameter():
    found = signature_of(Model())
    assert (found.positional, found.keyword, found.unnamed) == (("a", "b", "c"), ("d",), 1)
    assert (dict(found.defaults), found.rest, found.anything) == ({"c": 1.0}, "rest", True)
    assert found.n_required == 2
    assert found.lacking({"a": 1}) == ["b", "d"]
    assert str(found) == "forward(a, b, c=1.0, *rest, d, **)"
    assert [found.name(place) for place in (0, 2, 3, 4)] == ["a", "c", "rest.0", "rest.1"]


@pytest.mark.parametrize("wrap", [nn.DataParallel, lambda each: torch.compile(each, backend="eager")])
def test_wrappers_that_run_another_module_are_looked_through(wrap):
    assert str(signature_of(wrap(nn.LSTM(3, 2)))) == "forward(input, hx=None)"


def test_wrappers_with_a_forward_of_their_own_are_not():
    assert str(signature_of(Delegating(torch.compile(nn.Linear(3, 2), backend="eager")))) == "forward(mine)"


def test_a_signature_that_cannot_be_read_takes_anything():
    model = nn.Identity()
    model.forward = dict  # written in C, without a text of its signature
    assert signature_of(model).anything
