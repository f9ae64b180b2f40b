"""Null graphs one by one, as literally as their definition has them."""

import numpy as np

from compgraph.group.links import Links

TOLERANCE, FLOOR, SWEEPS = 1e-8, 0.01, 1000


def null_of(links: Links, stream: np.random.SeedSequence) -> dict[tuple[int, int], np.ndarray]:
    """Return the matrices of one null graph."""
    rng = np.random.default_rng(stream)
    return {
        ends: weights if links.in_one_layer(*ends) else permuted(weights, rng)
        for ends, weights in links.matrices.items()
    }


def permuted(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Permute the entries of ``(W / P)^a`` and refit the strengths."""
    rows, columns = weights.sum(axis=1) > 0, weights.sum(axis=0) > 0
    if not rows.any():
        return weights
    active = weights[np.ix_(rows, columns)]
    scale = active.max()
    active = active / scale
    expected = np.outer(active.sum(axis=1), active.sum(axis=0) / active.sum())
    free = (active.shape[0] - 1) * (active.shape[1] - 1)
    beyond = (active / expected) ** np.sqrt(active.size / max(free, 1))
    start = rng.permutation(np.maximum(beyond, FLOOR).ravel()).reshape(active.shape) * expected
    result = np.zeros_like(weights)
    result[np.ix_(rows, columns)] = scale * fitted(start, expected.sum(axis=1), expected.sum(axis=0))
    return result


def fitted(start: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Scale rows and columns in turn until the totals are those asked for."""
    for _ in range(SWEEPS):
        start = start * (rows / start.sum(axis=1))[:, None]
        start = start * (columns / start.sum(axis=0))
        if np.all(np.abs(start.sum(axis=1) - rows) <= TOLERANCE * rows):
            break
    return start
