"""Tie the task components to the weights: singular directions, single units, and what training did to both.

The rows of a weight matrix (what single units read) and its right singular vectors, as long as their singular values,
are compared with the spans of the components of either task in the space they read: how much of what lies in the spans
belongs to the larger task, each direction counting by its squared length there. Chance is the same matrix with the
weights of every unit permuted, and an untrained twin is the control. The head is left out: components of what it reads
are its own rows.

The answer: there is branch specialisation, and it is partial. Single units keep to one task more than their permuted
weights do, which those of untrained twins do not: about half of the weight mass, 43 % and 58 % in the two layers, is in
units that belong to one task by more than 90 %, against 19 % and 41 % by chance. Singular directions keep to one task
no more than chance gives, within error: the leading ones span what the network reads, and mix the tasks within it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from torch import nn

import compgraph as cg
from compgraph.check import subspace_overlap
from compgraph.check.dominance import Dominance, dominance
from compgraph.connect import node_id
from compgraph.observe.untrained import untrained_twin
from compgraph.show.drawing import INK
from compgraph.show.palette import colour
from compgraph.toys import Toy
from published import Result, command, over_networks, plain, standard_error, write

NAME, MOST, N_PERMUTED, PURE = "010 weights", 20, 20, 0.9
READERS = {"input": "layers.0.linear", "layers.0.act": "layers.1.linear"}
WHAT = {"units": "single units", "singular": "singular directions"}
STATES = {"trained": "trained", "twin": "untrained twin"}
CHANCE = "permuted "

Values = Mapping[str, Mapping[str, Sequence[float]]]
Spans = Mapping[str, Mapping[str, np.ndarray]]


def spans(model: nn.Module, toy: Toy) -> dict[str, dict[str, np.ndarray]]:
    """Return, for each space that is read and each task, the axes of the components that the task dominates."""
    parts = cg.components(cg.collect(model, toy.data, toy.layers, progress=False))
    labels = cg.task_profile(parts, model, toy.tasks, layers=list(toy.layers), progress=False).labels
    found = {}
    for space, part in parts.items():
        if space.side == "in" and space.layer in READERS:
            of = np.array([labels.get(node_id(space, index), "") for index in range(len(part))])
            found[space.layer] = {task: part.axes[of == task] for task in toy.tasks}
    return found


def against(weight: np.ndarray, tasks: Mapping[str, np.ndarray]) -> dict[str, Dominance]:
    """Return the dominance of the rows of a matrix, and of its singular directions."""
    _, values, right = np.linalg.svd(weight, full_matrices=False)
    return {"units": dominance(weight, tasks), "singular": dominance(values[:, None] * right, tasks)}


def measured(model: nn.Module, read: Spans) -> dict[str, float]:
    """Return everything that is measured of one network, as it is and with permuted weights."""
    rng, found = np.random.default_rng(0), {}
    for site, module in READERS.items():
        weight = model.get_submodule(module).weight.detach().double().numpy()
        permuted = [against(rng.permuted(weight, axis=1), read[site]) for _ in range(N_PERMUTED)]
        for prefix, several in (("", [against(weight, read[site])]), (CHANCE, permuted)):
            for kind in WHAT:
                found[f"{prefix}{kind} {site}"] = float(np.mean([each[kind].mean for each in several]))
                found[f"{prefix}pure {kind} {site}"] = float(np.mean([each[kind].above(PURE) for each in several]))
            found[f"{prefix}inside {site}"] = float(np.mean([each["units"].inside for each in several]))
        axes = np.vstack(list(read[site].values()))
        right = np.linalg.svd(weight, full_matrices=False)[2][: len(axes)]
        found[f"span {site}"] = subspace_overlap(right, axes).corrected
    return found


def run(toys: Sequence[Toy], folder: Path) -> list[Result]:
    """Measure over at most twenty networks and a twin of each."""
    states: dict[str, list[dict[str, float]]] = {state: [] for state in STATES}
    borrowed = dict.fromkeys(READERS, 0)
    for toy in toys[:MOST]:
        twin, read = untrained_twin(toy.model, toy.seed), spans(toy.model, toy)
        at_first = spans(twin, toy)
        for site in READERS:
            if not all(len(axes) for axes in at_first[site].values()):
                at_first[site], borrowed[site] = read[site], borrowed[site] + 1
        states["trained"].append(measured(toy.model, read))
        states["twin"].append(measured(twin, at_first))
    values = {state: {name: [row[name] for row in rows] for name in rows[0]} for state, rows in states.items()}
    write(draw(values), folder, "010-weights")
    trained, untrained = ({name: np.mean(each) for name, each in values[state].items()} for state in STATES)
    for site in READERS:
        excess = [each[f"units {site}"] - each[f"{CHANCE}units {site}"] for each in (trained, untrained)]
        assert excess[0] > max(0.02, excess[1])
    assert trained["span layers.0.act"] > untrained["span layers.0.act"] + 0.2
    return rows_of(values, borrowed)


def rows_of(values: Values, borrowed: Mapping[str, int]) -> list[Result]:
    """Return the rows of the table: dominance beside its chance, and the verdict on units."""
    results = []
    for site, module in READERS.items():
        asked = [("trained", kind, f"dominance of one task in the {text} of {module}") for kind, text in WHAT.items()]
        mass = f"weight mass in units of {module} above {PURE:g} for one task"
        asked += [(state, "pure units", f"{mass}, {name}") for state, name in STATES.items()]
        for state, kind, quantity in asked:
            chance = values[state][f"{CHANCE}{kind} {site}"]
            note = f"permuted weights {np.mean(chance):.2f} ± {standard_error(chance):.2f}"
            if kind == "units":
                note += f"; {np.mean(values[state][f'inside {site}']):.0%} of the mass is in the spans"
            if state == "twin" and borrowed[site]:
                note += f"; in {borrowed[site]} twins a task has no component, and spans are the trained network's"
            results.append(over_networks(NAME, quantity, values[state][f"{kind} {site}"], note=note))
    for state, name in STATES.items():
        quantity = f"leading singular directions of layers.1.linear in the span of the components, {name}"
        results.append(over_networks(NAME, quantity, values[state]["span layers.0.act"], note="0 by chance, 1 within"))
    return results


def draw(values: Values) -> Figure:
    """Draw dominance of units and singular directions, and the mass in units of one task, beside chance and control."""
    figure = Figure(figsize=(8, 3.8), layout="constrained")
    panels = figure.subplots(1, 3)
    titles = {"units": "Single units", "singular": "Singular directions", "pure units": f"Units above {PURE:g}"}
    for axes, (kind, title) in zip(panels, titles.items(), strict=True):
        for rank, (state, name) in enumerate(STATES.items()):
            seen, chance = (
                np.transpose([values[state][f"{prefix}{kind} {site}"] for site in READERS]) for prefix in ("", CHANCE)
            )
            places = np.arange(len(READERS)) + 0.38 * rank - 0.19
            axes.bar(
                places, seen.mean(axis=0), 0.35, yerr=standard_error(seen), color=colour(rank), label=name, capsize=3
            )
            line = {"color": INK, "linewidth": 2, "label": None if rank else "weights permuted (chance)"}
            axes.hlines(chance.mean(axis=0), places - 0.175, places + 0.175, **line)
        axes.set_xticks(range(len(READERS)), list(READERS.values()))
        axes.set_ylim(*((0, 1) if kind.startswith("pure") else (0.5, 1)))
        plain(axes, title)
        axes.tick_params(axis="x", labelsize=8)
    panels[0].set_ylabel("dominance of one task\n(1/2: both alike, 1: pure)")
    panels[2].set_ylabel("share of the weight mass")
    n = len(values["trained"]["units input"])
    figure.suptitle(f"How far the weights of a layer keep to one task (n = {n} networks)", fontsize=12)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def main() -> None:
    """Train, measure, draw and print."""
    command(run, describe=__doc__)


if __name__ == "__main__":
    main()
