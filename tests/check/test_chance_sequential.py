"""Tests that end early: what they say, and that random bases are those SciPy draws one at a time."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import special_ortho_group

from compgraph.check import ChanceTest, against_rotations
from compgraph.decompose.interaction.blocks import split
from compgraph.decompose.interaction.fixed_bases import random_bases
from compgraph.decompose.interaction.method import Candidate, Interactions
from compgraph.sequential import enough


def random_interactions(plant_leak: float, seed: int = 0) -> Interactions:
    """Two blocks of outputs and directions, mixed by as much as asked for."""
    rng = np.random.default_rng(seed)
    gradients = []
    for sizes in ((2, 3), (3, 1), (1, 1)):
        inner = plant_leak * rng.normal(size=(100, 4, sum(sizes)))
        inner[:, :2, : sizes[0]] += rng.normal(size=(100, 2, sizes[0]))
        inner[:, 2:, sizes[0] :] += rng.normal(size=(100, 2, sizes[1]))
        flat = inner.reshape(-1, sum(sizes))
        gradients.append((inner @ np.linalg.eigh(flat.T @ flat)[1]).astype(np.float32))
    found = split(gradients)
    return Interactions(found, (), (Candidate("commutant", 0.0),), (), tuple(gradients), (1, 1, 1))


def leaks(found: Interactions, n: int, seed: int) -> list[float]:
    """One random basis of every space after the other, rows of turned Jacobians, and the graph's Laplacian."""
    rng, slow, values = np.random.default_rng(seed), max(found.split.n_blocks - 2, 0), []
    for _ in range(n):
        weights = []
        for each in found.gradients:
            size = each.shape[2]
            basis = np.eye(1) if size == 1 else special_ortho_group.rvs(size, random_state=rng)
            turned = found.split.output_basis.T @ each @ basis.T
            weights.append((turned**2).mean(axis=0) / (each**2).mean(axis=0).sum())
        both = np.hstack(weights)
        normalised = both / np.sqrt(np.outer(both.sum(axis=1), both.sum(axis=0)))
        values.append(1 - np.linalg.svd(normalised)[1][1 + slow])
    return values


def test_random_bases_are_measured_as_each_alone() -> None:
    found = random_interactions(0.05)
    assert found.split.n_blocks == 2
    test = against_rotations(found, n=40, seed=3)
    assert_allclose(test.by_chance, leaks(found, 40, 3), atol=1e-6)
    assert test.p_value == pytest.approx(1 / 41)


def test_random_bases_are_those_of_scipy() -> None:
    rng, sizes = np.random.default_rng(5), (3, 1, 2)
    for one, *others in zip(*random_bases(sizes, 4, np.random.default_rng(5)), strict=True):
        for basis, size in zip((one, *others), sizes, strict=True):
            expected = np.eye(1) if size == 1 else special_ortho_group.rvs(size, random_state=rng)
            assert_allclose(basis, np.linalg.inv(expected), atol=1e-12)
    assert [len(each) for each in random_bases(sizes, 0, rng)] == [0, 0, 0]


def test_the_test_ends_where_p_cannot_be_small_any_more() -> None:
    found = random_interactions(2.0)
    test = against_rotations(found, n=99)
    assert enough(99) <= len(test.by_chance) < 99
    assert sum(value <= test.observed for value in test.by_chance) == enough(99)
    assert test.by_chance[-1] <= test.observed
    assert test.p_value == enough(99) / len(test.by_chance) > 0.05
    assert_allclose(test.by_chance, leaks(found, len(test.by_chance), 0), atol=1e-6)
    assert f"{len(test.by_chance)} of 99 drawn" in str(test)


def test_words_and_p_of_tests_that_ended_early() -> None:
    ended = ChanceTest("twins", "gap", 2.0, (1.0, 3.0), asked=19)
    assert ended.p_value == 1 / 2
    assert str(ended) == "twins: gap 2, by chance 2 (2 of 19 drawn, z = 0.0, p = 0.500)"
    whole = ChanceTest("twins", "gap", 4.0, (1.0, 3.0) * 9 + (2.0,), asked=19)
    assert whole.p_value == 1 / 20
    assert "drawn" not in str(whole)
    assert math.isnan(ChanceTest("twins", "gap", 4.0, (), asked=0).p_value)
