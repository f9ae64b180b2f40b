"""What chance gives where gradients are compared: the same gradients, turned at random in their space."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.stats import ortho_group

from compgraph.arguments import whole_number
from compgraph.arrays import require_finite
from compgraph.check import gradient_capture, principal_angles
from compgraph.errors import BadRequest, EmptyData, ShapeError
from compgraph.records import brief


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GradientOverlap:
    """How the subspaces of two sets of gradients lie to one another, and how they would by chance.

    Attributes
    ----------
    angles
        Principal angles in radians, the smallest first.
    overlap
        Mean squared cosine of the angles: 0 when orthogonal, 1 when one subspace holds the other.
    chance
        Mean overlap when either set is turned at random.
    dimensions
        Of the two subspaces.
    """

    angles: Float64[np.ndarray, " k"]
    overlap: float
    chance: float
    dimensions: tuple[int, int]

    __repr__ = brief


def mean_cosine_by_chance(dimension: int) -> float:
    r"""Return the mean absolute cosine of two directions that point anywhere.

    .. math:: \operatorname{E} |\cos| = \frac{\Gamma(d/2)}{\sqrt\pi \, \Gamma((d + 1)/2)} \approx \sqrt{2 / (\pi d)}

    Parameters
    ----------
    dimension
        Of the space.

    Returns
    -------
    float
        Without unit.

    Raises
    ------
    BadRequest
        Unless the dimension is a positive whole number.

    Examples
    --------
    >>> round(mean_cosine_by_chance(3), 6), round(mean_cosine_by_chance(16), 3)
    (0.5, 0.203)
    """
    d = whole_number(dimension, "dimension", minimum=1)
    return math.exp(math.lgamma(d / 2) - math.lgamma((d + 1) / 2)) / math.sqrt(math.pi)


def gradient_overlap(
    first: Float64[np.ndarray, "n d"],
    second: Float64[np.ndarray, "m e"],
    *,
    covariance: Float64[np.ndarray, "_ _"] | None = None,
    energy: float = 0.99,
    n_turns: int = 20,
    seed: int = 0,
) -> GradientOverlap:
    r"""Compare the subspaces in which two sets of gradients lie, beside what chance gives.

    The subspace of a set is that of the leading eigenvectors of :math:`\sum_i g_i g_i^\top`, as many as hold the energy
    asked for. With a covariance :math:`C` of the activations, gradients are those per standard deviation of
    uncorrelated directions, :math:`C^{1/2} g`. The chance level is the mean overlap of :math:`C^{1/2} Q_1 g_i` and
    :math:`C^{1/2} Q_2 h_j` with random orthogonal :math:`Q`: gradients of the same number, lengths and angles among
    themselves, put through the same scaling.

    Parameters
    ----------
    first, second
        One gradient per row; nothing is centred.
    covariance
        Of the activations with respect to which the gradients are.
    energy
        Share of the sum of squared lengths that a subspace must hold, above 0 and at most 1. A larger one gives larger
        subspaces, which overlap more by chance.
    n_turns
        Draws of the chance level.
    seed
        Of the draws.

    Returns
    -------
    GradientOverlap
        Without unit, but for the angles.

    Raises
    ------
    ShapeError
        When the sets or the covariance differ in their coordinates.
    EmptyData
        When all gradients of a set are 0, or none is left by the scaling.
    BadRequest
        When the energy or the number of turns is out of range.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    Without a covariance the chance level is k / d, with k the larger dimension, and nothing is drawn. Scaling by one
    that is far from the identity turns all gradients towards the directions of large variance, and chance is far above
    that. O(n d^2 + n_turns d^3).

    Scaled gradients of scores that are linear in the activations, and so the same everywhere, overlap by the squared
    correlation of the scores: for scores that vary independently that is 0, whatever the weights are.
    """
    if not 0 < energy <= 1:
        raise BadRequest(f"energy={energy}: a share above 0 and at most 1 is needed.")
    whole_number(n_turns, "n_turns", minimum=1)
    d = first.shape[1]
    if second.shape[1] != d:
        raise ShapeError(f"gradients of {d} and of {second.shape[1]} coordinates came; both need the same space.")
    root = np.eye(d) if covariance is None else _root(covariance, d)
    scatters = [_scatter(rows, name) for rows, name in ((first, "first"), (second, "second"))]
    axes = [_axes(root @ each @ root, energy) for each in scatters]
    sizes = (len(axes[0]), len(axes[1]))
    chance = max(sizes) / d  # exactly, where turning leaves the subspaces as large as they are
    if covariance is not None and d > 1:
        turns = ortho_group.rvs(d, size=2 * n_turns, random_state=seed).reshape(n_turns, 2, d, d)
        drawn = ([q @ each @ q.T for q, each in zip(pair, scatters, strict=True)] for pair in turns)
        chance = float(np.mean([_overlap(*(_axes(root @ each @ root, energy) for each in pair)) for pair in drawn]))
    return GradientOverlap(principal_angles(*axes), _overlap(*axes), chance, sizes)


def capture_by_chance(
    gradients: Float64[np.ndarray, "n d"],
    covariances: Mapping[str, Float64[np.ndarray, "d d"]],
    *,
    n_turns: int = 20,
    seed: int = 0,
) -> float:
    """Return the mean `gradient_capture` of the same gradients when they are turned at random.

    Parameters
    ----------
    gradients, covariances
        As of `gradient_capture`.
    n_turns
        Draws.
    seed
        Of the draws.

    Returns
    -------
    float
        Between 1 / tasks and 1: gradients that point anywhere see one task more than the other as well.

    Raises
    ------
    BadRequest
        When there are no draws, or as of `gradient_capture`.
    ShapeError, EmptyData, NotFinite
        As of `gradient_capture`.

    Notes
    -----
    O(n_turns n d^2) for each task.
    """
    whole_number(n_turns, "n_turns", minimum=1)
    d = gradients.shape[1]
    if d == 1:
        return gradient_capture(gradients, covariances)
    turns = ortho_group.rvs(d, size=n_turns, random_state=seed).reshape(n_turns, d, d)
    return float(np.mean([gradient_capture(gradients @ each, covariances) for each in turns]))


def _scatter(rows: Float64[np.ndarray, "n d"], name: str) -> Float64[np.ndarray, "d d"]:
    require_finite(rows, f"the {name} set of gradients")
    if not rows.any():
        raise EmptyData(f"the {len(rows)} gradients of the {name} set are all 0; at least one that is not is needed.")
    return rows.T @ rows


def _root(covariance: Float64[np.ndarray, "_ _"], d: int) -> Float64[np.ndarray, "d d"]:
    """Return the symmetric root."""
    if covariance.shape != (d, d):
        raise ShapeError(f"the covariance has shape {covariance.shape} and gradients have {d} coordinates; "
                         f"({d}, {d}) is needed.")  # fmt: skip
    require_finite(covariance, "the covariance")
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(values.clip(min=0))) @ vectors.T


def _axes(scatter: Float64[np.ndarray, "d d"], energy: float) -> Float64[np.ndarray, "k d"]:
    """Return the leading eigenvectors, as many as hold the energy."""
    values, vectors = np.linalg.eigh(scatter)
    held = np.cumsum(values[::-1].clip(min=0))
    if not held[-1] > 0:
        raise EmptyData("no gradient is left by the scaling: activations do not vary along any of them.")
    return vectors[:, ::-1].T[: int(np.searchsorted(held, min(energy, 1 - 1e-12) * held[-1])) + 1]


def _overlap(first: Float64[np.ndarray, "j d"], second: Float64[np.ndarray, "k d"]) -> float:
    return float(np.square(first @ second.T).sum() / min(len(first), len(second)))
