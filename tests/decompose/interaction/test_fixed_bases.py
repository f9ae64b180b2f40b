import importlib.util
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.decompose.interaction.commutant import Forms
from compgraph.decompose.interaction.coupling import Coupling
from compgraph.decompose.interaction.fixed_bases import along, energies, fixed_leaks

spec = importlib.util.spec_from_file_location(
    "reference_commutant", Path(__file__).parents[2] / "reference" / "commutant.py"
)
assert spec is not None
assert spec.loader is not None
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)


def weights(jacobians: list[np.ndarray]) -> list[np.ndarray]:
    return [(each**2).mean(axis=0) / (each**2).mean(axis=0).sum() for each in jacobians]


def test_leaks_are_those_of_the_normalised_laplacian(plant) -> None:
    jacobians = plant((2, 1), [(3, 1), (2, 2)], leak=0.3).jacobians
    both = np.hstack(weights(jacobians))
    size = sum(both.shape)
    adjacency = np.zeros((size, size))
    adjacency[: len(both), len(both) :] = both
    adjacency += adjacency.T
    root = np.sqrt(adjacency.sum(axis=1))
    expected = np.linalg.eigvalsh(np.eye(size) - adjacency / np.outer(root, root))[1 : len(both)]
    found = fixed_leaks(weights(jacobians))
    assert_allclose(found, expected, atol=1e-10)
    assert not np.allclose(
        Forms.of([Coupling.of(each) for each in jacobians]).modes(outputs="fixed").leak, expected, atol=1e-3
    )


@pytest.mark.parametrize(("blocks", "sizes"), [((1, 1), [(2, 2)]), ((2, 1), [(3, 1), (1, 2)]), ((3,), [(2,), (4,)])])
def test_leaks_solve_the_dense_eigenproblem(plant, blocks, sizes) -> None:
    jacobians = plant(blocks, sizes, leak=0.3, rows=25).jacobians
    assert_allclose(fixed_leaks(weights(jacobians)), reference.commutant(jacobians, "fixed", "fixed")[0], atol=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_bases_that_may_not_turn_leak_no_less(plant, seed) -> None:
    jacobians = plant((2, 2), [(3, 2), (2, 2)], leak=0.2, seed=seed).jacobians
    free = Forms.of([Coupling.of(each) for each in jacobians]).modes(outputs="fixed").leak
    assert (fixed_leaks(weights(jacobians)) >= free - 1e-12).all()


def test_an_output_that_nothing_moves_couples_nothing(plant) -> None:
    alive = weights(plant((2, 1), [(2, 2)], leak=0.2, turn=False).jacobians)[0]
    got = fixed_leaks([np.vstack([alive, np.zeros_like(alive[:1])])])
    assert_allclose(got, [*fixed_leaks([alive]), 1], atol=1e-7)


def test_several_choices_of_bases_are_measured_as_each_alone(plant) -> None:
    rng = np.random.default_rng(0)
    jacobians = plant((2, 2), [(3, 2), (2, 2)], leak=0.2).jacobians
    outputs = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    bases = [rng.normal(size=(3, each.shape[2], each.shape[2])) for each in jacobians]
    every = [along(energies(each, outputs), basis) for each, basis in zip(jacobians, bases, strict=True)]
    for i, leak in enumerate(fixed_leaks(every)):
        turned = [outputs.T @ each @ basis[i] for each, basis in zip(jacobians, bases, strict=True)]
        total = [(each**2).sum() for each in jacobians]
        expected = [(each**2).sum(axis=0) / size for each, size in zip(turned, total, strict=True)]
        for one, other in zip(every, expected, strict=True):
            assert_allclose(one[i], other)
        assert_allclose(leak, fixed_leaks(expected), atol=1e-9)
