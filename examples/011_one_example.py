"""See which part of the graph single examples use, and whether strange examples use a strange part.

Strange are: a task whose two inputs stand still, both factors of a task below 1/2 (a product of two small factors never
occurs in the data), and noise with the mean and spread of the inputs. Each is compared with examples like those of the
analysis, by the area under the ROC curve: 0.5 is no difference, 1 tells every pair of examples apart, and below 0.5 the
strange examples look more usual than the usual ones.

The answer: an example uses 1.8 of the 2.7 components of a space, and one in which a task stands still leaves that
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
from sklearn.metrics import roc_auc_score

import compgraph as cg
from compgraph.check import unusualness, usage
from compgraph.show.drawing import INK
from compgraph.show.palette import colour
from compgraph.toys import Toy
from compgraph.toys.multiplication import multiplication_data
from compgraph.toys.training import seeded
from published import Result, command, over_networks, plain, standard_error, write

NAME, N = "011 one example", 1000
LABELS = {
    "usual": "like the data",
    "still": "task B stands still",
    "small": "task A: two small factors",
    "noise": "noise",
}
MEASURES = {"graph": "part of the graph used", "input": "distance of the inputs"}


def examples(toy: Toy) -> dict[str, torch.Tensor]:
    """Draw examples like the data of a network, and unlike it in three ways."""
    generator = seeded(10_000 + toy.seed)
    usual = multiplication_data(4 * N, seed=20_000 + toy.seed)[0]
    still, small = usual[N : 2 * N].clone(), usual[2 * N : 3 * N].clone()
    still[:, 2:] = usual[:, 2:].mean(dim=0)
    small[:, :2] = 0.5 * torch.rand(N, 2, generator=generator)
    noise = usual.mean(dim=0) + usual.std(dim=0) * torch.randn(N, 4, generator=generator)
    return {"usual": usual[:N], "still": still, "small": small, "noise": noise}


def measured(toy: Toy) -> dict[str, float]:
    """Return everything that is measured of one network, by name."""
    stats = cg.collect(toy.model, toy.data, toy.layers, progress=False)
    parts = cg.components(stats)
    calibration = multiplication_data(2 * N, seed=30_000 + toy.seed)[0]
    reference = usage(parts, toy.model, calibration)
    kinds = examples(toy)
    used = {kind: usage(parts, toy.model, rows) for kind, rows in kinds.items()}
    graph = {kind: unusualness(each, reference) for kind, each in used.items()}
    fitted = LedoitWolf().fit(calibration.numpy())
    plain = {kind: fitted.mahalanobis(rows.numpy()) for kind, rows in kinds.items()}
    labels = cg.task_profile(parts, toy.model, toy.tasks, progress=False).labels
    at = zip(reference.nodes, reference.spaces, strict=True)
    b_nodes = np.array([labels.get(node) == "B" and space.side == "in" for node, space in at])
    found = {"false alarms": float((graph["usual"].p_value <= 0.05).mean())}
    for kind in kinds:
        found[f"B {kind}"] = float(used[kind].share[:, b_nodes].sum(axis=1).mean()) / len(stats.pairs)
        if kind != "usual":
            found[f"graph {kind}"] = _auc(graph["usual"].distance, graph[kind].distance)
            found[f"input {kind}"] = _auc(plain["usual"], plain[kind])
    share = used["usual"].share[:, [space.side == "in" for space in reference.spaces]]
    found["nodes"] = float(np.exp(-np.sum(share * np.log(share + 1e-300), axis=1) / len(stats.pairs)).mean())
    found["all nodes"] = share.shape[1] / len(stats.pairs)
    return found


def _auc(usual: np.ndarray, strange: np.ndarray) -> float:
    labels = np.repeat([0, 1], [len(usual), len(strange)])
    return float(roc_auc_score(labels, np.concatenate([usual, strange])))


def run(toys: Sequence[Toy], folder: Path) -> list[Result]:
    """Measure over at most twenty networks."""
    rows = [measured(toy) for toy in toys[:20]]
    values = {name: [row[name] for row in rows] for name in rows[0]}
    write(draw(values), folder, "011-one-example")
    results = [
        over_networks(NAME, "components that one example uses, exp(entropy), mean of spaces", values["nodes"]),
        over_networks(NAME, "components there are, mean of spaces", values["all nodes"]),
        over_networks(NAME, "share of usual examples with p <= 0.05", values["false alarms"], note="0.05 by chance"),
    ]
    for kind, text in LABELS.items():
        results.append(over_networks(NAME, f"share of task B's components, {text}", values[f"B {kind}"]))
    for kind, text in list(LABELS.items())[1:]:
        for measure, name in MEASURES.items():
            results.append(over_networks(NAME, f"AUC, {text}: {name}", values[f"{measure} {kind}"]))
    assert abs(np.mean(values["false alarms"]) - 0.05) < 0.03
    assert np.mean(values["B still"]) < 0.5 * np.mean(values["B usual"])
    assert np.mean(values["graph still"]) > 0.6
    return results


def draw(values: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the share of one task, and the area under the curve of both measures."""
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    shares = [[100 * each for each in values[f"B {kind}"]] for kind in LABELS]
    errors = [standard_error(each) for each in shares]
    left.barh(list(LABELS.values()), [np.mean(each) for each in shares], xerr=errors, color=colour(0))
    left.invert_yaxis()
    left.set(xlabel="share of task B's components (%)")
    for rank, (measure, name) in enumerate(MEASURES.items()):
        areas = [values[f"{measure} {kind}"] for kind in list(LABELS)[1:]]
        places = np.arange(len(areas)) + 0.4 * rank - 0.2
        errors = [standard_error(each) for each in areas]
        right.barh(places, [np.mean(each) for each in areas], 0.36, xerr=errors, color=colour(rank), label=name)
    right.set_yticks(range(len(LABELS) - 1), list(LABELS.values())[1:])
    right.invert_yaxis()
    right.axvline(0.5, color=INK, linestyle="--", linewidth=1)
    right.set(xlabel="area under the curve (0.5: chance)", xlim=(0, 1))
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=2, fontsize=8, frameon=False)
    n = len(values["nodes"])
    figure.suptitle(f"{N:,} single examples of each kind (n = {n} networks)", fontsize=12)
    plain(left, "Where examples run")
    plain(right, "Told from usual examples")
    return figure


def main() -> None:
    """Train, measure, draw and print."""
    command(run, describe=__doc__)


if __name__ == "__main__":
    main()
