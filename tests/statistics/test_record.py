"""Statistics of parts of the data add up to those of the whole, gradients included."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.errors import BadRequest
from compgraph.statistics import GradientMoments, GradientSource, MergedGradients, Moments, Pair, Sample, Space
from compgraph.statistics import Statistics as Stats

PAIR = Pair(Space("input", "in", 0), Space("fc", "out", 1))
RNG = np.random.default_rng(0)
X, Y, JACOBIANS = RNG.normal(size=(30, 3)), RNG.normal(size=(30, 2)), RNG.normal(size=(30, 2, 3))
FILTERS, PATTERNS = RNG.normal(size=(4, 2)), RNG.normal(size=(2, 3))


@dataclass
class Held:
    """Derivatives held in memory."""

    jacobians: np.ndarray

    def gradient_moments(self, _pair: Pair, filters: np.ndarray, patterns: np.ndarray | None = None) -> GradientMoments:
        found = GradientMoments.of(filters @ self.jacobians)
        return found if patterns is None else found.project(patterns)

    def output_gradients(self, filters: np.ndarray) -> Iterator[Mapping[Space, np.ndarray]]:
        yield {PAIR.source: (filters @ self.jacobians).astype(np.float32)}


def part(rows: slice) -> Stats:
    ids = np.arange(30)[rows]
    sample = Sample.of(X[rows], Y[rows], ids=ids, capacity=9, seed=0)
    return Stats(
        (PAIR,), {PAIR: Moments.of(X[rows], Y[rows])}, {PAIR: sample}, len(ids), gradients=Held(JACOBIANS[rows])
    )


def same_gradients(one: Stats, other: Stats) -> None:
    for patterns in (None, PATTERNS):
        first, second = (each.gradients.gradient_moments(PAIR, FILTERS, patterns) for each in (one, other))
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
        same_gradients(replace(a + b, gradients=a.gradients), part(slice(30)))


def test_gradients_of_the_output_follow_each_other() -> None:
    merged = part(slice(8)) + part(slice(8, 20)) + part(slice(20, 30))
    chunks = [chunk[PAIR.source] for chunk in merged.gradients.output_gradients(FILTERS)]
    assert [len(chunk) for chunk in chunks] == [8, 12, 10]
    assert_allclose(np.concatenate(chunks), FILTERS @ JACOBIANS, rtol=1e-6, atol=1e-6)


def test_a_source_without_gradients_of_the_output_is_none() -> None:
    class Half:
        gradient_moments = Held.gradient_moments

    assert isinstance(Held(JACOBIANS), GradientSource)
    assert not isinstance(Half(), GradientSource)


def test_a_long_sum_is_flat() -> None:
    merged = part(slice(1))
    for row in range(1, 30):
        merged = merged + part(slice(row, row + 1))
    assert isinstance(merged.gradients, MergedGradients)
    assert isinstance(merged.gradients, GradientSource)
    assert len(merged.gradients.sources) == 30


def test_half_a_model_is_none() -> None:
    with_model, without = part(slice(8)), replace(part(slice(8, 30)), gradients=None)
    assert (with_model + without).gradients is None
    assert (without + with_model).gradients is None


def test_statistics_of_other_layers_do_not_merge() -> None:
    other = Pair(PAIR.source, Space("conv", "out", 1))
    stats = part(slice(8))
    moved = replace(stats, pairs=(other,), moments={other: stats.moments[PAIR]}, samples={other: stats.samples[PAIR]})
    with pytest.raises(BadRequest, match=r"layers input, fc and input, conv do not merge"):
        stats + moved
