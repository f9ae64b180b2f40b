import numpy as np
import pytest
import torch
from torch import nn

from compgraph.errors import BadRequest, ShapeError
from compgraph.toys.perceptron import Perceptron, seeded_perceptron
from compgraph.toys.train_one import fit, isolated, seed_list, seeded, shuffled_batches


def adamw(weight, gradient, rates, *, decay):
    """Decoupled-decay Adam on one number, written out from the papers, with the usual constants."""
    mean = square = 0.0
    for step, rate in enumerate(rates, start=1):
        slope = gradient(weight)
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        unbiased = mean / (1 - 0.9**step), square / (1 - 0.999**step)
        weight = weight * (1 - rate * decay) - rate * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
    return weight


@pytest.mark.parametrize(("final_lr", "decay"), [(0.1, 0.0), (0.0, 0.5), (0.04, 0.2)])
def test_fit_follows_the_papers(final_lr, decay):
    model = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    nn.init.constant_(model.weight, 2.0)
    one = torch.ones(1, 1, dtype=torch.float64)
    fit(
        model,
        lambda: (one, one),
        n_steps=6,
        loss=nn.functional.mse_loss,
        lr=0.1,
        final_lr=final_lr,
        weight_decay=decay,
    )
    rates = 0.1 + (final_lr - 0.1) * np.arange(6) / 6
    assert model.weight.item() == pytest.approx(adamw(2.0, lambda w: 2 * (w - 1), rates, decay=decay), rel=1e-9)


def test_perceptron_computes_the_formula():
    model = seeded_perceptron([3, 5, 4, 2], seeded(0)).double()
    inputs = np.random.default_rng(0).normal(size=(7, 3))
    hidden = inputs
    for block in model.layers:
        hidden = np.maximum(hidden @ block.linear.weight.detach().numpy().T + block.linear.bias.detach().numpy(), 0)
    expected = hidden @ model.head.weight.detach().numpy().T + model.head.bias.detach().numpy()
    np.testing.assert_allclose(model(torch.from_numpy(inputs)).detach().numpy(), expected, atol=1e-12)


def test_sites_name_what_is_there():
    model = Perceptron([3, 5, 4, 2])
    assert model.sites == ("layers.0.act", "layers.1.act", "head")
    assert [type(model.get_submodule(site)).__name__ for site in model.sites] == ["ReLU", "ReLU", "Linear"]


def test_isolated_block_runs_on_one_thread_in_float32():
    with isolated():
        assert torch.get_num_threads() == 1
        assert torch.get_default_dtype() == torch.float32
        assert torch.is_grad_enabled()


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("residual", [False, True])
def test_dressed_perceptron_computes_the_formula(layer_norm, residual):
    model = seeded_perceptron([3, 5, 5, 5, 2], seeded(0), activation="tanh", layer_norm=layer_norm, residual=residual)
    model = model.double()
    hidden = np.random.default_rng(0).normal(size=(7, 3))
    inputs = torch.from_numpy(hidden)
    for number, block in enumerate(model.layers):
        before = hidden @ block.linear.weight.detach().numpy().T + block.linear.bias.detach().numpy()
        if layer_norm:
            centred = before - before.mean(axis=1, keepdims=True)
            before = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
        hidden = np.tanh(before) + (hidden if residual and number else 0)
        tapped = model.layers[: number + 1](inputs).detach().numpy()
        np.testing.assert_allclose(tapped, hidden, atol=1e-12)
    expected = hidden @ model.head.weight.detach().numpy().T + model.head.bias.detach().numpy()
    np.testing.assert_allclose(model(inputs).detach().numpy(), expected, atol=1e-12)


def test_sites_of_residual_networks_are_their_blocks():
    model = Perceptron([3, 5, 5, 2], residual=True)
    assert model.sites == ("layers.0", "layers.1", "head")
    assert [type(model.get_submodule(site)).__name__ for site in model.sites] == [
        "Sequential",
        "ResidualBlock",
        "Linear",
    ]


def test_residual_blocks_of_unequal_widths_are_refused():
    with pytest.raises(ShapeError, match=r"\[5, 6\] differ"):
        Perceptron([3, 5, 6, 2], residual=True)


def test_an_epoch_deals_every_row_once():
    inputs = torch.arange(12.0).reshape(12, 1)
    batch = shuffled_batches([seeded(0), seeded(1)], 4)
    epochs = [torch.cat([batch(0, inputs, 2 * inputs)[0] for _ in range(3)]) for _ in range(2)]
    for each in epochs:
        assert torch.equal(each.sort(dim=0).values, inputs)
    assert not torch.equal(*epochs)
    rows, answers = batch(1, inputs, 2 * inputs)
    assert torch.equal(answers, 2 * rows)


def test_streams_of_batches_are_apart():
    inputs = torch.arange(12.0).reshape(12, 1)
    together, alone = (shuffled_batches([seeded(0), seeded(1)], 4) for _ in range(2))
    found = [(together(0, inputs, inputs), together(1, inputs, inputs))[1][0] for _ in range(5)]
    assert all(torch.equal(rows, alone(1, inputs, inputs)[0]) for rows in found)


@pytest.mark.parametrize(("seeds", "said"), [([], r"no seeds"), ([1.5], r"seed=1.5"), ([True], r"seed=True")])
def test_bad_seeds_are_refused(seeds, said):
    with pytest.raises(BadRequest, match=said):
        seed_list(seeds)


def test_numpy_seeds_become_plain():
    assert [type(seed) for seed in seed_list(list(np.arange(2)))] == [int, int]
