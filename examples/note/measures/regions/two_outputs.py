"""How the gradients of two scores of a network of rectifiers compare, such as those of its outputs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from torch import Tensor, nn

from compgraph.check import gradient_capture
from compgraph.errors import BadRequest
from compgraph.records import brief
from note.measures.gradients.overlap_by_chance import GradientOverlap, capture_by_chance, gradient_overlap
from note.measures.regions.regions_of_a_score import score_regions


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TwoScores:
    """How the gradients of two scores with respect to one layer compare.

    Attributes
    ----------
    capture
        `gradient_capture` of the distinct gradients of each.
    capture_by_chance
        The same of these gradients turned at random, the mean of both.
    distinct
        Number of distinct gradients of each.
    agree
        Whether these are as many as patterns of gates reach the score, and for the same inputs.
    cosine
        Absolute cosine of the mean gradients.
    plain
        Overlap of the subspaces in which the gradients lie, per unit of the activations.
    scaled
        The same per standard deviation of the activations.
    """

    capture: tuple[float, float]
    capture_by_chance: float
    distinct: tuple[int, int]
    agree: bool
    cosine: float
    plain: GradientOverlap
    scaled: GradientOverlap

    __repr__ = brief


def two_scores(
    model: nn.Module,
    inputs: Tensor,
    *,
    layers: tuple[str, ...],
    source: str,
    target: str,
    scores: Float64[np.ndarray, "2 q"],
    covariance: Float64[np.ndarray, "p p"],
    tasks: Mapping[str, Float64[np.ndarray, "p p"]],
    seed: int = 0,
) -> TwoScores:
    """Compare the gradients of two scores with respect to one layer.

    Parameters
    ----------
    model, inputs, layers, source, target
        As of `note.measures.regions.regions_of_a_score.score_regions`.
    scores
        Two rows of weights of the target's outputs.
    covariance
        Of the activations of the source, over the inputs.
    tasks
        Task to covariance of the same while only the inputs of that task vary.
    seed
        Of the draws of chance.

    Returns
    -------
    TwoScores
        Without unit, but for angles.

    Raises
    ------
    BadRequest
        When a score has no mean gradient, so that there is no cosine.
    CompgraphError
        As `score_regions`, `gradient_capture` and `gradient_overlap` do.

    Notes
    -----
    The cost of these.
    """
    found = [score_regions(model, inputs, layers=layers, source=source, target=target, score=each) for each in scores]
    first, second = (each.gradients.astype(np.float64) for each in found)
    means = [each.mean(axis=0) for each in (first, second)]
    lengths = float(np.linalg.norm(means[0]) * np.linalg.norm(means[1]))
    if not lengths > 0:
        raise BadRequest("the mean gradient of a score is 0 and has no direction; take scores that the source moves.")
    distinct = [each.distinct.directions for each in found]
    return TwoScores(
        (gradient_capture(distinct[0], tasks), gradient_capture(distinct[1], tasks)),
        float(np.mean([capture_by_chance(each, tasks, seed=seed) for each in distinct])),
        (len(distinct[0]), len(distinct[1])),
        all(each.agree for each in found),
        abs(float(means[0] @ means[1])) / lengths,
        gradient_overlap(first, second),
        gradient_overlap(first, second, covariance=covariance, seed=seed),
    )
