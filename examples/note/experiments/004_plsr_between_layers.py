"""Regress one layer on the one before, and hold the directions of PLSR against principal ones and the tasks.

Targets are the second layer's activations, unscaled, in place of its principal components: PLSR sees targets only
through their covariance with the inputs, so that rotating them changes nothing on the input side.

Directions of PLSR follow the principal ones in order, far more than random ones do. They separate tasks clearly in some
networks and not in others, on average little better than random directions. The solver is held against scikit-learn's
NIPALS here and a literal one in the tests.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from sklearn.cross_decomposition import PLSRegression

import compgraph as cg
from compgraph.check import task_covariances
from compgraph.connect import node_id
from compgraph.decompose import partial_least_squares, pca, support
from compgraph.show import INK, plain
from compgraph.toys import Toy
from note.measures.variance.matching_directions import best_match, column_distance, near_diagonal, random_directions
from note.measures.variance.purest_basis import random_interference
from note.pictures.panels import grouped_bars, number_matrix
from note.published import Result, command, over_networks, write

NAME, FIRST, SECOND, N, N_RANDOM = "004 PLSR between layers", "layers.0.act", "layers.1.act", 16, 200
ENDS = {cg.Space(FIRST, "in", 1): f"is read of {FIRST}", cg.Space(SECOND, "out", 2): f"{SECOND} writes"}
KEPT = 1e-6  # of the variance of the targets: components that explain less are not compared with NIPALS
SHOWN = 6


class Measured(NamedTuple):
    """How alike directions are to principal ones, how they separate tasks, and how far the solver is from NIPALS."""

    shown: tuple[np.ndarray, np.ndarray]  # |cosines| of PLSR directions and of one set of random ones
    match: tuple[float, float]  # PLSR, random
    ordered: tuple[float, float]
    twin: float
    by_task: np.ndarray  # at both ends, share of the space that is the dominant task's and the other's, by component
    by_chance: list[float]  # at both ends, the other task's share of the variance in random directions


def measure(toys: Sequence[Toy]) -> list[Measured]:
    """Measure the directions of PLSR in every network."""
    return [measured(toy) for toy in toys]


def measured(toy: Toy) -> Measured:
    """Hold PLSR directions and random ones, in order of their variance, against principal ones, tasks and NIPALS."""
    stats = cg.collect(toy.model, toy.data, [FIRST, SECOND], sample=len(toy.data), progress=False)
    rows = next(stats.samples[pair] for pair in stats.pairs if pair.source.layer == FIRST)
    moments = cg.Moments.of(rows.x, rows.y)
    fit, principal = partial_least_squares(moments, N), pca(moments, N)
    similarity, variance = fit.weights @ principal.axes.T, np.diagonal(fit.weights @ moments.xx @ fit.weights.T)
    turns, turned = random_directions(principal.strength, n=N_RANDOM, seed=toy.seed)
    match, ordered = (
        (of(similarity, variance), float(np.mean([of(*each) for each in zip(turns, turned, strict=True)])))
        for of in (best_match, near_diagonal)
    )
    covariances = task_covariances(toy.model, toy.tasks, layers=[FIRST, SECOND], batch_size=10_000, progress=False)
    by_chance = [random_interference(covariances[space], n=N_RANDOM, seed=toy.seed) for space in ENDS]
    shown = np.abs(similarity), np.abs(turns[0])
    return Measured(shown, match, ordered, twin(moments, rows.x, rows.y), separated(toy), by_chance)


def twin(moments: cg.Moments, x: np.ndarray, y: np.ndarray) -> float:
    """Return the largest relative distance of a weight vector, or of the scores of a component, from NIPALS."""
    fit, basis = partial_least_squares(moments, N), support(moments.xx)
    k = int((fit.score_variance * (fit.y_loadings**2).sum(axis=1) > KEPT * np.trace(moments.yy) / moments.n).sum())
    centred = (x - moments.mean_x) @ basis.T @ basis  # the library leaves out directions in which x is rounding
    literal = PLSRegression(k, scale=False, max_iter=20_000, tol=1e-20).fit(centred, y)
    scores = column_distance(centred @ fit.rotations[:k].T, literal.x_scores_)
    return max(scores, column_distance(fit.weights[:k].T, literal.x_weights_))


def separated(toy: Toy) -> np.ndarray:
    """Divide the share of its space of every PLSR component by task, at both ends."""
    parts = cg.components(cg.collect(toy.model, toy.data, toy.layers, progress=False), "plsr")
    profile = cg.task_profile(parts, toy.model, toy.tasks, batch_size=10_000, progress=False)
    found = np.zeros((len(ENDS), 2, N))
    for end, space in enumerate(ENDS):
        for k, share in enumerate(parts[space].share):
            other = share * profile.interference.get(node_id(space, k), 0.0)  # what no task moves has none
            found[end, :, k] = share - other, other
    return found


def draw_similarity(first: Measured, n: int) -> Figure:
    """Draw PLSR and one set of random directions beside each other."""
    figure = Figure(figsize=(8.0, 4.1), layout="constrained")
    figure.suptitle(f"Directions of {FIRST} beside its principal ones (network 1 of {n})", color=INK)
    shown = zip(figure.subplots(1, 2), ("PLSR", "random"), first.shown, first.ordered, strict=True)
    for axes, name, cosines, ordered in shown:
        image = number_matrix(axes, cosines, form="", bound=1)
        axes.set(xlabel="principal component (index)", ylabel=f"{name} direction (index)", aspect="equal")
        plain(axes, f"{name}: {100 * ordered:.0f} % within one rank of the diagonal")
    figure.colorbar(image, ax=figure.axes, shrink=0.8).set_label("similarity (|cosine|, no unit)")
    return figure


def draw_tasks(by_task: np.ndarray) -> Figure:
    """Draw the variance by task at both ends of the regression, over networks."""
    figure = Figure(figsize=(8.0, 3.8), layout="constrained")
    figure.suptitle(f"PLSR from {FIRST} to {SECOND}: mean and standard error over {len(by_task)} networks", color=INK)
    panels = figure.subplots(1, 2, sharey=True)
    for end, (axes, name) in enumerate(zip(panels, ENDS.values(), strict=True)):
        own, other = 100 * by_task[:, end, :, :SHOWN].swapaxes(0, 1)
        grouped_bars(axes, range(SHOWN), {"its dominant task": own, "the other task": other})
        axes.set_xlabel("component (index)")
        plain(axes, f"what {name}")
    panels[0].set_ylabel("share of the space (%)")
    panels[1].legend(fontsize=9, frameon=False)
    return figure


def report(found: list[Measured], folder: Path) -> list[Result]:
    """Compare directions over all networks; draw those of the first."""
    match, ordered, twins, by_task, chance = (np.array(each) for each in list(zip(*found, strict=True))[1:])
    write(draw_similarity(found[0], len(found)), folder, "004-similarity")
    write(draw_tasks(by_task), folder, "004-task-variance")
    assert match[:, 0].mean() > match[:, 1].mean() + 0.1, "PLSR directions are like principal ones"
    assert ordered[:, 0].mean() > 1.5 * ordered[:, 1].mean(), "PLSR directions keep the order of principal ones"
    assert twins.max() < 1e-6, "the solver is partial least squares"
    other = by_task[:, :, 1].sum(axis=2) / by_task.sum(axis=(2, 3))
    low, high, random = other.min(axis=0), other.max(axis=0), chance.mean(axis=0)
    read, written = (f"{low[end]:.2f} to {high[end]:.2f}, random {random[end]:.2f}" for end in range(len(ENDS)))
    published, at_random = "published: mostly diagonal", f"random directions {match[:, 1].mean():.2f}"
    mixed = "variance not of the dominant task"
    numbers = [
        ("PLSR and principal directions: best |cosine|, by variance", match[:, 0], f"{published}; {at_random}"),
        ("PLSR directions within one rank of principal ones, by variance", ordered[:, 0], published),
        ("random directions within one rank of principal ones, by variance", ordered[:, 1], "published: none"),
        ("PLSR and NIPALS: relative distance, scores and weights", twins, "worst component of each network"),
        (f"PLSR read at {FIRST}: {mixed}", other[:, 0], f"published: fairly clear separation; ours {read}"),
        (f"PLSR written at {SECOND}: {mixed}", other[:, 1], written),
    ]
    return [over_networks(NAME, quantity, values, note=note) for quantity, values, note in numbers]


if __name__ == "__main__":
    command(measure, report, describe=__doc__)
