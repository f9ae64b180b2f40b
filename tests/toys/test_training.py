import numpy as np
import pytest
import torch
from torch import nn

from compgraph.toys.perceptron import Perceptron, seeded_perceptron
from compgraph.toys.training import fit, isolated, seeded


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
