"""What every edge rule promises."""

from dataclasses import dataclass

import numpy as np

from compgraph.arguments import checked
from compgraph.connect import GRADIENT, RULES, EdgeMatrix, Rule, edges
from compgraph.decompose import components
from compgraph.errors import unknown_name
from compgraph.statistics import Moments
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
from compgraph.testing.network import Network, network, rows

ORDINARY = "moments of 200 rows of 4 source and 3 target scores (seed 3)"
LAYERS = "a tanh network of 5-6-3 units (weights of seed 0) on 300 rows (seed 1), 3 principal components a space"
LARGEST = 1e6  # effect among scores whose deviations are near 1


@dataclass(frozen=True, slots=True)
class _Subject:
    """A rule; the one called ``"gradient"`` asks the model and is no function of moments."""

    rule: str | Rule

    def effect(self, moments: Moments, shown: str) -> np.ndarray:
        rule = self.rule
        if isinstance(rule, str):
            raise TypeError(f"contracts on moments are for functions, and {rule!r} asks the model")
        return np.asarray(answer(lambda: rule(moments), shown))

    def shaped(self, moments: Moments, shown: str) -> np.ndarray:
        """Return effects of the right shape."""
        found = self.effect(moments, shown)
        if found.shape != moments.xy.shape or found.dtype.kind not in "fiu":
            raise Unusable(f"an array of shape {found.shape} and type {found.dtype} came", shown)
        return found.astype(np.float64)

    def usable(self, moments: Moments, shown: str) -> np.ndarray:
        """Return effects that can be compared with others."""
        found = self.shaped(moments, shown)
        bad = int((~np.isfinite(found)).sum())
        if bad:
            raise Unusable(f"{bad} NaN or infinite effects came", shown)
        return found

    def matrices(self, inputs: np.ndarray, shown: str, net: Network | None = None) -> tuple[EdgeMatrix, ...]:
        """Link the components of the network by the rule, between layers and, where it can be, within them."""
        stats = (net or network()).statistics(inputs)
        parts = components(stats, "pca", n_components=3)
        within = "correlation" if isinstance(self.rule, str) else self.rule
        return answer(lambda: edges(stats, parts, self.rule, within=within), shown)

    @property
    def of_moments(self) -> bool:
        return not isinstance(self.rule, str)


def _scores() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 4))
    y = np.tanh(x @ rng.normal(size=(4, 3))) + 0.3 * rng.normal(size=(200, 3))
    return x, y


def _moments(x_order: slice | list[int] = slice(None), y_order: slice | list[int] = slice(None)) -> Moments:
    x, y = _scores()
    return Moments.of(x[:, x_order], y[:, y_order])


@contract("Let it answer for any moments of finite numbers.")
def answers(subject: _Subject) -> None:
    """An answer to ordinary moments, and no exception."""
    if subject.of_moments:
        subject.effect(_moments(), ORDINARY)
    else:
        subject.matrices(rows(), LAYERS)


@contract("Return an array shaped like moments.xy.")
def right_shape(subject: _Subject) -> None:
    """An effect, a real number, for every source component (row) and target component (column)."""
    cases = {ORDINARY: _moments(), "moments of one source and one target score": _moments([0], [0])}
    for shown, moments in cases.items() if subject.of_moments else ():
        subject.shaped(moments, shown)


@contract("Divide by nothing that can be 0.")
def finite(subject: _Subject) -> None:
    """Finite effects."""
    if subject.of_moments:
        subject.usable(_moments(), ORDINARY)


@contract("Seed a generator of its own, and keep nothing from one call to the next.")
def deterministic(subject: _Subject) -> None:
    """The same effects for the same statistics, whatever random numbers were drawn elsewhere."""
    one = subject.matrices(rows(), LAYERS)
    with other_dice():
        other = subject.matrices(rows(), LAYERS)
    _require_same(one, other, "effect", LAYERS, within=0.0)


@contract("Decide nothing by the last digits of a sum, such as a mean: they depend on the order of the rows.")
def order_free(subject: _Subject) -> None:
    """The same effects in whatever order the rows came, up to rounding."""
    shown = f"{LAYERS}, shuffled (seed 5)"
    one, other = (subject.matrices(each, shown) for each in (rows(), np.random.default_rng(5).permutation(rows())))
    _require_same(one, other, "effect", shown, within=1e-8)


@contract("Add nothing that has a unit of its own to moments, which have those of the activations.")
def ignores_units(subject: _Subject) -> None:
    """The same weights when the same inputs are measured in another unit."""
    net = network()
    shown = f"{LAYERS}, inputs in a unit 1024 times smaller"
    one = subject.matrices(rows(), shown)
    other = subject.matrices(rows() * 1024, shown, Network(net.first / 1024, net.second))
    _require_same(one, other, "weight", shown, within=1e-8)


def _require_same(
    one: tuple[EdgeMatrix, ...], other: tuple[EdgeMatrix, ...], name: str, shown: str, *, within: float
) -> None:
    for a, b in zip(one, other, strict=True):
        what = f"{name}s from {a.source} to {a.target}"
        require_equal(getattr(b, name), getattr(a, name), what, shown, within=within)


@contract("Return 0 only for what does not go together.")
def sees_links(subject: _Subject) -> None:
    """Some effect that is not 0 between spaces that depend on each other."""
    for each in subject.matrices(rows(), LAYERS):
        if not each.effect.any():
            raise Breach(f"all effects from {each.source} to {each.target} are 0", LAYERS)


@contract("Treat all components alike.")
def follows_the_components(subject: _Subject) -> None:
    """Rows and columns that are exchanged as the components are."""
    sources, targets = [2, 0, 3, 1], [1, 2, 0]
    shown = f"{ORDINARY}, sources in the order {sources} and targets in the order {targets}"
    if subject.of_moments:
        needed = subject.usable(_moments(), ORDINARY)[np.ix_(sources, targets)]
        require_equal(subject.usable(_moments(sources, targets), shown), needed, "effects", shown, within=1e-8)


@contract("Let the effects of a component change sign with it, or be the same.")
def follows_signs(subject: _Subject) -> None:
    """Effects of the same size when a component is turned around, which it is by convention alone."""
    shown = f"{ORDINARY}, source 1 and target 2 times -1"
    if subject.of_moments:
        turned = _moments().project(np.diag([1.0, -1, 1, 1]), np.diag([1.0, 1, -1]))
        needed = np.abs(subject.usable(_moments(), ORDINARY))
        require_equal(np.abs(subject.usable(turned, shown)), needed, "sizes of effects", shown, within=1e-8)


@contract("Make effects of the cross moments xy, and nothing where those are 0.")
def nothing_where_nothing_goes_together(subject: _Subject) -> None:
    """Effects of 0 between scores that do not covary."""
    shown = f"{ORDINARY}, cross moments 0"
    if subject.of_moments:
        plain = _moments()
        apart = Moments(plain.n, plain.mean_x, plain.mean_y, plain.xx, 0 * plain.xy, plain.yy)
        require_equal(subject.usable(apart, shown), np.zeros((4, 3)), "effects and 0", shown, within=1e-12)


@contract("Divide where the variance is above 0 alone: np.divide(a, b, out=np.zeros_like(a), where=b > 0).")
def constant_scores(subject: _Subject) -> None:
    """Effects of 0, and no NaN, from and to a score that never varies."""
    shown = f"{ORDINARY}, source 0 and target 1 constant"
    if subject.of_moments:
        still = _moments().project(np.diag([0.0, 1, 1, 1]), np.diag([1.0, 0, 1]))
        with np.errstate(all="ignore"):
            found = subject.usable(still, shown)
        require_equal(np.append(found[0], found[:, 1]), np.zeros(7), "effects and 0", shown, within=1e-12)


@contract("Expect moments of lower rank than there are components: np.linalg.pinv(moments.xx, hermitian=True).")
def bounded_when_sources_repeat(subject: _Subject) -> None:
    """Effects of moderate size where source scores are combinations of one another."""
    shown = f"{ORDINARY}, source 3 the sum of sources 0 and 1"
    if subject.of_moments:
        mixed = np.eye(4)
        mixed[3] = [1, 1, 0, 0]
        worst = float(np.abs(subject.usable(_moments().project(mixed, np.eye(3)), shown)).max())
        if not worst <= LARGEST:
            raise Breach(f"an effect of {worst:.3g} came, where {LARGEST:g} is allowed", shown)


@contract("Write into copies: moments.xy.copy().")
def leaves_its_input_alone(subject: _Subject) -> None:
    """Moments that are afterwards what they were before."""
    if subject.of_moments:
        given, same = _moments(), _moments()
        subject.effect(given, ORDINARY)
        for name in ("mean_x", "mean_y", "xx", "xy", "yy"):
            if not np.array_equal(getattr(given, name), getattr(same, name)):
                raise Breach(f"{name} of the moments is not what it was", ORDINARY)


FORMS = (answers, right_shape, finite)
LAWS = (
    *(deterministic, order_free, ignores_units, sees_links, follows_the_components, follows_signs),
    *(nothing_where_nothing_goes_together, constant_scores, bounded_when_sources_repeat, leaves_its_input_alone),
)


@checked
def check_rule(rule: str | Rule) -> None:
    """Hold an edge rule to everything that the package's own rules promise.

    Parameters
    ----------
    rule
        A function ``(moments in component coordinates) -> effect``, or a registered name. Of ``"gradient"``, which is
        no function of moments, only what can be seen of the edges is asked.

    Raises
    ------
    ContractBroken
        Naming every contract that is broken: what came, what was needed, the data that show it, and what to do.
    UnknownName
        When no rule has this name.
    BadRequest
        When it is no function.

    Examples
    --------
    >>> check_rule("plsr")
    >>> try:
    ...     check_rule(lambda moments: moments.xy / np.diagonal(moments.xx)[:, None])
    ... except AssertionError as error:
    ...     print(*error.contracts)
    constant_scores
    """
    if isinstance(rule, str):
        if rule not in (*RULES, GRADIENT):
            raise unknown_name("edge rule", rule, [*RULES, GRADIENT])
        judge(f"edge rule {rule!r}", _Subject(RULES.get(rule, rule)), FORMS, LAWS)
        return
    require_function(rule, "edge rule")
    judge(f"edge rule {getattr(rule, '__name__', 'custom')!r}", _Subject(rule), FORMS, LAWS)
