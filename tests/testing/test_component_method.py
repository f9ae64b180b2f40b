"""Every contract of component methods has a method that breaks it and no other, and is caught by its name."""

import numpy as np
import pytest

from compgraph.decompose import Directions, Interaction, Method, neurons, pca, support
from compgraph.decompose.methods import one_sided
from compgraph.errors import ContractBroken, UnknownName
from compgraph.statistics import Moments
from compgraph.testing import CONTRACTS, check_component_method


def honest(moments: Moments, n: int) -> tuple[np.ndarray, np.ndarray]:
    found = pca(moments, n)
    return found.axes, found.strength


def raises(moments, n):
    raise KeyError("nothing here")


def columns_for_rows(moments, n):
    axes, strength = honest(moments, 2)
    return axes.T, strength


def single_precision(moments, n):
    axes, strength = honest(moments, n)
    return axes.astype(np.float32), strength


def no_number(moments, n):
    axes, strength = honest(moments, n)
    return axes, np.where(strength == strength.min(), np.nan, strength)


def all_there_are(moments, n):
    return honest(moments, len(moments.xx))


def random_axes():
    rng = np.random.default_rng(0)

    def method(moments, n):
        axes, strength = honest(moments, n)
        return axes, strength * (1 - 1e-12 * rng.random())

    return method


def global_dice(moments, n):
    axes, strength = honest(moments, n)
    return axes, strength * (1 - 1e-12 * np.random.random())  # noqa: NPY002


def leaks_the_mean(moments, n):
    axes, strength = honest(moments, n)
    return axes, strength * (1 - 1e-3 * (np.abs(moments.mean_x).sum() * 1e12 % 1))


def turned_by_count(moments, n):
    axes, strength = honest(moments, n)
    k = len(axes)
    turn = np.eye(k)
    if n > 3 and k > 1:
        turn[:2, :2] = [[0.6, 0.8], [-0.8, 0.6]]
    return turn @ axes, strength


def first_features(moments, n):
    """The first features that vary, in their own order."""
    found = neurons(moments, len(moments.xx))
    order = np.argsort(found.axes.argmax(axis=1))[:n]
    return found.axes[order], found.strength[order]


def above_a_number(moments, n):
    axes, strength = honest(moments, n)
    kept = (strength > 1e-3) | (np.arange(len(strength)) == 0)
    return axes[kept], strength[kept]


def one_twice(moments, n):
    axes, strength = honest(moments, n)
    return np.concatenate([axes, axes[:1]])[: max(n, 1)], np.append(strength, 0.0)[: max(n, 1)]


def loud_patterns(moments, n):
    axes, strength = honest(moments, n)
    return Directions(axes, strength, patterns=1.1 * axes)


def owing(moments, n):
    axes, strength = honest(moments, n)
    return axes, -strength


def inflated(moments, n):
    axes, strength = honest(moments, n)
    return axes, strength + np.trace(moments.xx) / moments.n


def reads_the_dead(moments, n):
    axes, strength = honest(moments, n)
    still = np.diagonal(moments.xx) < 1e-12 * np.trace(moments.xx)
    return axes + 1e-3 * still, strength


def explodes_when_deficient(moments, n):
    axes, strength = honest(moments, n)
    alive = np.diagonal(moments.xx) > 1e-12 * np.trace(moments.xx)
    singular = len(support(moments.xx)) < alive.sum() and moments.n > 10
    return axes * (1e14 if singular else 1.0), strength


def explodes_on_few_rows(moments, n):
    axes, strength = honest(moments, n)
    return axes * (1e14 if moments.n < 10 else 1.0), strength


def writes_into_its_input(moments, n):
    moments.mean_x.flags.writeable = True
    moments.mean_x[:] = 0
    return honest(moments, n)


TWINS = {
    "answers": raises,
    "right_shape": columns_for_rows,
    "float64": single_precision,
    "finite": no_number,
    "at_most_as_many_as_asked": all_there_are,
    "deterministic": random_axes(),
    "order_free": leaks_the_mean,
    "subset_consistent": turned_by_count,
    "follows_the_features": first_features,
    "ignores_units": above_a_number,
    "independent_axes": one_twice,
    "patterns_fit_the_axes": loud_patterns,
    "strengths_are_not_negative": owing,
    "shares_are_parts_of_one": inflated,
    "dead_features_are_never_read": reads_the_dead,
    "bounded_when_rank_deficient": explodes_when_deficient,
    "bounded_with_few_rows": explodes_on_few_rows,
    "leaves_its_input_alone": writes_into_its_input,
}


def test_every_contract_has_a_broken_twin() -> None:
    assert list(TWINS) == list(CONTRACTS["component_method"])


@pytest.mark.parametrize("name", TWINS)
def test_a_broken_twin_is_rejected_by_the_contract_that_it_breaks(name) -> None:
    with pytest.raises(ContractBroken, match=f"- {name}: ") as caught:
        check_component_method(TWINS[name])
    assert caught.value.contracts == (name,)


def test_what_they_are_twins_of_is_accepted() -> None:
    check_component_method(honest)


def test_the_state_of_the_process_s_own_dice_is_seen_and_left_as_it_was() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    check_component_method(honest)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    with pytest.raises(ContractBroken) as caught:
        check_component_method(global_dice)
    assert caught.value.contracts == ("deterministic",)


def test_both_sides_of_a_method_are_looked_at() -> None:
    mixed = Method("mixed", one_sided("", honest).reads, one_sided("", owing).writes)
    with pytest.raises(ContractBroken, match=r"(?s)component method 'mixed' breaks 1 of 18.*for h out came"):
        check_component_method(mixed)


def test_gradients_are_given_to_a_method_that_asks_for_them() -> None:
    seen = set()

    def reads(gradients, n):
        seen.add(type(gradients).__name__)
        return np.full((1, gradients.total.shape[1]), np.nan), np.ones(1)

    with pytest.raises(ContractBroken) as caught:
        check_component_method(Method("nan", reads, honest, from_gradients=True))
    assert seen == {"GradientMoments"}
    assert "finite" in caught.value.contracts


def test_a_rotation_of_an_interaction_is_looked_at() -> None:
    with pytest.raises(ContractBroken, match="- answers: it raised BadRequest: rotation '<lambda>'"):
        check_component_method(Interaction((lambda scores, _: 2 * np.eye(scores.shape[1]),)))


def test_a_name_that_is_unknown_is_refused() -> None:
    with pytest.raises(UnknownName, match=r"no component method 'pac'.*Did you mean 'pca'"):
        check_component_method("pac")
