"""A three-site network in NumPy, so that contracts over names need no torch: x -> tanh(A x) -> B h."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from compgraph.statistics import GradientMoments, Moments, Pair, Probe, Sample, Space, Statistics

SPACES = (Space("input", "in", 0), Space("h", "out", 1), Space("h", "in", 1), Space("head", "out", 2))
PAIRS = (Pair(SPACES[0], SPACES[1]), Pair(SPACES[2], SPACES[3]))


@dataclass
class Jacobians(Probe):
    """The derivatives of the network in closed form."""

    jacobians: dict[Pair, np.ndarray]
    of_output: dict[Space, np.ndarray]

    def gradient_moments(self, pair: Pair, filters: np.ndarray, patterns: np.ndarray | None = None) -> GradientMoments:
        gradients = filters @ self.jacobians[pair]
        return GradientMoments.of(gradients if patterns is None else gradients @ patterns.T)

    def output_gradients(self, filters: np.ndarray) -> Iterator[dict[Space, np.ndarray]]:
        yield {space: (filters @ each).astype(np.float32) for space, each in self.of_output.items()}


@dataclass
class Network:
    """The weights, and the statistics of any rows sent through."""

    first: np.ndarray
    second: np.ndarray

    def statistics(self, x: np.ndarray) -> Statistics:
        hidden = np.tanh(x @ self.first.T)
        ends = {PAIRS[0]: (x, hidden), PAIRS[1]: (hidden, hidden @ self.second.T)}
        ids = np.arange(len(x))
        first = (1 - hidden**2)[:, :, None] * self.first
        second = np.broadcast_to(self.second, (len(x), *self.second.shape))
        return Statistics(
            PAIRS,
            {pair: Moments.of(*rows) for pair, rows in ends.items()},
            {pair: Sample.of(*rows, ids=ids, capacity=50, seed=0) for pair, rows in ends.items()},
            len(x),
            probe=Jacobians({PAIRS[0]: first, PAIRS[1]: second}, {SPACES[0]: self.second @ first, SPACES[2]: second}),
        )


@pytest.fixture
def network() -> Network:
    rng = np.random.default_rng(0)
    return Network(rng.normal(size=(6, 5)), rng.normal(size=(3, 6)))


@pytest.fixture
def rows() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(300, 5)) * [2, 1.5, 1, 0.7, 0.4]
