import importlib.util
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.decompose.interaction import commutant
from compgraph.decompose.interaction.commutant import Forms, Modes
from compgraph.decompose.interaction.coupling import Coupling
from compgraph.decompose.interaction.joint_diagonaliser import _rounds, joint_diagonaliser

spec = importlib.util.spec_from_file_location(
    "reference_commutant", Path(__file__).parents[2] / "reference" / "commutant.py"
)
assert spec is not None
assert spec.loader is not None
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)

KINDS = ["free", "fixed"]
SHAPES = [((1, 1), [(2, 2)]), ((2, 1), [(3, 1), (1, 2)]), ((1, 2, 1), [(1, 2, 1)]), ((3,), [(2,), (4,)])]


def found(jacobians: list[np.ndarray], **options: str) -> Modes:
    return Forms.of([Coupling.of(each) for each in jacobians]).modes(**options)


def rediagonalised(jacobians: np.ndarray) -> np.ndarray:
    flat = jacobians.reshape(-1, jacobians.shape[2])
    return jacobians @ np.linalg.eigh(flat.T @ flat)[1][:, ::-1]


def along(matrices: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Cosines between matrices, whatever their signs and sizes."""
    one, other = (each / np.linalg.norm(each, axis=(1, 2), keepdims=True) for each in (matrices, expected))
    return np.abs((one * other).sum(axis=(1, 2)))


def like_the_dense_eigenproblem(jacobians: list[np.ndarray], outputs: str) -> None:
    got = found(jacobians, outputs=outputs)
    leak, of_outputs, of_spaces = reference.commutant(jacobians, outputs)
    assert_allclose(got.leak, leak, atol=1e-7)
    # Modes that couple nothing are any matrices at all, and so are modes of one leak.
    alone = (leak < 0.999) & (np.diff(leak, prepend=-1) > 1e-4) & (np.diff(leak, append=2) > 1e-4)
    for one, other in zip((got.outputs, *got.spaces), (of_outputs, *of_spaces), strict=True):
        assert_allclose(along(one[alone], other[alone]), 1, atol=1e-6)
        # The twin's unit is shared equally by the outputs and the spaces, each has one of its own here.
        sizes = np.linalg.norm(one[alone], axis=(1, 2)) / np.linalg.norm(other[alone], axis=(1, 2))
        assert_allclose(sizes, np.sqrt(2), rtol=1e-6)


@pytest.mark.parametrize("outputs", KINDS)
@pytest.mark.parametrize(("blocks", "sizes"), SHAPES)
def test_modes_solve_the_dense_eigenproblem(plant, blocks, sizes, outputs) -> None:
    like_the_dense_eigenproblem(plant(blocks, sizes, leak=0.3, rows=25).jacobians, outputs)


def test_entries_off_the_diagonal_count_by_their_factor(plant, monkeypatch) -> None:
    inside = commutant._weight
    monkeypatch.setattr(commutant, "_weight", lambda each: inside(each) / each.directions.factor**2)
    with pytest.raises(AssertionError):
        like_the_dense_eigenproblem(plant((2, 1), [(3, 1)], leak=0.3, rows=25).jacobians, "free")


def test_couplings_in_other_bases_than_their_principal_ones_are_not_what_modes_take(plant) -> None:
    turned = plant((2, 1), [(3, 1)], leak=0.3, rows=25).jacobians[0] @ np.linalg.qr(np.vander(np.arange(1.0, 5)))[0]
    with pytest.raises(AssertionError):
        like_the_dense_eigenproblem([turned], "free")


@pytest.mark.parametrize("energy", [None, [(3.0, 1.0, 1.0), (1.0, 1.0, 4.0)]])
def test_exact_blocks_leak_nothing_however_they_share_the_energy_of_a_space(plant, energy) -> None:
    planted = plant((2, 1, 2), [(2, 3, 2), (4, 1, 3)], energy=energy)
    got = found(planted.jacobians)
    assert_allclose(got.leak[:2], 0, atol=1e-9)
    assert got.leak[2] > 0.3
    for place, projections in zip((got.outputs, *got.spaces), (planted.outputs, *planted.spaces), strict=True):
        for matrix in place[:2]:
            # A mode is a combination of the projections.
            assert_allclose(sum(p * (matrix * p).sum() / np.trace(p) for p in projections), matrix, atol=1e-8)


@pytest.mark.parametrize("outputs", KINDS)
def test_modes_commute_as_well_as_their_leak_says(plant, outputs) -> None:
    jacobians = plant((2, 2), [(3, 2), (2, 2)], leak=0.2).jacobians
    got = found(jacobians, outputs=outputs)
    apart, size = np.zeros(len(got.leak)), np.zeros(len(got.leak))
    for each, inside in zip(jacobians, got.spaces, strict=True):
        unit = each / np.sqrt((each**2).sum(axis=(1, 2)).mean())
        left = np.einsum("mbc,nca->mnba", got.outputs, unit)
        right = np.einsum("nbc,mca->mnba", unit, inside)
        apart += ((left - right) ** 2).sum(axis=(2, 3)).mean(axis=1)
        size += (left**2 + right**2).sum(axis=(2, 3)).mean(axis=1)
    assert_allclose(apart / size, got.leak, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_outputs_that_may_not_turn_leak_no_less(plant, seed) -> None:
    jacobians = plant((2, 2), [(3, 2), (2, 2)], leak=0.2, seed=seed).jacobians
    free, fixed = found(jacobians).leak, found(jacobians, outputs="fixed").leak
    assert (fixed >= free[: len(fixed)] - 1e-12).all()


@pytest.mark.parametrize("outputs", KINDS)
def test_order_of_rows_and_size_of_jacobians_change_nothing(plant, outputs) -> None:
    jacobians = plant((2, 2), [(3, 2), (2, 2)], leak=0.2).jacobians
    order = np.random.default_rng(3).permutation(len(jacobians[0]))
    expected = found(jacobians, outputs=outputs)
    for changed in ([each[order] for each in jacobians], [1e-3 * jacobians[0], 1e4 * jacobians[1]]):
        assert_allclose(found(changed, outputs=outputs).leak, expected.leak, atol=1e-10)


def test_bases_of_outputs_and_spaces_change_nothing_where_they_may_turn(plant) -> None:
    jacobians = plant((2, 2), [(3, 2), (2, 2)], leak=0.2).jacobians
    rng = np.random.default_rng(4)
    outputs = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    turned = [
        rediagonalised(outputs @ each @ np.linalg.qr(rng.normal(size=(each.shape[2],) * 2))[0]) for each in jacobians
    ]
    assert_allclose(found(turned).leak, found(jacobians).leak, atol=1e-9)
    expected = np.einsum("ab,mbc,dc->mad", outputs, found(jacobians).outputs, outputs)
    assert_allclose(along(found(turned).outputs[:3], expected[:3]), 1, atol=1e-6)
    assert not np.allclose(found(turned, outputs="fixed").leak, found(jacobians, outputs="fixed").leak, atol=1e-3)


def test_one_output_has_no_modes(plant) -> None:
    got = found(plant((1,), [(3,), (2,)]).jacobians)
    assert [len(each) for each in (got.leak, got.outputs, *got.spaces)] == [0, 0, 0, 0]


def test_matrices_are_as_many_as_asked_and_leaks_are_all(plant) -> None:
    couplings = [Coupling.of(each) for each in plant((2, 2), [(3, 2)], leak=0.2).jacobians]
    few, all_of_them = Forms.of(couplings).modes(n_modes=2), Forms.of(couplings).modes()
    assert [len(each) for each in (few.outputs, *few.spaces)] == [2, 2]
    assert [len(each) for each in (all_of_them.outputs, *all_of_them.spaces)] == [9, 9]
    assert_allclose(few.outputs, all_of_them.outputs[:2])
    # How much the others leak is known all the same.
    assert len(few.leak) == 9
    assert_allclose(few.leak, all_of_them.leak)


def test_an_output_that_nothing_moves_is_in_no_mode_that_couples(plant) -> None:
    alive = plant((2, 1), [(2, 2)], leak=0.2, turn=False).jacobians[0]
    dead = np.concatenate([alive, np.zeros_like(alive[:, :1])], axis=1)
    got, expected = found([dead], outputs="fixed"), found([alive], outputs="fixed")
    assert_allclose(got.leak[:2], expected.leak, atol=1e-10)
    assert_allclose(got.outputs[:2, 3], 0, atol=1e-12)


def left_in_single(_forms: Forms, found: commutant.Normalised, n: int) -> tuple[np.ndarray, np.ndarray]:
    values, vectors = commutant.descending_eigh(found.square, n)
    return values.astype(np.float64), vectors.astype(np.float64)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_modes", [2, 64])
def test_modes_sought_in_single_precision_are_those_of_double(plant, monkeypatch, kind, n_modes) -> None:
    couplings = [Coupling.of(each) for each in plant((2, 2, 2), [(3, 2, 2), (2, 2, 2)], leak=0.2).jacobians]
    wanted = Forms.of(couplings).modes(kind, n_modes)
    monkeypatch.setattr(commutant, "SINGLE", 0)
    forms = Forms.of(couplings)
    assert forms.square.dtype == forms.normalised(kind).square.dtype == np.float32
    got = forms.modes(kind, n_modes)
    assert_allclose(got.leak, wanted.leak, atol=1e-9)
    for one, other in zip((got.outputs, *got.spaces), (wanted.outputs, *wanted.spaces), strict=True):
        assert_allclose(np.abs(along(one, other)), 1, atol=1e-6)
    monkeypatch.setattr(Forms, "_sought", left_in_single)
    assert np.abs(forms.modes(kind, n_modes).leak - wanted.leak).max() > 1e-9


@pytest.mark.parametrize("precision", [np.float64, np.float32])
@pytest.mark.parametrize("outputs", [1, 2, 4])
def test_that_all_modes_leak_more_is_told_without_them(plant, monkeypatch, outputs, precision) -> None:
    coupled = plant((2, 2), [(3, 2), (2, 2)], leak=0.2).jacobians
    couplings = [Coupling.of(rediagonalised(each[:, :outputs]).astype(precision)) for each in coupled]
    least = Forms.of(couplings).modes().leak[0] if outputs > 1 else 1.0
    monkeypatch.setattr(commutant, "SINGLE", 0 if precision is np.float32 else 1000)
    forms = Forms.of(couplings)
    assert forms.all_leak_more(least - 1e-4)
    if outputs > 1:
        assert not forms.all_leak_more(least + 1e-4)


def test_outputs_that_nothing_moves_make_it_hard_to_tell_and_no_more(plant) -> None:
    alive = plant((2, 1), [(2, 2)], leak=0.2, turn=False).jacobians[0]
    forms = Forms.of([Coupling.of(np.concatenate([alive, np.zeros_like(alive[:, :1])], axis=1))])
    least = forms.modes("free", 1).leak[0]
    assert least > 0.01
    assert not forms.all_leak_more(least + 1e-4)


def commuting(count: int, size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(size, size)))[0]
    return np.einsum("ak,mk,bk->mab", basis, rng.normal(size=(count, size)), basis), basis


def off_diagonal(matrices: np.ndarray, basis: np.ndarray) -> float:
    turned = basis.T @ matrices @ basis
    return float((turned**2).sum() - (np.diagonal(turned, axis1=1, axis2=2) ** 2).sum())


@pytest.mark.parametrize(("count", "size"), [(1, 5), (2, 4), (6, 7), (3, 1)])
def test_commuting_matrices_are_diagonalised_exactly(count: int, size: int) -> None:
    matrices, basis = commuting(count, size)
    got = joint_diagonaliser(matrices)
    assert_allclose(got.T @ got, np.eye(size), atol=1e-12)
    assert off_diagonal(matrices, got) < 1e-12
    assert_allclose(np.sort(np.abs(basis.T @ got).max(axis=0)), 1, atol=1e-8)


def test_matrices_that_share_eigenvalues_are_told_apart_together() -> None:
    basis = commuting(1, 4)[1]
    matrices = np.stack([basis @ np.diag(d) @ basis.T for d in ([1.0, 1, 0, 0], [1.0, 0, 1, 0])])
    assert off_diagonal(matrices, joint_diagonaliser(matrices)) < 1e-12
    alone = joint_diagonaliser(matrices[:1])
    assert off_diagonal(matrices[:1], alone) < 1e-12


def test_matrices_that_nearly_commute_come_out_no_worse_than_where_they_came_from() -> None:
    matrices, basis = commuting(5, 6)
    noise = np.random.default_rng(1).normal(size=matrices.shape) * 0.05
    matrices = matrices + noise + noise.transpose(0, 2, 1)
    got = joint_diagonaliser(matrices)
    assert off_diagonal(matrices, got) <= off_diagonal(matrices, basis)
    assert off_diagonal(matrices, got) < off_diagonal(matrices, joint_diagonaliser(matrices[:1]))
    assert off_diagonal(matrices, joint_diagonaliser(matrices, sweeps=0)) > off_diagonal(matrices, got)


@pytest.mark.parametrize("size", range(1, 8))
def test_every_plane_is_turned_once_a_sweep(size: int) -> None:
    found = _rounds(size)
    assert sorted((int(p), int(s)) for ps, ss in found for p, s in zip(ps, ss, strict=True)) == [
        (p, s) for p in range(size) for s in range(p + 1, size)
    ]
    for pairs in found:
        assert len(np.unique(pairs)) == np.size(pairs)  # disjoint, so that they may turn together
