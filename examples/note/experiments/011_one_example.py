"""See which part of the graph single examples use, and whether strange examples use a strange part.

Strange are: a task whose two inputs stand still, both factors of a task below 1/2 (a product of two small factors never
occurs in the data), and noise with the mean and spread of the inputs. Each is compared with examples like those of the
analysis, by the area under the ROC curve: 0.5 is no difference, 1 tells every pair of examples apart, and below 0.5 the
strange examples look more usual than the usual ones.

The answer: an example uses 1.8 of the 2.75 components of a space, and one in which a task stands still leaves that
task's components: they carry 8 % of what it uses, and half of what other examples use. The part of the graph tells
such examples (0.91), which the inputs hide (0.25: they are nearer the mean). Of small factors it tells less than the
inputs do (0.70 against 0.83), of noise a little (0.61), where the inputs tell nothing. Of usual examples, as many as
chance gives are called unusual at the 5 % level.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.covariance import LedoitWolf

import compgraph as cg
from compgraph.check import separation, unusualness, usage
from compgraph.show import INK, plain
from compgraph.toys import Toy, multiplication_data, seeded
from note.pictures.panels import grouped_bars
from note.published import Result, command, over_networks, write

NAME, MOST, N = "011 one example", 20, 1000
STRANGE = {"still": "task B stands still", "small": "task A: two small factors", "noise": "noise"}
KINDS = {"usual": "like the data"} | STRANGE
MEASURES = {"graph": "part of the graph used", "input": "distance of the inputs"}


def measure(toys: Sequence[Toy]) -> list[dict[str, float]]:
    """See which part of the graph of each network its examples use."""
    return [seen(toy) for toy in toys]


def seen(toy: Toy) -> dict[str, float]:
    """Return everything that is measured of one network, by name."""
    stats = cg.collect(toy.model, toy.data, toy.layers, progress=False)
    parts = cg.components(stats)
    kinds, calibration = examples(toy), multiplication_data(2 * N, seed=30_000 + toy.seed)[0]
    reference = usage(parts, toy.model, calibration)
    used = {kind: usage(parts, toy.model, rows) for kind, rows in kinds.items()}
    graph = {kind: unusualness(each, reference) for kind, each in used.items()}
    fitted = LedoitWolf().fit(calibration.numpy())
    away = {kind: fitted.mahalanobis(rows.numpy()) for kind, rows in kinds.items()}
    labels = cg.task_profile(parts, toy.model, toy.tasks, progress=False).labels
    inputs = np.array([space.side == "in" for space in reference.spaces])
    of_b = inputs & [labels.get(node) == "B" for node in reference.nodes]
    read = [space.side == "in" for space in sorted(parts)]
    found = {
        "false alarms": float((graph["usual"].p_value <= 0.05).mean()),
        "nodes": float(used["usual"].n_used[:, read].mean()),
        "all nodes": inputs.sum() / len(stats.pairs),
    }
    for kind in KINDS:
        found[f"B {kind}"] = float(used[kind].share[:, of_b].sum(axis=1).mean()) / len(stats.pairs)
    for kind in STRANGE:
        found[f"graph {kind}"] = separation(graph["usual"].distance, graph[kind].distance)
        found[f"input {kind}"] = separation(away["usual"], away[kind])
    return found


def examples(toy: Toy) -> dict[str, torch.Tensor]:
    """Draw examples like the data of a network, and unlike it in three ways."""
    generator = seeded(10_000 + toy.seed)
    usual = multiplication_data(4 * N, seed=20_000 + toy.seed)[0]
    still, small = usual[N : 2 * N].clone(), usual[2 * N : 3 * N].clone()
    still[:, 2:] = usual[:, 2:].mean(dim=0)
    small[:, :2] = 0.5 * torch.rand(N, 2, generator=generator)
    noise = usual.mean(dim=0) + usual.std(dim=0) * torch.randn(N, 4, generator=generator)
    return {"usual": usual[:N], "still": still, "small": small, "noise": noise}


def report(found: list[dict[str, float]], folder: Path) -> list[Result]:
    """Return how many components examples use, whose they are, and how well they tell strange examples."""
    values = {name: np.array([record[name] for record in found]) for name in found[0]}
    assert abs(values["false alarms"].mean() - 0.05) < 0.03
    assert values["B still"].mean() < 0.5 * values["B usual"].mean()
    assert values["graph still"].mean() > 0.6
    write(draw(values), folder, "011-one-example")
    names = {
        "nodes": "components that one example uses, exp(entropy), mean of spaces",
        "all nodes": "components there are, mean of spaces",
        "false alarms": "share of usual examples with p <= 0.05",
    }
    names |= {f"B {kind}": f"share of task B's components, {text}" for kind, text in KINDS.items()}
    names |= {
        f"{which} {kind}": f"AUC, {text}: {measured}"
        for kind, text in STRANGE.items()
        for which, measured in MEASURES.items()
    }
    notes = {"false alarms": "0.05 by chance"}
    return [over_networks(NAME, text, values[name], note=notes.get(name, "")) for name, text in names.items()]


def draw(values: Mapping[str, np.ndarray]) -> Figure:
    """Draw the share of one task, and the area under the curve of both measures."""
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    shares = np.stack([100 * values[f"B {kind}"] for kind in KINDS], axis=1)
    areas = {
        name: np.stack([values[f"{which} {kind}"] for kind in STRANGE], axis=1) for which, name in MEASURES.items()
    }
    grouped_bars(left, list(KINDS.values()), {"B": shares}, across=True)
    grouped_bars(right, list(STRANGE.values()), areas, across=True)
    left.set(xlabel="share of task B's components (%)")
    right.axvline(0.5, color=INK, linestyle="--", linewidth=1)
    right.set(xlabel="area under the curve (0.5: chance)", xlim=(0, 1))
    plain(left, "Where examples run")
    plain(right, "Told from usual examples")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=2, fontsize=8, frameon=False)
    n = len(values["nodes"])
    title = f"{N:,} single examples of each kind: mean and standard error of {n} networks"
    figure.suptitle(title, fontsize=12)
    return figure


if __name__ == "__main__":
    command(measure, report, describe=__doc__, most=MOST)
