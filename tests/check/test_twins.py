"""Twins that run together, or are read without their components, against each twin as any network is analysed."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from compgraph import collect
from compgraph.check import against_twins
from compgraph.check.twins import DIFFERENTIATED, by_itself
from compgraph.decompose.interaction.method import LIMIT, blocks_of
from compgraph.decompose.interaction.output_scores import output_filters, read_sides, scores_near_one
from compgraph.decompose.interaction.read_subspace import gradients_read, read_spaces
from fixtures.any_networks import ZOO, network

SEEDS = [3, 5]
SHOWN = 300  # gradients whose products are compared


class Branching(nn.Module):
    """Looks at its numbers to choose what to compute, which no run on stacked weights can."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.first(x))
        return self.second(hidden if float(hidden.detach().abs().sum()) >= 0 else -hidden)


class Aside(nn.Module):
    """Keeps a number that its reset draws where neither parameters nor buffers are."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.scale = nn.Linear(4, 4), torch.ones(4)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        self.scale = torch.rand(4) + 0.5

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.inner(x)) * self.scale


class Doubled(nn.Module):
    """Computes in double precision, which stacked weights do not have."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)).double()

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.double())


def products(gradients: np.ndarray) -> np.ndarray:
    """Return the scalar products of the gradients of the first rows and scores, which no choice of basis changes."""
    flat = gradients.reshape(-1, gradients.shape[2])[:SHOWN].astype(np.float64)
    return flat @ flat.T


def cases() -> dict[str, Callable[[], tuple[nn.Module, object]]]:
    own = {each.__name__: each for each in (Branching, Aside, Doubled)}
    drawn = torch.randn(60, 4, generator=torch.Generator().manual_seed(2))
    return {name: (lambda name=name: network(name)) for name in ZOO} | {
        name: (lambda kind=kind: (kind().eval(), drawn)) for name, kind in own.items()
    }


@pytest.mark.parametrize("name", cases())
def test_what_twins_read_is_what_each_reads_by_itself(name) -> None:
    model, data = cases()[name]()
    stats = collect(model, data)
    alone = stats.probe.again()
    found = list(alone.probe.responses(SEEDS, scores_near_one(alone, LIMIT)))
    assert len(found) == len(SEEDS)
    assert None not in found or name == "stateful"
    for seed, ours in zip(SEEDS, found, strict=True):
        if ours is None:  # the plain way says why
            continue
        twin = stats.probe.again(twin=seed)
        reads = read_spaces(twin, output_filters(twin, LIMIT), LIMIT)
        assert list(reads) == read_sides(alone)
        mine = gradients_read(ours, read_sides(alone), LIMIT)
        for got, read in zip(mine, reads.values(), strict=True):
            wanted = products(read.gradients)
            np.testing.assert_allclose(products(got), wanted, atol=2e-4 * np.abs(wanted).max())


def test_both_sides_are_differentiated_on_as_many_inputs() -> None:
    model, generator = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)), torch.Generator().manual_seed(0)
    with torch.no_grad():  # two parts, tied by little
        for linear, low, wide in ((model[0], 4, 2), (model[2], 1, 4)):
            linear.weight.copy_(torch.randn(linear.weight.shape, generator=generator))
            linear.bias.zero_()
            linear.weight[:low, wide:] *= 0.05
            linear.weight[low:, :wide] *= 0.05
    stats = collect(model, torch.randn(400, 4, generator=torch.Generator().manual_seed(1)))
    found = against_twins(stats, n=2)
    gaps = [blocks_of(stats.probe.again(), LIMIT, most).gap for most in (DIFFERENTIATED, None)]
    assert found.observed == gaps[0] != gaps[1] > 1
    seeds = np.random.SeedSequence(0).generate_state(2).tolist()
    lone = [by_itself(stats.probe, seed, LIMIT) for seed in seeds]
    np.testing.assert_allclose(found.by_chance, lone, rtol=1e-3)
