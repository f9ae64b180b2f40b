from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.decompose.interaction import findings as module
from compgraph.decompose.interaction.blocks import split
from compgraph.decompose.interaction.commutant import Modes
from compgraph.decompose.interaction.findings import Finding, central, first_modes, fixed_finding, free_finding
from compgraph.decompose.interaction.gaps import CEILING, LARGEST_LEAK, SAME_LEAK, SMALLEST_GAP, gaps, largest_leak
from compgraph.decompose.interaction.views import View, couplings_of


def view(jacobians: list[np.ndarray], metric: str) -> View:
    return couplings_of(jacobians, [metric])[0].view()


def turn(size: int, seed: int = 0) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]


# Leaks, and for each number of modes that leak little enough: the leaks on both sides of the gap after them.
LEAKS = {
    "free": [
        ([], {}),
        ([0.071, 0.9], {}),
        ([0.01], {1: (0.01, 0.5)}),  # beyond the last one a mode leaks all
        ([0.01, 0.4], {1: (0.01, 0.4)}),
        ([0.01, 0.9], {1: (0.01, 0.5)}),  # above a half leaks are alike
        ([0.02, 0.04, 0.4], {1: (0.02, 0.04), 2: (0.04, 0.4)}),
        ([0.01, 0.07], {1: (0.01, 0.07), 2: (0.07, 0.5)}),
    ],
    "fixed": [
        ([], {}),
        ([0.01], {}),  # as many blocks as outputs are no gap
        ([0.101, 0.9], {}),
        ([0.01, 0.4], {1: (0.01, 0.4)}),
        ([0.01, 0.1], {1: (0.01, 0.1)}),
        ([0.02, 0.1, 0.9], {1: (0.02, 0.1), 2: (0.1, 0.5)}),
    ],
}
CASES = [(outputs, *each) for outputs, cases in LEAKS.items() for each in cases]


def ratios_in_units_of_the_smallest(listed, outputs: str, leak: list[float], sides: dict) -> None:
    found = listed(np.array(leak, dtype=float), outputs)
    expected = {
        slow: after / (last + 0.005) / {"free": 1.7, "fixed": 2.7}[outputs] for slow, (last, after) in sides.items()
    }
    assert sorted(slow for slow, _ in found) == sorted(expected)
    assert_allclose([ratio for _, ratio in found], sorted(expected.values(), reverse=True))
    assert_allclose([ratio for _, ratio in found], [expected[slow] for slow, _ in found])


@pytest.mark.parametrize(("outputs", "leak", "sides"), CASES)
def test_gaps_are_ratios_after_modes_that_leak_little(outputs, leak, sides) -> None:
    ratios_in_units_of_the_smallest(gaps, outputs, leak, sides)


def narrowest_first(leak, outputs):
    return gaps(leak, outputs)[::-1]


def of_the_other_kind(leak, outputs):
    return gaps(leak, {"free": "fixed", "fixed": "free"}[outputs])


def without_the_smallest_gap(leak, outputs):
    return [(slow, ratio * SMALLEST_GAP[outputs]) for slow, ratio in gaps(leak, outputs)]


def without_a_floor(leak, outputs):
    return [(slow, ratio * (1 + SAME_LEAK / leak[slow - 1])) for slow, ratio in gaps(leak, outputs)]


def without_a_ceiling(leak, outputs):
    return [
        (slow, ratio if slow == len(leak) else ratio * max(leak[slow] / CEILING, 1))
        for slow, ratio in gaps(leak, outputs)
    ]


@pytest.mark.parametrize(
    ("outputs", "broken"),
    [
        *((outputs, each) for outputs in LEAKS for each in (narrowest_first, of_the_other_kind)),
        *((outputs, each) for outputs in LEAKS for each in (without_the_smallest_gap, without_a_floor)),
        *((outputs, without_a_ceiling) for outputs in LEAKS),
    ],
)
def test_a_broken_list_of_gaps_is_rejected(outputs, broken) -> None:
    rejected = 0
    for leak, sides in LEAKS[outputs]:
        try:
            ratios_in_units_of_the_smallest(broken, outputs, leak, sides)
        except AssertionError:
            rejected += 1
    assert rejected


@pytest.mark.parametrize("outputs", ["free", "fixed"])
def test_leaks_of_the_size_of_rounding_have_no_gap_among_them(outputs) -> None:
    found = dict(gaps(np.array([1e-9, 4e-8, 3e-7, 9e-6, 0.4]), outputs))
    assert max(found[slow] for slow in (1, 2, 3)) < 0.01
    assert found[4] > 10


def modes_of(*matrices: np.ndarray, leak: tuple[float, ...] | None = None) -> Modes:
    stack = np.stack(matrices).astype(float)
    return Modes(np.arange(1, len(stack) + 1) / 100 if leak is None else np.array(leak), stack, (stack.copy(),))


PLANE = np.diag([1.0, 1, -2]) / np.sqrt(6)
STRAIGHT = np.diag([1.0, -1, 0]) / np.sqrt(2)
SKEW = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 0]]) / np.sqrt(2)


def test_modes_that_commute_are_all_central() -> None:
    found = central(modes_of(STRAIGHT, PLANE), 2)
    assert found.outputs.shape == (2, 3, 3)
    assert_allclose(found.leak, [0.01, 0.02])


def test_of_modes_that_do_not_commute_the_common_one_is_central() -> None:
    found = central(modes_of(STRAIGHT, PLANE, SKEW), 3)
    assert_allclose(np.abs(found.outputs), np.abs(PLANE)[None], atol=1e-9)
    assert_allclose(found.leak, [0.02])
    assert len(central(modes_of(STRAIGHT, SKEW), 2).leak) == 0
    # Were the third left out, two modes would seem to be two more blocks.
    assert len(central(modes_of(STRAIGHT, PLANE, SKEW), 2).leak) == 2


def beside_a_linear_block(count: int, linear: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """``count`` outputs each of its own direction, and some that depend on as many directions linearly."""
    rng = np.random.default_rng(0)
    size = count + linear
    jacobians = np.zeros((100, size, size))
    jacobians[:, range(count), range(count)] = rng.normal(size=(100, count))
    jacobians[:, count:, count:] = np.eye(linear)
    outputs = turn(size, 1)
    flat = jacobians.reshape(-1, size)
    return outputs @ jacobians @ np.linalg.eigh(flat.T @ flat)[1][:, ::-1], outputs


def the_linear_block_counts_once(count: int) -> None:
    jacobians, outputs = beside_a_linear_block(count)
    found = split([jacobians])
    # The two linear outputs may turn in their plane: two more modes hardly leak.
    assert (found.n_blocks, found.n_slow, found.outputs) == (count + 1, count + 2, "free")
    columns = [found.output_basis[:, found.output_block == label] for label in range(count + 1)]
    (plane,) = (each for each in columns if each.shape[1] == 2)
    assert_allclose(plane @ plane.T, outputs[:, count:] @ outputs[:, count:].T, atol=1e-6)


@pytest.mark.parametrize("count", [1, 6, 24])
def test_a_linear_block_beside_others_counts_once(count) -> None:
    the_linear_block_counts_once(count)


def test_commutators_are_not_shared_among_the_modes_there_are(monkeypatch) -> None:
    # As many single blocks as this would hide the two modes that do not commute, were the sum over modes a mean.
    monkeypatch.setattr(module, "COMMUTING", 0.1 * (24 + 2))
    with pytest.raises((AssertionError, IndexError)):
        the_linear_block_counts_once(24)


def test_more_slow_modes_than_matrices_are_no_finding() -> None:
    seen = view([beside_a_linear_block(18, linear=10)[0]], "data")
    slow = 18 + 10 * 11 // 2 - 1
    assert gaps(seen.free.leak, "free")[0][0] == slow > len(seen.free.outputs)
    assert free_finding(seen).gap < 1


def seen_with(free: Modes, fixed: Modes | None = None) -> View:
    return View("data", (np.ones(3),), (), free, free if fixed is None else fixed, 1.0)


def test_the_widest_gap_with_several_blocks_is_found() -> None:
    # The widest gap is after both modes, which have nothing in common; the next one is after the first.
    found = free_finding(seen_with(modes_of(STRAIGHT, SKEW, leak=(0.01, 0.03))))
    assert (found.outputs, found.n_slow) == ("free", 1)
    assert_allclose(found.gap, 0.03 / 0.015 / SMALLEST_GAP["free"])
    found = free_finding(seen_with(modes_of(STRAIGHT, PLANE, leak=(0.01, 0.03))))
    assert found.n_slow == 2
    assert_allclose(found.gap, 0.5 / 0.035 / SMALLEST_GAP["free"])


def test_modes_that_all_leak_are_no_finding() -> None:
    leaky = seen_with(modes_of(STRAIGHT, PLANE, leak=(0.11, 0.9)))
    for found in (free_finding(leaky), fixed_finding(leaky)):
        assert (found.n_slow, found.gap, found.modes) == (0, 0.0, None)


def outputs_are_kept_where_no_other_basis_does_as_well(finding) -> None:
    whole = modes_of(STRAIGHT, PLANE, leak=(0.01, 0.45))
    found = finding(seen_with(modes_of(STRAIGHT, PLANE, leak=(0.008, 0.3)), whole))
    assert (found.outputs, found.n_slow) == ("fixed", 1)
    assert_allclose(found.gap, 0.45 / 0.015 / SMALLEST_GAP["fixed"])
    assert_allclose(found.modes.outputs, [STRAIGHT])
    assert finding(seen_with(modes_of(STRAIGHT, SKEW, leak=(0.008, 0.009)), whole)).modes is None


def test_outputs_stay_whole_where_no_other_basis_does_as_well() -> None:
    outputs_are_kept_where_no_other_basis_does_as_well(fixed_finding)


def always(seen: View) -> Finding:
    slow, gap = gaps(seen.fixed.leak, "fixed")[0]
    return Finding(seen, "fixed", slow, gap, first_modes(seen.fixed, slow))


def never(seen: View) -> Finding:
    return Finding(seen, "fixed", 0, 0.0, None)


@pytest.mark.parametrize("broken", [always, never])
def test_a_finding_that_does_not_look_at_other_bases_is_rejected(broken) -> None:
    with pytest.raises(AssertionError):
        outputs_are_kept_where_no_other_basis_does_as_well(broken)


@pytest.mark.parametrize("metric", ["data", "gradient"])
def test_a_view_divides_gradients_by_their_size_in_the_metric_of_gradients(plant, metric) -> None:
    jacobians = plant((2, 1), [(3, 1), (1, 2)], leak=0.2, rows=30).jacobians
    seen = view(jacobians, metric)
    for each, scale, coupling in zip(jacobians, seen.scale, seen.couplings, strict=True):
        size = np.sqrt((each**2).sum(axis=1).mean(axis=0))
        assert_allclose(scale, np.ones_like(size) if metric == "data" else size)
        expected = np.diag(np.ones_like(size) if metric == "gradient" else size**2)
        assert_allclose(coupling.of_directions, np.diagonal(expected) / np.trace(expected), atol=1e-9)
    assert (len(seen.fixed.leak), len(seen.free.leak)) == (2, 5)
    for found, largest in ((seen.fixed, LARGEST_LEAK["fixed"]), (seen.free, largest_leak("free", seen.bend))):
        assert found.outputs.shape == ((found.leak <= largest).sum(), 3, 3)  # matrices of those that leak little


def test_a_direction_that_is_never_read_divides_nothing_by_zero(plant) -> None:
    jacobians = plant((2, 1), [(3, 1)], rows=30).jacobians
    unread = [np.concatenate([each, np.zeros_like(each[:, :, :1])], axis=2) for each in jacobians]
    seen = view(unread, "gradient")
    assert_allclose(seen.scale[0][:-1], view(jacobians, "gradient").scale[0])
    assert np.isfinite(seen.free.leak).all()


def test_the_first_modes_are_those_that_leak_least() -> None:
    found = modes_of(STRAIGHT, PLANE, SKEW)
    few = first_modes(found, 2)
    assert_allclose(few.leak, [0.01, 0.02])
    for one, other in zip((few.outputs, *few.spaces), (found.outputs, *found.spaces), strict=True):
        assert_allclose(one, other[:2])
    assert len(replace(few, leak=found.leak).leak) == 3
