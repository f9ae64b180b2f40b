"""What `edges` makes of any rule's effects, and that the promise about it can be broken."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.connect import GRADIENT, RULES, edges, register_rule
from compgraph.decompose import components
from compgraph.statistics import Moments
from compgraph.testing.network import network, rows


def matrices(rule):
    stats = network().statistics(rows())
    return edges(stats, components(stats, "pca", n_components=3), rule)


def weights_are_shares(rule) -> None:
    for each in matrices(rule):
        assert (each.weight >= 0).all()
        assert each.weight.sum() == pytest.approx(1)


@pytest.mark.parametrize("rule", [*sorted(RULES), GRADIENT])
def test_weights_of_every_rule_are_shares(rule) -> None:
    weights_are_shares(rule)


def test_broken_weights_are_rejected(monkeypatch) -> None:
    honest = edges

    def doubled(*given):
        return tuple(replace(each, weight=2 * each.weight) for each in honest(*given))

    monkeypatch.setitem(globals(), "edges", doubled)
    with pytest.raises(AssertionError):
        weights_are_shares("correlation")


def test_a_function_is_as_good_as_a_name() -> None:
    def offset(moments: Moments) -> np.ndarray:
        return moments.xy / moments.n + 1.0

    register_rule("offset", offset)
    for one, other in zip(matrices("offset"), matrices(offset), strict=True):
        assert_allclose(one.effect, other.effect)
