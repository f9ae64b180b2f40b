import random
from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from sklearn.utils import check_random_state
from torch import Tensor, nn
from torch.utils.data import DataLoader

from compgraph.observe import collect, sites
from compgraph.observe.run.restore import generators_seeded, observing, untouched


class Saboteur(nn.Module):
    """Changes everything a forward pass can change, and fails on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.fc, self.drop = nn.BatchNorm1d(4), nn.Linear(4, 3), nn.Dropout()
        self.register_buffer("count", torch.zeros(2))
        self.register_buffer("replaced", torch.ones(2))
        self.error: BaseException | None = None
        self.batches = 0

    def forward(self, x: Tensor) -> Tensor:
        x.add_(1)
        self.batches += 1
        self.count += 1
        self.replaced = torch.rand(2)
        self.register_buffer("extra", torch.zeros(1))
        for module in self.modules():
            module.training = True
        check_random_state(None).rand()
        if self.error is not None and x.max() > 50:
            raise self.error
        return self.drop(self.fc(self.norm(x)))


def snapshot(model: nn.Module) -> dict[str, object]:
    """Everything that must not change."""
    return {
        "state": {
            name: (value.numpy().tobytes(), id(value))
            for name, value in model.state_dict(keep_vars=True).items()
            if not value.requires_grad
        },
        "parameters": [(p.detach().numpy().tobytes(), p.requires_grad, id(p.grad)) for p in model.parameters()],
        "grads": [None if p.grad is None else p.grad.numpy().tobytes() for p in model.parameters()],
        "flags": [module.training for module in model.modules()],
        "hooks": [
            (dict(m._forward_hooks), dict(m._forward_pre_hooks), dict(m._backward_hooks)) for m in model.modules()
        ],
        "more": [(dict(m._forward_hooks_with_kwargs), dict(m._forward_hooks_always_called)) for m in model.modules()],
        "numpy": [str(each) for each in check_random_state(None).get_state()],
        "torch": torch.get_rng_state().numpy().tobytes(),
        "grad mode": torch.is_grad_enabled(),
    }


@pytest.fixture
def model() -> Saboteur:
    model = Saboteur()
    model.train()
    model.norm.eval()
    model.fc.weight.requires_grad_(False)
    model.fc.bias.grad = torch.ones(3)
    model.fc.register_forward_hook(lambda _module, _args, out: out + 1)
    return model


@pytest.mark.parametrize("error", [None, RuntimeError("no"), KeyboardInterrupt(), SystemExit()])
def test_collect_leaves_the_model_as_it_was(model, error):
    data = torch.randn(40, 4)
    data[10:] += 100
    loader, copy = DataLoader(data, batch_size=10, shuffle=error is None), data.clone()
    model.error = error
    before = snapshot(model)
    if error is None:
        collect(model, loader)
    else:
        with pytest.raises(type(error)) as caught:
            collect(model, loader)
        assert caught.value is error
        assert error.__notes__ == ["while compgraph.collect ran the model on batch 1"]
    assert snapshot(model) == before
    assert torch.equal(data, copy)


def test_sites_and_gradients_leave_the_model_as_it_was():
    model = Saboteur().eval()
    model.fc.bias.grad = torch.ones(3)
    data = torch.randn(40, 4)
    copy, before = data.clone(), snapshot(model)
    sites(model, data)
    assert snapshot(model) == before

    quiet = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 2)).train()
    quiet[1].weight.requires_grad_(False)
    quiet[3].weight.grad = torch.ones(2, 5)
    before = snapshot(quiet)
    stats = collect(quiet, data)
    for pair in stats.pairs:
        stats.probe.gradient_moments(pair, np.eye(stats.moments[pair].xy.shape[1]))
    assert snapshot(quiet) == before
    assert torch.equal(data, copy)


@pytest.mark.parametrize("broken", ["flags", "parameters", "state", "torch"])
def test_the_snapshot_sees_each_kind_of_damage(model, broken):
    harm: dict[str, Callable[[], object]] = {
        "flags": model.norm.train,
        "parameters": lambda: model.fc.bias.requires_grad_(False),
        "state": lambda: model.count.add_(1),
        "torch": lambda: torch.rand(1),
    }
    before = snapshot(model)
    harm[broken]()
    assert snapshot(model) != before


def test_an_overridden_train_method_is_not_called():
    class Folding(nn.Linear):
        def train(self, _mode: bool = True) -> nn.Module:
            raise AssertionError

    model = Folding(2, 2)
    with observing(model):
        assert not model.training
    assert model.training


def test_frozen_and_inference_parameters_stay_as_they_are():
    with torch.inference_mode():
        model = nn.Linear(2, 2)
    with observing(model):
        pass
    assert model.weight.is_inference()
    assert model.weight.requires_grad


def test_a_resized_buffer_gets_its_values_back():
    model = nn.BatchNorm1d(3)
    with observing(model):
        model.running_mean.resize_(5).fill_(7.0)
    assert model.running_mean.tolist() == [0.0, 0.0, 0.0]


def test_pythons_generator_comes_back():
    before = random.getstate()
    with untouched(nn.Linear(1, 1)):
        random.seed(5)
    # The type checks of the tests draw from this generator too, though not on the way out of this block.
    assert random.getstate() == before


def drawn() -> tuple[float, float, float]:
    return random.gauss(), check_random_state(None).rand(), torch.rand((), dtype=torch.float64).item()


@pytest.mark.parametrize("error", [None, KeyboardInterrupt()])
def test_seeded_generators_are_put_back(error):
    model, waiting = nn.Identity(), len(torch.cuda._queued_calls)
    before = snapshot(model), random.getstate()
    found = []
    for seed in (0, 0, 1, 2**70):
        with nullcontext() if error is None else pytest.raises(KeyboardInterrupt), generators_seeded(seed):
            found.append(drawn())
            if error is not None:
                raise error
    assert (snapshot(model), random.getstate()) == before
    assert len(torch.cuda._queued_calls) == waiting, "the seed waits for CUDA to start"
    assert found[0] == found[1]
    numbers = {number for each in (found[0], found[2]) for number in each}
    assert len(numbers) == 6, "seeds and libraries draw apart"


def test_runs_inside_runs_record_as_they_say():
    model, x = nn.Linear(2, 2), torch.ones(1, 2, requires_grad=True)
    with observing(model, gradients=True):
        with observing(model):
            assert not model(x).requires_grad
            with observing(model, gradients=True), torch.no_grad():
                assert model(x).requires_grad
            assert not model(x).requires_grad
        assert model(x).requires_grad
    assert torch.overrides._get_current_function_mode_stack() == []
