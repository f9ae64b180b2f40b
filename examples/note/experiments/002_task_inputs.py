"""Take components from data in which both tasks vary, and from the tasks' own sets: the same results hold.

In the first hidden layer the leading components of the validation set and of both task sets span nearly the same four
dimensions (overlap 0.98, by chance 0.34) and mix the tasks as much. Later ones, with a few percent of the variance, mix
more when they come from the task sets. Most networks have units that are silent or alike, so that the last components
are rounding, whose purity means nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from compgraph.check import subspace_overlap
from compgraph.show import INK, NEUTRAL, colour, plain
from compgraph.toys import Toy
from note.measures.variance.layer_rows import layer_rows
from note.measures.variance.principal_components import dominant_share, principal_task_variances, principal_within
from note.pictures.panels import error_lines, grouped_bars, mean_and_error, named_bars
from note.published import Result, command, over_networks, write

NAME, LAYER, N_PCS, ROUNDING = "002 task inputs", "layers.0.act", 16, 1e-11
DIFFERENCES = (0.093, 0.068, 0.053, 0.035, 0.005)  # of the variances under the two tasks, PCs 0 to 4
DOMINANT = (0.78, 0.76, 0.78, 0.81, 0.86, 0.85, 0.84, 0.84, 0.83, 0.86, 0.84, 0.86, 0.84, 0.82, 0.82, 0.81)
OTHERS = "published for another 100 networks, whose training is not described"
NOISE = "two sets of 100 of our own networks differ by more than 0.03 in 2.9 of 16 PCs (examples/note/dominance.py)"
FITS = {"validation": "PCs of the validation set", "both": "PCs of both task sets"}


class Split(NamedTuple):
    """How the variance of the first hidden layer of one network divides over the tasks."""

    error: float  # of the network, mean squared, on the validation set
    differences: np.ndarray  # of the variances under the tasks, by PC of the validation set
    profiles: dict[str, np.ndarray]  # dominant task's share by PC, for each fit; NaN where no task moves a PC
    rounding: dict[str, np.ndarray]  # which of these PCs are
    overlaps: dict[str, tuple[float, float]]  # of leading subspaces, and by chance


def measure(toys: Sequence[Toy]) -> list[Split]:
    """Split the variance of the first hidden layer by task, for each network."""
    return [split(toy) for toy in toys]


def split(toy: Toy) -> Split:
    """Split the variance of the first hidden layer of one network."""
    tasks = {task: layer_rows(toy.model, inputs, LAYER) for task, inputs in toy.tasks.items()}
    rows = {"validation": layer_rows(toy.model, toy.data, LAYER), "both": np.concatenate(list(tasks.values())), **tasks}
    found = {name: principal_within(np.eye(N_PCS), np.cov(each.T)) for name, each in rows.items()}
    axes, one, other = (found[name][0] for name in ("validation", *tasks))
    spans = {
        "4 PCs of validation, of both task sets": (axes[:4], found["both"][0][:4]),
        "4 PCs of validation, 2 + 2 of the tasks": (axes[:4], np.concatenate([one[:2], other[:2]])),
        "2 PCs of A, 2 PCs of B": (one[:2], other[:2]),
    }
    used = rows["validation"].any(axis=0)  # a silent unit leaves chance fewer directions
    overlaps = {name: subspace_overlap(a[:, used], b[:, used]) for name, (a, b) in spans.items()}
    variances = {name: principal_task_variances(rows[name], tasks) for name in FITS}
    return Split(
        toy.scores["mse"],
        np.abs(np.subtract(*variances["validation"][: len(DIFFERENCES)].T)),
        {name: dominant_share(each) for name, each in variances.items()},
        {name: found[name][1] < ROUNDING * found[name][1][0] for name in FITS},
        {name: (each.overlap, each.chance) for name, each in overlaps.items()},
    )


def report(found: list[Split], folder: Path) -> list[Result]:
    """Hold both published rows against ours, and say whether task sets give the same."""
    overlaps = {name: np.array([each.overlaps[name] for each in found]) for name in found[0].overlaps}
    (lead, _), (pairs, _), (apart, by_chance) = (values.mean(axis=0) for values in overlaps.values())
    assert min(lead, pairs) > 0.8 > 0.6 > max(values[:, 1].mean() for values in overlaps.values())
    assert apart < by_chance
    write(draw(found, overlaps), folder, "002-task-inputs")
    unlike, errors = np.array([each.differences for each in found]).T, np.array([each.error for each in found])
    alike = f"median {np.median(errors):.2g}, {errors.min():.2g}-{errors.max():.2g}; published 3.4e-4, 1.0e-4-1.4e-3"
    rows = [over_networks(NAME, "validation error of the networks (mse)", errors, published=3.8e-4, note=alike)]
    rows += [
        over_networks(NAME, f"|var A - var B| of PC {i}", values, published=published, note=OTHERS)
        for i, (values, published) in enumerate(zip(unlike, DIFFERENCES, strict=True))
    ]
    return (
        rows
        + pure_rows(found)
        + [
            over_networks(NAME, f"overlap: {name}", values[:, 0], note=f"by chance {values[:, 1].mean():.2f}")
            for name, values in overlaps.items()
        ]
    )


def pure_rows(found: list[Split]) -> list[Result]:
    """Return the dominant task's share by PC, and its mean over PCs for both fits."""
    profiles = {name: np.array([each.profiles[name] for each in found]) for name in FITS}
    rounding = {name: np.array([each.rounding[name] for each in found]) for name in FITS}
    rows = []
    for i, published in enumerate(DOMINANT):
        column = profiles["validation"][:, i]
        row = over_networks(NAME, f"dominant share of PC {i}", column[np.isfinite(column)], published=published,
                            tolerance=0.03)  # fmt: skip
        rounded = rounding["validation"][:, i].sum()
        notes = [f"rounding in {rounded} of {len(found)} networks"] if rounded else []
        rows.append(replace(row, note="; ".join(notes if row.as_asked and row.within_error else [*notes, NOISE])))
    return rows + mean_rows(profiles, rounding)


def mean_rows(profiles: dict[str, np.ndarray], rounding: dict[str, np.ndarray]) -> list[Result]:
    """Return the other task's share, mean over PCs, for both fits."""
    other = {name: 1 - np.nanmean(each, axis=1) for name, each in profiles.items()}
    lead = (profiles["validation"] - profiles["both"])[:, :4].mean(axis=1)
    changes = ["{:+.3f} ± {:.3f}".format(*mean_and_error(each)) for each in (other["both"] - other["validation"], lead)]
    change = "less the row above {}, of the first four PCs {}".format(*changes)
    average = f"the rows above average {1 - np.mean(DOMINANT):.3f} as published"
    rows = []
    for name, published, more in (("validation", 0.2, average), ("both", None, change)):
        known = 1 - np.nanmean(np.where(rounding[name], np.nan, profiles[name]))
        quantity, note = f"other task's share, mean over {FITS[name]}", f"{known:.3f} without rounding; {more}"
        rows.append(over_networks(NAME, quantity, other[name], published=published, note=note))
    return rows


def draw(found: list[Split], overlaps: dict[str, np.ndarray]) -> Figure:
    """Draw both published rows beside ours, and how alike leading components are."""
    figure = Figure(figsize=(8, 5.6), layout="constrained")
    grid = figure.subplot_mosaic([["unlike", "pure"], ["same", "same"]], height_ratios=(2.2, 1))
    unlike, pure, same = grid.values()
    grouped_bars(unlike, range(len(DIFFERENCES)), {"ours": np.array([each.differences for each in found])})
    profiles = {text: np.array([each.profiles[name] for each in found]) for name, text in FITS.items()}
    error_lines(pure, range(N_PCS), profiles, linestyle="none", marker=["o", "s"], color=[colour(0), colour(2)])
    for axes, published in ((unlike, DIFFERENCES), (pure, DOMINANT)):
        axes.plot(published, "D", color=colour(1), markeredgecolor=INK, markersize=4, label="published", zorder=3)
        axes.set_xlabel("principal component (index)")
        axes.legend(fontsize=8, frameon=False, loc="lower right" if axes is pure else "upper right")
    unlike.set_ylabel("|var A - var B| (activation units²)")
    pure.set(ylabel="share of the dominant task", ylim=(0.5, 1), xticks=range(0, N_PCS, 3))
    rounded = np.mean([each.rounding["validation"] for each in found], axis=0) >= 0.5
    if rounded.any():
        pure.axvspan(int(rounded.argmax()) - 0.5, N_PCS - 0.5, color=NEUTRAL, alpha=0.2, linewidth=0)
        pure.text(N_PCS - 0.6, 0.98, "rounding in most networks", fontsize=8, ha="right", va="top", color=INK)
    named = {f"{name} (by chance {each[:, 1].mean():.2f})": each[:, 0] for name, each in overlaps.items()}
    named_bars(same, named, shades=[colour(0), colour(0), colour(3)], form=".2f")
    same.set_xlabel("overlap (mean squared cosine of principal angles)")
    plain(unlike, "how unlike are the tasks along each PC?")
    plain(pure, "how pure is each PC?")
    plain(same, "do leading components span the same?")
    title = f"First hidden layer, mean and standard error of {len(found)} networks"
    figure.suptitle(title, fontsize=12, color=INK)
    return figure


if __name__ == "__main__":
    command(measure, report, describe=__doc__)
