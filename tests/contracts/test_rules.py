"""Every edge rule keeps the same promises, and each promise can be broken."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.connect import edges, register_rule
from compgraph.connect.rules import RULES, covariance
from compgraph.decompose import components
from compgraph.statistics import Moments

NAMES = [*sorted(RULES), "gradient"]


def blocks_of(network, rows, rule):
    stats = network.statistics(rows)
    return edges(stats, components(stats, "pca", n_components=3), rule)


def weights_are_shares_of_their_block(network, rows, rule) -> None:
    for block in blocks_of(network, rows, rule):
        assert (block.weight >= 0).all()
        assert block.weight.sum() == pytest.approx(1)


def order_free(network, rows, rule) -> None:
    shuffled = np.random.default_rng(5).permutation(rows)
    for one, other in zip(blocks_of(network, rows, rule), blocks_of(network, shuffled, rule), strict=True):
        assert_allclose(one.effect, other.effect, atol=1e-8)
        assert_allclose(one.weight, other.weight, atol=1e-8)


def weights_ignore_units(network, rows, rule) -> None:
    """Measuring the same inputs in another unit changes no weight."""
    scaled = type(network)(network.first / 1000, network.second)
    for one, other in zip(blocks_of(network, rows, rule), blocks_of(scaled, rows * 1000, rule), strict=True):
        assert_allclose(one.weight, other.weight, atol=1e-8)


BATTERY = [weights_are_shares_of_their_block, order_free, weights_ignore_units]


@pytest.mark.parametrize("rule", NAMES)
@pytest.mark.parametrize("promise", BATTERY, ids=lambda promise: promise.__name__)
def test_every_rule_keeps_every_promise(promise, rule, network, rows) -> None:
    promise(network, rows, rule)


def absolute(moments: Moments) -> np.ndarray:
    return moments.xy / moments.n + 1.0


def leaking_the_mean(moments: Moments) -> np.ndarray:
    return np.cos(1e14 * moments.mean_x)[:, None] * np.ones(len(moments.mean_y))


@pytest.mark.parametrize(("promise", "twin"), [(weights_ignore_units, absolute), (order_free, leaking_the_mean)])
def test_a_broken_twin_is_rejected(promise, twin, network, rows) -> None:
    with pytest.raises(AssertionError):
        promise(network, rows, twin)


def test_broken_weights_are_rejected(network, rows, monkeypatch) -> None:
    honest = edges

    def doubled(*given):
        return tuple(replace(block, weight=2 * block.weight) for block in honest(*given))

    monkeypatch.setitem(globals(), "edges", doubled)
    with pytest.raises(AssertionError):
        weights_are_shares_of_their_block(network, rows, "correlation")


def test_a_function_is_as_good_as_a_name(network, rows, monkeypatch) -> None:
    monkeypatch.setitem(RULES, "offset", covariance)  # so that what is registered here is gone afterwards
    register_rule("offset", absolute)
    for one, other in zip(blocks_of(network, rows, "offset"), blocks_of(network, rows, absolute), strict=True):
        assert_allclose(one.effect, other.effect)
