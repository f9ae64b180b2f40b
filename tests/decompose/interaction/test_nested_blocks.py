import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.decompose.interaction import nested_blocks as nest
from compgraph.decompose.interaction.blocks import split
from compgraph.decompose.interaction.nested_blocks import Nested, nested

COUPLING = 0.2  # parts leak 6 %: enough to be told from blocks, little enough to be told apart


def two_of_two(plant, coupling: float, seed: int = 0):
    """Two blocks, each of two parts of two outputs and three directions that are coupled a little."""
    sizes = [((2, 2), [(3, 3), (2, 3)])] * 2
    halves = [plant(*each, leak=coupling, turn=False, seed=seed + i) for i, each in enumerate(sizes)]
    rng = np.random.default_rng(seed)
    outputs = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    jacobians, spaces = [], []
    for s, (one, other) in enumerate(zip(halves[0].jacobians, halves[1].jacobians, strict=True)):
        d, e = one.shape[2], other.shape[2]
        both = np.zeros((len(one), 8, d + e))
        both[:, :4, :d], both[:, 4:, d:] = one, other
        turn = np.linalg.qr(rng.normal(size=(d + e, d + e)))[0]
        flat = (both @ turn).reshape(-1, d + e)
        basis = np.linalg.eigh(flat.T @ flat)[1][:, ::-1]
        inner = [np.zeros((d + e, d + e)) for _ in range(4)]
        for part in range(2):
            inner[part][:d, :d] = halves[0].spaces[s][part]
            inner[2 + part][d:, d:] = halves[1].spaces[s][part]
        jacobians.append(both @ turn @ basis)
        spaces.append([basis.T @ turn.T @ p @ turn @ basis for p in inner])
    return jacobians, [outputs[:, i : i + 2] for i in range(0, 8, 2)], outputs, spaces


def parts_are_the_planted_ones(found: Nested, planted: list[list[np.ndarray]], atol: float) -> None:
    """``planted`` holds, for the outputs and every space, the projections on the two parts of either block."""
    first = found.split
    assert first.n_blocks == 2
    assert [each.n_blocks for each in found.inner] == [2, 2]
    places = [(first.output_basis.T, first.output_block, found.output_part)]
    places += list(zip(first.bases, first.blocks, found.parts, strict=True))
    orders = []
    for (basis, block, part), projections in zip(places, planted, strict=True):
        order = []
        for label in [(0, 0), (0, 1), (1, 0), (1, 1)]:
            rows = basis[(block == label[0]) & (part == label[1])]
            distance = [np.abs(np.linalg.pinv(rows) @ rows - p).max() for p in projections]
            assert min(distance) < atol
            order.append(int(np.argmin(distance)))
        orders.append(order)
    # The same parts of the same blocks, at the outputs and in every space.
    assert orders == [orders[0]] * len(orders)
    assert sorted(orders[0]) == [0, 1, 2, 3]
    assert {frozenset(orders[0][:2]), frozenset(orders[0][2:])} == {frozenset({0, 1}), frozenset({2, 3})}


@pytest.mark.parametrize("seed", range(3))
def test_blocks_made_of_weakly_coupled_parts_come_back_as_both(plant, seed) -> None:
    jacobians, columns, outputs, spaces = two_of_two(plant, COUPLING, seed)
    turned = [outputs @ each for each in jacobians]
    found = nested(turned)
    planted = [[c @ c.T for c in columns], *spaces]
    parts_are_the_planted_ones(found, planted, atol=0.1)
    assert_allclose(found.split.leak[0], 0, atol=1e-9)
    for inner in found.inner:
        assert 0.04 < inner.leak[0] < 0.07


def test_parts_need_a_gap_of_their_own(plant, monkeypatch) -> None:
    jacobians, _, outputs, _ = two_of_two(plant, COUPLING)
    gaps = [each.gap for each in nested([outputs @ each for each in jacobians]).inner]
    monkeypatch.setattr(nest, "GAP_OF_PARTS", float(np.mean(gaps)))
    found = nested([outputs @ each for each in jacobians])
    assert found.split.n_blocks == 2
    assert sorted(each.n_blocks for each in found.inner) == [1, 2]


def test_parts_that_are_hardly_coupled_are_blocks_at_once(plant) -> None:
    jacobians, columns, outputs, _ = two_of_two(plant, 0.03)
    found = nested([outputs @ each for each in jacobians])
    assert (found.split.n_blocks, [each.n_blocks for each in found.inner]) == (4, [1] * 4)
    for label in range(4):
        basis = found.split.output_basis[:, found.split.output_block == label]
        assert min(np.abs(basis @ basis.T - each @ each.T).max() for each in columns) < 0.05


def test_parts_that_are_coupled_strongly_are_none(plant) -> None:
    jacobians, columns, outputs, spaces = two_of_two(plant, 0.8)
    found = nested([outputs @ each for each in jacobians])
    with pytest.raises(AssertionError):
        parts_are_the_planted_ones(found, [[c @ c.T for c in columns], *spaces], atol=0.1)
    assert found.split.n_blocks == 2
    assert [each.n_blocks for each in found.inner] == [1, 1]
    assert not any(part.any() for part in (found.output_part, *found.parts))


def test_turning_inside_a_block_keeps_the_block(plant) -> None:
    jacobians, _, outputs, _ = two_of_two(plant, COUPLING)
    turned = [outputs @ each for each in jacobians]
    before, after = split(turned), nested(turned).split
    for label in range(2):
        one, other = (each.output_basis[:, each.output_block == label] for each in (before, after))
        assert_allclose(one @ one.T, other @ other.T, atol=1e-9)
        for basis, inner, labels in zip(before.bases, after.bases, before.blocks, strict=True):
            one, other = basis[labels == label], inner[labels == label]
            assert_allclose(np.linalg.pinv(one) @ one, np.linalg.pinv(other) @ other, atol=1e-8)


def test_scores_of_a_part_are_white(plant) -> None:
    jacobians, _, outputs, _ = two_of_two(plant, COUPLING)
    found = nested([outputs @ each for each in jacobians])
    for basis, block, part in zip(found.split.bases, found.split.blocks, found.parts, strict=True):
        for label in range(4):
            rows = basis[(block == label // 2) & (part == label % 2)]
            assert_allclose(rows @ rows.T, np.eye(len(rows)), atol=1e-7)


def test_one_block_has_no_inner_split(plant) -> None:
    found = nested(plant((3,), [(4,)]).jacobians)
    assert (found.split.n_blocks, found.inner) == (1, ())
    assert not any(part.any() for part in (found.output_part, *found.parts))


def test_a_block_that_leaves_out_a_space_is_not_divided(plant) -> None:
    found = nested(plant((2, 2), [(3, 3), (3, 0)]).jacobians)
    assert found.split.n_blocks == 2
    assert len(found.inner) == 1
    assert len(set(found.split.blocks[1])) == 1
