"""Mix the two outputs of the note's network softly, and watch its two tasks become one.

The network learns (1 - l) y_A + l y_B and (1 - l) y_B + l y_A. At l = 0 the outputs are the tasks; at 1/2 they are
equal. For every l: how unlike are the input gradients of the two outputs, and how many groups are found? The gradients
grow alike steadily, and not to the end: at l = 1/2 distinct gradients of one output are as far apart, 0.18, as those
of both. Two groups are found while l is small, and one from some l below 1/2 on: the last row of the table.

Which inputs the published curve is of is not known. Distinct gradients are what 006 calls distinct; any tolerance from
1e-11 to 1e-2 gives the same curve to 0.01. Over 15 networks for each l, the root mean squared difference from the
published curve was 0.039 on the data sets of both tasks together, 0.042 on that of each output's own task, 0.044 on the
unit square, 0.054 on validation inputs and 0.084 with every row of these counted; 0.07 to 0.09 for principal components
of the gradients, weighted by variance, and 0.13 for mean gradients. The curve cannot tell the first three apart. Ours
is of the data sets of both tasks, for they are the ones whose definition is known: a choice made after looking, among
few. That of validation inputs, on which the note counts gradients, is drawn beside it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.stats import page_trend_test

import compgraph as cg
from compgraph.check.unlikeness import Unlikeness, unlikeness
from compgraph.observe.site_gradients import site_gradients
from compgraph.show.drawing import INK
from compgraph.show.palette import NEUTRAL, colour
from compgraph.toys import Toy, multiplications
from compgraph.toys.precision import in_double
from published import Result, command, over_networks, plain, standard_error, write

NAME, MOST, FULL = "007 soft mixing", 10, 5
CURVE = (0.83, 0.79, 0.66, 0.58, 0.54, 0.49, 0.41, 0.31, 0.22, 0.22, 0.17)  # at l = 0, 0.05, ...
PUBLISHED_N = 5
NOTES = {2: "0.70 or more on any inputs tried; of eleven numbers one is 2 s.e. off by chance in 4 of 10 cases"}
QUANTITY = "1 - mean |cos| of distinct input gradients of the two outputs"


def between_outputs(toy: Toy, inputs: torch.Tensor) -> Unlikeness:
    """Return how unlike the input gradients of the two outputs are, in double precision."""
    found = site_gradients(in_double(toy).model, inputs.double(), source="input", target="head", filters=np.eye(2))
    return unlikeness(found[:, 0], found[:, 1])


def measured(toy: Toy) -> dict[str, float]:
    """Return what is drawn of one network."""
    tasks = between_outputs(toy, torch.cat(list(toy.tasks.values())))
    split = cg.components(cg.collect(toy.model, toy.data, progress=False)).interactions.split
    return {
        "tasks": tasks.value,
        "zero": sum(tasks.zero),
        "validation": between_outputs(toy, toy.data).value,
        "groups": split.n_blocks,
        "gap": split.gap,
    }


def run(toys: Sequence[Toy], folder: Path) -> list[Result]:
    """Measure over at most ten networks per mixture; fewer than five make it a quick look at three mixtures."""
    some = toys[:MOST]
    steps = np.arange(0, 11, 1 if len(some) >= FULL else 5)
    levels, seeds = 0.05 * steps, [toy.seed for toy in some]
    mixed = [some if level == 0 else multiplications(seeds, mixing=float(level)) for level in levels]
    rows = [[measured(toy) for toy in networks] for networks in mixed]
    values = {name: np.array([[row[name] for row in each] for each in rows]) for name in rows[0][0]}
    write(draw(levels, values), folder, "007-soft-mixing")
    curve, groups = values["tasks"], values["groups"]
    # Networks of one seed start alike for every mixture, so that each has a curve of its own to be ordered.
    trend = page_trend_test(-curve.T).pvalue
    assert trend < 0.05
    assert curve[0].mean() - curve[-1].mean() > 0.4
    assert (groups[0] == 2).all()
    assert (groups[-1] == 1).all()
    return results(steps, values, trend)


def results(steps: np.ndarray, values: Mapping[str, np.ndarray], trend: float) -> list[Result]:
    """Hold the curve against the published one, and say whether it falls and where two groups become one."""
    curve, levels = values["tasks"], 0.05 * steps
    found = []
    for step, level, each in zip(steps, levels, curve, strict=True):
        known = {"published": CURVE[step], "published_n": PUBLISHED_N, "note": NOTES.get(int(step), "")}
        found.append(over_networks(NAME, f"{QUANTITY}, l = {level:.2f}", each, **known))
    rises = int((np.diff(curve.mean(axis=1)) > 0).sum())
    note = f"of the mean curve {rises} rise; trend over networks p = {trend:.1g} (Page)"
    name = f"neighbouring mixtures, of {len(levels) - 1}, where the curve of a network rises"
    found.append(over_networks(NAME, name, (np.diff(curve, axis=0) > 0).sum(axis=0), note=note))
    note = "of 40,000 for each mixture"
    found.append(over_networks(NAME, "gradients of 0, which have no direction", values["zero"].sum(axis=0), note=note))
    last = [levels[each > 1].max() for each in values["groups"].T]
    return [*found, over_networks(NAME, "largest l at which two groups are found", last)]


def draw(levels: np.ndarray, values: Mapping[str, np.ndarray]) -> Figure:
    """Draw the curve beside the published one, and the groups and their evidence below one another."""
    n = values["tasks"].shape[1]
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    left, groups, gap = (figure.subplot_mosaic([["curve", "groups"], ["curve", "gap"]], width_ratios=(1.4, 1))).values()
    lines = [(left, "tasks", 0, "inputs of both tasks"), (left, "validation", 1, "validation inputs")]
    for axes, name, rank, text in [*lines, (groups, "groups", 2, ""), (gap, "gap", 3, "")]:
        look = {"color": colour(rank), "marker": "o", "markersize": 4, "capsize": 2, "label": text}
        axes.errorbar(levels, values[name].mean(axis=1), standard_error(values[name].T), **look)
    published = [CURVE[round(level / 0.05)] for level in levels]
    scatter = standard_error(values["tasks"].T) * np.sqrt(n / PUBLISHED_N)
    left.errorbar(
        levels, published, scatter, fmt="--x", color=INK, capsize=2, label="published, of 5 that scatter as ours"
    )
    left.legend(fontsize=8, frameon=False)
    left.set(ylabel="1 - mean |cos| (0 parallel, 1 orthogonal)", ylim=(0, 1))
    groups.set(ylabel="groups", ylim=(0.8, 2.2), yticks=(1, 2))
    gap.axhline(1, color=NEUTRAL, linestyle=":")
    gap.set(ylabel="ratio", ylim=(0, None))
    titles = ("Input gradients of the two outputs", "Groups found", "Gap that counts groups (above 1: two)")
    for axes, title in zip((left, groups, gap), titles, strict=True):
        plain(axes, title)
    left.set_xlabel("mixture l (0: two tasks, 0.5: equal outputs)", fontsize=9)
    gap.set_xlabel("mixture l", fontsize=9)
    figure.suptitle(f"Soft mixing of the outputs, {n} networks per mixture", fontsize=12, color=INK)
    return figure


if __name__ == "__main__":
    command(run, describe=__doc__)
