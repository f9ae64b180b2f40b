"""Distinct gradients of a score beside the patterns of gates that reach it: two counts of the same regions."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from torch import Tensor, nn

from compgraph.check import EXACT, DistinctDirections, distinct_directions
from compgraph.records import brief
from note.measures.gradients.between_sites import site_gradients
from note.measures.regions.linear_regions import Regions, reaching_patterns, regions


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScoreRegions:
    """The regions of a network of rectifiers that a score can tell apart, found in two ways.

    Attributes
    ----------
    gradients
        Of the score, for every input.
    distinct
        Their groups: gradients that are equal.
    reaching
        Groups of inputs for which the same gates pass the score's gradient on.
    """

    gradients: Float[np.ndarray, "n p"]
    distinct: DistinctDirections
    reaching: Regions

    __repr__ = brief

    @property
    def agree(self) -> bool:
        """Whether gradients are equal where patterns are and nowhere else, input by input."""
        both = np.unique(np.stack([self.distinct.labels, self.reaching.labels]), axis=1)
        return bool(len(self.distinct) == len(self.reaching) == both.shape[1])


def score_regions(
    model: nn.Module,
    inputs: Float[Tensor, "n ..."],
    *,
    layers: tuple[str, ...],
    source: str,
    target: str,
    score: Float64[np.ndarray, " q"],
) -> ScoreRegions:
    """Count the distinct gradients of a score, and the patterns of gates that reach it.

    Parameters
    ----------
    model
        In double precision; runs in eval mode and comes back as it was. Samples must not influence one another.
    inputs
        One sample per row.
    layers
        Names of ``torch.nn.ReLU`` modules: all those between source and target. Others never count.
    source
        ``"input"`` or a module: what the gradient is with respect to.
    target
        A module: what the score reads.
    score
        One weight per entry of the target's output.

    Returns
    -------
    ScoreRegions
        Gradients count as equal within `compgraph.check.EXACT`. Of a network that is not piecewise linear they
        are nearly all different.

    Raises
    ------
    CompgraphError
        As `note.measures.regions.linear_regions.reaching_patterns` and
        `note.measures.gradients.between_sites.site_gradients` do.

    Notes
    -----
    The cost of these two, and of `compgraph.check.distinct_directions` by value.
    """
    gradients = site_gradients(model, inputs, source=source, target=target, filters=score[None])[:, 0]
    reaching = reaching_patterns(model, inputs, layers=layers, source=source, target=target, score=score)
    return ScoreRegions(gradients, distinct_directions(gradients, tolerance=EXACT), regions(reaching))
