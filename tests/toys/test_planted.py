from dataclasses import replace

import numpy as np
import pytest
import torch

from compgraph.errors import BadRequest
from compgraph.toys.planted import FAMILIES, Plan, planted

DRESSED = Plan(n_tasks=3, outputs_per_task=2, unlike=True, rotate_inputs=True, rotate_outputs=True, epochs=2)


@pytest.fixture(scope="module")
def learnt():
    return planted(Plan(), seeds=[0])


@pytest.fixture(scope="module")
def dressed():
    return planted(DRESSED, seeds=[5, 6])


def bits(toy):
    return [toy.data, *toy.tasks.values(), *toy.model.state_dict().values()]


def test_tasks_are_learnt(learnt):
    (toy,) = learnt
    assert toy.scores.keys() == {"r2", "r2_A", "r2_B"}
    assert 0.98 < min(toy.scores.values()) <= max(toy.scores.values()) < 1


def test_a_short_training_is_seen_in_the_scores(dressed):
    assert max(dressed[0].scores.values()) < 0.9


def test_scores_are_shares_of_variance_explained(learnt):
    toy = learnt[0]
    products = torch.stack([toy.data[:, :2].prod(dim=1), toy.data[:, 2:].prod(dim=1)], dim=1).double().numpy()
    found = toy.model(toy.data).detach().double().numpy()
    # The network is scored against standardised products, whose scale is close to the law's: the variance is 1/9.
    errors = ((found - 3 * products) ** 2).mean(axis=0) / (9 * products.var(axis=0))
    np.testing.assert_allclose(1 - errors, [toy.scores["r2_A"], toy.scores["r2_B"]], atol=5e-3)
    assert toy.scores["r2"] == pytest.approx((toy.scores["r2_A"] + toy.scores["r2_B"]) / 2, abs=1e-3)


def test_toys_say_what_they_are(dressed):
    name = "planted n_tasks=3 outputs_per_task=2 unlike=True rotate_inputs=True rotate_outputs=True epochs=2"
    assert [toy.name for toy in dressed] == [name, name]
    assert [toy.seed for toy in dressed] == [5, 6]
    assert dressed[0].layers == ("layers.0.act", "layers.1.act", "head")
    assert tuple(dressed[0].tasks) == ("A", "B", "C")
    assert dressed[0].n_tasks == 3


def test_toys_are_ready_to_observe(dressed):
    for toy in dressed:
        assert toy.data.shape == (2000, 6)
        assert not toy.model.training
        assert all(weight.grad is None for weight in toy.model.parameters())
        assert all(tensor.dtype == torch.float32 for tensor in bits(toy))


def test_tasks_vary_in_their_own_columns_alone(learnt):
    toy = learnt[0]
    for task, own, other in [("A", slice(0, 2), slice(2, 4)), ("B", slice(2, 4), slice(0, 2))]:
        assert torch.equal(toy.tasks[task][:, own], toy.data[:, own])
        assert (toy.tasks[task][:, other] == 0).all()


def test_rotated_tasks_vary_in_orthogonal_planes_that_make_up_the_data(dressed):
    toy = dressed[0]
    parts = [toy.tasks[task].double().numpy() for task in "ABC"]
    np.testing.assert_allclose(sum(parts), toy.data, atol=1e-5)
    for number, part in enumerate(parts):
        assert np.linalg.matrix_rank(part, tol=1e-3) == 2
        assert np.abs(part).max(axis=0).min() > 0.1
        for other in parts[:number]:
            planes = (np.linalg.svd(each, full_matrices=False)[2][:2] for each in (part, other))
            np.testing.assert_allclose(np.matmul(next(planes), next(planes).T), 0, atol=1e-5)


def test_same_seeds_give_the_same_bits_whatever_the_surroundings(dressed):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        torch.manual_seed(3)
        torch.set_default_dtype(torch.float64)
        again = planted(DRESSED, seeds=iter([5, 6]))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(torch.float32)
    for one, other in zip(dressed, again, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(bits(one), bits(other), strict=True))


def test_a_seed_alone_starts_and_goes_as_in_company(dressed):
    (alone,) = planted(DRESSED, seeds=[6])
    assert torch.equal(alone.data, dressed[1].data)
    torch.testing.assert_close(alone.model(alone.data), dressed[1].model(alone.data), rtol=1e-3, atol=1e-3)
    assert not torch.equal(alone.data, dressed[0].data)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_can_be_made(name):
    plan = FAMILIES[name]
    (toy,) = planted(replace(plan, epochs=min(plan.epochs, 1)), seeds=[0])
    control = name.startswith(("single", "untrained", "mixed"))
    assert toy.n_tasks == (1 if control else plan.n_tasks)
    assert len(toy.tasks) == (0 if control else plan.n_tasks)
    assert len(toy.layers) == plan.depth + 1
    assert toy.model(toy.data).shape == (2000, plan.widths[-1])
    modules = dict(toy.model.named_modules())
    assert all(site in modules for site in toy.layers)


def test_untrained_networks_have_torchs_initial_weights():
    (toy,) = planted(FAMILIES["untrained-gelu-6"], seeds=[0])
    for block in toy.model.layers:
        assert block.linear.weight.abs().max() <= block.linear.in_features**-0.5
    assert not toy.model.training


@pytest.mark.parametrize(
    ("seeds", "said"), [([], r"no seeds came"), ([-1], r"seed=-1.*at least 0"), ([2**63], r"2\*\*63")]
)
def test_bad_seeds_are_refused(seeds, said):
    with pytest.raises(BadRequest, match=said):
        planted(Plan(epochs=0), seeds=seeds)
