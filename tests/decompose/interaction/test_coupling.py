import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.decompose.interaction.coupling import Coupling, entries


@pytest.mark.parametrize("size", [1, 2, 5])
def test_coordinates_keep_matrices_and_their_norms(size: int) -> None:
    draws = np.random.default_rng(0).normal(size=(3, size, size))
    matrices, pairs = draws + draws.transpose(0, 2, 1), entries(size)
    rows = pairs.coordinates(matrices)
    assert rows.shape == (3, size * (size + 1) // 2)
    assert_allclose(pairs.matrices(rows), matrices)
    assert_allclose(rows @ rows.T, np.einsum("mab,nab->mn", matrices, matrices))


def test_the_mean_of_two_energies_is_that_of_a_unit_entry() -> None:
    pairs, values = entries(3), np.array([1.0, 2, 4])
    units = pairs.matrices(np.eye(6))
    assert_allclose(pairs.mean(values), np.einsum("mab,b,mba->m", units, values, units))


@pytest.mark.parametrize(("precision", "rtol"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_couplings_are_the_form_on_pairs_of_symmetric_matrices(precision, rtol) -> None:
    jacobians = np.random.default_rng(0).normal(size=(7, 2, 3)).astype(precision)
    coupling, total = Coupling.of(jacobians), (jacobians**2).sum()
    assert coupling.pairs.dtype == precision
    outputs, directions = entries(2).matrices(np.eye(3)), entries(3).matrices(np.eye(6))
    form = np.einsum("xbc,nca,yad,nbd->xy", outputs, jacobians, directions, jacobians) / total
    assert_allclose(coupling.pairs * coupling.directions.factor, form, rtol=rtol, atol=rtol)
    energy = np.einsum("nba,nca->bc", jacobians, jacobians) / total
    assert_allclose(coupling.outputs.matrices(coupling.of_outputs[None])[0], energy, rtol=rtol)
    assert_allclose(coupling.of_directions, (jacobians**2).sum(axis=(0, 1)) / total, rtol=rtol)


def test_scaled_couplings_are_those_of_scaled_jacobians() -> None:
    jacobians, scale = np.random.default_rng(0).normal(size=(7, 2, 3)), np.array([0.1, 2, 30])
    for one, other in zip(Coupling.of(jacobians).scaled(scale), Coupling.of(jacobians / scale), strict=True):
        assert_allclose(one, other)
