"""Regions that a score can tell apart against row-by-row differentiation, and against patterns of too many gates."""

from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from compgraph.errors import CompgraphError
from note.measures.regions.linear_regions import activation_patterns, regions
from note.measures.regions.regions_of_a_score import score_regions

GATES = ("act1", "act2")
SCORE = np.array([1.0, -0.5, 2.0, 0.0, 0.0])


@pytest.fixture(scope="module")
def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = {"fc1": nn.Linear(3, 6), "act1": nn.ReLU(), "fc2": nn.Linear(6, 5), "act2": nn.ReLU()}
    return nn.Sequential(OrderedDict(layers)).double()


@pytest.fixture(scope="module")
def rows() -> torch.Tensor:
    return torch.randn(150, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def literal(network: nn.Sequential, rows: torch.Tensor, first: int) -> np.ndarray:
    """Differentiate the score with respect to the output of a module, one row after the other."""
    before, after = network[:first], network[first:]
    score = torch.from_numpy(SCORE)
    return torch.stack([torch.func.jacrev(lambda x: after(x) @ score)(before(row)) for row in rows]).detach().numpy()


@pytest.mark.parametrize(("source", "first"), [("input", 0), ("act1", 2)])
def test_distinct_gradients_are_as_many_as_patterns_that_reach_the_score(network, rows, source, first):
    found = score_regions(network, rows, layers=GATES, source=source, target="act2", score=SCORE)
    gradients = literal(network, rows, first)
    assert_allclose(found.gradients, gradients, atol=1e-12)
    assert len(found.distinct) == len(np.unique(gradients.round(9), axis=0)) == len(found.reaching) > 3
    assert found.agree


def test_other_patterns_do_not_agree(network, rows):
    found = score_regions(network, rows, layers=GATES, source="act1", target="act2", score=SCORE)
    every = regions(activation_patterns(network, rows, layers=GATES))
    assert len(every) > len(found.reaching)
    assert not replace(found, reaching=every).agree
    moved = replace(found.reaching, labels=np.roll(found.reaching.labels, 1))
    assert len(moved) == len(found.distinct)
    assert not replace(found, reaching=moved).agree


def test_a_smooth_network_has_no_patterns(network, rows):
    smooth = nn.Sequential(OrderedDict(fc1=network.fc1, act1=nn.Tanh(), fc2=network.fc2, act2=nn.Tanh()))
    with pytest.raises(CompgraphError, match=r"ReLU"):
        score_regions(smooth, rows, layers=GATES, source="act1", target="act2", score=SCORE)
