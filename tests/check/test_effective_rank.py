"""Dimensions of outputs against products and linear maps, whose energies are known by algebra."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from compgraph.check.effective_rank import effective_rank, n_holding, read_energies
from compgraph.errors import BadRequest, EmptyData, NotFinite
from compgraph.observe import collect

LENGTHS = np.array([1.0, 2.0, 0.5, 3.0])


class Products(nn.Module):
    """Give the product of two numbers, and twice the third, of inputs that come in another basis."""

    def __init__(self, to_plain: np.ndarray) -> None:
        super().__init__()
        self.basis = nn.Linear(4, 4, bias=False).double()
        self.head = Heads()
        with torch.no_grad():
            self.basis.weight.copy_(torch.from_numpy(to_plain))

    def forward(self, rows: Tensor) -> Tensor:
        return self.head(self.basis(rows))


class Heads(nn.Module):
    def forward(self, plain: Tensor) -> Tensor:
        return torch.stack([plain[:, 0] * plain[:, 1], 2 * plain[:, 2]], dim=1)


def cube() -> np.ndarray:
    """Return rows that are uncorrelated, of mean 0 and known variance, and so are products of their entries."""
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * 4)).reshape(4, -1).T
    return signs * LENGTHS


def collected(turn: np.ndarray):
    """Collect a network that sees the cube in another basis and computes the same."""
    rows = torch.from_numpy(cube() @ turn)
    return collect(Products(np.linalg.inv(turn).T), rows, ["basis", "head"], progress=False)


def unweighted(stats) -> np.ndarray:
    """Return eigenvalues of the gradients alone: the wrong twin, which the basis of the inputs changes."""
    (chunk, *_) = stats.probe.output_gradients(np.eye(2))
    gradients = next(iter(chunk.values())).astype(np.float64)
    second = np.einsum("nqd,nqe->qde", gradients, gradients) / len(gradients)
    return np.linalg.eigvalsh(second)[:, ::-1].clip(min=0)


def of_the_function(energies_of) -> None:
    """A product of a and b has twice the energy var(a) var(b), and 2 c has 4 var(c), in whatever basis they come."""
    rng = np.random.default_rng(0)
    product, linear = (LENGTHS[:2] ** 2).prod(), 4 * LENGTHS[2] ** 2
    for turn in (np.eye(4), np.diag([1.0, 10, 0.1, 5]), rng.normal(size=(4, 4))):
        found = energies_of(collected(turn))
        np.testing.assert_allclose(found, [[product, product, 0, 0], [linear, 0, 0, 0]], atol=1e-4)


def test_energies_are_those_of_the_function() -> None:
    of_the_function(lambda stats: next(iter(read_energies(stats).values())))
    with pytest.raises(AssertionError):
        of_the_function(unweighted)


def test_energies_are_of_every_space_that_is_read() -> None:
    stats = collected(np.eye(4))
    found = read_energies(stats)
    assert list(found) == [pair.source for pair in stats.pairs]
    first, second = found.values()
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_energies_need_the_model() -> None:
    with pytest.raises(BadRequest, match=r"collect them from the model again"):
        read_energies(dataclasses.replace(collected(np.eye(4)), probe=None))


def count(rank) -> None:
    """A rank counts equal energies, whatever their unit and order, and rises with evenness."""
    assert rank(np.array([5.0])) == pytest.approx(1)
    assert rank(np.array([0.0, 3, 0, 3, 3])) == pytest.approx(3)
    assert rank(np.array([1.0, 2, 4])) == pytest.approx(rank(np.array([40.0, 10, 20])))
    # 1/2 log 2 + 1/2 log 4 is 3/2 log 2.
    assert rank(np.array([2.0, 1, 1])) == pytest.approx(2**1.5)


def test_effective_rank() -> None:
    count(effective_rank)
    with pytest.raises(AssertionError):
        count(lambda energies: energies.sum() ** 2 / np.square(energies).sum())


def test_number_that_holds_a_share() -> None:
    energies = np.array([1.0, 6, 3])
    assert [n_holding(energies, share) for share in (0.5, 0.6, 0.61, 0.9, 0.95, 1.0)] == [1, 1, 2, 2, 3, 3]
    assert n_holding(np.full(10, 0.1), 0.3) == 3


@pytest.mark.parametrize("counted", [effective_rank, n_holding])
def test_what_cannot_be_counted(counted) -> None:
    with pytest.raises(EmptyData, match=r"all 2 energies are 0"):
        counted(np.zeros(2))
    with pytest.raises(EmptyData, match=r"all 0 energies"):
        counted(np.zeros(0))
    with pytest.raises(BadRequest, match=r"1 of 2 energies are negative"):
        counted(np.array([1.0, -1]))
    with pytest.raises(NotFinite, match=r"energies holds 1 NaN"):
        counted(np.array([1.0, math.nan]))


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, math.nan])
def test_a_share_is_a_part(share) -> None:
    with pytest.raises(BadRequest, match=rf"share={share}"):
        n_holding(np.ones(2), share)
