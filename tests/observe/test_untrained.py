"""Untrained twins: new weights of the same kind, and nothing else changed."""

import copy
import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.utils import check_random_state
from torch import Tensor, nn

from compgraph.errors import BadRequest
from compgraph.observe import collect
from compgraph.observe.untrained import twin_weights, untrained_twin
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


def test_plain_networks_are_drawn_as_their_constructors_draw_them() -> None:
    def make() -> nn.Sequential:
        first = nn.Linear(4, 5)
        inner = nn.Sequential(nn.Linear(5, 5, bias=False), nn.GELU())
        return nn.Sequential(first, nn.LayerNorm(5), nn.ReLU(), inner, nn.Linear(5, 2))

    trained = make()
    with torch.no_grad():
        for each in trained.parameters():
            each.add_(torch.randn_like(each))
    torch.manual_seed(6)
    expected = make()
    assert same(untrained_twin(trained, 6), expected)
    assert same(untrained_twin(expected, 6), expected)


def normalised_by_a_hook(linear: nn.Linear) -> nn.Module:
    with pytest.warns(FutureWarning, match="deprecated"), torch.no_grad():
        return nn.utils.weight_norm(linear)


class Adapted(nn.Linear):
    def __init__(self) -> None:
        super().__init__(5, 9)
        self.a, self.b = nn.Parameter(torch.randn(2, 5)), nn.Parameter(torch.randn(9, 2))


@pytest.mark.parametrize(
    ("make", "kept"),
    [
        (lambda: normalised_by_a_hook(nn.Linear(5, 9)), ["weight_g", "weight_v"]),
        (
            lambda: nn.utils.parametrizations.weight_norm(nn.Linear(5, 9)),
            ["parametrizations.weight.original0", "parametrizations.weight.original1"],
        ),
        (Adapted, ["a", "b"]),
    ],
    ids=["weight norm", "parametrized weight norm", "adapter"],
)
def test_parameters_that_a_reset_leaves_out_are_shuffled(make, kept) -> None:
    model = make()
    twin = untrained_twin(model, 2)
    for name in kept:
        assert shuffled(twin.get_parameter(name), model.get_parameter(name))
    for name in {name for name, _ in model.named_parameters()} - set(kept):
        assert not shuffled(twin.get_parameter(name), model.get_parameter(name))
        assert not torch.equal(twin.get_parameter(name), model.get_parameter(name))


def test_normalised_weights_are_not_those_learnt() -> None:
    model = normalised_by_a_hook(nn.Linear(5, 9))
    twin, rows = untrained_twin(model, 2), torch.randn(6, 5)
    twin(rows)
    expected = torch._weight_norm(twin.weight_v, twin.weight_g, 0)
    assert torch.equal(twin.weight, expected)
    assert not torch.equal(twin.weight, model.weight)


def test_what_a_reset_writes_is_not_shuffled_even_where_it_was_there_before() -> None:
    class Identity(nn.Linear):
        def reset_parameters(self) -> None:
            nn.init.eye_(self.weight.data)

    assert torch.equal(untrained_twin(Identity(5, 5, bias=False), 1).weight, torch.eye(5))


class Drawn(nn.Module):
    """Draws from one of the three global generators."""

    def __init__(self, draw: Callable[[], list[float]]) -> None:
        super().__init__()
        self.draw, self.weight = draw, nn.Parameter(torch.zeros(8, dtype=torch.float64))

    def reset_parameters(self) -> None:
        self.weight.copy_(torch.tensor(self.draw()))


DRAWS = {
    "python": lambda: [random.gauss() for _ in range(8)],
    "numpy": lambda: check_random_state(None).rand(8).tolist(),
    "torch": lambda: torch.rand(8, dtype=torch.float64).tolist(),
}


def states() -> tuple[object, ...]:
    return random.getstate(), str(check_random_state(None).get_state()), torch.get_rng_state().tolist()


@pytest.mark.parametrize("library", DRAWS)
def test_every_generator_follows_the_seed_and_is_put_back(library) -> None:
    model, draw = Drawn(DRAWS[library]), DRAWS[library]
    before = states()
    first = untrained_twin(model, 3)
    assert states() == before
    draw()
    assert same(untrained_twin(model, 3), first)
    assert not same(untrained_twin(model, 4), first)


class Blocks(nn.Module):
    """Initialises what it contains, otherwise than that would initialise itself."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3))

    def reset_parameters(self) -> None:
        nn.init.eye_(self.one.weight)
        nn.init.constant_(self.other[0].weight, 0.5)


def test_containers_have_the_last_word_on_what_they_contain() -> None:
    model = nn.Sequential(Blocks(), nn.Linear(3, 2))
    twin = untrained_twin(model, 8)
    assert torch.equal(twin[0].one.weight, torch.eye(3))
    assert (twin[0].other[0].weight == 0.5).all()
    assert not torch.equal(twin[0].one.bias, model[0].one.bias)
    torch.manual_seed(8)
    expected = [nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 2)]
    assert torch.equal(twin[0].one.bias, expected[0].bias)
    assert torch.equal(twin[1].weight, expected[2].weight)


def test_running_statistics_without_weights_are_forgotten() -> None:
    model = nn.BatchNorm1d(3, affine=False)
    model(torch.randn(50, 3) * 4 + 2)
    assert (untrained_twin(model, 0).running_mean == 0).all()


def test_a_reset_that_needs_arguments_is_not_called() -> None:
    class Asking(nn.Linear):
        def reset_parameters(self, gain: float = 1.0) -> None:
            nn.init.constant_(self.weight, gain)

    class Demanding(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(Asking(4, 3))
            self.table = nn.Parameter(torch.randn(9))

        def reset_parameters(self, gain: float) -> None:
            nn.init.constant_(self.table, gain)

    model = Demanding()
    nn.init.constant_(model[0].weight, 7.0)
    twin = untrained_twin(model, 8)
    assert shuffled(twin.table, model.table)
    assert (twin[0].weight == 1).all()


def test_tied_parameters_stay_tied() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    twin = untrained_twin(model, 0)
    assert twin[1].weight is twin[0].weight
    assert not torch.equal(twin[0].weight, model[0].weight)


def test_a_replaced_parameter_has_the_dtype_and_flag_of_the_first() -> None:
    class Replacing(nn.Linear):
        def reset_parameters(self) -> None:
            self.weight = nn.Parameter(torch.rand(2, 3))

    model = Replacing(3, 2).double()
    model.weight.requires_grad_(False)
    twin = untrained_twin(model, 0)
    assert twin.weight.dtype == torch.float64
    assert not twin.weight.requires_grad
    assert twin(torch.zeros(1, 3, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_weights_are_the_same_on_every_device() -> None:
    model = nn.Sequential(Scaled(), nn.LSTM(3, 4), nn.BatchNorm1d(3))
    here, there = untrained_twin(model, 3), copy.deepcopy(model).cuda()
    state = torch.cuda.get_rng_state()
    twin = untrained_twin(there, 3)
    assert {each.device.type for each in twin.state_dict().values()} == {"cuda"}
    assert same(copy.deepcopy(twin).cpu(), here)
    assert torch.equal(torch.cuda.get_rng_state(), state)
    twin[1](torch.zeros(2, 3, device="cuda"))


@pytest.mark.parametrize(
    ("kind", "names"), [("hook", "'1.weight'"), ("attribute", "'1.last'"), ("list", "some inside other objects")]
)
def test_tensors_of_autograd_are_refused_until_a_pass_without_gradients(kind, names) -> None:
    class Remembering(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            self.last = [super().forward(x)] if kind == "list" else super().forward(x)
            return torch.relu(self.last[0] if kind == "list" else self.last)

    second = normalised_by_a_hook(nn.Linear(4, 3)) if kind == "hook" else Remembering(4, 3)
    model, rows = nn.Sequential(nn.Linear(4, 4), second), torch.randn(10, 4)
    model(rows)
    with pytest.raises(BadRequest, match=rf"autograd computed; this model holds such ones: {names}\. Run .*no_grad"):
        untrained_twin(model, 0)
    with torch.no_grad():
        model(rows)
    assert not same(untrained_twin(model, 0), model)


def test_other_reasons_why_a_model_cannot_be_copied_are_passed_on() -> None:
    class Full(nn.Linear):
        def __deepcopy__(self, memo: object) -> nn.Module:
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match=r"^out of memory$"):
        untrained_twin(Full(2, 2), 0)


@pytest.mark.parametrize("seed", [-1, 0.5, None])
def test_seeds_are_whole_numbers(seed) -> None:
    with pytest.raises((BadRequest, TypeError)):
        untrained_twin(nn.Linear(2, 2), seed)


def test_seeds_may_be_large() -> None:
    model = Scaled()
    assert not same(untrained_twin(model, 2**80), model)


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
    inputs = torch.cat([call.args[0] for call in stats.probe.batches()])
    assert len(inputs) == min(sample, 200)
    assert {tuple(row) for row in inputs.tolist()} <= {tuple(row) for row in rows.double().tolist()}
    found = stats.probe.again()
    require_equal(found, collect(model, inputs, ["act", "tanh"]))
    twin = stats.probe.again(twin=8)
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
    require_equal(stats.probe.again(), stats)


@pytest.mark.parametrize("given", ["selector", "rows"])
def test_what_was_asked_is_asked_again(given, recurrent) -> None:
    options = {"layers": {"lstm": lambda out: out[0]}} if given == "selector" else {"layers": "head", "rows": "sample"}
    stats = collect(recurrent.double(), torch.randn(30, 5, 4).double(), **options)
    require_equal(stats.probe.again(), stats)


def test_parts_of_the_data_have_the_twins_of_the_whole(mlp, rows) -> None:
    model, data = mlp.double(), rows.double()
    whole = collect(model, data)
    parts = [collect(model, each, first_row=100 * i) for i, each in enumerate(data.split(100))]
    for twin in (None, 8):
        require_equal((parts[0] + parts[1]).probe.again(twin=twin), whole.probe.again(twin=twin))
    with pytest.raises(AssertionError):
        require_equal(parts[0].probe.again(twin=8), whole.probe.again(twin=8))


@pytest.mark.parametrize("norm", [False, True])
def test_weights_of_twins_are_those_of_each_twin(norm) -> None:
    layers = [nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)]
    if norm:
        layers[0] = nn.utils.parametrizations.weight_norm(layers[0])
    model = nn.Sequential(*layers).eval()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    for seed, weights in zip([4, 9, 4], twin_weights(model, [4, 9, 4]), strict=True):
        twin = untrained_twin(model, seed)
        wanted = {**dict(twin.named_parameters()), **dict(twin.named_buffers())}
        assert weights.keys() == wanted.keys()
        assert all(torch.equal(weights[name], each) for name, each in wanted.items())
    assert all(torch.equal(before[name], each) for name, each in model.state_dict().items())
