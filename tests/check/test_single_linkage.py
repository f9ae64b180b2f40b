"""Chains of small steps against all pairs, and how few pairs are looked at where rows crowd."""

from importlib import import_module

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from compgraph.check.single_linkage import single_linkage

module = import_module("compgraph.check.single_linkage")


def all_pairs(rows: np.ndarray, *, tolerance: float) -> np.ndarray:
    near = cdist(rows, rows) <= tolerance * np.linalg.norm(rows, axis=1).max()
    return connected_components(near, directed=False)[1]


def listed_pairs(rows: np.ndarray, *, tolerance: float) -> np.ndarray:
    radius = tolerance * float(np.linalg.norm(rows, axis=1).max())
    near = module.cKDTree(rows).query_pairs(radius, output_type="ndarray")
    table = np.eye(len(rows))
    table[near[:, 0], near[:, 1]] = 1
    return connected_components(table, directed=False)[1]


def labels_are_those_of_all_pairs(label) -> None:
    rng, sizes = np.random.default_rng(0), []
    for case in range(60):
        shape = rng.integers(1, 150), rng.integers(1, 7)
        rows = np.unique(rng.normal(size=shape) if case % 3 else rng.integers(-5, 6, size=shape).astype(float), axis=0)
        tolerance = 10 ** rng.uniform(-1.5, -0.2)
        found, expected = label(rows, tolerance=tolerance), all_pairs(rows, tolerance=tolerance)
        pairs = np.unique(np.stack([found, expected]), axis=1)
        assert pairs.shape[1] == len(np.unique(found)) == len(np.unique(expected))
        sizes.append(pairs.shape[1] / len(rows))
    assert np.quantile(sizes, 0.2) < 0.4
    assert np.quantile(sizes, 0.8) > 0.8


def test_labels_are_those_of_all_pairs() -> None:
    labels_are_those_of_all_pairs(single_linkage)


def test_balls_alone_are_not_enough(monkeypatch) -> None:
    monkeypatch.setattr(module, "_touch", lambda *_: False)
    with pytest.raises(AssertionError):
        labels_are_those_of_all_pairs(single_linkage)


@pytest.fixture
def looked_at(monkeypatch) -> list[int]:
    """Count the neighbours that searches return."""
    counts: list[int] = []

    class Counting(cKDTree):
        def query_pairs(self, *args, **options):
            found = super().query_pairs(*args, **options)
            counts.append(len(found))
            return found

        def query_ball_point(self, *args, **options):
            found = super().query_ball_point(*args, **options)
            counts.append(len(found))
            return found

        def query(self, x, **options):
            counts.append(len(x) * options.get("k", 1))
            return super().query(x, **options)

    monkeypatch.setattr(module, "cKDTree", Counting)
    return counts


def near_equal(n: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.normal(size=8) + 1e-7 * rng.normal(size=(n, 8))


def few_are_looked_at(label, looked_at: list[int], n: int) -> None:
    looked_at.clear()
    assert len(set(label(near_equal(n), tolerance=1e-5).tolist())) == 1
    assert 0 < sum(looked_at) <= 4 * n


def test_near_equal_rows_are_not_paired(looked_at) -> None:
    for n in (500, 20_000):
        few_are_looked_at(single_linkage, looked_at, n)
    with pytest.raises(AssertionError):
        few_are_looked_at(listed_pairs, looked_at, 500)


def test_no_tolerance_joins_nothing() -> None:
    rows = np.array([[1.0, 0.0], [1.0, 1e-12], [0.0, 0.0]])
    assert len(set(single_linkage(rows, tolerance=0.0).tolist())) == 3
    assert single_linkage(rows[:1], tolerance=0.5).tolist() == [0]
    assert single_linkage(np.zeros((1, 2)), tolerance=0.5).tolist() == [0]
