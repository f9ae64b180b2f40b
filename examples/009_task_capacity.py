"""How many dimensions a task occupies, and how well it is learnt, against the width of layers and the number of tasks.

Networks multiply pairs of numbers, one product a task. A task is what its output reads of a layer: the energies of its
directions, none left out, are counted by the effective rank, exp(entropy), and by how many hold 90 % of them. Tasks
that are not learnt (r² below 0.1) have no dimensions and are counted apart. Of the last hidden layer an output reads
one direction, by construction: the head is linear.

The answer: the capacity of a layer is counted in units. How well tasks are learnt goes by the units per task, whatever
the width: with four r² is 0.96, with two 0.66, with one 0.33, and what is missing is missing task by task: with one
unit, nearly half of the tasks are not learnt at all while others are learnt well. In the first hidden layer a learnt
task occupies 1.2 to 1.5 dimensions, mean over plans, up to four units per task, and 2 to 2.3 from sixteen units on. At
the input it occupies two, its factors, and 1.5 where there are two units a task or fewer.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import compgraph as cg
from compgraph.check.capacity import effective_rank, n_holding, read_energies
from compgraph.show.palette import colour
from compgraph.toys import Plan, Toy, planted
from published import Result, command, over_networks, plain, standard_error, write

NAME, SEEDS, LEARNT = "009 task capacity", 5, 0.1
WIDTHS, TASKS = (8, 16, 32, 64), (2, 4, 8)
HIDDEN, INPUT = "first hidden layer", "input"
SITES = {"layers.0.act": HIDDEN, "input": INPUT}
LABELS = {
    f"rank {HIDDEN}": "dimensions of a learnt task\n(effective rank)",
    "r2": "variance explained\n(r², mean of tasks)",
}

Plans = Mapping[tuple[int, int], Mapping[str, Sequence[float]]]


def measured(toy: Toy) -> dict[str, float]:
    """Return how well tasks are learnt, and the dimensions of those that are, mean over tasks."""
    stats = cg.collect(toy.model, toy.data, toy.layers, progress=False)
    learnt = np.array([toy.scores[f"r2_{task}"] >= LEARNT for task in toy.tasks])
    found = {"r2": toy.scores["r2"], "lost": float(1 - learnt.mean())}
    for space, energies in read_energies(stats).items():
        if place := SITES.get(space.layer):
            found[f"rank {place}"] = float(np.mean([effective_rank(each) for each in energies[learnt]]))
            found[f"90 % {place}"] = float(np.mean([n_holding(each, 0.9) for each in energies[learnt]]))
    return found


def run(toys: Sequence[Toy], folder: Path) -> list[Result]:
    """Train networks of its own, at most five a plan; fewer make it a quick look at the ends of the ranges."""
    seeds = range(min(len(toys), SEEDS))
    widths, tasks = (every if len(seeds) == SEEDS else (every[0], every[-1]) for every in (WIDTHS, TASKS))
    values: dict[tuple[int, int], dict[str, list[float]]] = {}
    for width in widths:
        for count in tasks:
            rows = [measured(toy) for toy in planted(Plan(n_tasks=count, width=width), seeds=seeds)]
            values[width, count] = {name: [row[name] for row in rows] for name in rows[0]}
    write(draw(values, len(seeds)), folder, "009-task-capacity")
    scarce, ample = values[WIDTHS[0], TASKS[-1]], values[WIDTHS[-1], TASKS[0]]
    assert np.mean(scarce["r2"]) < 0.6 < 0.98 < np.mean(ample["r2"])
    assert np.mean(scarce[f"rank {HIDDEN}"]) < np.mean(ample[f"rank {HIDDEN}"]) < 4
    # A product reads both of its factors.
    assert all(1.9 < each < 2.2 for each in ample[f"rank {INPUT}"])
    return [row for each in (1, 2, 4, 32) for row in rows_of(values, each)]


def rows_of(values: Plans, units: int) -> list[Result]:
    """Return the rows of all networks that have so many units of a layer for each task."""
    plans = [plan for plan in values if plan[0] == units * plan[1]]
    if not plans:
        return []
    said = {"r2": "r², mean of tasks", f"rank {HIDDEN}": f"effective rank of a learnt task, {HIDDEN}"}
    said |= {"lost": "share of tasks that are not learnt"} if units <= 2 else {}
    if units > 4:
        said |= {
            f"90 % {HIDDEN}": f"directions with 90 % of its energy, {HIDDEN}",
            f"rank {INPUT}": f"effective rank of a learnt task, {INPUT}",
        }
    note = "width/tasks: " + ", ".join(f"{width}/{count}" for width, count in plans)
    per = f"{units} unit{'s' if units > 1 else ''} of a layer per task"
    return [
        over_networks(NAME, f"{per}: {text}", [each for plan in plans for each in values[plan][name]], note=note)
        for name, text in said.items()
    ]


def draw(values: Plans, n: int) -> Figure:
    """Draw effective ranks and r², against the number of tasks and against the units per task."""
    figure = Figure(figsize=(8, 5.6), layout="constrained")
    panels = figure.subplots(2, 2, sharey="row", sharex="col")
    widths, tasks = (list(dict.fromkeys(plan[side] for plan in values)) for side in (0, 1))
    for (name, label), row in zip(LABELS.items(), panels, strict=True):
        for rank, width in enumerate(widths):
            seen = [values[width, count][name] for count in tasks]
            style = {"color": colour(rank), "marker": "osD^"[rank], "markersize": 5, "capsize": 2}
            beside = [count * 1.04 ** (rank - 1.5) for count in tasks]  # error bars would hide one another
            for axes, places in ((row[0], beside), (row[1], [width / count for count in tasks])):
                line = axes.errorbar(places, np.mean(seen, axis=1), standard_error(np.transpose(seen)), **style)
                line.set_label(f"width {width}")
        row[0].set(ylabel=label, ylim=(0, None))
    for axes, text, ticks in zip(
        panels[1],
        ("number of tasks", "units of a layer per task"),
        (tasks, sorted({width // count for width, count in values})),
        strict=True,
    ):
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [str(each) for each in ticks])
        axes.set_xlabel(text)
    for axes, title in zip(
        panels.flat, (f"Dimensions in the {HIDDEN}", "", "How well tasks are learnt", ""), strict=True
    ):
        plain(axes, title)
    figure.suptitle(f"What a task takes (n = {n} networks a point)", fontsize=12)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def main() -> None:
    """Train, measure, draw and print."""
    command(run, describe=__doc__)


if __name__ == "__main__":
    main()
