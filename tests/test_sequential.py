"""Tests that end early: what they draw, that their p-values are valid, and that verdicts are those of all draws."""

import math
from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
import pytest

from compgraph.dealing import in_turn
from compgraph.sequential import drawn, enough, p_value
from fixtures.deals import backwards, in_halves


def stopped(values: list[float], observed: float = 1.0, deal=in_turn) -> tuple[float, ...]:
    return drawn(
        lambda numbers: [float(values[i]) for i in numbers], len(values), lambda value: value >= observed, deal
    )


def test_as_many_end_a_test_as_make_it_fail_wherever_they_stand() -> None:
    for n in range(1, 400):
        assert enough(n) / n > 0.05
        assert enough(n) == 1 or (enough(n) - 1) / n <= 0.05  # one fewer need not


def test_the_last_one_that_counts_ends_it() -> None:
    assert stopped([0, 0, 1, 0, 1] + [0] * 14) == (0, 0, 1)
    assert stopped([0] * 19) == (0,) * 19
    assert stopped([1.0] * 99) == (1.0,) * 5
    assert stopped([]) == ()


@pytest.mark.parametrize("deal", [backwards, in_halves])
def test_who_draws_makes_no_difference(deal) -> None:
    for seed in range(20):
        values = np.random.default_rng(seed).uniform(size=99).tolist()
        assert stopped(values, 0.9, deal) == stopped(values, 0.9)


def chance_of_a_p_value(n: int, level: Fraction) -> Fraction:
    """Return, by counting, how often p is at most a level where the observed value is one of n + 1 alike ones.

    Given the rank of the observed one, each of the other orders is as likely; only who is above it counts.
    """
    total = Fraction(0)
    for above in range(n + 1):  # equally likely
        patterns = [each for each in product((False, True), repeat=n) if sum(each) == above]
        hits = 0
        for each in patterns:
            kept = stopped([float(extreme) for extreme in each])
            hits += Fraction(p_value([value >= 1 for value in kept], n)).limit_denominator(10**6) <= level
        total += Fraction(hits, comb(n, above) * (n + 1))
    return total


@pytest.mark.parametrize("n", [5, 9])
def test_p_values_are_valid(n) -> None:
    for level in (Fraction(i, 20) for i in range(1, 21)):
        assert chance_of_a_p_value(n, level) <= level


def test_verdicts_at_005_are_those_of_all_draws() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        values = rng.uniform(size=99).tolist()
        observed = float(rng.uniform(0.85, 1))
        whole = (1 + sum(value >= observed for value in values)) / 100
        kept = stopped(values, observed)
        early = p_value([value >= observed for value in kept], 99)
        assert (early <= 0.05) == (whole <= 0.05)
        assert len(kept) == 99 or early > 0.05


def test_nothing_asked_for_says_nothing() -> None:
    assert math.isnan(p_value([], 0))
