"""What every component method promises."""

from collections.abc import Callable
from typing import Any

import numpy as np

from compgraph.arguments import checked
from compgraph.decompose import Components, Interaction, Method
from compgraph.decompose.methods import resolve_method
from compgraph.testing.asked_method import ORDINARY, Asked
from compgraph.testing.contract import Breach, contract, judge, other_dice, require_equal, require_function
from compgraph.testing.network import HEAD, INPUT, N_ROWS, READ, WIDTHS, WRITTEN, Network, network, rows

LARGEST = 10.0  # entry of an axis; those of unit scores are near 1


@contract("Let it answer for any moments of finite numbers.")
def answers(subject: Asked) -> None:
    """An answer to ordinary data, and no exception."""
    list(subject.answers())


@contract("Return (axes, strength), one axis a row, as long as the moments' mean_x, and a strength for each.")
def right_shape(subject: Asked) -> None:
    """Axes (k, d) and strength (k,), of at least one component."""
    for each in subject.answers():
        each.arrays()


@contract("Compute in float64, or turn the result into it with np.asarray(..., dtype=np.float64).")
def float64(subject: Asked) -> None:
    """Axes and strength of float64, as all numbers of moments are."""
    for each in subject.answers():
        kinds = {str(array.dtype) for array in each.arrays()}
        if kinds != {"float64"}:
            raise Breach(f"{' and '.join(sorted(kinds))} came", each.shown)


@contract("Divide by nothing that can be 0, and leave out directions that vary by rounding alone.")
def finite(subject: Asked) -> None:
    """Finite numbers."""
    for each in subject.answers():
        bad = [int((~np.isfinite(np.asarray(array, dtype=np.float64))).sum()) for array in each.arrays()]
        if any(bad):
            raise Breach(f"{bad[0]} entries of axes and {bad[1]} of strength are NaN or infinite", each.shown)


@contract("Cut what it found to the first n_components.")
def at_most_as_many_as_asked(subject: Asked) -> None:
    """No more components than n_components."""
    for asked in (1, 2, 3):
        for part in subject.parts(rows(), ORDINARY, n_components=asked).values():
            if len(part) > asked:
                raise Breach(f"{len(part)} components of {part.space} came", f"{ORDINARY}, n_components={asked}")


@contract("Seed a generator of its own, and keep nothing from one call to the next.")
def deterministic(subject: Asked) -> None:
    """The same components for the same statistics, whatever random numbers were drawn elsewhere."""
    one = subject.parts(rows(), ORDINARY)
    with other_dice():
        other = subject.parts(rows(), ORDINARY)
    for space, part in one.items():
        require_equal(other[space].axes, part.axes, f"axes of {space} from two calls", ORDINARY)
        require_equal(other[space].strength, part.strength, f"strengths of {space} from two calls", ORDINARY)


@contract("Decide nothing by the last digits of a sum, such as a mean: they depend on the order of the rows.")
def order_free(subject: Asked) -> None:
    """The same components in whatever order the rows came, up to rounding."""
    if subject.turned:
        return
    shown = f"{ORDINARY}, shuffled (seed 5)"
    one, other = (subject.parts(each, shown) for each in (rows(), np.random.default_rng(5).permutation(rows())))
    for space, part in one.items():
        require_equal(other[space].axes, part.axes, f"axes of {space}", shown, within=subject.rounding)
        require_equal(other[space].strength, part.strength, f"strengths of {space}", shown, within=subject.rounding)


@contract("Find all directions first, then return the first n_components of them.")
def subset_consistent(subject: Asked) -> None:
    """The first of many components are those that are found when fewer are asked for."""
    if subject.turned:
        return
    # As many as there are outputs: below that, components of the outputs stand for all.
    few, many = (subject.parts(rows(), ORDINARY, n_components=k) for k in (WIDTHS[2], WIDTHS[2] + 1))
    gradients = isinstance(subject.method, Method) and subject.method.from_gradients
    for space, part in few.items():
        # With fewer target components there are other gradients to look at, not fewer directions of the same ones.
        if not gradients or space.side == "out":
            shown = f"{ORDINARY}, n_components={WIDTHS[2]} and {WIDTHS[2] + 1}"
            require_equal(many[space].axes[: len(part)], part.axes, f"axes of {space}", shown, within=1e-10)


@contract("Treat all features alike, and decide ties by nothing but their numbers.")
def follows_the_features(subject: Asked) -> None:
    """Axes whose entries are exchanged as the features are."""
    net, into, hidden = network(), np.random.default_rng(7).permutation(WIDTHS[0]), np.roll(np.arange(WIDTHS[1]), 2)
    shown = f"{ORDINARY}, inputs in the order {into.tolist()} and hidden units in the order {hidden.tolist()}"
    moved = Network(net.first[np.ix_(hidden, into)], net.second[:, hidden])
    one, other = subject.parts(rows(), shown), subject.parts(rows()[:, into], shown, net=moved)
    orders = {INPUT: into, WRITTEN: hidden, READ: hidden, HEAD: np.arange(WIDTHS[2])}
    for space, part in one.items():
        needed = part.axes[:, orders[space]]
        require_equal(other[space].axes, needed, f"axes of {space}", shown, within=10 * subject.rounding)


@contract("Compare variances with one another and never with a number of your own.")
def ignores_units(subject: Asked) -> None:
    """The same directions when inputs and outputs are measured in other units."""
    net = network()
    one = subject.parts(rows(), ORDINARY)
    for power in (-20, 20):
        shown = f"{ORDINARY}, inputs and outputs in units 2**{-power} times as large"
        scaled = Network(net.first * 2.0**-power, net.second, 2.0**power)
        for space, part in subject.parts(rows() * 2.0**power, shown, net=scaled).items():
            came, needed = _unit(part), _unit(one[space])
            require_equal(came, needed, f"directions of {space}", shown, within=subject.rounding)


def _unit(part: Components) -> np.ndarray:
    return np.asarray(part.axes / np.linalg.norm(part.axes, axis=1, keepdims=True))


@contract("Leave out directions that those before them already hold, such as eigenvectors of eigenvalue 0.")
def independent_axes(subject: Asked) -> None:
    """No axis that is a combination of others."""
    for part in subject.parts(rows(), ORDINARY, n_components=None).values():
        rank = int(np.linalg.matrix_rank(_unit(part), tol=1e-7))
        if rank < len(part):
            raise Breach(f"{len(part)} axes of {part.space} span {rank} dimensions", ORDINARY)


@contract("Return no patterns, and those of the axes are taken; or the rows of a dual basis.")
def patterns_fit_the_axes(subject: Asked) -> None:
    """Patterns that raise the score of their own axis by one and no other's."""
    for part in subject.parts(rows(), ORDINARY).values():
        came = part.axes @ part.patterns.T @ part.axes
        require_equal(came, part.axes, f"axes of {part.space} after their patterns", ORDINARY, within=1e-8)


@contract("Return variances or energies, which are squares.")
def strengths_are_not_negative(subject: Asked) -> None:
    """Strengths of at least 0."""
    for part in subject.parts(rows(), ORDINARY, n_components=None).values():
        if (part.strength < 0).any():
            raise Breach(f"a strength of {part.strength.min():.3g} for {part.space} came", ORDINARY)


@contract("Return what each direction accounts for beyond those before it, or the total of the space with it.")
def shares_are_parts_of_one(subject: Asked) -> None:
    """Strengths that sum to the total of the space or less."""
    for part in subject.parts(rows(), ORDINARY, n_components=None).values():
        if part.share.sum() > 1 + 1e-9:
            raise Breach(f"the strengths of {part.space} are {part.share.sum():.6g} of its total", ORDINARY)


@contract("Look only at directions in which the data vary: compgraph.decompose.support(moments.xx) is a basis of them.")
def dead_features_are_never_read(subject: Asked) -> None:
    """Entries of 0 at a feature that never varies."""
    shown = f"{ORDINARY}, input 2 constant"
    part = subject.parts(rows() * [1, 1, 0, 1, 1], shown, n_components=None)[INPUT]
    worst = float(np.abs(part.axes[:, 2]).max())
    if worst > 1e-9:
        raise Breach(f"an axis has {worst:.3g} at the constant feature", shown)


@contract("Invert nothing that can be singular: compgraph.decompose.support(moments.xx) is a basis of what varies.")
def bounded_when_rank_deficient(subject: Asked) -> None:
    """Axes of moderate size where features are combinations or copies of one another."""
    turns = {
        "all inputs multiples of one": np.outer(np.ones(5), [1, 0, 2, 0, 1]),
        "input 4 a copy of input 0": np.eye(5),
    }
    turns["input 4 a copy of input 0"][:, 4] = [1, 0, 0, 0, 0]
    for what, turn in turns.items():
        _require_bounded(subject, rows() @ turn, f"{ORDINARY}, {what}")


@contract("Expect moments of lower rank than there are features, and take a pseudo-inverse or the support.")
def bounded_with_few_rows(subject: Asked) -> None:
    """Axes of moderate size where there are fewer rows than features."""
    _require_bounded(subject, rows()[:4], f"{ORDINARY.replace(str(N_ROWS), 'the first 4 of 300')}")


def _require_bounded(subject: Asked, inputs: np.ndarray, shown: str) -> None:
    for part in subject.parts(inputs, shown, n_components=None).values():
        worst = float(np.abs(part.axes).max())
        if worst > LARGEST:
            raise Breach(f"an axis of {part.space} has an entry of {worst:.3g}, where {LARGEST:g} is allowed", shown)


@contract("Write into copies: moments.xx.copy().")
def leaves_its_input_alone(subject: Asked) -> None:
    """Moments that are afterwards what they were before."""
    stats = network().statistics(rows())
    names = ("mean_x", "mean_y", "xx", "xy", "yy")
    before = {(pair, name): getattr(stats.moments[pair], name).copy() for pair in stats.pairs for name in names}
    subject.parts(rows(), ORDINARY, stats=stats)
    for (pair, name), array in before.items():
        if not np.array_equal(getattr(stats.moments[pair], name), array):
            raise Breach(f"{name} of the moments is not what it was", ORDINARY)


FORMS = (answers, right_shape, float64, finite)
LAWS = (
    *(at_most_as_many_as_asked, deterministic, order_free, subset_consistent, follows_the_features, ignores_units),
    *(independent_axes, patterns_fit_the_axes, strengths_are_not_negative, shares_are_parts_of_one),
    *(dead_features_are_never_read, bounded_when_rank_deficient, bounded_with_few_rows, leaves_its_input_alone),
)


@checked
def check_component_method(method: str | Method | Interaction | Callable[..., Any]) -> None:
    """Hold a component method to everything that the package's own methods promise.

    Parameters
    ----------
    method
        A function ``(moments, n_components) -> axes, strength``, a `Method`, an `Interaction`, or a registered name.

    Raises
    ------
    ContractBroken
        Naming every contract that is broken: what came, what was needed, the data that show it, and what to do.
    UnknownName
        When no method has this name.
    BadRequest
        When it is no method at all.

    Notes
    -----
    The data are those of a small network, made from fixed seeds; NumPy is all that is needed. ``CONTRACTS`` lists the
    contracts by name. About 0.2 s for a method that looks at one space at a time.

    Examples
    --------
    >>> check_component_method("pca")
    >>> def all_alike(moments, n_components):
    ...     return np.ones((n_components, len(moments.xx))), np.zeros(n_components)
    >>> try:
    ...     check_component_method(all_alike)
    ... except AssertionError as error:
    ...     print(*error.contracts)
    independent_axes dead_features_are_never_read
    """
    if not isinstance(method, str | Method | Interaction):
        require_function(method, "component method")
    chosen = resolve_method(method)
    judge(f"component method {chosen.name!r}", Asked(chosen), FORMS, LAWS)
