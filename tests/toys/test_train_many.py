import copy

import pytest
import torch
from torch.nn import functional

from compgraph.errors import BadRequest, ShapeError, UnknownName
from compgraph.toys import train_many as together
from compgraph.toys.perceptron import seeded_perceptron
from compgraph.toys.train_many import Stack, fit_together
from compgraph.toys.train_one import fit, seeded

N_NETWORKS, N_ROWS, HOW = 5, 40, {"n_steps": 7, "lr": 0.05, "final_lr": 0.01}


def start(**dressing):
    generator = seeded(0)
    models = [seeded_perceptron([3, 6, 6, 2], generator, **dressing).double() for _ in range(N_NETWORKS)]
    inputs = torch.randn(N_NETWORKS, N_ROWS, 3, generator=generator, dtype=torch.float64)
    return models, inputs, inputs[..., :2].square()


def ten_rows(network, inputs, targets):
    return inputs[network : network + 10], targets[network : network + 10]


def assert_as_alone(train, *, batch=None, weight_decay=0.0, loss=functional.mse_loss, **dressing):
    """Compare networks after `train` with the same networks trained one by one."""
    models, inputs, targets = start(**dressing)
    expected = copy.deepcopy(models)
    for number, (model, rows, answers) in enumerate(zip(expected, inputs, targets, strict=True)):
        given = (rows, answers) if batch is None else batch(number, rows, answers)
        fit(model, lambda given=given: given, loss=loss, weight_decay=weight_decay, **HOW)
    train(models, inputs, targets, batch=batch, weight_decay=weight_decay, loss=loss, **HOW)
    for found, alone in zip(models, expected, strict=True):
        for weight, other in zip(found.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(weight, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    "dressing",
    [{}, {"activation": "gelu"}, {"layer_norm": True}, {"residual": True, "activation": "tanh", "layer_norm": True}],
)
def test_training_together_is_training_alone(dressing):
    assert_as_alone(fit_together, **dressing)


@pytest.mark.parametrize("more", [{"batch": ten_rows}, {"weight_decay": 0.3}, {"loss": functional.l1_loss}])
def test_batches_decay_and_losses_reach_each_network(more):
    assert_as_alone(fit_together, **more)


def test_groups_are_cut_without_loss(monkeypatch):
    monkeypatch.setattr(together, "MOST_TOGETHER", 2)
    assert_as_alone(fit_together)


def on_the_neighbours_rows(models, inputs, targets, **how):
    fit_together(models, inputs.roll(1, dims=0), targets.roll(1, dims=0), **how)


def all_but_the_last(models, inputs, targets, **how):
    fit_together(models[:-1], inputs[:-1], targets[:-1], **how)


def one_step_short(models, inputs, targets, **how):
    fit_together(models, inputs, targets, **how | {"n_steps": how["n_steps"] - 1})


@pytest.mark.parametrize("broken", [on_the_neighbours_rows, all_but_the_last, one_step_short])
def test_broken_trainers_are_caught(broken):
    with pytest.raises(AssertionError, match=r"not close"):
        assert_as_alone(broken)


def test_networks_are_left_ready():
    models, inputs, targets = start()
    fit_together(models, inputs, targets, **HOW)
    assert not any(model.training for model in models)
    assert all(weight.grad is None and weight.requires_grad for model in models for weight in model.parameters())


@pytest.mark.parametrize("n_threads", [2, 3])
def test_bits_do_not_depend_on_threads(monkeypatch, n_threads):
    monkeypatch.setattr(together, "MOST_TOGETHER", 2)
    first, second = start(), start()
    before = torch.get_num_threads()
    fit_together(*first, **HOW, n_threads=1)
    fit_together(*second, **HOW, n_threads=n_threads)
    assert torch.get_num_threads() == before
    for one, other in zip(first[0], second[0], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_stack_computes_what_its_networks_compute():
    models, inputs, _ = start(layer_norm=True)
    expected = torch.stack([model(rows) for model, rows in zip(models, inputs, strict=True)])
    torch.testing.assert_close(Stack(models)(inputs), expected, rtol=1e-12, atol=1e-13)


def test_errors_in_a_thread_come_out():
    def refuse(*_):
        raise ArithmeticError("no rows today")

    with pytest.raises(ArithmeticError, match=r"no rows today"):
        fit_together(*start(), **HOW, batch=refuse)


def test_unlike_networks_are_refused():
    models, inputs, targets = start()
    models[1] = seeded_perceptron([3, 7, 6, 2], seeded(0)).double()
    with pytest.raises(ShapeError, match=r"5 networks of 2 architectures"):
        fit_together(models, inputs, targets, **HOW)


def test_unlike_numbers_are_refused():
    models, inputs, targets = start()
    with pytest.raises(ShapeError, match=r"4 networks came with rows for 5 and targets for 5"):
        fit_together(models[1:], inputs, targets, **HOW)


def test_no_networks_are_refused():
    _, inputs, targets = start()
    with pytest.raises(BadRequest, match=r"number of networks=0.*at least 1"):
        fit_together([], inputs[:0], targets[:0], **HOW)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"n_steps": 0}, r"n_steps=0.*at least 1"),
        ({"lr": 0.0}, r"lr=0\.0 and final_lr=0\.01"),
        ({"final_lr": -0.1}, r"lr=0\.05 and final_lr=-0\.1"),
        ({"n_threads": 0}, r"n_threads=0.*at least 1"),
    ],
)
def test_numbers_out_of_range_are_refused(wrong, said):
    with pytest.raises(BadRequest, match=said):
        fit_together(*start(), **HOW | wrong)


def test_unknown_loss_is_refused():
    with pytest.raises(UnknownName, match=r"no loss 'mae'. Known: 'mse'"):
        fit_together(*start(), **HOW, loss="mae")


@pytest.mark.parametrize(
    ("dressing", "batch", "kind"),
    [({}, None, "RectifiedStack"), ({}, ten_rows, "Stack"), ({"activation": "tanh"}, None, "Stack")],
)
def test_rectified_perceptrons_on_all_rows_go_the_short_way(dressing, batch, kind, monkeypatch):
    trained = []
    for name in ("Stack", "RectifiedStack"):

        class Watched(getattr(together, name)):
            def __init__(self, models, name=name):
                trained.append(name)
                super().__init__(models)

        monkeypatch.setattr(together, name, Watched)
    fit_together(*start(**dressing), **HOW, batch=batch)
    assert set(trained) == {kind}


def test_a_network_with_another_module_is_not_taken_for_rectified():
    models, _, _ = start()
    assert together._is_rectified(models[0])
    models[0].layers[0].act = torch.nn.LeakyReLU()
    assert not together._is_rectified(models[0])
