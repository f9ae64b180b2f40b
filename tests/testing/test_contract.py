"""The engine of the battery: all broken contracts are reported, with what came, was needed, shows it and helps."""

import pickle
import random

import numpy as np
import pytest

from compgraph.errors import BadRequest, CompgraphError, ContractBroken, MissingTool
from compgraph.testing import CONTRACTS, check_rule
from compgraph.testing.contract import (
    Breach,
    Unusable,
    answer,
    contract,
    judge,
    other_dice,
    require_equal,
    require_function,
)


@contract("Mend it.")
def form(subject) -> None:
    """A number."""
    if not isinstance(subject, int):
        raise Unusable(f"{type(subject).__name__} came", "ordinary data")


@contract("Mend that as well.")
def positive(subject) -> None:
    """Something above 0."""
    if not answer(lambda: subject > 0, "ordinary data"):
        raise Breach(f"{subject} came", "ordinary data")


@contract("Halve it.")
def small(subject) -> None:
    """Something below 10 in size."""
    if answer(lambda: abs(subject) >= 10, "ordinary data"):
        raise Breach(f"{subject} came", "ordinary data")


def test_all_that_is_broken_is_reported() -> None:
    judge("number", 3, [form], [positive, small])
    with pytest.raises(ContractBroken) as caught:
        judge("number '-20'", -20, [form], [positive, small])
    assert caught.value.contracts == ("positive", "small")
    assert str(caught.value) == (
        "number '-20' breaks 2 of 3 contracts:\n"
        "- positive: -20 came. Needed: Something above 0. Shown by ordinary data. Mend that as well.\n"
        "- small: -20 came. Needed: Something below 10 in size. Shown by ordinary data. Halve it."
    )


def test_what_gives_no_answer_is_reported_once() -> None:
    with pytest.raises(ContractBroken, match="2 others could not be judged") as caught:
        judge("number", "three", [form], [positive, small])
    assert caught.value.contracts == ("form",)


def test_a_law_that_gets_no_answer_is_broken_where_the_forms_are_kept() -> None:
    with pytest.raises(ContractBroken, match=r"- positive: it raised TypeError: '>' not supported") as caught:
        judge("number", "three", [], [positive])
    assert caught.value.contracts == ("positive",)


def test_the_error_is_one_of_ours_and_an_assertion_and_survives_pickling() -> None:
    error = ContractBroken("words", ("a", "b"))
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  made here
    assert isinstance(error, CompgraphError | AssertionError)
    assert (str(again), again.contracts) == ("words", ("a", "b"))


def test_a_tool_that_is_missing_says_nothing_about_a_function() -> None:
    def lacking(_):
        raise MissingTool("needs a library")

    with pytest.raises(MissingTool):
        check_rule(lacking)


def test_what_cannot_be_called_is_refused() -> None:
    require_function(len, "edge rule")
    with pytest.raises(BadRequest, match=r"3 came; a function or the name of a registered edge rule is needed"):
        require_function(3, "edge rule")


@pytest.mark.parametrize(
    ("came", "within", "message"),
    [
        (np.ones(2), 0.0, r"shape \(2,\) in place of \(3,\)"),
        (np.ones(3) * 1.001, 1e-4, "differ by 0.001, where 0.0001 is allowed"),
        (np.array([1, 1, np.nan]), 1.0, "differ by nan"),
    ],
)
def test_arrays_that_are_not_the_same(came, within, message) -> None:
    require_equal(np.ones(3) * 1.001, np.ones(3), "arrays", "data", within=1e-2)
    with pytest.raises(Breach, match=message):
        require_equal(came, np.ones(3), "arrays", "data", within=within)


def test_dice_are_put_back() -> None:
    random.seed(1)
    first = random.random()
    random.seed(1)
    with other_dice():
        assert random.random() != first
    assert random.random() == first


def test_every_contract_says_what_it_promises() -> None:
    assert all(promise for promises in CONTRACTS.values() for promise in promises.values())
