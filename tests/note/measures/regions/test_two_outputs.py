from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from compgraph.check import gradient_capture, subspace_overlap
from compgraph.errors import BadRequest
from note.measures.regions.two_outputs import two_scores

TASKS = {"A": np.diag([4.0, 1.0, 0.1, 0.0]), "B": np.diag([0.0, 0.2, 1.0, 3.0])}
COVARIANCE = np.diag([4.0, 1.0, 1.0, 3.0])
SCORES = np.array([[1.0, 0.1], [0.0, 1.0]])


@pytest.fixture(scope="module")
def network() -> nn.Sequential:
    torch.manual_seed(1)
    layers = OrderedDict(fc=nn.Linear(4, 6), act=nn.ReLU(), head=nn.Linear(6, 2))
    return nn.Sequential(layers).double()


@pytest.fixture(scope="module")
def rows() -> torch.Tensor:
    return torch.randn(400, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def compared(network, rows, scores=SCORES, **options):
    given = {"layers": ("act",), "source": "input", "target": "head", "covariance": COVARIANCE, "tasks": TASKS}
    return two_scores(network, rows, scores=scores, **{**given, **options})


def by_hand(network, rows) -> list[np.ndarray]:
    """Return the gradients of both scores by the weights of the open gates."""
    weight, head = network.fc.weight.detach().numpy(), network.head.weight.detach().numpy()
    gates = (rows.numpy() @ weight.T + network.fc.bias.detach().numpy()) > 0
    return [(gates * (score @ head)) @ weight for score in SCORES]


def follows_the_weights(network, rows, compare) -> None:
    found, gradients = compare(network, rows), by_hand(network, rows)
    distinct = [np.unique(each.round(12), axis=0) for each in gradients]
    assert found.distinct == tuple(map(len, distinct))
    assert found.agree
    assert found.capture == pytest.approx([gradient_capture(each, TASKS) for each in distinct])
    means = [each.mean(axis=0) for each in gradients]
    assert found.cosine == pytest.approx(abs(means[0] @ means[1]) / np.prod(np.linalg.norm(means, axis=1)))
    assert 0.5 < found.capture_by_chance < 1


def test_both_scores_follow_the_weights(network, rows) -> None:
    follows_the_weights(network, rows, compared)

    def of_distinct(network, rows):
        """Every gradient counts once in the mean, however many inputs have it."""
        means = [np.unique(each.round(12), axis=0).mean(axis=0) for each in by_hand(network, rows)]
        cosine = abs(means[0] @ means[1]) / np.prod(np.linalg.norm(means, axis=1))
        return replace(compared(network, rows), cosine=float(cosine))

    with pytest.raises(AssertionError):
        follows_the_weights(network, rows, of_distinct)


def test_linear_scores_overlap_by_their_cosine_and_their_correlation(network, rows) -> None:
    covariance = np.cov(np.random.default_rng(0).normal(size=(6, 50)))
    found = compared(network, rows, source="act", covariance=covariance, tasks={"A": np.eye(6), "B": covariance})
    first, second = SCORES @ network.head.weight.detach().numpy()
    assert found.distinct == (1, 1)
    cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    assert (found.cosine, found.plain.overlap) == pytest.approx((abs(cosine), cosine**2))
    assert found.plain.overlap == pytest.approx(subspace_overlap(first[None], second[None]).overlap)
    squared = (first @ covariance @ second) ** 2 / (first @ covariance @ first) / (second @ covariance @ second)
    assert found.scaled.overlap == pytest.approx(squared)
    assert abs(squared - cosine**2) > 0.01  # the two are not the same here


def test_draws_are_those_of_the_seed(network, rows) -> None:
    first, again, other = (compared(network, rows, seed=seed) for seed in (0, 0, 1))
    assert first.capture_by_chance == again.capture_by_chance != other.capture_by_chance
    assert first.scaled.chance == again.scaled.chance != other.scaled.chance


def test_a_score_that_nothing_moves_is_refused(network, rows) -> None:
    with pytest.raises(BadRequest, match="mean gradient of a score is 0"):
        compared(network, rows, np.array([[1.0, 0.0], [0.0, 0.0]]))
