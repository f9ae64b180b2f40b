"""The division of variance over two factors against algebra, and against twins that confuse alone with jointly."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from compgraph.decompose import components
from compgraph.errors import BadRequest, EmptyData, ShapeError
from compgraph.observe import collect
from note.measures.variance.two_factors import crossed_inputs, factor_profile, factorial_variance, mean_by_share


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


def every_pair(cross) -> None:
    first, second = torch.arange(8.0).reshape(2, 4), 100 + torch.arange(12.0).reshape(3, 4)
    literal = [[[a[0], b[1], a[2], b[3]] for b in second.tolist()] for a in first.tolist()]
    for columns in (slice(1, None, 2), [1, 3]):
        assert_array_equal(cross(first, second, of_second=columns), literal)


def test_crossed_inputs_hold_every_pair():
    every_pair(crossed_inputs)

    def second_first(first, second, *, of_second):
        return crossed_inputs(second, first, of_second=of_second).transpose(0, 1)

    def side_by_side(first, second, *, of_second):
        design = first[:, None].repeat(1, len(second), 1)
        design[:, :, of_second] = second[0, of_second]
        return design

    for broken in (second_first, side_by_side):
        with pytest.raises(AssertionError):
            every_pair(broken)


def test_crossed_inputs_leave_what_they_are_made_of():
    first, second = torch.zeros(2, 3), torch.ones(4, 3)
    crossed_inputs(first, second, of_second=[0])
    assert not first.any()
    with pytest.raises(ShapeError, match=r"inputs of 3 and 2 features"):
        crossed_inputs(first, second[:, :2], of_second=[0])


def by_share(average, part) -> None:
    """The components of least share counts least, and those without a value not at all."""
    first, second, third = (f"last/out/{index}" for index in range(3))
    assert average(part, {first: 1.0, second: 0.0}) == pytest.approx(part.share[0] / (part.share[0] + part.share[1]))
    assert average(part, {first: 2.0, third: 2.0, "elsewhere/out/0": 9.0}) == pytest.approx(2)


def test_a_mean_counts_components_by_their_share(parts):
    part = next(part for space, part in parts.items() if (space.layer, space.side) == ("last", "out"))
    by_share(mean_by_share, part)
    with pytest.raises(AssertionError):
        by_share(lambda _, values: float(np.mean(list(values.values()))), part)
    with pytest.raises(AssertionError):  # what has no value taken for 0
        by_share(lambda part, values: float(part.share @ [values.get(f"last/out/{k}", 0.0) for k in range(3)]), part)
    with pytest.raises(EmptyData, match=r"none of the 3 components of last out has a value"):
        mean_by_share(part, {})
