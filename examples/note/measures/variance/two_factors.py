"""How the variance of components divides over two factors that vary independently: each alone, or both jointly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float64
from torch import Tensor, nn

from compgraph.check import UNMOVED, Decomposed, parts_and_options
from compgraph.connect import node_id
from compgraph.decompose import Components
from compgraph.errors import BadRequest, EmptyData, ShapeError
from compgraph.observe import collect
from compgraph.records import brief, freeze, rebuilt
from compgraph.statistics import Space, Statistics


def factorial_variance(scores: Float64[np.ndarray, "a b k"]) -> Float64[np.ndarray, "3 k"]:
    r"""Divide the variance of scores over two crossed factors.

    With :math:`s_{ij}` the score at level ``i`` of the first factor and ``j`` of the second, and dots for means,

    .. math:: V_1 = \operatorname{var}_i s_{i\cdot}, \quad V_2 = \operatorname{var}_j s_{\cdot j}, \quad
        V_{12} = \operatorname{var}_{ij} (s_{ij} - s_{i\cdot} - s_{\cdot j} + s_{\cdot\cdot})

    Parameters
    ----------
    scores
        Of every pair of levels.

    Returns
    -------
    numpy.ndarray
        The variance owed to the first factor, to the second, and to both jointly, for each score; they sum to its
        variance. The last is 0 where the factors add up.

    Raises
    ------
    ShapeError
        When a factor has fewer than two levels.

    Notes
    -----
    Every level counts alike. Cost O(a b k).

    References
    ----------
    Sobol', I. M. (2001). Global sensitivity indices for nonlinear mathematical models and their Monte Carlo estimates.
    https://doi.org/10.1016/S0378-4754(00)00270-6

    Examples
    --------
    >>> first, second = np.meshgrid([-1.0, 1.0], [-2.0, 2.0], indexing="ij")
    >>> factorial_variance(np.stack([first + second, first * second], axis=2)).tolist()
    [[1.0, 0.0], [4.0, 0.0], [0.0, 4.0]]
    """
    if min(scores.shape[:2]) < 2:
        raise ShapeError(f"factors with {scores.shape[0]} and {scores.shape[1]} levels came; two of each are needed.")
    centred = scores - scores.mean(axis=(0, 1))
    first, second = centred.mean(axis=1), centred.mean(axis=0)
    joint = centred - first[:, None] - second[None]
    return np.stack([np.square(first).mean(axis=0), np.square(second).mean(axis=0), np.square(joint).mean(axis=(0, 1))])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FactorProfile:
    """How the variance of every component divides over two factors.

    Attributes
    ----------
    variance
        Node to the variance of its score that is owed to the first factor, to the second, and to both jointly, in
        squared units of the score.
    mixing
        Node to the smaller of the first two as a share of their sum: 0 when one factor alone moves it, 1/2 when both
        move it alike. A component that neither moves has none.
    joint
        Node to the share of its variance that is owed to both jointly. A component that is not moved has none.
    """

    variance: Mapping[str, tuple[float, float, float]]
    mixing: Mapping[str, float]
    joint: Mapping[str, float]

    __repr__ = brief
    __reduce__ = rebuilt

    def __post_init__(self) -> None:
        freeze(self, "variance", "mixing", "joint")


def factor_profile(
    analysis: Decomposed | Mapping[Space, Components],
    model: nn.Module,
    design: Float[Tensor, "a b *features"],
    **options: Any,
) -> FactorProfile:
    """Measure how the variance of each component divides over two factors of the input.

    Parameters
    ----------
    analysis
        What `compgraph.analyze` or `compgraph.components` returned.
    model
        The same model.
    design
        An input for every pair of levels of the two factors.
    **options
        Passed on to `compgraph.collect`, as for `compgraph.task_profile`.

    Returns
    -------
    FactorProfile
        For every component, see `factorial_variance`.

    Raises
    ------
    ShapeError
        When a factor has fewer than two levels.
    BadRequest
        When the model's layers are not those of the components, or samples have many positions.

    Notes
    -----
    Which components mix two factors depends on the basis chosen in a subspace that both move: a direction drawn at
    random in the plane of two factors of equal variance mixes them by 1/2 - 1/pi = 0.18 on average. Joint variance
    summed over an orthonormal basis of a space does not depend on it. One run of the model and O(a b k d) per space.
    """
    if design.ndim < 3 or min(design.shape[:2]) < 2:
        raise ShapeError(f"a design of shape {tuple(design.shape)} came; two levels of each factor are needed.")
    levels = (int(design.shape[0]), int(design.shape[1]))
    parts, asked = parts_and_options(analysis, {"progress": False, **options})
    stats = collect(model, design.flatten(0, 1), **{**asked, "sample": levels[0] * levels[1]})
    if set(stats.spaces) != set(parts):
        came, needed = (", ".join(dict.fromkeys(s.layer for s in sorted(each))) for each in (stats.spaces, parts))
        raise BadRequest(f"the model has the layers {came} and the components {needed}; give the model they came from.")
    variance, mixing, joint = {}, {}, {}
    for space, rows in _rows(stats, levels).items():
        part = parts[space]
        table = factorial_variance(part.transform(rows).reshape(*levels, len(part)))
        for index, owed in enumerate(table.T.tolist()):
            node = node_id(space, index)
            variance[node] = (owed[0], owed[1], owed[2])
            least = UNMOVED * float(part.deviation[index]) ** 2
            if sum(owed) > least:
                joint[node] = owed[2] / sum(owed)
            if owed[0] + owed[1] > least:
                mixing[node] = min(owed[:2]) / (owed[0] + owed[1])
    return FactorProfile(variance, mixing, joint)


def crossed_inputs(
    first: Float[Tensor, "a features"], second: Float[Tensor, "b features_too"], *, of_second: slice | Sequence[int]
) -> Float[Tensor, "a b features"]:
    """Pair every input of one set with every one of another: a design in which both vary independently.

    Parameters
    ----------
    first
        Levels of the first factor.
    second
        Levels of the second factor.
    of_second
        The features that are taken from `second`; all others are those of `first`.

    Returns
    -------
    torch.Tensor
        For `factor_profile`.

    Raises
    ------
    ShapeError
        When the sets differ in their number of features.

    Notes
    -----
    Time and memory O(a b) for each feature.

    Examples
    --------
    >>> import torch
    >>> crossed_inputs(torch.tensor([[1, 5.0], [2, 5.0]]), torch.tensor([[0, 7.0]]), of_second=[1]).tolist()
    [[[1.0, 7.0]], [[2.0, 7.0]]]
    """
    if first.shape[1] != second.shape[1]:
        raise ShapeError(f"inputs of {first.shape[1]} and {second.shape[1]} features came; as many of both are needed.")
    design = first[:, None].repeat(1, len(second), 1)
    design[:, :, of_second] = second[:, of_second]
    return design


def mean_by_share(part: Components, values: Mapping[str, float]) -> float:
    r"""Return the mean of a measure over the components of a space, which count by their share of it.

    .. math:: \sum_k s_k m_k \Big/ \sum_k s_k

    Parameters
    ----------
    part
        The components.
    values
        Node to the measure, such as `FactorProfile.joint`; components without a value are left out.

    Returns
    -------
    float
        In the unit of the measure.

    Raises
    ------
    EmptyData
        When no component that has a value has a share.
    """
    known = {node_id(part.space, index): float(share) for index, share in enumerate(part.share)}
    weights = {node: share for node, share in known.items() if node in values}
    if not sum(weights.values()) > 0:
        raise EmptyData(f"none of the {len(part)} components of {part.space} has a value and a share of the space.")
    return float(np.average([values[node] for node in weights], weights=list(weights.values())))


def _rows(stats: Statistics, levels: tuple[int, int]) -> dict[Space, Float64[np.ndarray, "n _"]]:
    found = {}
    for pair in stats.pairs:
        sample = stats.samples[pair]
        if sample.n != levels[0] * levels[1]:
            raise BadRequest(
                f"{sample.n} rows at {pair} came from {levels[0]} x {levels[1]} inputs; one each is needed."
            )
        order = np.argsort(sample.ids)  # a sample is in random order
        found[pair.source], found[pair.target] = sample.x[order], sample.y[order]
    return {space: found[space] for space in sorted(found)}
