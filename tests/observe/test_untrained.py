"""Untrained twins: new weights of the same kind, and nothing else changed."""

import copy

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor, nn

from compgraph.errors import BadRequest
from compgraph.observe import collect, kept_statistics
from compgraph.observe.untrained import untrained_twin
from compgraph.statistics import Statistics


class Scaled(nn.Module):
    """Has parameters of its own and no ``reset_parameters``."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.scale = nn.Parameter(torch.arange(1.0, 13.0).reshape(3, 4)), nn.Parameter(torch.tensor(2.0))
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x * self.scale) * self.table.sum(dim=1)


class Constant(nn.Linear):
    def reset_parameters(self) -> None:
        nn.init.constant_(self.weight, 7.0)
        nn.init.constant_(self.bias, 1.0)


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: each.detach().clone() for name, each in model.state_dict().items()}


def same(one: nn.Module, other: nn.Module) -> bool:
    theirs = weights(other)
    return all(torch.equal(value, theirs[name]) for name, value in weights(one).items())


def test_the_model_and_the_random_numbers_of_torch_are_left_alone() -> None:
    model = nn.Sequential(Scaled(), nn.Linear(3, 2))
    before, rng = copy.deepcopy(model), torch.get_rng_state()
    twin = untrained_twin(model, 3)
    assert same(model, before)
    assert torch.equal(torch.get_rng_state(), rng)
    assert {id(each) for each in model.parameters()}.isdisjoint(id(each) for each in twin.parameters())
    assert not same(twin, before)


def test_the_seed_decides() -> None:
    model = nn.Sequential(Scaled(), nn.Linear(3, 2))
    first = untrained_twin(model, 3)
    torch.randn(5)
    assert same(untrained_twin(model, 3), first)
    assert not same(untrained_twin(model, 4), first)


def test_modules_are_initialised_as_they_say_themselves() -> None:
    twin = untrained_twin(nn.Sequential(nn.Linear(4, 3), Constant(3, 2)), 5)
    torch.manual_seed(5)
    expected = nn.Linear(4, 3)
    assert torch.equal(twin[0].weight, expected.weight)
    assert torch.equal(twin[0].bias, expected.bias)
    assert (twin[1].weight == 7).all()
    assert (twin[1].bias == 1).all()


def test_running_statistics_are_forgotten() -> None:
    model = nn.BatchNorm1d(3)
    model(torch.randn(50, 3) * 4 + 2)
    twin = untrained_twin(model, 0)
    assert (twin.running_mean == 0).all()
    assert (twin.running_var == 1).all()
    assert (model.running_mean != 0).all()


def shuffled(twin: Tensor, original: Tensor) -> bool:
    same_values = torch.equal(twin.flatten().sort().values, original.flatten().sort().values)
    return same_values and not torch.equal(twin, original)


def test_other_parameters_keep_their_values_in_another_order() -> None:
    model = Scaled()
    twin = untrained_twin(model, 1)
    assert shuffled(twin.table, model.table)
    assert twin.scale == model.scale
    assert not shuffled(twin.fc.weight, model.fc.weight)
    assert not shuffled(model.table, model.table)


def test_frozen_parameters_are_drawn_anew_and_stay_frozen() -> None:
    model = nn.Linear(4, 3)
    model.weight.requires_grad_(False)
    twin = untrained_twin(model, 9)
    assert not torch.equal(twin.weight, model.weight)
    assert [each.requires_grad for each in twin.parameters()] == [False, True]
    assert twin.training


def require_equal(found: Statistics, expected: Statistics) -> None:
    assert found.pairs == expected.pairs
    assert found.n_samples == expected.n_samples
    for pair in expected.pairs:
        for name in ("mean_x", "mean_y", "xx", "xy", "yy"):
            a, b = (getattr(each.moments[pair], name) for each in (found, expected))
            assert_allclose(a, b, atol=1e-9 * max(np.abs(b).max(), 1))


@pytest.mark.parametrize("sample", [60, 1024])
def test_kept_statistics_are_those_of_the_kept_inputs(sample, mlp, rows) -> None:
    model = mlp.double()
    stats = collect(model, rows.double(), ["act", "tanh"], sample=sample)
    inputs = torch.cat([arguments[0] for (arguments,) in stats.gradients.batches()])
    assert len(inputs) == min(sample, 200)
    assert {tuple(row) for row in inputs.tolist()} <= {tuple(row) for row in rows.double().tolist()}
    found = kept_statistics(stats)
    require_equal(found, collect(model, inputs, ["act", "tanh"]))
    twin = kept_statistics(stats, twin=8)
    require_equal(twin, collect(untrained_twin(model, 8), inputs, ["act", "tanh"]))
    with pytest.raises(AssertionError):
        require_equal(found, twin)


def test_kept_inputs_are_handed_over_as_they_were_given() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, *, left: Tensor, right: Tensor) -> Tensor:
            return torch.tanh(self.fc(left)) * right

    model, batch = Two().double(), {"left": torch.randn(30, 3).double(), "right": torch.randn(30, 2).double()}
    stats = collect(model, [batch])
    require_equal(kept_statistics(stats), stats)


@pytest.mark.parametrize("given", ["selector", "rows"])
def test_what_was_asked_is_asked_again(given, recurrent) -> None:
    options = {"layers": {"lstm": lambda out: out[0]}} if given == "selector" else {"layers": "head", "rows": "sample"}
    stats = collect(recurrent.double(), torch.randn(30, 5, 4).double(), **options)
    require_equal(kept_statistics(stats), stats)


def test_statistics_without_a_model_have_no_twins(mlp, rows) -> None:
    parts = [collect(mlp, each, first_row=100 * i) for i, each in enumerate(rows.split(100))]
    with pytest.raises(BadRequest, match=r"needs the model, and these statistics hold none, or were added up"):
        kept_statistics(parts[0] + parts[1], twin=0)
