"""A network in NumPy whose derivatives are known in closed form: x -> tanh(A x) -> c tanh(B h)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from compgraph.errors import BadRequest
from compgraph.statistics import (
    Dormant,
    FiltersOf,
    GradientMoments,
    MergedProbe,
    Moments,
    Pair,
    Probe,
    Responses,
    RowGradients,
    Sample,
    Space,
    Statistics,
)

INPUT, WRITTEN, READ, HEAD = (
    Space("input", "in", 0),
    Space("h", "out", 1),
    Space("h", "in", 1),
    Space("head", "out", 2),
)
PAIRS = (Pair(INPUT, WRITTEN), Pair(READ, HEAD))
WIDTHS = (5, 6, 3)
N_ROWS = 300


@dataclass
class _Jacobians(Probe):
    """The derivatives of the network, row by row."""

    jacobians: dict[Pair, np.ndarray]
    of_output: dict[Space, np.ndarray]

    def joined(self, others: Sequence[Probe]) -> Probe:
        return MergedProbe((self, *others))

    def settled(self, full: Statistics) -> Statistics:
        return full

    def fingerprint(self) -> dict[str, str]:
        return {}

    def dormant(self) -> Dormant:
        raise BadRequest("this network keeps its derivatives and no inputs, so that nothing can be stored.")

    def trainable(self) -> bool:
        return False  # so that nobody asks for an untrained twin

    def responses(
        self, twins: Sequence[int], filters: FiltersOf, most: int | None = None
    ) -> Iterator[Responses | None]:
        raise BadRequest(f"{len(twins)} twins, {filters}, {most}: this network keeps its derivatives and no inputs.")

    def again(self, *, twin: int | None = None, first_row: int = 0) -> Statistics:
        raise BadRequest(f"twin={twin}, first_row={first_row}: this network keeps its derivatives and no inputs.")

    def row_gradients(self, pair: Pair, filters: np.ndarray) -> RowGradients:
        return RowGradients(filters @ self.jacobians[pair], np.arange(len(self.jacobians[pair])))

    def gradient_moments(self, pair: Pair, filters: np.ndarray, patterns: np.ndarray | None = None) -> GradientMoments:
        gradients = filters @ self.jacobians[pair]
        return GradientMoments.of(gradients if patterns is None else gradients @ patterns.T)

    def output_gradients(self, filters: np.ndarray, most: int | None = None) -> Iterator[dict[Space, np.ndarray]]:
        yield {space: (filters @ each[:most]).astype(np.float32) for space, each in self.of_output.items()}


@dataclass(frozen=True)
class Network:
    """The weights, and the statistics of any rows sent through.

    Attributes
    ----------
    first, second
        ``A`` and ``B``.
    unit
        ``c``, of the outputs.
    """

    first: np.ndarray
    second: np.ndarray
    unit: float = 1.0

    def statistics(self, rows: np.ndarray) -> Statistics:
        """Return what a pass over rows leaves behind, with a probe that needs no torch.

        Parameters
        ----------
        rows
            Inputs.

        Returns
        -------
        Statistics
            Of two pairs of spaces.
        """
        hidden = np.tanh(rows @ self.first.T)
        # Not linear: where outputs are combinations of hidden units, all their correlations are 1 and none is first.
        outputs = np.tanh(hidden @ self.second.T)
        ends = {PAIRS[0]: (rows, hidden), PAIRS[1]: (hidden, self.unit * outputs)}
        ids = np.arange(len(rows))
        first = (1 - hidden**2)[:, :, None] * self.first
        second = self.unit * (1 - outputs**2)[:, :, None] * self.second
        return Statistics(
            PAIRS,
            {pair: Moments.of(*each) for pair, each in ends.items()},
            {pair: Sample.of(*each, ids=ids, capacity=50, seed=0) for pair, each in ends.items()},
            len(rows),
            probe=_Jacobians({PAIRS[0]: first, PAIRS[1]: second}, {INPUT: self.second @ first, READ: second}),
        )


def network() -> Network:
    """Return the network that contracts are shown on: 5 inputs, 6 hidden units, 3 outputs, weights of seed 0.

    Returns
    -------
    Network
        Always the same.
    """
    rng = np.random.default_rng(0)
    n_in, n_hidden, n_out = WIDTHS
    return Network(rng.normal(size=(n_hidden, n_in)), rng.normal(size=(n_out, n_hidden)) / 2)


def rows() -> np.ndarray:
    """Return the 300 rows of seed 1 that go through it, each feature less spread than the one before.

    Returns
    -------
    numpy.ndarray
        Always the same.
    """
    return np.random.default_rng(1).normal(size=(N_ROWS, WIDTHS[0])) * [2, 1.5, 1, 0.7, 0.4]
