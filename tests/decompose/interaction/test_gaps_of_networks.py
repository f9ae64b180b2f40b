import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.decompose.interaction.blocks import Split, split
from compgraph.decompose.interaction.gaps import LARGEST_LEAK, SMALLEST_BEND
from compgraph.decompose.interaction.views import bend


def turn(size: int, seed: int = 0) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]


def outputs_are(found: Split, outputs: str) -> None:
    assert (found.n_blocks, found.outputs) == (2, outputs)
    assert np.allclose(found.output_basis, np.eye(6)) == (outputs == "fixed")


@pytest.mark.parametrize("leak", [0.0, 0.2])
def test_outputs_are_kept_whole_when_they_can_be_and_turned_when_they_must(plant, leak) -> None:
    kept, turned = (split(plant((3, 3), [(4, 4), (4, 4)], leak=leak, turn=each).jacobians) for each in (False, True))
    outputs_are(kept, "fixed")
    outputs_are(turned, "free")
    for found, other in ((kept, "free"), (turned, "fixed")):
        with pytest.raises(AssertionError):
            outputs_are(found, other)


def test_outputs_that_are_apart_may_leak_more_than_any_that_turn(plant) -> None:
    jacobians = plant((3, 3), [(4, 4), (4, 4)], leak=0.25, turn=False).jacobians
    found = split(jacobians)
    assert LARGEST_LEAK["free"] < found.leak[0] < LARGEST_LEAK["fixed"]
    assert found.gap >= 1
    outputs_are(found, "fixed")
    assert set(found.output_block[:3]).isdisjoint(found.output_block[3:])
    hidden = split([turn(6) @ each for each in jacobians])
    assert_allclose(hidden.leak[0], found.leak[0])
    assert (hidden.n_blocks, hidden.gap) == (1, 0)


def singles(amount: float, size: int = 3, dtype: type = np.float64) -> np.ndarray:
    """Each of the turned outputs depends on a direction of its own; derivatives bend by the amount asked for.

    Without any bend this is a linear map whose outputs are correlated.
    """
    straight = np.sqrt(1 - amount) * 3.0 ** np.arange(size)
    varying = np.random.default_rng(1).normal(size=(40, size))
    varying *= np.sqrt(amount * (9.0 ** np.arange(size)).sum() / (varying**2).sum(axis=1).mean())
    # Each row comes with its mirror image: the mean is what is straight, to the last bit.
    diagonals = straight + np.concatenate([varying, -varying])
    return (turn(size)[None] * diagonals[:, None]).astype(dtype)


def is_the_variance_over_the_mean_square(measure) -> None:
    for amount in (0, 0.05, 0.5, 0.99, 1):
        jacobians = singles(amount)
        assert_allclose(measure(jacobians), amount, atol=1e-12)
        assert_allclose(measure(1e3 * turn(3, 2) @ jacobians @ turn(3, 3)), amount, atol=1e-12)


def test_the_bend_is_0_for_linear_and_1_for_mean_zero_jacobians() -> None:
    is_the_variance_over_the_mean_square(bend)
    assert_allclose(bend(singles(0, dtype=np.float32)), 0, atol=1e-12)
    assert_allclose(bend(np.array([[[1.0]], [[-1.0]]])), 1)


@pytest.mark.parametrize(
    "broken",
    [
        lambda jacobians: jacobians.var(axis=0).sum(),
        lambda jacobians: jacobians.var(axis=0).sum() / max((jacobians.mean(axis=0) ** 2).sum(), 1e-9),
        lambda jacobians: (jacobians.var(axis=0) / (jacobians**2).mean(axis=0)).mean(),
        lambda jacobians: np.sqrt(bend(jacobians)),
        lambda jacobians: 1 - bend(jacobians),
    ],
)
def test_a_broken_bend_is_rejected(broken) -> None:
    with pytest.raises(AssertionError):
        is_the_variance_over_the_mean_square(broken)


def test_the_bend_of_a_network_is_that_of_the_space_that_bends_most() -> None:
    straight, curved = singles(0.03), singles(0.2)
    for jacobians in ([straight, curved], [curved, straight]):
        found = split(jacobians)
        assert_allclose(found.bend, 0.2)
        assert found.n_blocks == 3
    assert split([straight, straight]).n_blocks == 1


def what_hardly_bends_is_one_block(amount: float) -> None:
    found = split([singles(amount)])
    assert_allclose(found.leak[:2], 0, atol=1e-9)  # apart as can be
    assert (found.n_blocks, found.n_slow, found.gap, found.outputs) == (1, 0, 0, "fixed")
    assert_allclose(found.output_basis, np.eye(3))


@pytest.mark.parametrize("amount", [0, 0.02, 0.049])
def test_a_linear_network_of_correlated_outputs_is_one_block(amount) -> None:
    what_hardly_bends_is_one_block(amount)


@pytest.mark.parametrize("amount", [0.051, 0.5, 1.0])
def test_what_bends_enough_comes_apart(amount) -> None:
    assert amount > SMALLEST_BEND
    found = split([singles(amount)])
    assert (found.n_blocks, found.n_slow, found.outputs) == (3, 2, "free")
    assert found.gap > 10
    with pytest.raises(AssertionError):
        what_hardly_bends_is_one_block(amount)


def test_a_linear_network_comes_apart_when_its_bend_is_not_asked_for(monkeypatch) -> None:
    monkeypatch.setattr("compgraph.decompose.interaction.blocks.SMALLEST_BEND", 0.0)
    with pytest.raises(AssertionError):
        what_hardly_bends_is_one_block(0.02)
