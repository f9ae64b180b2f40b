import numpy as np
from numpy.testing import assert_allclose

from compgraph.decompose import gradient_reads
from compgraph.statistics import GradientMoments


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
