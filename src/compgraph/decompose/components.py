"""Components of every space of a model, from its statistics."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Int64

from compgraph.arguments import whole_number
from compgraph.arrays import fix_signs, require_finite
from compgraph.decompose.directions import Directions
from compgraph.decompose.eigenvalues import neighbour_gaps
from compgraph.decompose.interaction.method import LIMIT, Interactions, interaction_components
from compgraph.decompose.methods import Decomposition, Interaction, Method, resolve_method
from compgraph.decompose.numerical_rank import support
from compgraph.errors import BadRequest, DeadSite, ShapeError
from compgraph.records import brief, read_only
from compgraph.statistics import Moments, Space, Statistics

DEFAULT_LIMIT = 16


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Components:
    """The components of one space, in the order in which the method found them.

    Attributes
    ----------
    space
        The layer and side they belong to.
    method
        Name of the method that found them.
    axes
        One filter per row. In each, the entry of largest magnitude is positive.
    patterns
        What the activations do when a score rises by one and the others stay: ``axes @ patterns.T`` is the identity.
    center
        Mean activation, which scores are measured from.
    deviation
        Standard deviation of each score over the data, in activation units.
    strength
        What each accounts for: variance, in squared activation units of the space. Where ``"gradient"`` finds what is
        read of a layer: gradient energy, in squared units of the model's output per squared activation unit of the
        space, at every depth, because targets count by what lies behind them.
    share
        ``strength`` over the total of the space: 1 is everything.
    gap
        Relative distance of the eigenvalue or singular value that chose the direction to the nearest other: near 0 the
        direction is arbitrary within a degenerate block. ``"pca"`` chooses among the eigenvalues of the space,
        ``"plsr"`` among the singular values of what is left, ``"gradient"`` among the eigenvalues of the one target
        that the direction belongs to: another target may come as close. 1 for ``"neuron"``, which has no choice.
    block
        Number of the block of components that hardly interact with others, where the method finds blocks.
    part
        Number of its part of that block, where the block is divided again; else 0.
    """

    space: Space
    method: str
    axes: Float64[np.ndarray, "k d"]
    patterns: Float64[np.ndarray, "k d"]
    center: Float64[np.ndarray, " d"]
    deviation: Float64[np.ndarray, " k"]
    strength: Float64[np.ndarray, " k"]
    share: Float64[np.ndarray, " k"]
    gap: Float64[np.ndarray, " k"]
    block: Int64[np.ndarray, " k"] | None = None
    part: Int64[np.ndarray, " k"] | None = None

    __repr__ = brief

    def __post_init__(self) -> None:
        for name in ("axes", "patterns", "center", "deviation", "strength", "share", "gap"):
            object.__setattr__(self, name, read_only(getattr(self, name)))
        for name in ("block", "part"):
            if (labels := getattr(self, name)) is not None:
                whole = np.array(labels, dtype=np.int64)
                whole.flags.writeable = False
                object.__setattr__(self, name, whole)

    def __len__(self) -> int:
        return len(self.axes)

    def transform(self, rows: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n k"]:
        """Return the scores of activations.

        Parameters
        ----------
        rows
            Activations of the layer.

        Returns
        -------
        numpy.ndarray
            One column per component, in activation units.
        """
        return (rows - self.center) @ self.axes.T

    def inverse_transform(self, scores: Float[np.ndarray, "n k"]) -> Float64[np.ndarray, "n d"]:
        """Return the activations that scores stand for.

        Parameters
        ----------
        scores
            One column per component.

        Returns
        -------
        numpy.ndarray
            Activations; their scores are ``scores`` again.
        """
        return scores @ self.patterns + self.center


class ComponentSet(dict[Space, Components]):
    """The components of every space, in the order in which data flows.

    Parameters
    ----------
    parts
        Space to `Components`.
    interactions
        What the method ``"interaction"`` found beside them: blocks, their number and the evidence; else nothing.
    """

    def __init__(self, parts: Mapping[Space, Components], interactions: Interactions | None = None) -> None:
        super().__init__((space, parts[space]) for space in sorted(parts))
        self.interactions = interactions


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
    for pair in stats.pairs:
        _require_alive(pair.source, stats, stats.moments[pair].xx, stats.moments[pair].n)
        _require_alive(pair.target, stats, stats.moments[pair].yy, stats.moments[pair].n)
    if n_components is not None:
        _require_reachable(stats, limit)
    if isinstance(chosen, Interaction):
        return _from_interactions(stats, chosen, limit)
    return ComponentSet((_from_gradients if chosen.from_gradients else _from_moments)(stats, chosen, limit))


def _from_interactions(stats: Statistics, method: Interaction, limit: int) -> ComponentSet:
    directions, found = interaction_components(stats, limit, method.rotations)
    parts = {}
    for pair in stats.pairs:
        moments = stats.moments[pair]
        parts[pair.source] = _finish(pair.source, method.name, directions[pair.source], moments)
        parts[pair.target] = _finish(pair.target, method.name, directions[pair.target], moments.swap())
    return ComponentSet(parts, found)


def _from_moments(stats: Statistics, method: Method, limit: int) -> dict[Space, Components]:
    found = {}
    for pair in stats.pairs:
        moments = stats.moments[pair]
        found[pair.source] = _finish(pair.source, method.name, method.reads(moments, limit), moments)
        found[pair.target] = _finish(pair.target, method.name, method.writes(moments, limit), moments.swap())
    return found


def _from_gradients(stats: Statistics, method: Method, limit: int) -> dict[Space, Components]:
    probe = stats.live(f"component method {method.name!r}", instead="use 'pca' or 'plsr'")
    found: dict[Space, Components] = {}
    targets = Directions(*method.writes(stats.moments[stats.pairs[-1]], limit))
    sensitivity = np.ones(len(targets.axes))
    for pair in reversed(stats.pairs):
        moments = stats.moments[pair]
        found[pair.target] = _finish(pair.target, method.name, targets, moments.swap())
        # What never varies is not read.
        basis = support(moments.xx)
        # A target counts as much as what lies behind it depends on it.
        gradients = probe.gradient_moments(pair, targets.axes * np.sqrt(sensitivity)[:, None], basis)
        total = float(np.trace(gradients.second.sum(axis=0))) / gradients.n
        if total == 0:
            raise DeadSite(
                f"no component of {pair.target} changes with {pair.source}: its gradients are all 0. The layers "
                "between are dead on this data, or cut by a detach; leave the layer out."
            )
        read = Directions(*method.reads(gradients, limit))
        read = Directions(read.axes @ basis, read.strength, read.gap, total=total)
        found[pair.source] = _finish(pair.source, method.name, read, moments)
        targets, sensitivity = _as_written(found[pair.source], moments), found[pair.source].strength
    return found


def _as_written(read: Components, moments: Moments) -> Directions:
    variance = np.einsum("kd,de,ke->k", read.axes, moments.xx, read.axes) / moments.n
    return Directions(read.axes, variance, read.gap)


def _finish(space: Space, name: str, found: Any, moments: Moments) -> Components:
    """Turn what a method returned into checked `Components`; ``moments`` have the space as ``x``."""
    given = Directions(*found)
    axes, strength = np.asarray(given.axes, dtype=np.float64), np.asarray(given.strength, dtype=np.float64)
    if strength.shape == (0,):
        raise DeadSite(
            f"method {name!r} finds no component of {space}: over this data it does not go with the space it faces. "
            f"Leave {space.layer!r} out of layers, or use 'pca', which looks at each space alone."
        )
    if axes.ndim != 2 or axes.shape[1] != len(moments.mean_x) or strength.shape != axes.shape[:1]:
        raise ShapeError(
            f"method {name!r} gave axes of shape {axes.shape} and strength of shape {strength.shape} for {space}, "
            f"which has {len(moments.mean_x)} features; needed are axes (k, {len(moments.mean_x)}) and strength (k,)."
        )
    require_finite(axes, f"axes of {space} from method {name!r}")
    require_finite(strength, f"strength of {space} from method {name!r}")
    fixed = fix_signs(axes)
    patterns = np.linalg.pinv(axes).T if given.patterns is None else given.patterns
    flips = np.sign((fixed * axes).sum(axis=1, keepdims=True))
    variance = np.einsum("kd,de,ke->k", fixed, moments.xx, fixed) / moments.n
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
    )


def _require_alive(space: Space, stats: Statistics, scatter: Float64[np.ndarray, "d d"], n: int) -> None:
    if not np.trace(scatter) > 0:
        always = space.layer in ("input", stats.layers[-1])  # tapped whatever layers say
        leave = "" if always else f"Leave {space.layer!r} out of layers, or "
        remedy = f"{leave}{'give' if leave else 'Give'} data that moves it"
        raise DeadSite(
            f"{space} never varies over the {n} rows collected: it is dead or constant and has no components. {remedy}."
        )


def _require_reachable(stats: Statistics, limit: int) -> None:
    widths = {pair.source: len(stats.moments[pair].mean_x) for pair in stats.pairs}
    widths |= {pair.target: len(stats.moments[pair].mean_y) for pair in stats.pairs}
    if limit > max(widths.values()):
        listed = ", ".join(f"{space} {widths[space]}" for space in sorted(widths))
        raise BadRequest(
            f"n_components={limit} is above the width of every space ({listed}). "
            f"Ask for at most {max(widths.values())}, or None."
        )
