import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.decompose.interaction import gaps
from compgraph.decompose.interaction.blocks import Split, split
from compgraph.decompose.interaction.gaps import LARGEST_LEAK

COUNTS = [
    ((1, 1), [(1, 1)]),
    ((2, 1), [(4, 1), (1, 3)]),
    ((2, 2), [(3, 3), (2, 2)]),
    ((1, 2, 1), [(2, 3, 4), (3, 1, 1)]),
    ((1, 1, 1, 1), [(2, 1, 2, 3), (2, 2, 2, 2)]),
    ((3, 1, 2, 1, 1), [(2, 2, 2, 2, 2)]),
    ((1, 1, 1, 1, 1, 2), [(2, 3, 2, 1, 2, 2), (2, 2, 2, 2, 2, 2)]),
]


def onto_rows(filters: np.ndarray) -> np.ndarray:
    return np.linalg.pinv(filters) @ filters


def blocks_are_the_planted_ones(found: Split, planted, atol: float = 1e-6) -> None:
    assert found.n_blocks == len(planted.outputs)
    assert found.gap >= 1
    partner = {}
    for label in range(found.n_blocks):
        basis = found.output_basis[:, found.output_block == label]
        (partner[label],) = (
            b for b, p in enumerate(planted.outputs) if np.allclose(p, basis @ basis.T, rtol=0, atol=atol)
        )
    for basis, labels, projections in zip(found.bases, found.blocks, planted.spaces, strict=True):
        for label, b in partner.items():
            assert_allclose(onto_rows(basis[labels == label]), projections[b], atol=atol)


@pytest.mark.parametrize("turn", [True, False])
@pytest.mark.parametrize(("outputs", "spaces"), COUNTS)
def test_planted_blocks_are_recovered_whatever_the_bases(plant, outputs, spaces, turn) -> None:
    planted = plant(outputs, spaces, turn=turn)
    found = split(planted.jacobians)
    blocks_are_the_planted_ones(found, planted)
    assert_allclose(found.leak[: len(outputs) - 1], 0, atol=1e-9)
    assert found.n_slow == len(outputs) - 1
    if not turn:
        assert found.outputs == "fixed"
        assert_allclose(found.output_basis, np.eye(sum(outputs)))


@pytest.mark.parametrize("seed", range(3))
def test_blocks_that_leak_a_little_are_found_all_the_same(plant, seed) -> None:
    planted = plant((2, 2), [(3, 2), (2, 2)], leak=0.1, seed=seed)
    found = split(planted.jacobians)
    assert 0 < found.leak[0] < LARGEST_LEAK["free"]
    blocks_are_the_planted_ones(found, planted, atol=0.1)


def test_blocks_count_from_the_gap_that_is_asked_for(plant) -> None:
    planted = plant((2, 2), [(3, 2), (2, 2)], leak=0.1)
    gap = split(planted.jacobians).gap
    assert gap > 1
    assert split(planted.jacobians, smallest=0.99 * gap).n_blocks == 2
    assert split(planted.jacobians, smallest=1.01 * gap).n_blocks == 1


def test_mixed_blocks_are_not_the_planted_ones(plant) -> None:
    planted = plant((2, 2), [(3, 2), (2, 2)], leak=0.7)
    with pytest.raises(AssertionError):
        blocks_are_the_planted_ones(split(planted.jacobians), planted, atol=0.1)


@pytest.mark.parametrize("spaces", [[(5,)], [(4,), (6,)], [(1,)]])
@pytest.mark.parametrize("outputs", [1, 4])
def test_what_is_not_apart_is_one_block_in_the_basis_it_came_in(plant, outputs, spaces) -> None:
    found = split(plant((outputs,), spaces).jacobians)
    assert (found.n_blocks, found.outputs) == (1, "fixed")
    assert found.gap < 1
    assert_allclose(found.output_basis, np.eye(outputs))
    for basis, labels, sizes in zip(found.bases, found.blocks, spaces, strict=True):
        assert_allclose(basis, np.eye(*sizes))
        assert (labels == 0).all()


@pytest.mark.parametrize("size", [2, 4])
def test_uncorrelated_outputs_that_are_linear_are_one_block(size) -> None:
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(size, size)))[0]
    found = split([np.broadcast_to(turn, (20, size, size)).copy()])
    assert found.n_blocks == 1
    assert_allclose(found.leak, 0, atol=1e-9)


def oblique(seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Two blocks of directions that are far from orthogonal, as tasks with correlated inputs have them."""
    rng = np.random.default_rng(seed)
    jacobians = np.zeros((200, 4, 5))
    jacobians[:, :2, :3], jacobians[:, 2:, 3:] = rng.normal(size=(200, 2, 3)), rng.normal(size=(200, 2, 2))
    mixing = np.eye(5) + 0.6
    flat = (jacobians @ mixing).reshape(-1, 5)
    basis = np.linalg.eigh(flat.T @ flat)[1][:, ::-1]
    return [jacobians @ mixing @ basis], [(mixing @ basis)[:3], (mixing @ basis)[3:]]


def test_blocks_of_correlated_tasks_are_apart_in_the_metric_of_gradients() -> None:
    jacobians, filters = oblique()
    found = split(jacobians)
    assert (found.n_blocks, found.metric) == (2, "gradient")
    for expected, label in zip(filters, found.output_block[[0, 2]], strict=True):
        assert_allclose(onto_rows(found.bases[0][found.blocks[0] == label]), onto_rows(expected), atol=1e-6)
    assert split(jacobians, metrics=("data",)).leak[0] > 10 * found.leak[0] + 0.01


def nearly_linear(amount: float, seed: int) -> np.ndarray:
    """A constant map, which its own singular vectors keep apart, and a little of what mixes all of it."""
    straight, noise = np.diag([3.0, 2.0, 1.0]), np.random.default_rng(seed).normal(size=(200, 3, 3))
    noise *= np.sqrt(amount / (1 - amount) * (straight**2).sum() / (noise**2).sum(axis=(1, 2)).mean())
    return straight + np.concatenate([noise, -noise])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("amount", [0.06, 0.1])
def test_what_keeps_apart_because_it_is_constant_is_no_block(amount, seed, monkeypatch) -> None:
    jacobians = [nearly_linear(amount, seed)]
    found = split(jacobians)
    assert found.bend == pytest.approx(amount)
    assert (found.n_blocks, found.gap) == (1, 0)
    monkeypatch.setattr(gaps, "LARGEST_PART", {"free": 9.0, "fixed": 9.0})
    assert split(jacobians).n_blocks == 2


def weak_output(*, bypass: bool) -> list[np.ndarray]:
    """A loud output that reads three directions, a faint one that reads the same in the first space or none of it."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 300, 2, 3))
    first[:, 1] *= 0.0 if bypass else 0.15
    second[:, 0, 2], second[:, 1, :2] = 0, 0
    second[:, 1] *= 0.15
    return [principal(first), principal(second)]


def principal(jacobians: np.ndarray) -> np.ndarray:
    flat = jacobians.reshape(-1, jacobians.shape[2])
    return jacobians @ np.linalg.eigh(flat.T @ flat)[1][:, ::-1]


def test_an_output_too_faint_to_tell_what_it_reads_is_no_block() -> None:
    found = split(weak_output(bypass=False))
    assert found.leak[0] < LARGEST_LEAK["free"]
    assert (found.n_blocks, found.gap, found.n_slow) == (1, 0, 0)


def test_a_faint_output_that_bypasses_a_space_is_a_block() -> None:
    found = split(weak_output(bypass=True))
    assert found.n_blocks == 2
    assert sorted(len(set(labels.tolist())) for labels in found.blocks) == [1, 2]


def test_within_a_block_scores_are_white_and_the_most_read_first(plant) -> None:
    for jacobians in (plant((2, 1), [(4, 2), (3, 2)]).jacobians, oblique()[0]):
        found = split(jacobians)
        for each, basis, labels in zip(jacobians, found.bases, found.blocks, strict=True):
            inside = each @ np.linalg.inv(basis)
            energy = (inside**2).sum(axis=1).mean(axis=0)
            assert (np.diff(energy) <= 1e-9).all()
            for label in range(found.n_blocks):
                here = labels == label
                assert_allclose(basis[here] @ basis[here].T, np.eye(here.sum()), atol=1e-8)
                products = np.einsum("nqa,nqb->ab", inside[:, :, here], inside[:, :, here]) / len(each)
                assert_allclose(products, np.diag(np.diagonal(products)), atol=1e-8)


def test_the_split_does_not_depend_on_the_order_of_rows(plant) -> None:
    planted = plant((2, 1, 1), [(3, 2, 2)], leak=0.05)
    order = np.random.default_rng(1).permutation(len(planted.jacobians[0]))
    one, other = split(planted.jacobians), split([each[order] for each in planted.jacobians])
    assert_allclose(other.leak, one.leak, atol=1e-9)
    for label in range(3):
        mine, (theirs, *rest) = one.output_block == label, set(other.output_block[one.output_block == label])
        assert not rest
        assert_allclose(
            onto_rows(other.bases[0][other.blocks[0] == theirs]),
            onto_rows(one.bases[0][one.blocks[0] == label]),
            atol=1e-6,
        )
        assert mine.sum() == (other.output_block == theirs).sum()
