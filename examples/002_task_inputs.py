"""Take components from data in which both tasks vary, and from the tasks' own sets, and split their variance by task.

Do the same results hold in the first hidden layer? Of the leading components, yes: those of the validation set and of
both task sets span nearly the same four dimensions (overlap 0.99, by chance 0.33) and mix the tasks as much. Later
ones, with a few percent of the variance, mix more when they come from the task sets.

Is the interference the network's, or PCA's? Over nine tenths of it are PCA's. Components of the validation set leave
23 ± 2 % of the variance to the other task (20 networks; axes weighted by variance, here and below). The best orthogonal
basis, found knowing the tasks as eigenvectors of the difference of their covariances, leaves 1.7 ± 0.3 %: no rotation
leaves less, so that is the network's part. Of the few dimensions that the layers after it read, PCs leave 16 ± 3 %, the
best orthogonal basis of the very same dimensions 0.7 ± 0.2 %. PCA of one task's set alone leaves 4 ± 1 %. Interaction
components leave least, 0.2 %, but are oblique: that only shows that the tasks are linearly independent.

Purity by PC is measured in float32, as PCA of float32 activations gives it: most networks have rectifiers that are
silent or alike, so the last components are rounding, whose purity means nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import compgraph as cg
from compgraph.check import subspace_overlap
from compgraph.check.rotation import interference, purest_basis, task_variances
from compgraph.show.drawing import INK
from compgraph.show.palette import NEUTRAL, colour
from compgraph.toys import Toy
from published import Result, command, over_networks, plain, principal_within, standard_error, write

NAME, LAYER, N_PCS, ROUNDING, LEADING = "002 task inputs", "layers.0.act", 16, 1e-6, 4
DIFFERENCES = (0.093, 0.068, 0.053, 0.035, 0.005)  # of the variances under the two tasks, PCs 0 to 4
_OTHERS = "published for another 100 networks, whose training is not described"
_NO_NEARER = "; PCs of the task sets, or PCs sorted by it, come no nearer"
OTHERS = tuple(_OTHERS + _NO_NEARER * (i in (2, 3)) for i in range(len(DIFFERENCES)))
DOMINANT = (0.78, 0.76, 0.78, 0.81, 0.86, 0.85, 0.84, 0.84, 0.83, 0.86, 0.84, 0.86, 0.84, 0.82, 0.82, 0.81)
BASES = (
    "all units, PCs of the validation set", "all units, PCs of both task sets", "all units, PCs of one task's set",
    "all units, best orthogonal basis", "what is read, PCs", "what is read, best orthogonal basis",
    "what is read, interaction (oblique)",
)  # fmt: skip
SPANS = ("4 PCs of validation, of both task sets", "4 PCs of validation, 2 + 2 of the tasks", "2 PCs of A, 2 PCs of B")


class Measured(NamedTuple):
    """What is measured of one network, or of all with the networks first; profiles are NaN where no task moves a PC."""

    differences: np.ndarray  # of the variances under the tasks, by PC of the validation set
    profiles: np.ndarray  # dominant task's share by PC, of the validation set and of both task sets
    rounding: np.ndarray  # which of these PCs are
    mixed: np.ndarray  # interference in each of the bases
    overlaps: np.ndarray  # of leading subspaces, and by chance


def measure(toy: Toy) -> Measured:
    """Split the variance of the first hidden layer by task in every basis."""
    stats = cg.collect(toy.model, toy.data, toy.layers, sample=len(toy.data), progress=False)
    pair = next(pair for pair in stats.pairs if pair.source.layer == LAYER)
    fitted = {"validation": stats.samples[pair].x} | {task: rows_of(toy, task) for task in toy.tasks}
    fitted["both"] = np.concatenate([fitted[task] for task in toy.tasks])
    covariances = {name: np.cov(rows.T, bias=True) for name, rows in fitted.items()}
    by_task = {task: covariances[task] for task in toy.tasks}
    principal = {name: principal_within(np.eye(N_PCS), each) for name, each in covariances.items()}
    axes = {name: each for name, (each, _) in principal.items()}
    turned = cg.components(stats, "interaction")[pair.source].axes
    read = principal_within(turned, covariances["validation"])[0]
    bases = (axes["validation"], axes["both"], purest_basis(by_task), read, purest_basis(by_task, within=read), turned)
    mixed = [interference(task_variances(each, by_task)) for each in bases]
    mixed.insert(2, float(np.mean([interference(task_variances(axes[task], by_task)) for task in by_task])))
    first, second = (axes[task][: LEADING // 2] for task in by_task)
    leading, others = axes["validation"][:LEADING], (axes["both"][:LEADING], np.concatenate([first, second]))
    used = np.diagonal(covariances["validation"]) > 0  # a silent unit leaves chance fewer directions
    spans = [*((leading, each) for each in others), (first, second)]
    overlaps = [subspace_overlap(one[:, used], other[:, used]) for one, other in spans]
    return Measured(
        np.abs(np.subtract(*task_variances(axes["validation"], by_task)[: len(DIFFERENCES)].T)),
        np.array([profile(fitted[name], [fitted[task] for task in toy.tasks]) for name in ("validation", "both")]),
        np.array([principal[name][1] < ROUNDING * principal[name][1][0] for name in ("validation", "both")]),
        np.array(mixed),
        np.array([[each.overlap, each.chance] for each in overlaps]),
    )


def rows_of(toy: Toy, task: str) -> np.ndarray:
    """Return the activations while only the inputs of one task vary."""
    inputs = toy.tasks[task]
    stats = cg.collect(toy.model, inputs, (LAYER,), sample=len(inputs), batch_size=len(inputs), progress=False)
    return next(sample.x for pair, sample in stats.samples.items() if pair.source.layer == LAYER)


def profile(fitted: np.ndarray, by_task: Sequence[np.ndarray]) -> np.ndarray:
    """Return the dominant task's share of every PC, in the precision of the activations; NaN where no task moves it."""
    mean = fitted.mean(axis=0)
    axes = np.linalg.svd((fitted - mean).astype(np.float32), full_matrices=False)[2]
    variances = [((rows - mean).astype(np.float32) @ axes.T).var(axis=0) for rows in by_task]
    total = np.sum(variances, axis=0)
    return np.divide(np.max(variances, axis=0), total, out=np.full(N_PCS, np.nan), where=total > 0)


def draw(found: Measured) -> Figure:
    """Draw what was published beside ours, and the answers to the two questions it raises."""
    figure = Figure(figsize=(8, 6.4), layout="constrained")
    (unlike, pure), (same, whose) = figure.subplots(2, 2)
    unlike.bar(range(len(DIFFERENCES)), found.differences.mean(axis=0), 0.6,
               yerr=standard_error(found.differences), color=colour(0), ecolor=INK, label="ours")  # fmt: skip
    unlike.plot(DIFFERENCES, "D", color=colour(1), markeredgecolor=INK, markersize=5, label="published")
    unlike.set_ylabel("|var A - var B| (activation units²)", fontsize=9)
    plain(unlike, "how unlike are the tasks along each PC?")
    for i, name in enumerate(("PCs of the validation set", "PCs of both task sets")):
        columns = [column[np.isfinite(column)] for column in found.profiles[:, i].T]
        means, errors = [each.mean() for each in columns], [standard_error(each) for each in columns]
        places = np.arange(N_PCS) + 0.3 * i - 0.15
        pure.errorbar(places, means, errors, fmt="os"[i], markersize=4, color=colour(2 * i), ecolor=INK, label=name)
    pure.plot(DOMINANT, "D", color=colour(1), markeredgecolor=INK, markersize=4, label="published")
    rounded = found.rounding[:, 0].mean(axis=0) >= 0.5
    if rounded.any():
        pure.axvspan(int(rounded.argmax()) - 0.5, N_PCS - 0.5, color=NEUTRAL, alpha=0.2, linewidth=0)
        pure.text(N_PCS - 0.6, 0.98, "rounding in most networks", fontsize=8, ha="right", va="top", color=INK)
    pure.set_ylim(0.5, 1)
    pure.set_xticks(range(0, N_PCS, 3))
    pure.set_ylabel("share of the dominant task", fontsize=9)
    plain(pure, "how pure is each PC?")
    for axes, place in ((unlike, "upper right"), (pure, "lower right")):
        axes.set_xlabel("principal component (index)", fontsize=9)
        axes.legend(fontsize=8, frameon=False, loc=place)
    overlap, chance = found.overlaps.mean(axis=0).T
    texts = [f"{one:.2f} (by chance {other:.2f})" for one, other in zip(overlap, chance, strict=True)]
    labelled_bars(same, SPANS, found.overlaps[:, :, 0], texts, [colour(0), colour(0), colour(3)])
    same.set_xticks(np.linspace(0, 1, 6))
    same.set_xlabel("overlap (mean squared cosine of principal angles)", fontsize=9)
    plain(same, "do leading components span the same?")
    shades = [colour(2) if "best" in name else NEUTRAL if "oblique" in name else colour(0) for name in BASES]
    labelled_bars(whose, BASES, 100 * found.mixed, [f"{100 * each:.1f}" for each in found.mixed.mean(axis=0)], shades)
    whose.set_xlabel("variance of the other task (%)", fontsize=9)
    plain(whose, "whose doing is the interference?")
    title = f"First hidden layer, mean and standard error of {len(found.mixed)} networks"
    figure.suptitle(title, fontsize=12, color=INK)
    return figure


def labelled_bars(
    axes: Axes, names: Sequence[str], values: np.ndarray, texts: Sequence[str], shades: Sequence[str]
) -> None:
    """Draw a bar for each column with its name above and a text beside, so that none is too short to be read."""
    means, errors = values.mean(axis=0), np.nan_to_num(standard_error(values))
    axes.barh(range(len(names)), means, 0.4, xerr=errors, color=shades, ecolor=INK)
    for place, (name, text, end) in enumerate(zip(names, texts, means + errors, strict=True)):
        axes.annotate(name, (0, place - 0.24), (3, 0), textcoords="offset points", fontsize=8, va="bottom", color=INK)
        axes.annotate(text, (end, place), (4, 0), textcoords="offset points", fontsize=8, va="center", color=INK)
    axes.set_ylim(len(names) - 0.6, -0.8)
    axes.set_xlim(0, (1.1 + 0.025 * max(map(len, texts))) * float((means + errors).max()))
    axes.set_yticks([])


def run(toys: Sequence[Toy], folder: Path) -> list[Result]:
    """Measure both published rows, whether task sets give the same, and what is mixed in other bases."""
    found = Measured(*(np.array(each) for each in zip(*map(measure, toys), strict=True)))
    mixed, (overlap, chance) = found.mixed.mean(axis=0), found.overlaps.mean(axis=0).T
    assert mixed[3] < 0.25 * min(mixed[:2])
    assert mixed[5] < 0.5 * mixed[4] < mixed[0]
    assert min(overlap[:2]) > 0.8 > 0.6 > max(chance)
    assert overlap[2] < chance[2]
    write(draw(found), folder, "002-task-inputs")
    rows = [
        over_networks(NAME, f"|var A - var B| of PC {i}", found.differences[:, i], published=value, note=OTHERS[i])
        for i, value in enumerate(DIFFERENCES)
    ]
    return rows + pure_rows(found) + mixed_rows(found)


def pure_rows(found: Measured) -> list[Result]:
    """Return the dominant task's share by PC, and its mean over PCs for both fits."""
    rows, n = [], len(found.profiles)
    for i, value in enumerate(DOMINANT):
        column, rounding = found.profiles[:, 0, i], int(found.rounding[:, 0, i].sum())
        kept = column[np.isfinite(column)]
        notes = [f"rounding in {rounding} of {n} networks"] if rounding else []
        notes += [f"no task moves it in {n - len(kept)}"] if len(kept) < n else []
        row = over_networks(NAME, f"dominant share of PC {i}", kept, published=value, tolerance=0.03)
        if not (row.within_error and row.as_asked):
            notes += ["of our own networks, 0 to 99 and 100 to 199 differ by more than 0.03 in 6 of 16 PCs"]
        rows.append(replace(row, note="; ".join(notes)))
    other = 1 - np.nanmean(found.profiles, axis=2)
    known = 1 - np.nanmean(np.where(found.rounding, np.nan, found.profiles), axis=2)
    change = other[:, 1] - other[:, 0]
    notes = [f"{known[:, i].mean():.3f} without those that are rounding" for i in range(2)]
    notes[0] += f"; the rows above average {1 - np.mean(DOMINANT):.3f} as published"
    leading = np.mean(found.profiles[:, 0, :LEADING] - found.profiles[:, 1, :LEADING], axis=1)
    shown = [f"{each.mean():+.3f} ± {standard_error(each):.3f}" for each in (change, leading)]
    notes[1] += f"; less the row above {shown[0]}, of the first four PCs {shown[1]}"
    what = "other task's share, unweighted mean over PCs"
    first = over_networks(NAME, f"{what} of the validation set", other[:, 0], published=0.2, note=notes[0])
    return [*rows, first, over_networks(NAME, f"{what} of both task sets", other[:, 1], note=notes[1])]


def mixed_rows(found: Measured) -> list[Result]:
    """Return how alike leading subspaces are, and what is mixed in every basis, axes weighted by their variance."""
    overlaps = [
        over_networks(NAME, f"overlap: {name}", found.overlaps[:, i, 0],
                      note=f"by chance {found.overlaps[:, i, 1].mean():.2f}")
        for i, name in enumerate(SPANS)
    ]  # fmt: skip
    notes = dict.fromkeys(BASES, "") | {
        BASES[3]: "global minimum: the network's part; the rest is PCA's",
        BASES[5]: "global minimum within the dimensions of the row above",
        BASES[6]: "shows linear independence only",
    }
    what = "other task's share, weighted by variance"
    return overlaps + [
        over_networks(NAME, f"{what}: {name}", found.mixed[:, i], note=notes[name]) for i, name in enumerate(BASES)
    ]


if __name__ == "__main__":
    command(run, describe=__doc__)
