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
from compgraph.check.match import best_match, near_diagonal
from compgraph.connect import node_id
from compgraph.decompose import partial_least_squares, pca
from compgraph.decompose.directions import support
from compgraph.show.drawing import INK
from compgraph.show.palette import colour
from compgraph.toys import Toy
from published import Result, command, over_networks, plain, standard_error, write

NAME, FIRST, SECOND, N, N_RANDOM = "004 PLSR between layers", "layers.0.act", "layers.1.act", 16, 200
ENDS = (cg.Space(FIRST, "in", 1), cg.Space(SECOND, "out", 2))
KEPT = 1e-6  # of the variance of the targets: components that explain less are not compared with NIPALS
SHOWN = 6


class Matched(NamedTuple):
    """How alike directions are to principal ones, and how far the solver is from NIPALS."""

    shown: tuple[np.ndarray, np.ndarray]  # |cosines| of PLSR directions and of one set of random ones
    match: tuple[float, float]  # PLSR, random
    ordered: tuple[float, float]
    twin: float


def matched(toy: Toy) -> Matched:
    """Hold PLSR directions and random ones, in order of their variance, against principal ones."""
    stats = cg.collect(toy.model, toy.data, [FIRST, SECOND], sample=len(toy.data), progress=False)
    rows = next(stats.samples[pair] for pair in stats.pairs if pair.source.layer == FIRST)
    moments = cg.Moments.of(rows.x, rows.y)
    fit, principal = partial_least_squares(moments, N), pca(moments, N)
    found = [(fit.weights @ principal.axes.T, np.einsum("kp,pq,kq->k", fit.weights, moments.xx, fit.weights))]
    for turn in turns(len(principal.axes), toy.seed):
        variance = turn**2 @ principal.strength
        order = np.argsort(-variance)
        found.append((turn[order], variance[order]))
    match, ordered = (np.array([measure(*each) for each in found]) for measure in (best_match, near_diagonal))
    return Matched(
        (np.abs(found[0][0]), np.abs(found[1][0])),
        (match[0], match[1:].mean()),
        (ordered[0], ordered[1:].mean()),
        twin(moments, rows.x, rows.y),
    )


def turns(size: int, seed: int) -> np.ndarray:
    """Draw sets of orthonormal directions in the space that activations span, in coordinates of its PCs."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(N_RANDOM, size, size)))[0]


def twin(moments: cg.Moments, x: np.ndarray, y: np.ndarray) -> float:
    """Return the largest relative distance of a weight vector, or of the scores of a component, from NIPALS."""
    fit, basis = partial_least_squares(moments, N), support(moments.xx)
    k = int((fit.score_variance * (fit.y_loadings**2).sum(axis=1) > KEPT * np.trace(moments.yy) / moments.n).sum())
    centred = (x - moments.mean_x) @ basis.T @ basis  # the library leaves out directions in which x is rounding
    literal = PLSRegression(k, scale=False, max_iter=20_000, tol=1e-20).fit(centred, y)
    pairs = (centred @ fit.rotations[:k].T, literal.x_scores_), (fit.weights[:k].T, literal.x_weights_)
    unit = [[each / np.linalg.norm(each, axis=0) for each in pair] for pair in pairs]
    return max(np.linalg.norm(a - b * np.sign((a * b).sum(axis=0)), axis=0).max() for a, b in unit)


def separated(toy: Toy) -> np.ndarray:
    """Return, for both ends, the share of its space and the interference of every PLSR component."""
    stats = cg.collect(toy.model, toy.data, toy.layers, progress=False)
    parts = cg.components(stats, "plsr")
    profile = cg.task_profile(parts, toy.model, toy.tasks, batch_size=10_000, progress=False)
    found = np.zeros((2, 2, N))
    for end, space in enumerate(ENDS):
        found[end, 0, : len(parts[space])] = parts[space].share
        found[end, 1] = [profile.interference.get(node_id(space, k), np.nan) for k in range(N)]
    return found


def at_random(toy: Toy) -> list[float]:
    """Return the interference in random directions at both ends, which count by their variance."""
    both = []
    for rows in toy.tasks.values():
        stats = cg.collect(toy.model, rows, [FIRST, SECOND], sample=1, batch_size=len(rows), progress=False)
        both.append(next(moments for pair, moments in stats.moments.items() if pair.source.layer == FIRST))
    found = []
    for tasks in ([each.xx for each in both], [each.yy for each in both]):
        basis = support(sum(tasks))
        axes = turns(len(basis), toy.seed)
        variance = [((axes @ basis @ task @ basis.T) * axes).sum(axis=-1) for task in tasks]
        found.append(float(np.minimum(*variance).sum() / np.sum(variance)))
    return found


def draw_similarity(found: Sequence[Matched], folder: Path) -> None:
    """Draw PLSR and one set of random directions beside each other."""
    figure = Figure(figsize=(8.0, 4.1), layout="constrained")
    figure.suptitle(f"Directions of {FIRST} beside its principal ones (network 1 of {len(found)})", color=INK)
    for number, (axes, name) in enumerate(zip(figure.subplots(1, 2), ("PLSR", "random"), strict=True)):
        image = axes.imshow(found[0].shown[number], cmap="cividis", vmin=0, vmax=1, interpolation="nearest")
        plain(axes, f"{name}: {100 * found[0].ordered[number]:.0f} % within one rank of the diagonal")
        axes.set(xlabel="principal component (index)", ylabel=f"{name} direction (index)")
    figure.colorbar(image, ax=figure.axes, shrink=0.8).set_label("similarity (|cosine|, no unit)")
    write(figure, folder, "004-similarity")


def draw_tasks(table: np.ndarray, folder: Path) -> None:
    """Draw the variance by task at both ends of the regression, over networks."""
    figure, at = Figure(figsize=(8.0, 3.8), layout="constrained"), np.arange(SHOWN)
    figure.suptitle(f"PLSR from {FIRST} to {SECOND}: mean and standard error over {len(table)} networks", color=INK)
    panels = figure.subplots(1, 2, sharey=True)
    for end, (axes, name) in enumerate(zip(panels, (f"is read of {FIRST}", f"{SECOND} writes"), strict=True)):
        share, other = 100 * table[:, end, 0, :SHOWN], 100 * np.nan_to_num(table[:, end].prod(axis=1))[:, :SHOWN]
        parts = (("its dominant task", share - other, colour(0)), ("the other task", other, colour(1)))
        for place, (label, values, shade) in enumerate(parts):
            axes.bar(at + 0.4 * place - 0.2, values.mean(axis=0), 0.38, yerr=standard_error(values), capsize=2,
                     color=shade, ecolor=INK, label=label)  # fmt: skip
        plain(axes, f"what {name}")
        axes.set_xlabel("component (index)")
    panels[0].set_ylabel("share of the space (%)")
    panels[1].legend(fontsize=9, frameon=False)
    write(figure, folder, "004-task-variance")


def run(toys: Sequence[Toy], folder: Path) -> list[Result]:
    """Measure directions and tasks on every network; draw directions of the first."""
    alike, apart = [matched(toy) for toy in toys], np.array([separated(toy) for toy in toys])
    chance = [at_random(toy) for toy in toys]
    draw_similarity(alike, folder)
    draw_tasks(apart, folder)
    match, ordered = (np.array([getattr(each, name) for each in alike]).T for name in ("match", "ordered"))
    assert match[0].mean() > match[1].mean() + 0.1, "PLSR directions are like principal ones"
    assert ordered[0].mean() > 1.5 * ordered[1].mean(), "PLSR directions keep the order of principal ones"
    assert max(each.twin for each in alike) < 1e-6, "the solver is partial least squares"
    other = np.nansum(apart[:, :, 0] * apart[:, :, 1], axis=2) / apart[:, :, 0].sum(axis=2)
    ranges, random = [f"{each.min():.2f} to {each.max():.2f}" for each in other.T], np.mean(chance, axis=0)
    numbers = [
        ("PLSR and principal directions: best |cosine|, by variance", match[0],
         f"published: mostly diagonal; random directions {match[1].mean():.2f}"),
        ("PLSR directions within one rank of principal ones, by variance", ordered[0], "published: mostly diagonal"),
        ("random directions within one rank of principal ones, by variance", ordered[1], "published: none"),
        ("PLSR and NIPALS: relative distance, scores and weights", [each.twin for each in alike],
         "worst component of each network"),
        (f"PLSR read at {FIRST}: variance not of the dominant task", other[:, 0],
         f"published: fairly clear separation; ours {ranges[0]}, random {random[0]:.2f}"),
        (f"PLSR written at {SECOND}: variance not of the dominant task", other[:, 1],
         f"{ranges[1]}, random {random[1]:.2f}"),
    ]  # fmt: skip
    return [over_networks(NAME, quantity, values, note=note) for quantity, values, note in numbers]


if __name__ == "__main__":
    command(run, describe=__doc__)
