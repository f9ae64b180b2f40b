"""Blocks against untrained twins, random bases and halves of the data, on networks built by hand."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import special_ortho_group
from torch import Tensor, nn

from compgraph.check import ChanceTest, against_rotations, against_twins, chance, stability
from compgraph.decompose import Interactions, components
from compgraph.decompose.interaction.blocks import Split
from compgraph.errors import BadRequest
from compgraph.observe import collect
from compgraph.observe.untrained import untrained_twin
from compgraph.statistics import Statistics
from fixtures.deals import backwards, in_halves


def blocky(sizes: tuple[int, ...], n_blocks: int, seed: int) -> nn.Sequential:
    """Random layers of blocks that never meet, with ReLU between."""
    generator, modules = torch.Generator().manual_seed(seed), []
    for p, q in pairwise(sizes):
        linear = nn.Linear(p, q)
        with torch.no_grad():
            inside = torch.block_diag(*[torch.ones(q // n_blocks, p // n_blocks)] * n_blocks)
            linear.weight.copy_(inside * torch.randn(q, p, generator=generator) * (2 * n_blocks / p) ** 0.5)
            linear.bias.copy_(0.3 * torch.randn(q, generator=generator))
        modules += [linear, nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def draw(n: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(100 + seed))


def seen(model: nn.Module, seed: int = 0) -> Statistics:
    return collect(model, draw(400, model[0].in_features, seed))


def interactions(stats: Statistics) -> Interactions:
    found = components(stats, "interaction").interactions
    assert found is not None
    return found


@pytest.fixture(scope="module")
def two_blocks() -> Statistics:
    return seen(blocky((6, 16, 16, 4), 2, seed=0))


@pytest.fixture(scope="module")
def found(two_blocks) -> Interactions:
    return interactions(two_blocks)


def test_p_is_the_rank_of_the_observation() -> None:
    by_chance = tuple(float(i) for i in range(19))
    for observed, large, p in ((100, True, 1 / 20), (17.5, True, 2 / 20), (-1, True, 1), (-1, False, 1 / 20)):
        assert ChanceTest("n", "s", float(observed), by_chance, large=large).p_value == pytest.approx(p)


@pytest.mark.parametrize("large", [True, False])
def test_ties_count_against_the_observation(large) -> None:
    assert ChanceTest("n", "s", 2.0, (2.0,) * 9, large=large).p_value == 1
    better = 1.0 if large else 3.0
    assert ChanceTest("n", "s", 2.0, (2.0, better, better), large=large).p_value == pytest.approx(2 / 4)


def test_z_counts_standard_deviations_towards_evidence() -> None:
    by_chance = (1.0, 3.0, 1.0, 3.0)  # mean 2, deviation 1
    assert ChanceTest("n", "s", 5.0, by_chance).z == pytest.approx(3)
    assert ChanceTest("n", "s", 5.0, by_chance, large=False).z == pytest.approx(-3)
    assert ChanceTest("n", "s", 0.0, by_chance, large=False).z == pytest.approx(2)


@pytest.mark.parametrize("by_chance", [(), (1.0,), (1.0, 1.0, 1.0)])
def test_z_needs_chance_to_vary(by_chance) -> None:
    assert math.isnan(ChanceTest("n", "s", 5.0, by_chance).z)


def test_words() -> None:
    assert str(ChanceTest("twins", "gap", 5.0, (1.0, 3.0))) == "twins: gap 5, by chance 2 (z = 3.0, p = 0.333)"
    assert str(ChanceTest("twins", "gap", 5.0, (1.0,))) == "twins: gap 5, by chance 1 (p = 0.500)"
    nothing = ChanceTest("twins", "gap", math.nan, ())
    assert math.isnan(nothing.p_value)
    assert str(nothing) == "twins: not drawn"


def test_two_blocks_are_more_than_untrained_twins_and_random_bases_have(two_blocks, found) -> None:
    twins, rotations = against_twins(two_blocks), against_rotations(found, n=19)
    assert (len(twins.by_chance), len(rotations.by_chance)) == (19, 19)
    assert twins.p_value == rotations.p_value == pytest.approx(1 / 20)
    assert twins.observed > 10 * max(twins.by_chance)
    assert rotations.observed < 0.01 < 0.1 < min(rotations.by_chance)


def untrained(seed: int) -> nn.Sequential:
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1000 + seed)
        for layer in model[::2]:
            layer.reset_parameters()
    return model


def test_untrained_networks_are_no_more_than_their_twins() -> None:
    values = [against_twins(seen(untrained(seed), seed), seed=seed).p_value for seed in range(4)]
    assert sum(value <= 0.05 for value in values) <= 1  # P(more than 1 of 4) = 1.4 % at a rate of 5 %


def test_a_basis_that_is_itself_random_is_no_evidence(found) -> None:
    rng = np.random.default_rng(5)
    bases = tuple(special_ortho_group.rvs(len(each), random_state=rng) for each in found.split.bases)
    values = {name: getattr(found.split, name) for name in Split.__dataclass_fields__}
    turned = replace(found, split=Split(**{**values, "bases": bases}))
    assert against_rotations(turned, n=19).p_value > 0.05
    assert against_rotations(found, n=19).p_value == pytest.approx(1 / 20)


@pytest.mark.parametrize("test", ["twins", "rotations"])
def test_the_seed_decides(test, two_blocks, found) -> None:
    def run(seed: int) -> ChanceTest:
        return (
            against_twins(two_blocks, n=3, seed=seed) if test == "twins" else against_rotations(found, seed=seed, n=3)
        )

    assert run(1).by_chance == run(1).by_chance
    assert run(1).observed == run(2).observed
    if test == "rotations":  # a twin whose modes all leak much has the gap 0 for every seed
        assert run(1).by_chance != run(2).by_chance


def test_no_nulls_are_no_evidence(two_blocks, found) -> None:
    for test in (against_twins(two_blocks, n=0), against_rotations(found, n=0)):
        assert test.by_chance == ()
        assert math.isnan(test.p_value)


@pytest.mark.parametrize(("name", "value"), [("n", -1), ("n", True), ("seed", -1)])
def test_numbers_that_are_none(name, value, two_blocks, found) -> None:
    for run in (lambda **given: against_twins(two_blocks, **given), lambda **given: against_rotations(found, **given)):
        with pytest.raises(BadRequest, match=rf"{name}={value}: a whole number of at least 0 is needed"):
            run(**{name: value})


def test_twins_need_the_model(two_blocks) -> None:
    values = {name: getattr(two_blocks, name) for name in Statistics.__dataclass_fields__}
    with pytest.raises(BadRequest, match="a comparison with untrained twins needs the model"):
        against_twins(Statistics(**{**values, "probe": None}), n=1)


class Fragile(nn.Module):
    """Shuffled, its gate is closed: a twin has a dead layer or, without a way around it, dead outputs."""

    def __init__(self, around: float) -> None:
        super().__init__()
        self.first, self.last, self.around = blocky((6, 16), 2, 0), blocky((16, 4), 2, 1), around
        self.gate, self.hidden = nn.Parameter(torch.eye(30)[0]), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.hidden(torch.relu(self.first(x)) * self.gate[0])
        return self.last(hidden) + self.around * x[:, :4] ** 2


@pytest.mark.parametrize("around", [0.0, 0.1])
def test_a_dead_twin_has_no_gap(around) -> None:
    stats = collect(Fragile(around), draw(200, 6), ["hidden"])
    assert untrained_twin(stats.probe.model, 1).gate[0] == 0
    test = against_twins(stats, n=3, seed=1)
    assert test.by_chance == (0.0, 0.0, 0.0)
    assert np.isfinite(test.observed)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_blocks", [2, 3, 4])
def test_clean_blocks_are_the_same_in_both_halves(n_blocks, seed) -> None:
    sizes = (2 * n_blocks, 6 * n_blocks, 6 * n_blocks, 2 * n_blocks)
    found = interactions(seen(blocky(sizes, n_blocks, seed), seed))
    assert found.split.n_blocks == n_blocks
    assert stability(found) == pytest.approx(1)


def test_one_block_is_stable() -> None:
    one = interactions(seen(blocky((6, 16, 16, 4), 1, seed=0)))
    assert one.split.n_blocks == 1
    assert stability(one) == 1


def test_blocks_of_noise_are_not_stable(found) -> None:
    rng = np.random.default_rng(0)
    values = {name: getattr(found.split, name) for name in Split.__dataclass_fields__}
    blocks = tuple(rng.permutation(each) for each in found.split.blocks)
    shuffled = Split(**{**values, "blocks": blocks, "output_block": found.split.output_block[[0, 2, 1, 3]]})
    assert stability(replace(found, split=shuffled)) < 0.6
    noise = tuple(rng.normal(size=each.shape).astype(np.float32) for each in found.gradients)
    assert stability(replace(found, gradients=noise)) == 0


def test_no_sample_is_in_both_halves(found, monkeypatch) -> None:
    halves = []
    monkeypatch.setattr(chance, "split", lambda half: halves.append(half) or found.split)
    shapes = [each.shape[1:] for each in found.gradients]
    per_sample = (4, 1, 2)[: len(shapes)]
    gradients = tuple(
        np.repeat(np.arange(1, 9, dtype=np.float32), k)[:, None, None] * np.ones(shape, dtype=np.float32)
        for k, shape in zip(per_sample, shapes, strict=True)
    )
    stability(replace(found, gradients=gradients, rows_per_sample=per_sample))
    for one, other in zip(*halves, strict=True):
        assert set(one[:, 0, 0]) == {1, 3, 5, 7}
        assert set(other[:, 0, 0]) == {2, 4, 6, 8}


def test_a_half_that_reads_nothing_of_a_space_is_not_stable(found) -> None:
    unread = tuple(each * (np.arange(len(each)) % 2)[:, None, None].astype(np.float32) for each in found.gradients)
    assert stability(replace(found, gradients=unread)) < 0.6


class Products(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x[:, 0] * x[:, 1], x[:, 2] * x[:, 3]], dim=1)


def test_a_network_without_weights_has_no_twins() -> None:
    found = against_twins(collect(Products(), draw(300, 4)), n=3)
    assert found.by_chance == ()
    assert math.isnan(found.p_value)


@pytest.mark.parametrize("deal", [backwards, in_halves])
def test_who_measures_which_null_makes_no_difference(deal, two_blocks, found) -> None:
    assert against_twins(two_blocks, n=5, deal=deal) == against_twins(two_blocks, n=5)
    assert against_rotations(found, n=7, deal=deal) == against_rotations(found, n=7)
