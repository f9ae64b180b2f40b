"""Correlate principal components of the validation set across layers, and see why that is hard to read.

Of the squared correlation between all PCs of the two hidden layers, 68 % is inside tasks (random bases: 52 %). Two
things hide the tasks, about as much each. Correlations see no scale, so that PCs which hardly vary and which nothing
reads count like any other: PCA inside the subspace that is read gives 82 % (by chance 70 %, as it has two or three
dimensions, and two by two is blocky whatever the basis). And PCs are orthogonal where the directions of the tasks
need not be: turned inside that subspace, components give 99.9 %. The nearer the variances of the tasks, the smaller
an angle makes PCs mix them; those two numbers foretell how far they do.

Both guesses of the note hold. A PC is a weighted combination of several of the earlier layer (2.7 on the effective
count, 1 for interaction components). And what is read for a task keeps clear of the other: the mean gradient of an
output has 0.2 % of its variance from the other task, the main direction of the task itself 4 %.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import spearmanr

import compgraph as cg
from compgraph.check import task_covariances
from compgraph.show import INK, NEUTRAL, colour, plain
from compgraph.toys import Toy
from note.measures.variance.inside_tasks import principal_mixing
from note.measures.variance.principal_components import principal_within
from note.measures.variance.task_correlations import TaskCorrelations, task_correlations
from note.measures.variance.two_tasks import TwoTasks, other_share, two_tasks
from note.pictures.matrices import task_matrix
from note.pictures.panels import grouped_bars
from note.published import Result, command, over_networks, write

NAME, EARLIER, LATER = "003 validation components", "layers.0.act", "layers.1.act"
BASES = ("all principal components", "PCs of what is read", "interaction components")
STRONGEST = "of the strongest interaction component of each task"
FOLLOWS = "rank correlation with the row below {:.2f}, with how alike the variances are {:.2f}"
ORTHOGONAL = "mean gradients of the outputs: they keep clear of what the other task does, as the note guessed"


class Measured(NamedTuple):
    """Correlations of one network in every basis, and how the tasks lie in the earlier layer."""

    bases: list[TaskCorrelations]
    tasks: TwoTasks
    answer: float  # the other task's share along the mean gradient of an output


def measure(toys: Sequence[Toy]) -> list[Measured]:
    """Correlate components of the two hidden layers of each network, and see how the tasks lie in the earlier one."""
    return [correlate(toy) for toy in toys]


def correlate(toy: Toy) -> Measured:
    """Correlate components of the two hidden layers, and see how the tasks lie in the earlier one."""
    stats = cg.collect(toy.model, toy.data, toy.layers, progress=False)
    pair = next(pair for pair in stats.pairs if (pair.source.layer, pair.target.layer) == (EARLIER, LATER))
    moments, ends = stats.moments[pair], (pair.source, cg.Space(LATER, "in", pair.target.depth))
    covariances = task_covariances(toy.model, toy.tasks, layers=toy.layers, progress=False)
    tasks, scatter = (covariances[ends[0]], covariances[ends[1]]), moments.xx / moments.n
    principal, turned = (axes_of(cg.components(stats, method), *ends) for method in ("pca", "interaction"))
    read = principal_within(turned[0], scatter)[0], principal_within(turned[1], moments.yy / moments.n)[0]
    return Measured(
        [task_correlations(moments, axes, tasks, seed=toy.seed) for axes in (principal, read, turned)],
        two_tasks(turned[0], scatter, tasks[0]),
        float(other_share(mean_gradients(toy, stats, pair.source), tasks[0]).mean()),
    )


def axes_of(
    parts: Mapping[cg.Space, cg.Components], earlier: cg.Space, later: cg.Space
) -> tuple[np.ndarray, np.ndarray]:
    """Return the axes of the components of two spaces."""
    return parts[earlier].axes, parts[later].axes


def mean_gradients(toy: Toy, stats: cg.Statistics, space: cg.Space) -> np.ndarray:
    """Return the mean gradient of every output with respect to a space."""
    assert stats.probe is not None, "these statistics can ask their model again"
    slopes = [each[space] for each in stats.probe.output_gradients(np.eye(len(toy.tasks)))]
    return np.concatenate(slopes).mean(axis=0, dtype=np.float64)


def draw(shown: Measured, inside: np.ndarray, chance: np.ndarray, seen: dict[str, np.ndarray]) -> Figure:
    """Draw the matrices of one network, and over the networks what stays inside tasks and what mixes them."""
    figure = Figure(figsize=(8, 6.6), layout="constrained")
    upper, lower = figure.subfigures(2, 1, squeeze=False)[:, 0]
    panels = upper.subplots(1, len(BASES), width_ratios=(1.1, 1, 1))
    for axes, name, each in zip(panels, BASES, shown.bases, strict=True):
        image = task_matrix(axes, each, "AB")
        plain(axes, f"{name}\n{each.inside:.0%} inside (chance {each.by_chance:.0%})")
    panels[0].set_ylabel(f"component of {EARLIER},\nby the task it serves", fontsize=9)
    upper.supxlabel(f"component of {LATER}, by the task it serves", fontsize=9)
    upper.colorbar(image, ax=panels).set_label("correlation", fontsize=9)
    title = f"Correlations across layers in the typical one of {len(inside)} networks, and how much is inside tasks"
    upper.suptitle(title, fontsize=12, color=INK)
    lower.suptitle(f"Mean and standard error of {len(inside)} networks, and each (right)", fontsize=12, color=INK)
    left, right = lower.subplots(1, 2, width_ratios=(1, 1.25))
    names = ["all\nPCs", "PCs of what\nis read", "interaction\ncomponents"]
    grouped_bars(left, names, {"these": 100 * inside, "random bases": 100 * chance}, shades=[colour(0), NEUTRAL])
    left.set(ylabel="squared correlation inside tasks (%)", ylim=(0, 132), yticks=range(0, 101, 25))
    left.legend(fontsize=8, frameon=False, loc="upper left", ncols=2)
    plain(left, "what stays inside a task")
    scatter(right, seen)
    return figure


def scatter(axes: Axes, seen: dict[str, np.ndarray]) -> None:
    """Draw how far principal components mix two tasks against how alike their variances are."""
    ratios = np.linspace(0.02, 1, 200)
    for cosine, style in ((0.02, "-"), (0.1, "--"), (0.2, ":")):
        curve = [100 * principal_mixing(ratio, cosine) for ratio in ratios]
        axes.plot(ratios, curve, color=INK, linewidth=1, linestyle=style, label=f"{cosine:g}")
    places, shades = (seen["ratio"], 100 * seen["mixed"]), seen["cosine"]
    dots = axes.scatter(*places, c=shades, cmap="viridis", vmin=0, vmax=0.3, s=22, edgecolors="white")
    axes.figure.colorbar(dots, ax=axes, extend="max").set_label("|cosine| of the tasks' directions", fontsize=9)
    axes.set(xlim=(0, 1.02), ylim=(-1, 52), xlabel="variance of the weaker task over the stronger")
    axes.set_ylabel("other task in PCs of what is read (%)")
    axes.legend(title="expected at |cosine|", title_fontsize=8, fontsize=8, frameon=False, loc="upper left")
    plain(axes, "what mixes tasks")


def report(found: list[Measured], folder: Path) -> list[Result]:
    """Compare three bases by how much of the correlation stays within a task, and explain what does not."""
    inside, chance, combined = (
        np.array([[getattr(basis, what) for basis in each.bases] for each in found])
        for what in ("inside", "by_chance", "combined")
    )
    names = ("ratio", "cosine", "mixed", "expected", "own")
    seen = {name: np.array([getattr(each.tasks, name) for each in found]) for name in names}
    answer = np.array([each.answer for each in found])
    assert inside[:, 0].mean() < 0.9 < 0.99 < np.median(inside[:, 2])
    assert chance[:, 0].mean() < inside[:, 0].mean()
    assert answer.mean() < 0.5 * seen["own"].mean()
    assert np.abs(seen["mixed"] - seen["expected"]).mean() < 0.1
    typical = found[int(np.argmin(np.abs(inside - inside.mean(axis=0)).sum(axis=1)))]
    write(draw(typical, inside, chance, seen), folder, "003-correlations")
    notes = [
        f"random bases of these subspaces: {by_chance:.2f}; a later component goes with {number:.1f} earlier ones"
        for by_chance, number in zip(chance.mean(axis=0), combined.mean(axis=0), strict=True)
    ]
    follows = [spearmanr(seen["mixed"], seen[name]).statistic for name in ("expected", "ratio")]
    rows = (
        *((f"squared correlation inside tasks: {name}", inside[:, i], notes[i]) for i, name in enumerate(BASES)),
        ("gain by leaving out what is not read", inside[:, 1] - inside[:, 0], ""),
        ("gain by turning inside what is read", inside[:, 2] - inside[:, 1], ""),
        ("variance of the weaker task over the stronger's", seen["ratio"], STRONGEST),
        ("|cosine| of the tasks' directions", seen["cosine"], "of principal components it is 0"),
        ("other task's share in PCs of what is read", seen["mixed"], FOLLOWS.format(*follows)),
        ("the same, expected of variances and cosine alone", seen["expected"], ""),
        ("other task's share along a task's own main direction", seen["own"], ""),
        ("other task's share in what is read for a task", answer, ORTHOGONAL),
    )
    return [over_networks(NAME, name, values, note=note) for name, values, note in rows]


if __name__ == "__main__":
    command(measure, report, describe=__doc__)
