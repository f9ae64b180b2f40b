"""Every contract of edge rules has a rule that breaks it and no other, and is caught by its name."""

import numpy as np
import pytest

from compgraph.connect import correlation
from compgraph.decompose import support
from compgraph.errors import ContractBroken, UnknownName
from compgraph.statistics import Moments
from compgraph.testing import CONTRACTS, check_rule


def honest(moments: Moments) -> np.ndarray:
    return correlation(moments)


def raises(moments):
    raise KeyError("nothing here")


def targets_by_sources(moments):
    return correlation(moments).T


def one_nan(moments):
    return correlation(moments) * [np.nan, *np.ones(moments.xy.shape[1] - 1)]


def restless():
    calls = [0]

    def rule(moments):
        calls[0] += 1
        return correlation(moments) * (1 - 1e-13 * calls[0])

    return rule


def leaks_the_mean(moments):
    last_digits = np.abs(moments.mean_x).sum() * 1e12 % 1
    return correlation(moments) * (1 + 1e-3 * last_digits * (moments.n == 300))


def regularised(moments):
    return np.linalg.inv(moments.xx + 200 * np.eye(len(moments.xx))) @ moments.xy


def sees_nothing(moments):
    return 0 * moments.xy


def favours_the_first(moments):
    return correlation(moments) / np.arange(1, 1 + len(moments.xx))[:, None]


def one_sided(moments):
    return np.clip(correlation(moments), 0, None)


def offset(moments):
    found = correlation(moments)
    return found + float(not moments.xy.any()) * np.ones_like(found)


def slope(moments):
    return moments.xy / np.diagonal(moments.xx)[:, None]


def unbounded(moments):
    lost = len(support(moments.xx)) < (np.diagonal(moments.xx) > 0).sum()
    return correlation(moments) * (1e14 if lost else 1.0)


def writes_into_its_input(moments):
    moments.yy.flags.writeable = True
    effect = correlation(moments)
    moments.yy[:] = 1
    return effect


TWINS = {
    "answers": raises,
    "right_shape": targets_by_sources,
    "finite": one_nan,
    "deterministic": restless(),
    "order_free": leaks_the_mean,
    "ignores_units": regularised,
    "sees_links": sees_nothing,
    "follows_the_components": favours_the_first,
    "follows_signs": one_sided,
    "nothing_where_nothing_goes_together": offset,
    "constant_scores": slope,
    "bounded_when_sources_repeat": unbounded,
    "leaves_its_input_alone": writes_into_its_input,
}


def test_every_contract_has_a_broken_twin() -> None:
    assert list(TWINS) == list(CONTRACTS["rule"])


@pytest.mark.parametrize("name", TWINS)
def test_a_broken_twin_is_rejected_by_the_contract_that_it_breaks(name) -> None:
    with pytest.raises(ContractBroken, match=f"- {name}: ") as caught:
        check_rule(TWINS[name])
    assert caught.value.contracts == (name,)


def test_what_they_are_twins_of_is_accepted() -> None:
    check_rule(honest)


def test_a_name_that_is_unknown_is_refused() -> None:
    with pytest.raises(UnknownName, match=r"no edge rule 'plrs'.*Did you mean 'plsr'"):
        check_rule("plrs")
