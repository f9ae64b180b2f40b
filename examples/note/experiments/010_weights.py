"""Tie the task components to the weights: singular directions, single units, and what training did to both.

The rows of a weight matrix (what single units read) and its right singular vectors, as long as their singular values,
are compared with the spans of the components of either task in the space they read: how much of what lies in the spans
belongs to the larger task, each direction counting by its squared length there. Chance is the same matrix with the
weights of every unit permuted, and an untrained twin is the control. The head is left out: components of what it reads
are its own rows.

The answer: there is branch specialisation, and it is partial. Single units keep to one task more than their permuted
weights do (dominance 0.81 against 0.71, and 0.88 against 0.82 in the second layer), and those of untrained twins do not
(0.76 against 0.75, and 0.77 against 0.77). About half of the weight mass, 43 % and 58 % in the two layers, is in units
that belong to one task by more than 90 %, against 19 % and 41 % by chance. Singular directions keep to one task no more
than chance gives, within error: the leading ones span what the network reads, and mix the tasks within it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from torch import nn

import compgraph as cg
from compgraph.check import subspace_overlap
from compgraph.observe import untrained_twin
from compgraph.show import plain
from compgraph.toys import Toy
from note.measures.variance.weights import WeightDominance, permuted_dominance, task_axes, weight_dominance
from note.pictures.panels import grouped_bars, mean_and_error
from note.published import Result, command, over_networks, write

NAME, MOST, PURE = "010 weights", 20, 0.9
READERS = {"input": "layers.0.linear", "layers.0.act": "layers.1.linear"}
STATES = {"trained": "trained", "twin": "untrained twin"}
KINDS = {"units": "Single units", "singular": "Singular directions", "pure units": f"Units above {PURE:g}"}

Spans = dict[str, dict[str, np.ndarray]]
Record = dict[str, float]


def measure(toys: Sequence[Toy]) -> list[Record]:
    """Measure each network and its twin; a twin without components for a task is held against the network's spans."""
    records = []
    for toy in toys:
        twin, read = untrained_twin(toy.model, toy.seed), spans(toy.model, toy)
        at_first, record = spans(twin, toy), {}
        for site in READERS:
            record[f"borrowed {site}"] = float(not all(len(axes) for axes in at_first[site].values()))
            if record[f"borrowed {site}"]:
                at_first[site] = read[site]
        for state, model, tasks in (("trained", toy.model, read), ("twin", twin, at_first)):
            record |= {f"{state} {name}": value for name, value in weights(model, tasks).items()}
        records.append(record)
    return records


def spans(model: nn.Module, toy: Toy) -> Spans:
    """Return, for each space that is read and each task, the axes of the components that the task dominates."""
    parts = cg.components(cg.collect(model, toy.data, toy.layers, progress=False))
    profile = cg.task_profile(parts, model, toy.tasks, layers=list(toy.layers), progress=False)
    return {space.layer: axes for space, axes in task_axes(parts, profile).items() if space.side == "in"}


def weights(model: nn.Module, read: Spans) -> Record:
    """Return everything that is measured of the weights of one network, and the same by chance."""
    found: Record = {}
    rng, state = np.random.default_rng(0), model.state_dict()
    for site, module in READERS.items():
        weight = state[f"{module}.weight"].double().numpy()
        found |= {f"{name} {site}": value for name, value in numbers(weight_dominance(weight, read[site])).items()}
        permuted = [numbers(each) for each in permuted_dominance(weight, read[site], seed=rng)]
        found |= {f"permuted {name} {site}": float(np.mean([each[name] for each in permuted])) for name in permuted[0]}
        axes = np.vstack(list(read[site].values()))
        right = np.linalg.svd(weight, full_matrices=False)[2][: len(axes)]
        found[f"span {site}"] = subspace_overlap(right, axes).corrected
    return found


def numbers(found: WeightDominance) -> Record:
    """Return the dominance in both bases, the mass in pure units, and the mass within the spans."""
    units = found.units
    return {
        "units": units.mean, "singular": found.singular.mean, "pure units": units.above(PURE), "inside": units.inside
    }  # fmt: skip


def report(found: list[Record], folder: Path) -> list[Result]:
    """Return dominance beside its chance, and how much of the weights is in the spans."""
    values = {name: np.array([record[name] for record in found]) for name in found[0]}
    write(draw(values), folder, "010-weights")
    for site in READERS:
        trained, twin = (np.mean(values[f"{state} units {site}"] - values[f"{state} permuted units {site}"])
                         for state in STATES)  # fmt: skip
        assert trained > max(0.02, 2 * abs(twin))
    assert np.mean(values["trained span layers.0.act"]) > np.mean(values["twin span layers.0.act"]) + 0.2
    rows = [row for site in READERS for row in rows_of(values, site)]
    for state, name in STATES.items():
        quantity = f"leading singular directions of layers.1.linear in the span of the components, {name}"
        spanned = values[f"{state} span layers.0.act"]
        rows.append(over_networks(NAME, quantity, spanned, note="0 by chance, 1 within"))
    return rows


def rows_of(values: Mapping[str, np.ndarray], site: str) -> list[Result]:
    """Return dominance in the weights that read one space, the mass in pure units, and what chance gives."""
    kept = [("trained", "units"), ("twin", "units"), ("trained", "singular")]
    asked = [(state, kind, f"dominance of one task in the {KINDS[kind].lower()} of") for state, kind in kept]
    asked += [(state, "pure units", "weight mass in units of") for state in STATES]
    rows = []
    for state, kind, text in asked:
        note = "permuted weights {:.2f} ± {:.2f}".format(*mean_and_error(values[f"{state} permuted {kind} {site}"]))
        if kind == "units":
            note += f"; {np.mean(values[f'{state} inside {site}']):.0%} of the mass is in the spans"
        if state == "twin" and (borrowed := int(values[f"borrowed {site}"].sum())):
            note += f"; in {borrowed} twins a task has no component, and spans are the trained network's"
        end = (f" above {PURE:g} for one task" if kind == "pure units" else "") + f", {STATES[state]}"
        rows.append(over_networks(NAME, f"{text} {READERS[site]}{end}", values[f"{state} {kind} {site}"], note=note))
    return rows


def draw(values: Mapping[str, np.ndarray]) -> Figure:
    """Draw dominance of units and singular directions, and the mass in units of one task, beside chance and control."""
    figure = Figure(figsize=(8, 3.8), layout="constrained")
    panels = figure.subplots(1, len(KINDS))
    for axes, (kind, title) in zip(panels, KINDS.items(), strict=True):
        seen, chance = (
            {name: np.stack([values[f"{state} {prefix}{kind} {site}"] for site in READERS], axis=1)
             for state, name in STATES.items()}
            for prefix in ("", "permuted ")
        )  # fmt: skip
        grouped_bars(axes, list(READERS.values()), seen, chance=chance)
        axes.set_ylim(0 if kind == "pure units" else 0.5, 1)
        plain(axes, title)
        axes.tick_params(axis="x", labelsize=8)
    panels[0].set_ylabel("dominance of one task\n(1/2: both alike, 1: pure)")
    panels[2].set_ylabel("share of the weight mass")
    n = len(values["trained units input"])
    title = f"How far the weights of a layer keep to one task: mean and standard error of {n} networks"
    figure.suptitle(f"{title}\n(by chance: weights permuted)", fontsize=11)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


if __name__ == "__main__":
    command(measure, report, describe=__doc__, most=MOST)
