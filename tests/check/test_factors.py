"""The division of variance over two factors against algebra, and against twins that confuse alone with jointly."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from compgraph.check.factors import factor_profile, factorial_variance
from compgraph.decompose import components
from compgraph.errors import BadRequest, ShapeError
from compgraph.observe import collect


def product_law(divide) -> None:
    """On a grid over the unit square, x1 x2 owes 3/7 of its variance to each factor and 1/7 to both jointly."""
    n = 200
    steps = (np.arange(n) + 0.5) / n
    first, second = np.meshgrid(steps, steps, indexing="ij")
    found = divide(np.stack([first * second, 2 * first + second], axis=2))
    assert_allclose(found[:, 0] / found[:, 0].sum(), [3 / 7, 3 / 7, 1 / 7], atol=1e-4)
    assert_allclose(found[:, 1], [4 / 12, 1 / 12, 0], atol=1e-4)


def test_a_product_and_a_sum():
    product_law(factorial_variance)


def test_factors_held_instead_of_averaged_over_are_told_apart():
    def held(scores: np.ndarray) -> np.ndarray:
        first, second = scores[:, -1].var(axis=0), scores[-1].var(axis=0)
        return np.stack([first, second, np.clip(scores.var(axis=(0, 1)) - first - second, 0, None)])

    def conditional(scores: np.ndarray) -> np.ndarray:
        return np.stack([scores.var(axis=0).mean(axis=0), scores.var(axis=1).mean(axis=0), 0 * scores[0, 0]])

    for broken in (held, conditional):
        with pytest.raises(AssertionError):
            product_law(broken)


def test_parts_sum_to_the_variance_and_swap_with_the_factors():
    scores = np.random.default_rng(0).normal(size=(7, 5, 3)) + 100
    found = factorial_variance(scores)
    assert_allclose(found.sum(axis=0), scores.var(axis=(0, 1)), rtol=1e-10)
    assert_allclose(factorial_variance(scores.transpose(1, 0, 2)), found[[1, 0, 2]], rtol=1e-10)


def test_joint_variance_of_a_space_is_that_of_any_basis():
    scores = np.random.default_rng(0).normal(size=(7, 5, 3))
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    assert_allclose(factorial_variance(scores @ turn).sum(axis=1), factorial_variance(scores).sum(axis=1))


class Known(nn.Module):
    """The inputs, and after them the sum and the product of the first two and a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Identity(), nn.Identity()

    def forward(self, x):
        kept = self.first(x)
        return self.last(torch.stack([kept[:, 0] + kept[:, 1], kept[:, 0] * kept[:, 1], 0.01 * kept[:, 2]], dim=1))


@pytest.fixture(scope="module")
def parts():
    rows = torch.rand(500, 3, dtype=torch.float64)
    return components(collect(Known(), rows, ["first", "last"], progress=False), "neuron")


def grid(n: int = 40) -> torch.Tensor:
    steps = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    first, second = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([first, second, torch.full_like(first, 0.5)], dim=2)


def test_components_of_a_known_map(parts):
    found = factor_profile(parts, Known(), grid(), layers=["first", "last"])
    at = {}
    for space, part in parts.items():
        for index, axis in enumerate(part.axes):
            at[space.layer, int(axis.argmax())] = f"{space.layer}/{space.side}/{index}"
    assert found.mixing[at["last", 0]] == pytest.approx(0.5)
    assert found.joint[at["last", 0]] == pytest.approx(0, abs=1e-12)
    assert found.mixing[at["last", 1]] == pytest.approx(0.5)
    assert found.joint[at["last", 1]] == pytest.approx(1 / 7, abs=1e-3)
    for entry in (0, 1):
        assert found.mixing[at["first", entry]] == pytest.approx(0, abs=1e-12)
    for still in (at["first", 2], at["last", 2]):
        assert still not in found.mixing
        assert still not in found.joint
        assert found.variance[still] == pytest.approx((0, 0, 0), abs=1e-20)


def test_the_order_of_rows_is_that_of_the_design(parts):
    found = factor_profile(parts, Known(), grid(), layers=["first", "last"])
    swapped = factor_profile(parts, Known(), grid().transpose(0, 1), layers=["first", "last"])
    for node, (first, second, joint) in found.variance.items():
        assert swapped.variance[node] == pytest.approx((second, first, joint), abs=1e-12)


def test_what_cannot_be_divided_is_refused(parts):
    with pytest.raises(ShapeError, match=r"factors with 1 and 4 levels"):
        factorial_variance(np.zeros((1, 4, 2)))
    with pytest.raises(ShapeError, match=r"a design of shape \(1, 4, 3\)"):
        factor_profile(parts, Known(), torch.zeros(1, 4, 3, dtype=torch.float64))
    with pytest.raises(BadRequest, match=r"the model has the layers input, last and the components input, first, last"):
        factor_profile(parts, Known(), grid(), layers=["last"])
