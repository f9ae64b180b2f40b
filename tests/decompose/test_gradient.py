import importlib.util
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.decompose import gradient_reads
from compgraph.statistics import GradientMoments

spec = importlib.util.spec_from_file_location(
    "reference_gradients", Path(__file__).parents[1] / "reference" / "gradient_directions.py"
)
assert spec is not None
assert spec.loader is not None
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)


def planted() -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Gradients of two targets in two orthogonal planes of a five-dimensional space."""
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    planes = basis[:2], basis[2:4]
    coordinates = rng.normal(size=(2, 400, 2)) * [[[3.0, 1.0]], [[2.9, 0.9]]]
    return np.stack([c @ p for c, p in zip(coordinates, planes, strict=True)], axis=1), planes


def test_every_direction_belongs_to_one_target() -> None:
    gradients, planes = planted()
    found = gradient_reads(GradientMoments.of(gradients), 4)
    inside = np.array([[np.linalg.norm(plane @ axis) for plane in planes] for axis in found.axes])
    assert_allclose(np.sort(inside, axis=1), [[0, 1]] * 4, atol=1e-7)
    assert_allclose(inside.argmax(axis=1), [0, 1, 0, 1])


def test_one_target_gives_the_uncentred_principal_directions() -> None:
    gradients = np.random.default_rng(2).normal(size=(100, 1, 4)) * [4, 3, 2, 0.1]
    found = gradient_reads(GradientMoments.of(gradients), 3)
    values, vectors = np.linalg.eigh(gradients[:, 0].T @ gradients[:, 0] / 100)
    assert_allclose(np.abs(found.axes @ vectors[:, ::-1][:, :3]), np.eye(3), atol=1e-10)
    assert_allclose(found.strength, values[::-1][:3])
    assert_allclose(found.axes @ found.axes.T, np.eye(3), atol=1e-12)


def test_directions_nothing_reads_are_left_out() -> None:
    gradients, _ = planted()
    assert len(gradient_reads(GradientMoments.of(gradients), 5).axes) == 4


def test_directions_that_are_hardly_read_are_left_out() -> None:
    gradients = np.random.default_rng(3).normal(size=(500, 1, 3)) * [1, 0.5, 0.05]
    assert len(gradient_reads(GradientMoments.of(gradients), 3).axes) == 2


@pytest.mark.parametrize(("d", "rank"), [(6, 6), (90, 90), (90, 30), (90, 4)])
def test_leading_eigenvectors_alone_give_what_whole_spectra_give(d: int, rank: int) -> None:
    rng = np.random.default_rng(0)
    inside, turns = rng.normal(size=(rank, d)), rng.normal(size=(3, rank, rank)) / rank
    gradients = np.einsum("nr,krs,sd->nkd", rng.normal(size=(200, rank)) * np.arange(1, rank + 1), turns, inside)
    found, (axes, energy, gaps) = gradient_reads(GradientMoments.of(gradients), 7), reference.directions(gradients, 7)
    assert_allclose(found.axes * np.sign((found.axes * axes).sum(axis=1))[:, None], axes, atol=1e-9)
    assert_allclose(found.strength, energy, rtol=1e-10)
    assert_allclose(found.gap, gaps, atol=1e-9)


def test_a_target_that_nothing_moves_has_no_directions() -> None:
    gradients = np.zeros((50, 2, 80))
    gradients[:, 1] = np.random.default_rng(0).normal(size=(50, 80))
    alone = gradient_reads(GradientMoments.of(gradients[:, 1:]), 3)
    assert_allclose(gradient_reads(GradientMoments.of(gradients), 3).strength, alone.strength)
    assert len(gradient_reads(GradientMoments.of(gradients[:, :1]), 3).axes) == 0
