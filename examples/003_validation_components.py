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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import spearmanr

import compgraph as cg
from compgraph.check.mixing import inside_share, inside_share_by_chance, principal_mixing, served_tasks
from compgraph.connect.edges import correlation
from compgraph.show.drawing import INK
from compgraph.show.palette import NEUTRAL, colour
from compgraph.toys import Toy
from published import Result, command, covariances, over_networks, plain, principal_within, standard_error, write

NAME, EARLIER, LATER = "003 validation components", "layers.0.act", "layers.1.act"
BASES = ("all principal components", "PCs of what is read", "interaction components")
STRONGEST = "of the strongest interaction component of each task"
FOLLOWS = "rank correlation with the row below {:.2f}, with how alike the variances are {:.2f}"
ORTHOGONAL = "mean gradients of the outputs: they keep clear of what the other task does, as the note guessed"
Covariances = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Matrix:
    """Correlations of the components of two layers, sorted by the task each serves."""

    values: np.ndarray
    earlier: np.ndarray
    later: np.ndarray
    by_chance: float

    @property
    def inside(self) -> float:
        """Share of the squared correlations that is between components of one task."""
        return inside_share(self.values, self.earlier, self.later)

    @property
    def combined(self) -> float:
        """Effective number of components of the earlier layer that one of the later layer goes with."""
        shares = np.square(self.values) / np.square(self.values).sum(axis=0)
        return float(np.mean(1 / np.square(shares).sum(axis=0)))


def matrix(moments: cg.Moments, axes: Sequence[np.ndarray], tasks: Sequence[Covariances], seed: int) -> Matrix:
    """Correlate the scores along some axes of two layers."""
    scores = moments.project(*axes)
    seen = [{task: a @ each @ a.T for task, each in by_task.items()} for a, by_task in zip(axes, tasks, strict=True)]
    labels = [served_tasks(a, by_task) for a, by_task in zip(axes, tasks, strict=True)]
    rows, columns = (np.argsort(each, kind="stable") for each in labels)
    values = correlation(scores)[rows][:, columns]
    return Matrix(values, labels[0][rows], labels[1][columns], inside_share_by_chance(scores, *seen, seed=seed))


def measure(toy: Toy) -> tuple[list[Matrix], dict[str, float]]:
    """Return the correlations in every basis, and how the two tasks lie in the earlier layer."""
    stats = cg.collect(toy.model, toy.data, toy.layers, progress=False)
    pair = next(pair for pair in stats.pairs if (pair.source.layer, pair.target.layer) == (EARLIER, LATER))
    after = next(each for each in stats.pairs if each.source.layer == LATER)
    moments, ends = stats.moments[pair], (pair.source, after.source)
    principal, turned = cg.components(stats, "pca"), cg.components(stats, "interaction")
    tasks, scatter = [covariances(toy, space) for space in ends], (moments.xx, moments.yy)
    read = [principal_within(turned[space].axes, each)[0] for space, each in zip(ends, scatter, strict=True)]
    bases = ([principal[end].axes for end in ends], read, [turned[end].axes for end in ends])
    slopes = [chunk[pair.source] for chunk in stats.gradients.output_gradients(np.eye(len(toy.tasks)))]
    seen = geometry(turned[pair.source], read[0], moments, tasks[0])
    seen |= directions(np.concatenate(slopes), tasks[0])
    return [matrix(moments, axes, tasks, toy.seed) for axes in bases], seen


def geometry(found: cg.Components, read: np.ndarray, moments: cg.Moments, tasks: Covariances) -> dict[str, float]:
    """Return how alike the tasks are in variance and direction, how far PCs mix them, and how far they should."""
    # What the activations do along the strongest component of each task, inside the subspace that is read.
    strongest = [int(np.argmax(served_tasks(found.axes, tasks) == task)) for task in range(2)]
    patterns = np.linalg.pinv(found.axes).T[strongest] * found.deviation[strongest, None]
    lengths = np.linalg.norm(patterns, axis=1)
    alike, cosine = float(lengths.min() / lengths.max()) ** 2, min(1.0, abs(patterns[0] @ patterns[1]) / lengths.prod())
    parts = np.stack([np.einsum("kd,de,ke->k", read, each, read) for each in tasks.values()])
    variance = np.einsum("kd,de,ke->k", read, moments.xx, read)
    return {
        "alike": alike,
        "cosine": cosine,
        "mixed": float(np.average(parts.min(axis=0) / parts.sum(axis=0), weights=variance)),
        "expected": principal_mixing(alike, cosine),
    }


def directions(gradients: np.ndarray, tasks: Covariances) -> dict[str, float]:
    """Return the other task's share along the main direction of each task, and along the gradient of its output."""
    first, second = tasks.values()
    own = [np.linalg.eigh(each)[1][:, -1] for each in (first, second)]
    return {
        name: float(np.mean([other(axes[0], first, second), other(axes[1], second, first)]))
        for name, axes in (("own", own), ("answer", gradients.mean(axis=0, dtype=np.float64)))
    }


def other(axis: np.ndarray, own: np.ndarray, others: np.ndarray) -> float:
    """Return the share of the other task in the variance along an axis."""
    return float(axis @ others @ axis / (axis @ (own + others) @ axis))


def draw(shown: list[Matrix], inside: np.ndarray, chance: np.ndarray, seen: dict[str, np.ndarray]) -> Figure:
    """Draw the matrices of one network, and over the networks what stays inside tasks and what mixes them."""
    figure = Figure(figsize=(8, 6.6), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(1, 1))
    panels = upper.subplots(1, 3, width_ratios=(1.1, 1, 1))
    for axes, name, each, by_chance in zip(panels, BASES, shown, chance.mean(axis=0), strict=True):
        image = axes.imshow(each.values, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
        axes.axhline(np.sum(each.earlier == 0) - 0.5, color=INK, linewidth=1)
        axes.axvline(np.sum(each.later == 0) - 0.5, color=INK, linewidth=1)
        plain(axes, f"{name}\n{each.inside:.0%} inside (chance {by_chance:.0%})")
        for ticks, labels in ((axes.set_xticks, each.later), (axes.set_yticks, each.earlier)):
            ticks(range(len(labels)), ["AB"[label] for label in labels], fontsize=8)
    panels[0].set_ylabel(f"component of {EARLIER},\nby the task it serves", fontsize=9)
    upper.supxlabel(f"component of {LATER}, by the task it serves", fontsize=9)
    upper.colorbar(image, ax=panels).set_label("correlation", fontsize=9)
    upper.suptitle(
        "Correlations across layers in one network, squares inside tasks over all squares", fontsize=12, color=INK
    )
    lower.suptitle(f"Over {len(inside)} networks", fontsize=12, color=INK)
    left, right = lower.subplots(1, 2, width_ratios=(1, 1.25))
    compare(left, inside, chance)
    scatter(right, seen)
    return figure


def compare(axes: Axes, inside: np.ndarray, chance: np.ndarray) -> None:
    """Draw the squared correlation inside tasks in every basis beside what chance gives."""
    places = np.arange(len(BASES))
    for shift, shade, values, label in ((-0.2, colour(0), inside, "these"), (0.2, NEUTRAL, chance, "random bases")):
        middle, error = 100 * values.mean(axis=0), 100 * standard_error(values)
        axes.bar(places + shift, middle, 0.36, yerr=error, color=shade, ecolor=INK, label=label)
    axes.set_xticks(places, ["all\nPCs", "PCs of what\nis read", "interaction\ncomponents"])
    axes.set_ylabel("squared correlation inside tasks (%)", fontsize=9)
    axes.set_ylim(0, 132)
    axes.set_yticks(range(0, 101, 25))
    axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=2)
    plain(axes, "what stays inside a task")


def scatter(axes: Axes, seen: dict[str, np.ndarray]) -> None:
    """Draw how far principal components mix two tasks against how alike their variances are."""
    ratios = np.linspace(0.02, 1, 200)
    for rank, cosine in enumerate((0.02, 0.1, 0.2)):
        curve = [100 * principal_mixing(ratio, cosine) for ratio in ratios]
        axes.plot(ratios, curve, color=INK, linewidth=1, linestyle=("-", "--", ":")[rank], label=f"{cosine:g}")
    dots = axes.scatter(
        seen["alike"], 100 * seen["mixed"], c=seen["cosine"], cmap="viridis", vmin=0, vmax=0.3, s=22, edgecolors="white"
    )
    axes.figure.colorbar(dots, ax=axes, extend="max").set_label("|cosine| of the tasks' directions", fontsize=9)
    axes.set(xlim=(0, 1.02), ylim=(-1, 52))
    axes.set_xlabel("variance of the weaker task over the stronger", fontsize=9)
    axes.set_ylabel("other task in PCs of what is read (%)", fontsize=9)
    axes.legend(title="expected at |cosine|", title_fontsize=8, fontsize=8, frameon=False, loc="upper left")
    plain(axes, "what mixes tasks")


def run(toys: Sequence[Toy], folder: Path) -> list[Result]:
    """Compare three bases by how much of the correlation stays within a task, and explain what does not."""
    measured = [measure(toy) for toy in toys]
    inside, chance, combined = (
        np.array([[getattr(each, what) for each in found] for found, _ in measured])
        for what in ("inside", "by_chance", "combined")
    )
    seen = {name: np.array([each[name] for _, each in measured]) for name in measured[0][1]}
    assert inside[:, 0].mean() < 0.9 < 0.99 < np.median(inside[:, 2])
    assert chance[:, 0].mean() < inside[:, 0].mean()
    assert seen["answer"].mean() < 0.5 * seen["own"].mean()
    assert np.abs(seen["mixed"] - seen["expected"]).mean() < 0.1
    typical = int(np.argmin(np.abs(inside - inside.mean(axis=0)).sum(axis=1)))
    write(draw(measured[typical][0], inside, chance, seen), folder, "003-correlations")
    notes = [
        f"random bases of these subspaces: {by_chance:.2f}; a later component goes with {number:.1f} earlier ones"
        for by_chance, number in zip(chance.mean(axis=0), combined.mean(axis=0), strict=True)
    ]
    follows = [spearmanr(seen["mixed"], seen[name]).statistic for name in ("expected", "alike")]
    rows = (
        *((f"squared correlation inside tasks: {name}", inside[:, i], notes[i]) for i, name in enumerate(BASES)),
        ("gain by leaving out what is not read", inside[:, 1] - inside[:, 0], ""),
        ("gain by turning inside what is read", inside[:, 2] - inside[:, 1], ""),
        ("variance of the weaker task over the stronger's", seen["alike"], STRONGEST),
        ("|cosine| of the tasks' directions", seen["cosine"], "of principal components it is 0"),
        ("other task's share in PCs of what is read", seen["mixed"], FOLLOWS.format(*follows)),
        ("the same, expected of variances and cosine alone", seen["expected"], ""),
        ("other task's share along a task's own main direction", seen["own"], ""),
        ("other task's share in what is read for a task", seen["answer"], ORTHOGONAL),
    )
    return [over_networks(NAME, name, values, note=note) for name, values, note in rows]


if __name__ == "__main__":
    command(run, describe=__doc__)
