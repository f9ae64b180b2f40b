"""Edges between components of facing spaces: a signed effect to read and a weight for algorithms."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64
from scipy.linalg import block_diag

from compgraph.arguments import checked
from compgraph.arrays import require_finite
from compgraph.connect.rules import GRADIENT, RULES, Rule
from compgraph.decompose import Components
from compgraph.decompose.linear_algebra.factorisations import power_of_two
from compgraph.errors import BadRequest, ShapeError, unknown_name
from compgraph.records import brief, read_only
from compgraph.statistics import Moments, Pair, Probe, Space, Statistics
from compgraph.statistics.identity import require_same_model

Kind = Literal["within", "between"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EdgeMatrix:
    """All edges from the components of one space to those of one that it faces.

    Attributes
    ----------
    source, target
        The two spaces, in the direction in which data flows.
    kind
        ``"within"`` a layer, from what it writes to what is read of it, or ``"between"`` layers.
    rule
        Name of the rule that gave the effects.
    effect
        Signed, in the units of the rule.
    weight
        Share of each edge in the squared effects on the target's space: non-negative, without unit, 1 in total over
        all spaces that the target reads.
    """

    source: Space
    target: Space
    kind: Kind
    rule: str
    effect: Float64[np.ndarray, "a b"]
    weight: Float64[np.ndarray, "a b"]

    __repr__ = brief

    def __post_init__(self) -> None:
        object.__setattr__(self, "effect", read_only(self.effect))
        object.__setattr__(self, "weight", read_only(self.weight))


@checked
def edges(
    stats: Statistics,
    parts: Mapping[Space, Components],
    rule: str | Rule = "gradient",
    *,
    within: str | Rule = "correlation",
) -> tuple[EdgeMatrix, ...]:
    r"""Link the components of facing spaces.

    Parameters
    ----------
    stats
        What `compgraph.collect` returned.
    parts
        What `compgraph.components` returned for the same statistics.
    rule
        Between layers: ``"covariance"``, ``"correlation"``, ``"plsr"``, ``"gradient"``, or a function
        ``(moments in component coordinates) -> effect``, which sees all that a site reads side by side. The effect of
        ``"gradient"`` is the mean of :math:`J_{ba} = \partial t_b / \partial t_a` with scores of unit variance and
        all other sites held, and its weight the mean of :math:`J_{ba}^2` times the share of the target.
    within
        From what a layer writes to what is read of it: a name or function as for ``rule``, without ``"gradient"``.

    Returns
    -------
    tuple of EdgeMatrix
        In the order in which data flows.

    Raises
    ------
    UnknownName
        When no rule has this name.
    BadRequest
        When ``parts`` lack a space of ``stats``, or ``"gradient"`` is asked of statistics without a model.
    ForeignRecord
        When they are of different models, or the model has changed since.

    Notes
    -----
    Cost O(k d^2) per pair; ``"gradient"`` runs the model forward once and backward once per target component on the
    sampled inputs.

    Examples
    --------
    >>> import torch
    >>> import compgraph as cg
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1))
    >>> stats = cg.collect(model, torch.eye(3))
    >>> parts = cg.components(stats, "pca")
    >>> [(each.source.layer, each.target.layer, each.kind) for each in cg.edges(stats, parts)]
    [('input', '1', 'between'), ('1', '1', 'within'), ('1', '2', 'between')]
    """
    missing = [str(space) for space in stats.spaces if space not in parts]
    if missing:
        raise BadRequest(f"parts lack the spaces {', '.join(missing)}; find components from the same statistics.")
    require_same_model(stats.identity, getattr(parts, "identity", None), "statistics and components")
    inside = _resolve(within)
    # A probe is asked for once, since it then looks whether the model is as it was.
    between = stats.live("edge rule 'gradient'", instead="use 'plsr'") if rule == GRADIENT else _resolve(rule)
    matrices: dict[tuple[Space, Space], EdgeMatrix] = {}
    for target in stats.spaces:
        found = () if target.side == "in" else _into(stats, parts, target, between)
        matrices.update({(each.source, each.target): each for each in found})
        source = Space(target.layer, "out", target.depth)
        if target.side == "in" and source in parts:
            moments = stats.of_space(target).project(parts[source].axes, parts[target].axes)
            matrices[source, target] = _within(parts[source], parts[target], inside, moments)
    return tuple(matrices[key] for key in sorted(matrices))


def _resolve(rule: str | Rule) -> tuple[str, Rule]:
    if callable(rule):
        return getattr(rule, "__name__", "custom"), rule
    if rule not in RULES:
        raise unknown_name("edge rule", str(rule), [*RULES, GRADIENT])
    return rule, RULES[rule]


def _into(
    stats: Statistics, parts: Mapping[Space, Components], target: Space, between: tuple[str, Rule] | Probe
) -> tuple[EdgeMatrix, ...]:
    """Link the components of a space with those of all that its site reads."""
    pairs = stats.into(target)
    if not isinstance(between, tuple):
        name = GRADIENT
        slopes = [_slopes(between, pair, parts[pair.source], parts[target]) for pair in pairs]
        effects, energies = zip(*slopes, strict=True) if slopes else ((), ())
    else:
        name = between[0]
        effects = tuple(_effects(stats, parts, pairs, target, between)) if pairs else ()
        energies = tuple(_squares(effects))
    total = sum(float(energy.sum()) for energy in energies)
    return tuple(
        EdgeMatrix(pair.source, target, "between", name, effect, energy / total if total > 0 else np.zeros_like(energy))
        for pair, effect, energy in zip(pairs, effects, energies, strict=True)
    )


def _effects(
    stats: Statistics,
    parts: Mapping[Space, Components],
    pairs: Sequence[Pair],
    target: Space,
    named: tuple[str, Rule],
) -> Iterator[Float64[np.ndarray, "a b"]]:
    """Apply a rule to all that a site reads together, and yield the effects of each part."""
    sizes = [len(parts[pair.source]) for pair in pairs]
    axes = block_diag(*(parts[pair.source].axes for pair in pairs))
    moments = stats.facing(target).project(axes, parts[target].axes)
    names = " and ".join(str(pair.source) for pair in pairs)
    effect = _checked(named, moments, (sum(sizes), len(parts[target])), f"from {names} to {target}")
    yield from np.split(effect, np.cumsum(sizes)[:-1])


def _within(source: Components, target: Components, named: tuple[str, Rule], moments: Moments) -> EdgeMatrix:
    where = f"from {source.space} to {target.space}"
    effect = _checked(named, moments, (len(source), len(target)), where)
    return EdgeMatrix(source.space, target.space, "within", named[0], effect, _shares(*_squares([effect])))


def _checked(
    named: tuple[str, Rule], moments: Moments, shape: tuple[int, int], where: str
) -> Float64[np.ndarray, "a b"]:
    name, rule = named
    effect = np.asarray(rule(moments), dtype=np.float64)
    if effect.shape != shape:
        raise ShapeError(
            f"edge rule {name!r} gave effects of shape {effect.shape} {where}; {shape} is needed: source components by "
            "target components."
        )
    require_finite(effect, f"effects of edge rule {name!r} {where}")
    return effect


def _slopes(
    probe: Probe, pair: Pair, source: Components, target: Components
) -> tuple[Float64[np.ndarray, "a b"], Float64[np.ndarray, "a b"]]:
    """Return the mean of the derivatives, and their mean squares in shares of the target."""
    unit = np.divide(1.0, target.deviation, out=np.zeros(len(target)), where=target.deviation > 0)
    slopes = probe.gradient_moments(pair, target.axes * unit[:, None], source.patterns * source.deviation[:, None])
    return slopes.mean.T, slopes.energy.T * target.share


def _squares(effects: Sequence[Float64[np.ndarray, "_ _"]]) -> list[Float64[np.ndarray, "_ _"]]:
    """Return squares of effects, in a unit in which the largest is near 1: only their shares count."""
    scale = max((power_of_two(each) for each in effects if each.any()), default=1.0)
    return [(each / scale) ** 2 for each in effects]


def _shares(energy: Float64[np.ndarray, "a b"]) -> Float64[np.ndarray, "a b"]:
    total = energy.sum()
    return energy / total if total > 0 else np.zeros_like(energy)
