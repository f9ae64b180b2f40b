"""Find the components of every space of a model from its statistics."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
from jaxtyping import Float64

from compgraph.arguments import checked, whole_number
from compgraph.arrays import fix_signs, require_finite
from compgraph.decompose.components import Components, ComponentSet
from compgraph.decompose.directions import Directions
from compgraph.decompose.interaction.method import LIMIT, interaction_components
from compgraph.decompose.linear_algebra.eigenvalues import along, neighbour_gaps
from compgraph.decompose.linear_algebra.factorisations import pinv, power_of_two
from compgraph.decompose.methods import Decomposition, Interaction, Method, resolve_method
from compgraph.decompose.numerical_rank import support
from compgraph.decompose.unread import is_given, unread_remedy
from compgraph.errors import BadRequest, DeadSite, NotFinite, ShapeError, located
from compgraph.records import frozen
from compgraph.statistics import GradientMoments, Moments, Probe, Space, Statistics

DEFAULT_LIMIT = 16
SMALLEST = 2.0**-980  # squares below this have lost digits


@checked
def components(
    stats: Statistics,
    method: str | Method | Interaction | Decomposition = "interaction",
    *,
    n_components: int | None = None,
) -> ComponentSet:
    """Find the components of every space.

    Parameters
    ----------
    stats
        What `compgraph.collect` returned.
    method
        ``"interaction"`` (what the outputs read, turned until blocks come apart; an `Interaction` names other
        rotations), ``"pca"`` (largest variance), ``"plsr"`` (the two sides of the regression of each layer on the one
        before), ``"gradient"`` (read directions of single components of the next layer), ``"neuron"`` (the basis as it
        is), or a function ``(moments, n_components) -> axes, strength``.
    n_components
        At most this many per space, and no more than the widest has features; a space of lower numerical rank gives
        as many as it has. Default: 16, and 48 for ``"interaction"``, which stops at 99 % of what is read.

    Returns
    -------
    ComponentSet
        A dict of space to `Components`, in the order in which data flows.

    Raises
    ------
    UnknownName
        When no method has this name.
    BadRequest
        When ``n_components`` is not a whole number of at least 1, or above the width of every space.
    DeadSite
        When a layer never varies over the data, or the method finds nothing in it.
    NotFinite
        When squares of what a layer computes are too large or too small for double precision.

    Notes
    -----
    Cost O(d^3) per space of width d; ``"gradient"`` runs the model forward and backward on the sampled inputs.

    Examples
    --------
    >>> import torch
    >>> import compgraph as cg
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1))
    >>> stats = cg.collect(model, torch.eye(3))
    >>> parts = cg.components(stats, "pca", n_components=1)
    >>> [(space.layer, space.side, len(each)) for space, each in parts.items()]
    [('input', 'in', 1), ('1', 'out', 1), ('1', 'in', 1), ('2', 'out', 1)]
    """
    chosen = resolve_method(method)
    usual = LIMIT if isinstance(chosen, Interaction) else DEFAULT_LIMIT
    limit = usual if n_components is None else whole_number(n_components, "n_components", minimum=1)
    for space in stats.spaces:
        moments = stats.of_space(space)
        _require_alive(space, stats, moments.xx, moments.n)
    if n_components is not None:
        _require_reachable(stats, limit)
    if isinstance(chosen, Interaction):
        return _from_interactions(stats, chosen, limit)
    found = (_from_gradients if chosen.from_gradients else _from_moments)(stats, chosen, limit)
    return ComponentSet(found, identity=stats.identity)


def _from_interactions(stats: Statistics, method: Interaction, limit: int) -> ComponentSet:
    directions, found = interaction_components(stats, limit, method.rotations)
    parts = {
        space: _finish(space, method.name, directions[space], stats.of_space(space), _output(stats, space))
        for space in stats.spaces
    }
    return ComponentSet(parts, found, stats.identity)


def _from_moments(stats: Statistics, method: Method, limit: int) -> dict[Space, Components]:
    found = {}
    # Of two sides that face each other alone the moments are the same, and the one comes right after the other.
    shared = {} if method.fit is None else {"fit": lru_cache(maxsize=1)(method.fit)}
    for space in stats.spaces:
        find, moments = method.reads if space.side == "in" else method.writes, stats.facing(space)
        with located(str(space)):
            directions = find(moments, limit, **shared)
        found[space] = _finish(space, method.name, directions, stats.of_space(space), _output(stats, space))
    return found


def _from_gradients(stats: Statistics, method: Method, limit: int) -> dict[Space, Components]:
    probe = stats.live(f"component method {method.name!r}", instead="use 'pca' or 'plsr'")
    found: dict[Space, Components] = {}
    sensitivity: dict[Space, Float64[np.ndarray, " k"]] = {}
    for space in reversed(stats.spaces):
        moments, output = stats.of_space(space), _output(stats, space)
        if space.side == "in":
            read = _read_by(stats, probe, method, space, limit, found, sensitivity)
            found[space] = _finish(space, method.name, read, moments)
            continue
        read_side = Space(space.layer, "in", space.depth)
        if read_side in found:
            targets = _as_written(found[read_side], stats.of_space(read_side))
            sensitivity[space] = found[read_side].strength
        else:
            targets = Directions(*method.writes(stats.facing(space), limit))
            sensitivity[space] = np.ones(len(targets.axes))
        found[space] = _finish(space, method.name, targets, moments, output)
    return found


def _read_by(
    stats: Statistics,
    probe: Probe,
    method: Method,
    space: Space,
    limit: int,
    found: Mapping[Space, Components],
    sensitivity: Mapping[Space, Float64[np.ndarray, " k"]],
) -> Directions:
    """Return what all readers of a space read of it, with the energy of the whole space."""
    # What never varies is not read.
    basis = support(stats.of_space(space).xx)
    patterns = None if len(basis) == basis.shape[1] else basis
    readers = stats.out_of(space)
    each = (
        # A target counts as much as what lies behind it depends on it.
        probe.gradient_moments(pair, found[pair.target].axes * np.sqrt(sensitivity[pair.target])[:, None], patterns)
        for pair in readers
    )
    gradients = _side_by_side(each, sum(len(found[pair.target]) for pair in readers))
    total = float(np.einsum("kdd->", gradients.second)) / gradients.n
    if total == 0:
        names = " and ".join(str(pair.target) for pair in readers)
        raise DeadSite(
            f"no component of {names} changes with {space}: its gradients are all 0. The layers "
            f"between are dead on this data, or cut by a detach; {unread_remedy(space)}"
        )
    read = Directions(*method.reads(gradients, limit))
    return Directions(read.axes @ basis, read.strength, read.gap, total=total)


def _side_by_side(each: Iterator[GradientMoments], n_targets: int) -> GradientMoments:
    """Put the target scores of several readers side by side, in units of the rows of the first."""
    first = next(each)
    if len(first.total) == n_targets:
        return first
    total, second = np.empty((n_targets, *first.total.shape[1:])), np.empty((n_targets, *first.second.shape[1:]))
    stop = 0
    # One after the other, as they are large.
    for moments in chain([first], each):
        start, stop, scale = stop, stop + len(moments.total), first.n / moments.n
        np.multiply(moments.total, scale, out=total[start:stop])
        np.multiply(moments.second, scale, out=second[start:stop])
    return GradientMoments(first.n, frozen(total), frozen(second))


def _output(stats: Statistics, space: Space) -> str:
    """Return the name of the output that a space is, or nothing."""
    return next((name for name, each in stats.returned.items() if each == space), "")


def _as_written(read: Components, moments: Moments) -> Directions:
    variance = along(read.axes, moments.xx) / moments.n
    return Directions(read.axes, variance, read.gap)


def _finish(space: Space, name: str, found: Any, moments: Moments, output: str = "") -> Components:
    """Turn what a method returned into checked `Components`; ``moments`` have the space as ``x``."""
    given = Directions(*found)
    axes, strength = np.asarray(given.axes, dtype=np.float64), np.asarray(given.strength, dtype=np.float64)
    if strength.shape == (0,):
        leave = "Use" if is_given(space) or output else f"Leave {space.layer!r} out of layers, or use"
        raise DeadSite(
            f"method {name!r} finds no component of {space}: over this data it does not go with the space it faces. "
            f"{leave} 'pca', which looks at each space alone."
        )
    if axes.ndim != 2 or axes.shape[1] != len(moments.mean_x) or strength.shape != axes.shape[:1]:
        raise ShapeError(
            f"method {name!r} gave axes of shape {axes.shape} and strength of shape {strength.shape} for {space}, "
            f"which has {len(moments.mean_x)} features; needed are axes (k, {len(moments.mean_x)}) and strength (k,)."
        )
    require_finite(axes, f"axes of {space} from method {name!r}")
    require_finite(strength, f"strength of {space} from method {name!r}")
    fixed = fix_signs(axes)
    patterns = pinv(axes, f"the axes of {space}").T if given.patterns is None else given.patterns
    flips = np.sign((fixed * axes).sum(axis=1, keepdims=True))
    variance = along(fixed, moments.xx) / moments.n
    whole = float(np.trace(moments.xx)) / moments.n if given.total is None else given.total
    return Components(
        space=space,
        method=name,
        axes=fixed,
        patterns=patterns * flips,
        center=moments.mean_x,
        deviation=np.sqrt(np.clip(variance, 0, None)),
        strength=strength,
        share=strength / whole,
        gap=neighbour_gaps(strength) if given.gap is None else given.gap,
        block=given.block,
        part=given.part,
        output=output,
    )


def _require_alive(space: Space, stats: Statistics, scatter: Float64[np.ndarray, "d d"], n: int) -> None:
    returned = {each.layer for each in stats.returned.values()}
    always = is_given(space) or space.layer in returned  # tapped whatever layers say
    leave = "" if always else f"Leave {space.layer!r} out of layers, or "
    _require_range(space, stats, scatter, leave)
    if not np.trace(scatter) > 0:
        remedy = f"{leave}{'give' if leave else 'Give'} data that moves it"
        raise DeadSite(
            f"{space} never varies over the {n} rows collected: it is dead or constant and has no components. {remedy}."
        )


def _require_range(space: Space, stats: Statistics, scatter: Float64[np.ndarray, "d d"], leave: str) -> None:
    """Refuse activations whose squares double precision does not hold, which is not to say that they are dead."""
    pairs = stats.into(space) if space.side == "out" else stats.out_of(space)
    kept = [stats.samples[pair] for pair in pairs if pair in stats.samples]
    spread = max((_spread(each.y if space.side == "out" else each.x) for each in kept), default=0.0)
    largest = float(np.abs(np.diagonal(scatter)).max(initial=0.0))
    if np.isfinite(scatter).all() and (largest >= SMALLEST or spread == 0):
        return
    raise NotFinite(
        f"{space} varies by about {spread:.0e}, and squares of that leave double precision, which ends at 1e-308 and "
        f"1e308. {leave}{'give' if leave else 'Give'} data in other units, of a size between 1e-140 and 1e140."
    )


def _spread(rows: Float64[np.ndarray, "n d"]) -> float:
    """Return the largest range of a feature, the square of which may leave double precision."""
    unit = power_of_two(rows)
    return unit * float(np.ptp(rows / unit, axis=0).max(initial=0.0)) if len(rows) else 0.0


def _require_reachable(stats: Statistics, limit: int) -> None:
    widths = {space: len(stats.of_space(space).mean_x) for space in stats.spaces}
    if limit > max(widths.values()):
        listed = ", ".join(f"{space} {widths[space]}" for space in sorted(widths))
        raise BadRequest(
            f"n_components={limit} is above the width of every space ({listed}). "
            f"Ask for at most {max(widths.values())}, or None."
        )
