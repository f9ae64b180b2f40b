from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from compgraph.errors import BadRequest
from compgraph.toys.multiplication import multiplication, multiplication_data, multiplications

WORST_PUBLISHED_MSE = 1.4e-3
COLUMNS = {"A": [0, 1], "B": [2, 3]}


@pytest.fixture
def toy(trained_multiplication):
    return trained_multiplication


@pytest.fixture(scope="module")
def rows():
    inputs, targets = multiplication_data(20_000, seed=3)
    return inputs.double().numpy(), targets.double().numpy()


@settings(deadline=None, max_examples=25)
@given(n=st.integers(1, 300), seed=st.integers(0, 2**63 - 1))
def test_factors_multiply_to_their_target_and_stay_in_range(n, seed):
    inputs, targets = (each.double().numpy() for each in multiplication_data(n, seed=seed))
    np.testing.assert_allclose(inputs[:, ::2] * inputs[:, 1::2], targets, rtol=1e-6)
    assert inputs.min() >= 0
    assert inputs.max() <= 2
    assert targets.min() >= 0
    assert targets.max() < 1


@pytest.mark.parametrize("task", [0, 1])
def test_products_are_uniform(rows, task):
    assert kstest(rows[1][:, task], "uniform").pvalue > 1e-3


@pytest.mark.parametrize("columns", COLUMNS.values())
def test_divisors_are_uniform_on_the_upper_half(rows, columns):
    # Given y < 1/4, y / d < 1/2 for every d, so the larger factor is d whatever d is.
    inputs, targets = rows
    few = targets[:, columns[0] // 2] < 0.25
    larger = inputs[few][:, columns].max(axis=1)
    assert kstest(larger, "uniform", args=(0.5, 0.5)).pvalue > 1e-3


@pytest.mark.parametrize("columns", COLUMNS.values())
def test_each_order_of_the_factors_has_probability_one_half(rows, columns):
    inputs, targets = rows
    few = targets[:, columns[0] // 2] < 0.25
    first_larger = inputs[few, columns[0]] > inputs[few, columns[1]]
    assert first_larger.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(few.sum()))


def test_factors_have_the_moments_of_the_law(rows):
    # E[d] = 3/4 and E[y/d] = E[y] E[1/d] = (1/2)(2 ln 2) = ln 2; a coin picks one of the two.
    expected = (0.75 + np.log(2)) / 2
    np.testing.assert_allclose(rows[0].mean(axis=0), expected, atol=4 * rows[0].std() / np.sqrt(len(rows[0])))


def test_tasks_are_independent(rows):
    across = np.corrcoef(rows[0].T)[:2, 2:]
    np.testing.assert_allclose(across, 0, atol=4 / np.sqrt(len(rows[0])))


def test_network_is_as_good_as_the_published_ones(toy):
    assert 0 < toy.scores["mse"] < WORST_PUBLISHED_MSE
    assert toy.scores["mse"] == pytest.approx((toy.scores["mse_A"] + toy.scores["mse_B"]) / 2)


def test_scores_are_those_of_the_held_out_rows(toy):
    products = torch.stack([toy.data[:, :2].prod(dim=1), toy.data[:, 2:].prod(dim=1)], dim=1)
    errors = (toy.model(toy.data) - products).detach().double().numpy() ** 2
    np.testing.assert_allclose(errors.mean(axis=0), [toy.scores["mse_A"], toy.scores["mse_B"]], rtol=1e-4)


def test_data_are_the_last_rows_of_the_drawn_set(toy):
    inputs, _ = multiplication_data(seed=toy.seed)
    assert torch.equal(toy.data, inputs[8000:])
    assert toy.data.shape == (2000, 4)


def test_network_has_the_published_shape_and_names(toy):
    shapes = {name: tuple(weight.shape) for name, weight in toy.model.named_parameters() if weight.ndim == 2}
    assert shapes == {
        "layers.0.linear.weight": (16, 4),
        "layers.1.linear.weight": (16, 16),
        "head.weight": (2, 16),
    }
    assert toy.layers == ("layers.0.act", "layers.1.act", "head")


@pytest.mark.parametrize("task", ["A", "B"])
def test_task_inputs_are_a_grid_in_the_columns_of_the_task_alone(toy, task):
    inputs = toy.tasks[task].double().numpy()
    others = [column for column in range(4) if column not in COLUMNS[task]]
    np.testing.assert_array_equal(inputs[:, others], 0.5)
    grid = inputs[:, COLUMNS[task]]
    assert len(np.unique(grid, axis=0)) == len(grid) == 100 * 100
    for column in grid.T:
        np.testing.assert_allclose(np.unique(column), np.arange(100) / 99, atol=1e-7)


def test_other_seeds_give_other_data_and_weights(toy):
    other = multiplication(seed=1, epochs=1)
    assert not torch.equal(toy.data, other.data)
    assert not torch.equal(multiplication(seed=0, epochs=1).model.head.weight, other.model.head.weight)


@pytest.mark.parametrize("epochs", [0, -3])
def test_no_epochs_are_refused(epochs):
    with pytest.raises(BadRequest, match=rf"epochs={epochs}: .* at least 1"):
        multiplication(epochs=epochs)


def test_no_rows_are_refused():
    with pytest.raises(BadRequest, match=r"n = 0 rows .* at least 1"):
        multiplication_data(0, seed=0)


def test_networks_trained_together_are_those_trained_alone():
    seeds = (3, 9, 4)
    for seed, found in zip(seeds, multiplications(seeds, epochs=30), strict=True):
        expected = multiplication(seed=seed, epochs=30)
        assert (found.name, found.seed, found.layers) == (expected.name, seed, expected.layers)
        assert torch.equal(found.data, expected.data)
        torch.testing.assert_close(found.model(found.data), expected.model(found.data), rtol=1e-3, atol=1e-3)
        assert found.scores == pytest.approx(expected.scores, rel=1e-2)
    assert found.scores != pytest.approx(multiplication(seed=3, epochs=30).scores, rel=1e-2)


@pytest.mark.parametrize(
    ("seeds", "epochs", "said"),
    [([], 1, r"no seeds came"), ([0, -1], 1, r"seed=-1.*at least 0"), ([0], 0, r"epochs=0.*at least 1")],
)
def test_bad_requests_for_many_are_refused(seeds, epochs, said):
    with pytest.raises(BadRequest, match=said):
        multiplications(seeds, epochs=epochs)


def errors_are_those_of(mixtures, toy) -> None:
    """Scores of a toy are its errors in these targets."""
    errors = (toy.model(toy.data) - mixtures).detach().double().square().mean(dim=0)
    assert [toy.scores["mse_A"], toy.scores["mse_B"]] == pytest.approx(errors.tolist(), rel=1e-4)


@pytest.mark.parametrize("mixing", [0.0, 0.2, 0.5])
def test_mixtures_are_what_networks_learn(mixing):
    (toy,) = multiplications([5], epochs=150, mixing=mixing)
    a, b = multiplication_data(seed=5)[1][8000:].T
    mixtures = torch.stack([(1 - mixing) * a + mixing * b, (1 - mixing) * b + mixing * a], dim=1)
    errors_are_those_of(mixtures, toy)
    assert toy.scores["mse"] < 0.1 * mixtures.var().item()
    for other in {0.0, 0.2, 0.5} - {mixing}:
        twin = torch.stack([(1 - other) * a + other * b, (1 - other) * b + other * a], dim=1)
        with pytest.raises(AssertionError):
            errors_are_those_of(twin, toy)


def test_equal_mixtures_make_outputs_equal():
    (toy,) = multiplications([5], epochs=150, mixing=0.5)
    outputs = toy.model(toy.data).detach()
    assert (outputs[:, 0] - outputs[:, 1]).std() < 0.1 * outputs.std()


def test_no_mixing_changes_no_bit():
    plain, mixed = multiplications([5, 6], epochs=20), multiplications([5, 6], epochs=20, mixing=0.0)
    for one, other in zip(plain, mixed, strict=True):
        weights = [list(toy.model.parameters()) for toy in (one, other)]
        assert all(torch.equal(*pair) for pair in zip(*weights, strict=True))
        assert torch.equal(one.data, other.data)


@pytest.mark.parametrize("mixing", [-0.1, 0.6, float("nan")])
def test_mixtures_out_of_range_are_refused(mixing):
    with pytest.raises(BadRequest, match=rf"mixing ?= ?{mixing}.* is needed"):
        multiplications([0], epochs=1, mixing=mixing)


def errors_are_those_of_the_sum(toy) -> None:
    """Its only score is the error of its only output in the sum of the products, which it has learnt."""
    total = multiplication_data(seed=toy.seed)[1][8000:].sum(dim=1, keepdim=True)
    outputs = toy.model(toy.data).detach()
    assert outputs.shape == total.shape
    assert toy.scores == {"mse": pytest.approx((outputs - total).double().square().mean().item(), rel=1e-4)}
    assert toy.scores["mse"] < 0.1 * total.var().item()


def test_networks_of_one_output_learn_the_sum():
    for toy in multiplications([5, 6], epochs=150, summed=True):
        errors_are_those_of_the_sum(toy)
        assert torch.equal(toy.data, multiplication_data(seed=toy.seed)[0][8000:])
    for twin in (multiplications([5], epochs=150)[0], replace(toy, seed=5)):
        with pytest.raises(AssertionError):
            errors_are_those_of_the_sum(twin)


def test_mixing_does_not_change_a_sum():
    (plain,), (mixed,) = (multiplications([5], epochs=20, summed=True, mixing=each) for each in (0.0, 0.5))
    assert all(torch.equal(*pair) for pair in zip(plain.model.parameters(), mixed.model.parameters(), strict=True))
