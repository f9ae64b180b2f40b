from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression

from compgraph.connect import edges, register_rule
from compgraph.connect.rules import correlation, covariance, plsr
from compgraph.decompose import components
from compgraph.errors import BadRequest, NotFinite, ShapeError, UnknownName
from compgraph.statistics import GradientMoments, Moments, Pair, Probe, Sample, Space, Statistics

SPACES = (Space("input", "in", 0), Space("h", "out", 1), Space("h", "in", 1), Space("head", "out", 2))
PAIRS = (Pair(SPACES[0], SPACES[1]), Pair(SPACES[2], SPACES[3]))
FIRST, SECOND = np.random.default_rng(0).normal(size=(4, 3)), np.random.default_rng(1).normal(size=(2, 4))
X = np.random.default_rng(2).normal(size=(200, 3)) * [2, 1, 0.5]
ROWS = {PAIRS[0]: (X, np.tanh(X @ FIRST.T)), PAIRS[1]: (np.tanh(X @ FIRST.T), np.tanh(X @ FIRST.T) @ SECOND.T)}


class Derivatives(Probe):
    """The network's own Jacobians, row by row."""

    def gradient_moments(self, pair: Pair, filters: np.ndarray, patterns: np.ndarray | None = None) -> GradientMoments:
        jacobians = (1 - np.tanh(X @ FIRST.T) ** 2)[:, :, None] * FIRST if pair == PAIRS[0] else SECOND[None]
        gradients = filters @ np.broadcast_to(jacobians, (len(X), *jacobians.shape[1:]))
        return GradientMoments.of(gradients if patterns is None else gradients @ patterns.T)

    def output_gradients(self, filters: np.ndarray, _most: int | None = None) -> Iterator[Mapping[Space, np.ndarray]]:
        second = np.broadcast_to(SECOND, (len(X), *SECOND.shape))
        first = second @ ((1 - np.tanh(X @ FIRST.T) ** 2)[:, :, None] * FIRST)
        yield {SPACES[0]: (filters @ first).astype(np.float32), SPACES[2]: (filters @ second).astype(np.float32)}


STATS = Statistics(
    PAIRS,
    {pair: Moments.of(*rows) for pair, rows in ROWS.items()},
    {pair: Sample.of(*rows, ids=np.arange(200), capacity=9, seed=0) for pair, rows in ROWS.items()},
    200,
    probe=Derivatives(),
)


def test_blocks_follow_the_data_and_alternate() -> None:
    found = edges(STATS, components(STATS, "pca"), "plsr")
    assert [(str(b.source), str(b.target), b.kind, b.rule) for b in found] == [
        ("input in", "h out", "between", "plsr"),
        ("h out", "h in", "within", "correlation"),
        ("h in", "head out", "between", "plsr"),
    ]


def test_covariance_and_correlation_are_those_of_the_scores() -> None:
    parts = components(STATS, "plsr")
    source, target = (parts[s].transform(r) for s, r in zip(SPACES[:2], ROWS[PAIRS[0]], strict=True))
    k = source.shape[1]
    joint = np.hstack([source, target]).T
    assert_allclose(edges(STATS, parts, "covariance")[0].effect, np.cov(joint, bias=True)[:k, k:], atol=1e-12)
    assert_allclose(edges(STATS, parts, "correlation")[0].effect, np.corrcoef(joint)[:k, k:], atol=1e-10)


def test_the_same_components_on_both_sides_are_linked_one_to_one() -> None:
    within = edges(STATS, components(STATS, "pca"), "covariance")[1]
    assert_allclose(within.effect, np.eye(4), atol=1e-7)
    assert_allclose(within.weight, np.eye(4) / 4, atol=1e-12)


def test_plsr_with_every_latent_component_is_least_squares_on_standard_scores() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(100, 3)) @ rng.normal(size=(3, 3)), rng.normal(size=(100, 3))
    y += x
    scaled = [(rows - rows.mean(axis=0)) / rows.std(axis=0) for rows in (x, y)]
    expected = LinearRegression().fit(*scaled).coef_.T
    assert_allclose(plsr(Moments.of(x, y)), expected, atol=1e-10)


def test_a_constant_score_has_no_effect_rather_than_nan() -> None:
    x = np.random.default_rng(0).normal(size=(50, 2)) * [1, 0]
    for rule in (covariance, correlation, plsr):
        effect = rule(Moments.of(x, x))
        assert np.isfinite(effect).all()
        assert effect[1, 0] == effect[0, 1] == effect[1, 1] == 0


def test_gradient_effects_are_what_nudging_the_model_does() -> None:
    parts = components(STATS, "plsr")
    source, target = parts[SPACES[0]], parts[SPACES[1]]
    block = edges(STATS, parts, "gradient")[0]
    step, energy = 1e-5, []
    for a in range(len(source)):
        nudge = source.patterns[a] * source.deviation[a] * step
        before, after = (target.transform(np.tanh((X + sign * nudge) @ FIRST.T)) for sign in (-1, 1))
        slopes = (after - before) / (2 * step) / target.deviation
        assert_allclose(block.effect[a], slopes.mean(axis=0), atol=1e-8)
        energy.append((slopes**2).mean(axis=0) * target.share)
    assert_allclose(block.weight, energy / np.sum(energy), atol=1e-8)


def test_a_misspelt_rule_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"no edge rule 'gradiant'.*Did you mean 'gradient'"):
        edges(STATS, components(STATS), "gradiant")


def test_components_of_every_space_are_needed() -> None:
    parts = components(STATS)
    del parts[SPACES[2]]
    with pytest.raises(BadRequest, match="parts lack the spaces h in"):
        edges(STATS, parts, "plsr")


def test_gradient_edges_need_the_model() -> None:
    stored = Statistics(PAIRS, STATS.moments, STATS.samples, 200)
    with pytest.raises(BadRequest, match="or use 'plsr'"):
        edges(stored, components(stored, "pca"), "gradient")


def test_a_rule_of_the_wrong_shape_is_named() -> None:
    def transposed(moments: Moments) -> np.ndarray:
        return moments.xy.T

    with pytest.raises(ShapeError, match=r"'transposed' gave effects of shape \(4, 3\).*\(3, 4\) is needed"):
        edges(STATS, components(STATS, "pca"), transposed)


def test_a_rule_that_gives_nan_is_named() -> None:
    def broken(moments: Moments) -> np.ndarray:
        return moments.xy * np.nan

    with pytest.raises(NotFinite, match="effects of edge rule 'broken' from input in to h out"):
        edges(STATS, components(STATS), broken)


def test_the_name_gradient_is_taken() -> None:
    with pytest.raises(BadRequest, match="'gradient' is taken"):
        register_rule("gradient", covariance)
