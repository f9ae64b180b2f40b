"""Mix the two outputs of the note's network softly, and watch its two tasks become one.

The network learns (1 - l) y_A + l y_B and (1 - l) y_B + l y_A. At l = 0 the outputs are the tasks; at 1/2 they are
equal. For every l: how unlike are the input gradients of the two outputs, and how many groups are found? The gradients
grow alike steadily, and not to the end: at l = 1/2 distinct gradients of one output are as far apart, 0.18, as those
of both. Two groups are found while l is small, and one from some l below 1/2 on: the last row of the table.

Which inputs the published curve is of is not known. Ours is of the data sets of both tasks, for they are the ones whose
definition is known: a choice made after looking, among few. That of validation inputs, on which the note counts
gradients, is drawn beside it and lies further off.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.stats import chi2, page_trend_test

import compgraph as cg
from compgraph.show import INK, NEUTRAL, colour, plain
from compgraph.toys import Toy, multiplications
from note.double_precision import in_double
from note.measures.gradients.between_sites import site_gradients
from note.measures.gradients.dissimilarity import Dissimilarity, dissimilarity
from note.pictures.panels import error_lines, mean_and_error
from note.published import Result, command, over_networks, write

NAME, MOST, FULL, PUBLISHED_N = "007 soft mixing", 10, 5, 5
CURVE = (0.83, 0.79, 0.66, 0.58, 0.54, 0.49, 0.41, 0.31, 0.22, 0.22, 0.17)  # at l = 0, 0.05, ...
NOTES = {2: "of eleven numbers one is 2 s.e. off by chance in 4 of 10 cases"}
QUANTITY = "1 - mean |cos| of distinct input gradients of the two outputs"
SHOWN = {"tasks": "inputs of both tasks", "validation": "validation inputs"}


def measure(toys: Sequence[Toy]) -> list[dict[str, np.ndarray]]:
    """Train every mixture from the same seeds; fewer than five networks make it a quick look at three mixtures."""
    levels, seeds = np.arange(0, 11, 1 if len(toys) >= FULL else 5) / 20, [toy.seed for toy in toys]
    mixed = [toys if level == 0 else multiplications(seeds, mixing=float(level)) for level in levels]
    found = [[of_one(toy) for toy in mixtures] for mixtures in zip(*mixed, strict=True)]
    return [{"level": levels} | {name: np.array([row[name] for row in rows]) for name in rows[0]} for rows in found]


def of_one(toy: Toy) -> dict[str, float]:
    """Return what is drawn of one network."""
    tasks = between_outputs(toy, torch.cat(list(toy.tasks.values())))
    interactions = cg.components(cg.collect(toy.model, toy.data, progress=False)).interactions
    assert interactions is not None, "the default method has them"
    split = interactions.split
    of_validation = between_outputs(toy, toy.data).value
    return {"tasks": tasks.value, "zero": sum(tasks.zero), "validation": of_validation,
            "groups": split.n_blocks, "gap": split.gap}  # fmt: skip


def between_outputs(toy: Toy, inputs: torch.Tensor) -> Dissimilarity:
    """Return how unlike the input gradients of the two outputs are, in double precision."""
    found = site_gradients(in_double(toy).model, inputs.double(), source="input", target="head", filters=np.eye(2))
    return dissimilarity(found[:, 0], found[:, 1])


def report(found: list[dict[str, np.ndarray]], folder: Path) -> list[Result]:
    """Hold the curve against the published one, and say whether it falls and where two groups become one."""
    values = {name: np.array([each[name] for each in found], dtype=np.float64) for name in found[0]}
    levels, curve, groups = found[0]["level"], values["tasks"], values["groups"]
    write(draw(levels, values), folder, "007-soft-mixing")
    # Networks of one seed start alike for every mixture, so that each has a curve of its own to be ordered.
    trend = page_trend_test(-curve).pvalue
    assert trend < 0.05
    assert curve[:, 0].mean() - curve[:, -1].mean() > 0.4
    assert (groups[:, 0] == 2).all()
    assert (groups[:, -1] == 1).all()
    steps = np.rint(20 * levels).astype(int).tolist()
    known = np.array([CURVE[step] for step in steps])
    points = [
        over_networks(NAME, f"{QUANTITY}, l = {level:.2f}", each, published=CURVE[step], published_n=PUBLISHED_N,
                      note=NOTES.get(step, ""))
        for step, level, each in zip(steps, levels, curve.T, strict=True)
    ]  # fmt: skip
    squares = float(np.sum([row.errors**2 for row in points]))
    rows = list(points)
    rows += [
        over_networks(NAME, f"distance of the mean curve from the published one, {text} (root mean square)",
                      [np.sqrt(np.square(values[name].mean(axis=0) - known).mean())])
        for name, text in SHOWN.items()
    ]  # fmt: skip
    note = f"p = {chi2.sf(squares, len(points)):.2g}, were mixtures independent"
    rows.append(over_networks(NAME, f"squared errors of the {len(points)} points, sum (chi²)", [squares], note=note))
    note = (
        f"of the mean curve {(np.diff(curve.mean(axis=0)) > 0).sum()} rise; trend over networks p = {trend:.1g} (Page)"
    )
    rises = (np.diff(curve, axis=1) > 0).sum(axis=1)
    neighbours = f"neighbouring mixtures, of {len(levels) - 1}, where the curve of a network rises"
    rows.append(over_networks(NAME, neighbours, rises, note=note))
    zero = "gradients of 0, which have no direction"
    rows.append(over_networks(NAME, zero, values["zero"].sum(axis=1), note="of 40,000 for each mixture"))
    last = [levels[each > 1].max() for each in groups]
    return [*rows, over_networks(NAME, "largest l at which two groups are found", last)]


def draw(levels: np.ndarray, values: dict[str, np.ndarray]) -> Figure:
    """Draw the curve beside the published one, and the groups and their evidence below one another."""
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    left, groups, gap = (figure.subplot_mosaic([["curve", "groups"], ["curve", "gap"]], width_ratios=(1.4, 1))).values()
    error_lines(left, levels, {text: values[name] for name, text in SHOWN.items()})
    error_lines(groups, levels, {"": values["groups"]}, color=colour(2))
    error_lines(gap, levels, {"": values["gap"]}, color=colour(3))
    published = [CURVE[round(level / 0.05)] for level in levels]
    scatter = mean_and_error(values["tasks"])[1] * np.sqrt(len(values["tasks"]) / PUBLISHED_N)
    label = f"published, of {PUBLISHED_N} that scatter as ours"
    left.errorbar(levels, published, scatter, fmt="--x", color=INK, capsize=2, label=label)
    left.legend(fontsize=8, frameon=False)
    left.set(
        ylabel="1 - mean |cos| (0 parallel, 1 orthogonal)", ylim=(0, 1), xlabel="mixture l (0: two tasks, 0.5: equal)"
    )
    groups.set(ylabel="groups", ylim=(0.8, 2.2), yticks=(1, 2))
    gap.axhline(1, color=NEUTRAL, linestyle=":")
    gap.set(ylabel="ratio", ylim=(0, None), xlabel="mixture l")
    plain(left, "Input gradients of the two outputs")
    plain(groups, "Groups found")
    plain(gap, "Gap that counts groups (above 1: two)")
    figure.suptitle(
        f"Soft mixing of the outputs, mean and standard error of {len(values['tasks'])} networks per mixture",
        fontsize=12,
        color=INK,
    )
    return figure


if __name__ == "__main__":
    command(measure, report, describe=__doc__, most=MOST)
