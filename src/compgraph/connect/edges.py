"""Edges between components of facing spaces: a signed effect to read and a weight for algorithms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from jaxtyping import Float64

from compgraph.arrays import require_finite
from compgraph.decompose import Components, partial_least_squares
from compgraph.errors import BadRequest, ShapeError, unknown_name
from compgraph.records import brief, read_only
from compgraph.statistics import Moments, Pair, Space, Statistics

# (moments in component coordinates) -> effect of each source component on each target component
Rule = Callable[[Moments], Float64[np.ndarray, "a b"]]
Kind = Literal["within", "between"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EdgeMatrix:
    """All edges from the components of one space to those of the next.

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
        Share of each edge in the squared effects between the two spaces: non-negative, without unit, 1 in total.
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


def covariance(moments: Moments) -> Float64[np.ndarray, "a b"]:
    r"""Covariance of two scores, :math:`S_{xy} / n`, in the product of their units.

    Parameters
    ----------
    moments
        In component coordinates.

    Returns
    -------
    numpy.ndarray
        Source components by target components.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [2.0]])
    >>> covariance(Moments.of(x, -3 * x)).tolist()
    [[-2.0]]
    """
    return moments.xy / moments.n


def correlation(moments: Moments) -> Float64[np.ndarray, "a b"]:
    """Pearson correlation of two scores, without unit; 0 where a score never varies.

    Parameters
    ----------
    moments
        In component coordinates.

    Returns
    -------
    numpy.ndarray
        Source components by target components, between -1 and 1.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [2.0]])
    >>> correlation(Moments.of(x, -3 * x)).round(6).tolist()
    [[-1.0]]
    """
    return _inverse_root(moments.xx)[:, None] * moments.xy * _inverse_root(moments.yy)


def plsr(moments: Moments) -> Float64[np.ndarray, "a b"]:
    """Coefficients of the partial least squares regression of target scores on source scores.

    Both are scaled to unit variance, so a coefficient says by how many standard deviations the target score rises when
    the source score rises by one and the other source scores stay. As many latent components are used as the smaller of
    the two spaces has.

    Parameters
    ----------
    moments
        In component coordinates.

    Returns
    -------
    numpy.ndarray
        Source components by target components.

    Examples
    --------
    >>> x = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> plsr(Moments.of(x, x @ np.array([[0.6], [0.8]]))).round(6).tolist()
    [[0.6], [0.8]]
    """
    scaled = moments.project(np.diag(_inverse_root(moments.xx)), np.diag(_inverse_root(moments.yy)))
    # Roots of the scatter are deviations times sqrt(n); that factor is on both sides and cancels in the coefficients.
    return partial_least_squares(scaled, min(moments.xy.shape)).coefficients()


def _inverse_root(scatter: Float64[np.ndarray, "k k"]) -> Float64[np.ndarray, " k"]:
    variance = np.diagonal(scatter)
    return np.divide(1.0, np.sqrt(variance), out=np.zeros(len(variance)), where=variance > 0)


GRADIENT = "gradient"
RULES: dict[str, Rule] = {"covariance": covariance, "correlation": correlation, "plsr": plsr}


def register_rule(name: str, rule: Rule) -> None:
    """Give an edge rule a name that `compgraph.edges` understands.

    Parameters
    ----------
    name
        The name; an existing one is replaced. ``"gradient"`` is taken.
    rule
        ``(moments in component coordinates) -> effect``, source components by target components.

    Raises
    ------
    BadRequest
        When ``name`` is ``"gradient"``, which differentiates the model and is not a function of moments.

    Examples
    --------
    >>> register_rule("magnitude", lambda moments: np.abs(moments.xy) / moments.n)
    >>> "magnitude" in RULES  # and so rule="magnitude" for `compgraph.edges`
    True
    """
    if name == GRADIENT:
        raise BadRequest("the edge rule name 'gradient' is taken; choose another.")
    RULES[name] = rule


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
        ``(moments in component coordinates) -> effect``. The effect of ``"gradient"`` is the mean of
        :math:`J_{ba} = \partial t_b / \partial t_a` with scores of unit variance, and its weight the mean of
        :math:`J_{ba}^2` times the share of the target.
    within
        From what a layer writes to what is read of it: a name or function as for ``rule``, without ``"gradient"``.

    Returns
    -------
    tuple of EdgeMatrix
        In the order in which data flows, within and between alternating.

    Raises
    ------
    UnknownName
        When no rule has this name.
    BadRequest
        When ``parts`` lack a space of ``stats``, or ``"gradient"`` is asked of statistics without a model.

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
    inside = _resolve(within)
    between = None if rule == GRADIENT else _resolve(rule)
    matrices: dict[tuple[Space, Space], EdgeMatrix] = {}
    for pair in stats.pairs:
        source, target = parts[pair.source], parts[pair.target]
        if between is None:
            matrices[pair.source, pair.target] = _gradient_matrix(stats, pair, source, target)
        else:
            moments = stats.moments[pair].project(source.axes, target.axes)
            matrices[pair.source, pair.target] = _matrix(source, target, "between", between, moments)
    for before, after in pairwise(stats.pairs):
        source, target = parts[before.target], parts[after.source]
        moments = stats.moments[after].doubled().project(source.axes, target.axes)
        matrices[before.target, after.source] = _matrix(source, target, "within", inside, moments)
    return tuple(matrices[key] for key in sorted(matrices))


def _resolve(rule: str | Rule) -> tuple[str, Rule]:
    if callable(rule):
        return getattr(rule, "__name__", "custom"), rule
    if rule not in RULES:
        raise unknown_name("edge rule", str(rule), [*RULES, GRADIENT])
    return rule, RULES[rule]


def _matrix(
    source: Components, target: Components, kind: Kind, named: tuple[str, Rule], moments: Moments
) -> EdgeMatrix:
    name, rule = named
    effect = np.asarray(rule(moments), dtype=np.float64)
    if effect.shape != (len(source), len(target)):
        raise ShapeError(
            f"edge rule {name!r} gave effects of shape {effect.shape} from {source.space} to {target.space}; "
            f"({len(source)}, {len(target)}) is needed: source components by target components."
        )
    require_finite(effect, f"effects of edge rule {name!r} from {source.space} to {target.space}")
    return EdgeMatrix(source.space, target.space, kind, name, effect, _shares(effect**2))


def _gradient_matrix(stats: Statistics, pair: Pair, source: Components, target: Components) -> EdgeMatrix:
    unit = np.divide(1.0, target.deviation, out=np.zeros(len(target)), where=target.deviation > 0)
    slopes = stats.live("edge rule 'gradient'", instead="use 'plsr'").gradient_moments(
        pair, target.axes * unit[:, None], source.patterns * source.deviation[:, None]
    )
    energy = slopes.energy.T * target.share
    return EdgeMatrix(pair.source, pair.target, "between", GRADIENT, slopes.mean.T, _shares(energy))


def _shares(energy: Float64[np.ndarray, "a b"]) -> Float64[np.ndarray, "a b"]:
    total = energy.sum()
    return energy / total if total > 0 else np.zeros_like(energy)
