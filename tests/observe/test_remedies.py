"""What messages of the observation say to do is possible, and works when it is done."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import compgraph as cg
from compgraph.errors import BadRequest, DeadSite, NotFinite, ShapeError, SiteError, UnknownName
from compgraph.pipeline import analyze

DATA = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))


@dataclass
class Held:
    """Two tensors after a number."""

    size: int
    hidden: Tensor
    other: Tensor


class Gives(nn.Module):
    """A module that returns what a function makes of its input."""

    def __init__(self, change) -> None:
        super().__init__()
        self.change = change

    def forward(self, x: Tensor) -> Any:
        return self.change(x)


def net(*between: nn.Module, width: int = 8) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, width), *between, nn.Linear(width, 2))


SEVERAL = {
    "a tuple": (lambda h: (h, h * 2), lambda out: out[0]),
    "None before a tensor": (lambda h: (None, h, h), lambda out: out[1]),
    "a dataclass": (lambda h: Held(8, h, h), lambda out: out.hidden),
    "a dict of a tuple": (lambda h: {"state": (3, h), "last": h}, lambda out: out["last"]),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_the_selector_that_is_suggested_picks_a_tensor(name) -> None:
    pack, unpack = SEVERAL[name]
    model = net(Gives(pack), Gives(unpack))
    with pytest.raises(SiteError, match="one tensor") as caught:
        cg.collect(model, DATA, ["1"])
    said = re.search(r"layers=\{'1': lambda out: out(.+?)\}", str(caught.value))[1]
    kept = []
    model[1].register_forward_hook(lambda _module, _args, out: kept.append(out))
    model(DATA)
    for step in re.findall(r"\[(\d+)\]|\['(\w+)'\]|\.(\w+)", said):
        number, key, field = step
        kept[0] = kept[0][int(number)] if number else kept[0][key] if key else getattr(kept[0], field)
    picked = kept[0]
    assert isinstance(picked, Tensor)
    assert picked.is_floating_point()


@pytest.mark.parametrize("value", [None, 3.0, "text", ("a", None), torch.tensor(3)])
def test_no_selector_is_suggested_where_there_is_nothing_to_pick(value) -> None:
    passed = []
    model = net(Gives(lambda h: (passed.append(h), value)[1]), Gives(lambda _: passed[-1]))
    with pytest.raises(SiteError) as caught:
        cg.collect(model, DATA, ["1"])
    assert "lambda out" not in str(caught.value)
    assert re.search("a module before or after it", str(caught.value))
    assert "0" in cg.collect(model, DATA, ["0"]).layers  # as it says


def test_weights_that_are_nan_are_blamed_by_name() -> None:
    model = net(nn.ReLU())
    sound = model[2].weight.data.clone()
    model[2].weight.data[0, 3] = float("nan")
    for run in (cg.collect, analyze):
        with pytest.raises(NotFinite, match=r"the parameter '2.weight' of the model holds 1 NaN or infinite entries"):
            run(model, DATA)
    with pytest.raises(NotFinite, match="site 'input' holds NaN"):
        cg.collect(model, DATA * float("nan"))
    model[2].weight.data = sound
    assert cg.collect(model, DATA).layers


def test_samples_are_blamed_where_weights_are_sound() -> None:
    masked = net(nn.ReLU())
    masked.register_buffer("mask", torch.full((3,), -float("inf")))
    big = DATA.clone()
    big[3] = 3e38
    masked[0].weight.data.abs_().mul_(10)
    with pytest.raises(NotFinite, match="look for the samples of that batch"):
        cg.collect(masked, big.abs() * 0.9)


def test_inputs_are_never_to_be_left_out() -> None:
    with pytest.raises(DeadSite, match=r"input in never varies") as caught:
        cg.components(cg.collect(net(), torch.ones(20, 4)), "pca")
    assert "out of layers" not in str(caught.value)
    wide = nn.Sequential(nn.Linear(3000, 2), nn.ReLU())
    with pytest.raises(ShapeError, match=r"Give inputs of fewer features, or give memory=\"1GB\"") as caught:
        cg.collect(wide, torch.randn(20, 3000), ["input", "1"], memory="100MB")
    assert "leave" not in str(caught.value)
    assert "input" in cg.collect(wide, torch.randn(20, 3000), ["input", "1"], memory="1GB").layers


@pytest.mark.parametrize("device", ["cuda:99", "gpu", 3, "meta:7x"])
def test_devices_that_are_none(device) -> None:
    for run in (cg.collect, analyze):
        with pytest.raises(BadRequest, match="device="):
            run(net(), DATA, device=device)
    assert cg.collect(net(), DATA, device="cpu").layers


def test_options_that_are_none() -> None:
    with pytest.raises(UnknownName, match=r"no option of compgraph.collect 'layer'"):
        analyze(net(), DATA, layer=["0"])
