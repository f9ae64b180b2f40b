"""Whatever is around a model or hides inside it: compiling, checkpoints, modes, computed weights, precisions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

import compgraph as cg
from compgraph.statistics import Statistics
from fixtures.any_networks import rows
from fixtures.maps_and_sequences import WIDTH, linear

LAYERS = ["a", "b"]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.act, self.b = linear(), nn.ReLU(), linear(WIDTH, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.act(self.a(x)))


class NoGrad(Net):
    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


class Inference(Net):
    def forward(self, x: Tensor) -> Tensor:
        with torch.inference_mode():
            return super().forward(x)


class FrozenBackbone(Net):
    def forward(self, x: Tensor) -> Tensor:
        with torch.inference_mode():
            h = self.act(self.a(x))
        return self.b(h)


class Checkpointed(Net):
    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.act(checkpoint(self.a, x, use_reentrant=self.reentrant)))


class Delegating(nn.Module):
    """Hands all that it lacks on to the module inside, and does something of its own."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("inner"), name)

    def forward(self, x: Tensor) -> Tensor:
        return 3 * self.inner(x)


def made(kind: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return kind().eval()


def same(a: Statistics, b: Statistics, tolerance: float = 1e-5) -> None:
    assert [space.layer for space in a.spaces] == [space.layer for space in b.spaces]
    for one, other in zip(a.pairs, b.pairs, strict=True):
        for field in ("mean_x", "mean_y", "xx", "xy", "yy"):
            first, second = getattr(a.moments[one], field), getattr(b.moments[other], field)
            np.testing.assert_allclose(first, second, atol=tolerance * max(1.0, np.abs(second).max()))
        filters = np.eye(len(a.moments[one].mean_y))
        totals = [each.probe.gradient_moments(p, filters).total for each, p in ((a, one), (b, other))]
        np.testing.assert_allclose(*totals, atol=tolerance * max(1.0, np.abs(totals[1]).max()))


WRAPPED: dict[str, Callable[[], nn.Module]] = {
    "no_grad": NoGrad,
    "inference_mode": Inference,
    "frozen backbone": FrozenBackbone,
    "checkpoint, reentrant": lambda: Checkpointed(reentrant=True),
    "checkpoint": lambda: Checkpointed(reentrant=False),
    "data parallel": lambda: nn.DataParallel(Net()),
    "frozen": lambda: Net().requires_grad_(requires_grad=False),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_wrapped_models_give_what_plain_ones_do(name):
    same(cg.collect(made(WRAPPED[name]), rows(), LAYERS), cg.collect(made(Net), rows(), LAYERS))


def test_compiled_models_give_what_plain_ones_do():
    graphs = []

    def backend(graph: Any, _example: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    expected = cg.collect(made(Net), rows(), LAYERS)
    inside, part = made(Net), made(Net)
    inside.compile(backend=backend)
    part.a = torch.compile(part.a, backend=backend)
    for model in (torch.compile(made(Net), backend=backend), inside):
        same(cg.collect(model, rows(), LAYERS), expected)
    layers = [name for name, module in part.named_modules() if isinstance(module, nn.Linear)]
    found = cg.collect(part, rows(), layers)
    np.testing.assert_allclose(found.moments[found.pairs[0]].xy, expected.moments[expected.pairs[0]].xy, atol=1e-4)
    assert not graphs, "our hooks were compiled"


def test_a_wrapper_of_ones_own_is_what_is_analysed():
    model = made(lambda: Delegating(Net()))
    stats = cg.collect(model, rows(), ["inner.a"])
    expected = model(rows()).detach().double().numpy()
    np.testing.assert_allclose(stats.of_space(stats.returned["output"]).mean_x, expected.mean(0), atol=1e-5)


def test_inside_inference_mode():
    model, data = made(Net), rows()
    expected = cg.collect(model, data, LAYERS)
    with torch.inference_mode():
        found = cg.collect(model, data.clone(), LAYERS)
    same(found, expected)


def test_weights_that_are_computed():
    for wrap in (parametrizations.weight_norm, parametrizations.spectral_norm, parametrizations.orthogonal):
        model = made(Net)
        wrap(model.a)
        model.eval()
        stats = cg.collect(model, rows())
        assert stats.layers == ("input", "act", "b")
        assert cg.edges(stats, cg.components(stats))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-5), (torch.bfloat16, 0.05), (torch.float16, 0.01)])
def test_other_precisions(dtype, tolerance):
    stats = cg.collect(made(Net).to(dtype), rows().to(dtype), LAYERS)
    expected = cg.collect(made(Net), rows(), LAYERS)
    for a, b in zip(stats.moments.values(), expected.moments.values(), strict=True):
        np.testing.assert_allclose(a.mean_y, b.mean_y, atol=tolerance)
    assert len(cg.analyze(made(Net).to(dtype), rows(), n_null=0, n_twins=0).graph) > 0


def test_symbolically_traced_models():
    same(cg.collect(torch.fx.symbolic_trace(made(Net)), rows(), LAYERS), cg.collect(made(Net), rows(), LAYERS))


class Bare(nn.Module):
    """Parameters without layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Parameter(torch.randn(WIDTH, 4)), nn.Parameter(torch.randn(4, 2))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x @ self.first) @ self.second


class Waves(nn.Module):
    """Goes through complex numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.wave, self.b = linear(), nn.Linear(4, 4, dtype=torch.complex64), linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.wave(torch.fft.rfft(self.a(x))).abs())


def test_raw_parameters_and_complex_layers():
    assert cg.collect(made(Bare), rows()).layers == ("input", "output")
    stats = cg.collect(made(Waves), rows())
    assert stats.layers == ("input", "a", "b")
    assert any("wave (gives complex64 numbers" in note for note in stats.notes)
    assert cg.edges(stats, cg.components(stats))


@pytest.mark.parametrize("inplace", [False, True])
def test_activations_reused_or_in_place_or_functional(inplace):
    class Reused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c, self.act = linear(), linear(), linear(WIDTH, 2), nn.ReLU(inplace)

        def forward(self, x: Tensor) -> Tensor:
            return self.c(nn.functional.relu(self.b(self.act(self.a(x)))))

    class Twice(Reused):
        def forward(self, x: Tensor) -> Tensor:
            return self.c(self.act(self.b(self.act(self.a(x)))))

    assert cg.collect(made(Reused), rows()).layers == ("input", "act", "b", "c")
    model = made(Twice)
    stats = cg.collect(model, rows())
    assert stats.layers == ("input", "a", "b", "c")
    before = model.a(rows()).detach().double().numpy()  # what the layer gave, before anything wrote over it
    np.testing.assert_allclose(stats.moments[stats.pairs[0]].mean_y, before.mean(0), atol=1e-5)


def test_channels_last_changes_nothing():
    model, data = made(lambda: nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 2, 1))), rows(3, 6, 6)
    expected = cg.collect(model, data)
    found = cg.collect(model.to(memory_format=torch.channels_last), data.to(memory_format=torch.channels_last))
    same(found, expected, 1e-4)


def test_views_as_selectors_are_nudged_in_place():
    model = made(lambda: nn.Sequential(linear(), nn.Tanh(), linear(WIDTH, 2)))
    stats = cg.collect(model, rows(), {"0": lambda out: out[:, :3], "1": None})
    assert {space.layer: len(stats.of_space(space).mean_x) for space in stats.spaces}["0"] == 3
    arrows = {(p.source.layer, p.target.layer): p for p in stats.pairs}
    assert set(arrows) == {("input", "0"), ("input", "1"), ("0", "1"), ("1", "output")}
    found = stats.probe.gradient_moments(arrows["0", "1"], np.eye(WIDTH))
    slope = 1 - torch.tanh(model[0](rows())).detach().double().numpy() ** 2
    expected = np.eye(WIDTH, 3) * slope.mean(0)[:, None]
    np.testing.assert_allclose(found.total / found.n, expected, atol=1e-5)
