"""How many dimensions a task occupies, and how well it is learnt, against the width of layers and the number of tasks.

Networks multiply pairs of numbers, one product a task. A task is what its output reads of a layer: the energies of its
directions, none left out, are counted by the effective rank, exp(entropy), and by how many hold 90 % of them. Tasks
that are not learnt (r² below 0.1) have no dimensions and are counted apart. Of the last hidden layer an output reads
one direction, by construction: the head is linear.

The answer: the capacity of a layer is counted in units. How well tasks are learnt goes by the units per task, whatever
the width: with four r² is 0.96, with two 0.66, with one 0.33, and what is missing is missing task by task: with one
unit, nearly half of the tasks are not learnt at all while others are learnt well. In the first hidden layer a learnt
task occupies 1.2 to 1.5 dimensions, mean over plans, up to four units per task, and 2 to 2.3 from sixteen units on. At
the input it occupies two, its factors, and 1.5 to 1.6 where there are two units a task or fewer.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import compgraph as cg
from compgraph.check import effective_rank, n_holding, read_energies
from compgraph.show import colour, plain
from compgraph.toys import Plan, Toy, planted
from note.pictures.panels import error_lines, mean_and_error
from note.published import Result, command, over_networks, write

NAME, MOST, LEARNT = "009 task capacity", 5, 0.1
WIDTHS, TASKS = (8, 16, 32, 64), (2, 4, 8)
HIDDEN, INPUT = "first hidden layer", "input"
SITES = {"layers.0.act": HIDDEN, "input": INPUT}
PANELS = {
    f"rank {HIDDEN}": (f"Dimensions in the {HIDDEN}", "dimensions of a learnt task\n(effective rank)"),
    "r2": ("How well tasks are learnt", "variance explained\n(r², mean of tasks)"),
}

Numbers = dict[str, float]
Record = dict[tuple[int, int], Numbers]  # of one seed, by width and number of tasks


def measure(toys: Sequence[Toy]) -> list[Record]:
    """Train networks of its own with the seeds that came; fewer than all are a quick look at the ends of the ranges."""
    seeds = [toy.seed for toy in toys]
    widths, tasks = (each if len(seeds) == MOST else (each[0], each[-1]) for each in (WIDTHS, TASKS))
    found: list[Record] = [{} for _ in seeds]
    for width in widths:
        for count in tasks:
            trained = planted(Plan(n_tasks=count, width=width), seeds=seeds)
            for record, toy in zip(found, trained, strict=True):
                record[width, count] = dimensions(toy)
    return found


def dimensions(toy: Toy) -> Numbers:
    """Return how well tasks are learnt, and the dimensions of those that are, mean over tasks."""
    stats = cg.collect(toy.model, toy.data, toy.layers, progress=False)
    learnt = np.array([toy.scores[f"r2_{task}"] >= LEARNT for task in toy.tasks])
    found = {"r2": toy.scores["r2"], "lost": float(1 - learnt.mean())}
    for space, energies in read_energies(stats).items():
        if place := SITES.get(space.layer):
            sizes = np.array([(effective_rank(each), n_holding(each, 0.9)) for each in energies[learnt]])
            # NaN of a network that has learnt no task.
            found[f"rank {place}"], found[f"90 % {place}"] = mean_and_error(sizes.reshape(-1, 2))[0].tolist()
    return found


def report(found: list[Record], folder: Path) -> list[Result]:
    """Return what a task takes where it has few units and where it has many."""
    scarce, ample = (
        {name: np.array([record[plan][name] for record in found]) for name in found[0][plan]}
        for plan in ((WIDTHS[0], TASKS[-1]), (WIDTHS[-1], TASKS[0]))
    )
    assert scarce["r2"].mean() < 0.6 < 0.98 < ample["r2"].mean()
    assert mean_and_error(scarce[f"rank {HIDDEN}"])[0] < ample[f"rank {HIDDEN}"].mean() < 4
    # A product reads both of its factors.
    assert ((ample[f"rank {INPUT}"] > 1.9) & (ample[f"rank {INPUT}"] < 2.2)).all()
    write(draw(found), folder, "009-task-capacity")
    return [row for units in (1, 2, 4, 16, 32) for row in rows_of(found, units)]


def rows_of(found: list[Record], units: int) -> list[Result]:
    """Return the rows of all networks that have so many units of a layer for each task."""
    plans = [plan for plan in found[0] if plan[0] == units * plan[1]]
    said = {"r2": "r², mean of tasks"}
    said |= {f"rank {place}": f"effective rank of a learnt task, {place}" for place in (HIDDEN, INPUT)}
    said |= {"lost": "share of tasks that are not learnt"} if units <= 2 else {}
    said |= {f"90 % {HIDDEN}": f"directions with 90 % of its energy, {HIDDEN}"} if units > 4 else {}
    note = "width/tasks: " + ", ".join(f"{width}/{count}" for width, count in plans)
    per = f"{units} unit{'s' if units > 1 else ''} of a layer per task"
    values = {name: [record[plan][name] for plan in plans for record in found] for name in said}
    return [over_networks(NAME, f"{per}: {text}", values[name], note=note) for name, text in said.items() if plans]


def draw(found: list[Record]) -> Figure:
    """Draw effective ranks and r², against the number of tasks and against the units per task."""
    figure = Figure(figsize=(8, 5.6), layout="constrained")
    panels = figure.subplots(2, 2, sharey="row", sharex="col")
    widths, tasks = (np.unique([plan[side] for plan in found[0]]).tolist() for side in (0, 1))
    for (name, (title, label)), (left, right) in zip(PANELS.items(), panels, strict=True):
        for rank, width in enumerate(widths):
            seen = {f"width {width}": np.array([[record[width, count][name] for count in tasks] for record in found])}
            look = {"color": colour(rank), "marker": "osD^"[rank], "markersize": 5}
            # Side by side, or error bars would hide one another.
            error_lines(left, np.multiply(tasks, 1.04 ** (rank - 1.5)), seen, **look)
            error_lines(right, width / np.array(tasks), seen, **look)
        left.set(ylabel=label, ylim=(0, None))
        plain(left, title)
        plain(right, "")
    units = sorted({width // count for width, count in found[0]})
    texts = ("number of tasks", "units of a layer per task")
    for axes, text, ticks in zip(panels[1], texts, (tasks, units), strict=True):
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [str(each) for each in ticks])
        axes.set_xlabel(text)
    figure.suptitle(f"What a task takes: mean and standard error of {len(found)} networks a point", fontsize=12)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


if __name__ == "__main__":
    command(measure, report, describe=__doc__, most=MOST)
