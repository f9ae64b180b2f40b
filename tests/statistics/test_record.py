"""Statistics of parts of the data add up to those of the whole, gradients included."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.errors import BadRequest, EmptyData, ShapeError
from compgraph.statistics import (
    Dormant,
    GradientMoments,
    MergedProbe,
    Moments,
    Pair,
    Probe,
    RowGradients,
    Sample,
    Space,
)
from compgraph.statistics import Statistics as Stats

PAIR = Pair(Space("input", "in", 0), Space("fc", "out", 1))
RNG = np.random.default_rng(0)
X, Y, JACOBIANS = RNG.normal(size=(30, 3)), RNG.normal(size=(30, 2)), RNG.normal(size=(30, 2, 3))
FILTERS, PATTERNS = RNG.normal(size=(4, 2)), RNG.normal(size=(2, 3))


@dataclass
class Held(Probe):
    """Derivatives held in memory, of the rows from a number on."""

    jacobians: np.ndarray
    first: int = 0

    def gradient_moments(self, _pair: Pair, filters: np.ndarray, patterns: np.ndarray | None = None) -> GradientMoments:
        found = GradientMoments.of(filters @ self.jacobians)
        return found if patterns is None else found.project(patterns)

    def joined(self, others: Sequence[Probe]) -> Probe:
        return MergedProbe((self, *others))

    def settled(self, full: Stats) -> Stats:
        return full

    def fingerprint(self) -> dict[str, str]:
        return {}

    def dormant(self) -> Dormant:
        return Dormant({"first": self.first}, {"jacobians": self.jacobians})

    def row_gradients(self, _pair: Pair, filters: np.ndarray) -> RowGradients:
        return RowGradients(filters @ self.jacobians, np.arange(self.first, self.first + len(self.jacobians)))

    def again(self, *, twin: int | None = None, first_row: int = 0) -> Stats:
        rows = slice(self.first, self.first + len(self.jacobians))
        scale = 1 if twin is None else twin
        sample = Sample.of(X[rows], scale * Y[rows], ids=first_row + np.arange(len(X[rows])), capacity=9, seed=0)
        return Stats((PAIR,), {PAIR: Moments.of(X[rows], scale * Y[rows])}, {PAIR: sample}, len(X[rows]), probe=self)

    def output_gradients(self, filters: np.ndarray, most: int | None = None) -> Iterator[Mapping[Space, np.ndarray]]:
        yield {PAIR.source: (filters @ self.jacobians[:most]).astype(np.float32)}


def part(rows: slice) -> Stats:
    ids = np.arange(30)[rows]
    sample = Sample.of(X[rows], Y[rows], ids=ids, capacity=9, seed=0)
    return Stats(
        (PAIR,),
        {PAIR: Moments.of(X[rows], Y[rows])},
        {PAIR: sample},
        len(ids),
        probe=Held(JACOBIANS[rows], rows.start or 0),
    )


def same_gradients(one: Stats, other: Stats) -> None:
    for patterns in (None, PATTERNS):
        first, second = (each.probe.gradient_moments(PAIR, FILTERS, patterns) for each in (one, other))
        assert first.n == second.n
        assert_allclose(first.total, second.total, rtol=1e-10, atol=1e-10)
        assert_allclose(first.second, second.second, rtol=1e-10, atol=1e-10)


def test_gradients_of_parts_are_those_of_the_whole() -> None:
    a, b, c = part(slice(8)), part(slice(8, 20)), part(slice(20, 30))
    for merged in (a + b + c, a + (b + c), c + a + b):
        same_gradients(merged, part(slice(30)))


def test_a_sum_that_keeps_one_side_is_rejected() -> None:
    a, b = part(slice(8)), part(slice(8, 30))
    with pytest.raises(AssertionError):
        same_gradients(replace(a + b, probe=a.probe), part(slice(30)))


def test_gradients_of_the_output_follow_each_other() -> None:
    merged = part(slice(8)) + part(slice(8, 20)) + part(slice(20, 30))
    chunks = [chunk[PAIR.source] for chunk in merged.probe.output_gradients(FILTERS)]
    assert [len(chunk) for chunk in chunks] == [8, 12, 10]
    few = [chunk[PAIR.source] for chunk in merged.probe.output_gradients(FILTERS, 10)]
    assert [len(chunk) for chunk in few] == [4, 4, 4]
    assert_allclose(np.concatenate(chunks), FILTERS @ JACOBIANS, rtol=1e-6, atol=1e-6)


def test_a_probe_without_gradients_of_the_output_is_none() -> None:
    class Half:
        gradient_moments = Held.gradient_moments

    assert isinstance(Held(JACOBIANS), Probe)
    assert not isinstance(Half(), Probe)


def test_a_long_sum_is_flat() -> None:
    merged = part(slice(1))
    for row in range(1, 30):
        merged = merged + part(slice(row, row + 1))
    assert isinstance(merged.probe, MergedProbe)
    assert isinstance(merged.probe, Probe)
    assert len(merged.probe.probes) == 30


def test_gradients_of_single_rows_are_those_of_the_whole() -> None:
    merged = part(slice(8, 20)) + part(slice(20, 30)) + part(slice(8))
    found = merged.probe.row_gradients(PAIR, FILTERS)
    assert found.ids.tolist() == list(range(30))
    assert_allclose(found.gradients, FILTERS @ JACOBIANS)
    with pytest.raises(ShapeError, match=r"row gradients of \(4, 3\) and \(2, 3\)"):
        found + part(slice(8)).probe.row_gradients(PAIR, FILTERS[:2])


@pytest.mark.parametrize("twin", [None, 2])
def test_another_look_at_parts_is_one_at_the_whole(twin: int | None) -> None:
    merged = part(slice(8)) + part(slice(8, 20)) + part(slice(20, 30))
    found, whole = (each.probe.again(twin=twin, first_row=5) for each in (merged, part(slice(30))))
    assert found.n_samples == 30
    assert found.samples[PAIR].ids.tolist() == whole.samples[PAIR].ids.tolist()
    assert_allclose(found.samples[PAIR].y, whole.samples[PAIR].y)
    assert_allclose(found.moments[PAIR].xy, whole.moments[PAIR].xy, atol=1e-12)
    assert isinstance(found.probe, Probe)


def test_the_former_name_of_the_probe_warns() -> None:
    stats = part(slice(8))
    with pytest.warns(DeprecationWarning, match=r"called Statistics\.probe"):
        assert stats.gradients is stats.probe


def test_what_needs_a_model_says_so() -> None:
    assert part(slice(8)).live("this") is not None
    with pytest.raises(BadRequest, match=r"this needs the model, which these statistics do not hold; .* or wait\."):
        replace(part(slice(8)), probe=None).live("this", instead="wait")


def test_a_row_is_too_few() -> None:
    part(slice(2)).require_rows()
    with pytest.raises(EmptyData, match=r"data has 1 row\. At least 2 are needed"):
        part(slice(1)).require_rows()


def test_half_a_model_is_none() -> None:
    with_model, without = part(slice(8)), replace(part(slice(8, 30)), probe=None)
    assert (with_model + without).probe is None
    assert (without + with_model).probe is None


def test_statistics_of_other_layers_do_not_merge() -> None:
    other = Pair(PAIR.source, Space("conv", "out", 1))
    stats = part(slice(8))
    moved = replace(stats, pairs=(other,), moments={other: stats.moments[PAIR]}, samples={other: stats.samples[PAIR]})
    with pytest.raises(BadRequest, match=r"layers input, fc and input, conv do not merge"):
        stats + moved
