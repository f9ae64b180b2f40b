"""Jacobians whose blocks are known, in bases that hide them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest


@dataclass(frozen=True)
class Planted:
    """Jacobians, and the projections of the outputs and of every space that commute with them."""

    jacobians: list[np.ndarray]
    outputs: list[np.ndarray]
    spaces: list[list[np.ndarray]]


def projections(basis: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    return [part @ part.T for part in np.split(basis, np.cumsum(sizes)[:-1], axis=1)]


def random_turn(rng: np.random.Generator, size: int) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(size, size)))[0]


def principal(jacobians: np.ndarray) -> np.ndarray:
    flat = jacobians.reshape(-1, jacobians.shape[2])
    return np.linalg.eigh(flat.T @ flat)[1][:, ::-1]


def plant(
    outputs: Sequence[int],
    spaces: Sequence[Sequence[int]],
    *,
    leak: float = 0.0,
    energy: Sequence[Sequence[float]] | None = None,
    turn: bool = True,
    rows: int = 120,
    seed: int = 0,
) -> Planted:
    """``Q blockdiag(J_A, J_B, ...) V^T`` in the principal directions of each space; blocks have the sizes given.

    ``leak`` is the deviation of what is added everywhere, ``energy`` scales each block of each space, and ``turn``
    tells whether the outputs are turned.
    """
    rng = np.random.default_rng(seed)
    q = sum(outputs)
    turn_outputs = random_turn(rng, q) if turn else np.eye(q)
    jacobians, inside = [], []
    for s, sizes in enumerate(spaces):
        inner = leak * rng.normal(size=(rows, q, sum(sizes)))
        for b, (i, j) in enumerate(zip(np.cumsum(outputs), np.cumsum(sizes), strict=True)):
            shape = (outputs[b], sizes[b])
            scale = 1.0 if energy is None else energy[s][b]
            inner[:, i - shape[0] : i, j - shape[1] : j] += scale * (
                rng.normal(size=(rows, *shape)) + 0.5 * rng.normal(size=shape)
            )
        turned = random_turn(rng, sum(sizes))
        hidden = turn_outputs @ inner @ turned.T
        basis = principal(hidden)
        jacobians.append(hidden @ basis)
        inside.append(projections(basis.T @ turned, sizes))
    return Planted(jacobians, projections(turn_outputs, outputs), inside)


@pytest.fixture(name="plant")
def _plant() -> Callable[..., Planted]:
    return plant
