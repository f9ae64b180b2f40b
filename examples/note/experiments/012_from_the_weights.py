"""Ask whether the parameters alone tell the orthogonal task components, by regressing these on the weights.

The components are those of 002: of the first hidden layer, the orthogonal basis in which the tasks interfere least. A
regression gets what a unit reads of each pair of inputs, its bias, and how it reaches each output through the weights
behind it, and is asked for the unit's loading on the main component of a task. It is tried on networks that it was not
fitted to, without any data of theirs.

The answer is yes: what it predicts has a cosine of 0.96 with the component that takes data to find (0.27 where the
loadings of a network are dealt to its units at random). The weights before a unit tell nearly all of it; the weights
behind it alone, which know no input, still tell half of the variance.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from compgraph.check import task_covariances
from compgraph.show import INK, plain
from compgraph.statistics import Space
from compgraph.toys import Toy
from note.measures.variance.layer_rows import layer_rows
from note.measures.variance.purest_basis import purest_basis
from note.pictures.panels import grouped_bars
from note.published import Result, command, over_networks, write

NAME, LAYER = "012 from the weights", "layers.0.act"
KNOWN = {"before and behind": range(8), "before": range(5), "behind": range(5, 8)}  # columns of the weights


class Units(NamedTuple):
    """The units of one network, once for each task: what the weights say of them, and their loadings."""

    weights: np.ndarray  # task, unit, number
    loadings: np.ndarray  # task, unit
    dealt: np.ndarray  # the same loadings, at random


def measure(toys: Sequence[Toy]) -> list[Units]:
    """Describe the units of each network."""
    return [units(toy) for toy in toys]


def units(toy: Toy) -> Units:
    """Describe the units of one network by its weights, and by their loadings on the components of the tasks."""
    weights = {name: each.detach().double().numpy() for name, each in toy.model.state_dict().items()}
    reads, bias = weights["layers.0.linear.weight"], weights["layers.0.linear.bias"]
    behind = weights["layers.1.linear.weight"]
    reaches, lengths = weights["head.weight"] @ behind, np.linalg.norm(behind, axis=0)
    # The factors of a pair can change places, and so can the tasks: columns are own and other, not first and second.
    pairs = [np.sort(reads[:, :2], axis=1), np.sort(reads[:, 2:], axis=1)]
    described = [
        np.column_stack([pairs[own], pairs[1 - own], bias, reaches[own], reaches[1 - own], lengths]) for own in (0, 1)
    ]
    loadings = components(toy)
    dealt = np.random.default_rng(toy.seed).permuted(loadings, axis=1)
    return Units(np.array(described), loadings, dealt)


def components(toy: Toy) -> np.ndarray:
    """Return the main component of each task, pointing where its output grows."""
    found = task_covariances(toy.model, toy.tasks, layers=toy.layers, progress=False)[Space(LAYER, "in", 1)]
    basis, (first, second) = purest_basis(found), found.values()
    excess = np.einsum("kd,de,ke->k", basis, first - second, basis)
    axes = basis[[excess.argmax(), excess.argmin()]]
    with torch.no_grad():
        outputs = toy.model(toy.data).numpy()
    together = np.cov(axes @ layer_rows(toy.model, toy.data, LAYER).T, outputs.T)[:2, 2:]
    return axes * np.sign(np.diagonal(together))[:, None]


def predicted(found: Sequence[Units], columns: Sequence[int], loadings: np.ndarray) -> tuple[float, np.ndarray]:
    """Return R² on networks that were left out, and the cosine of what is predicted with the component, by network."""
    weights = np.array([each.weights for each in found])[..., list(columns)]
    n, tasks, n_units, width = weights.shape
    if n < 2:
        raise ValueError(f"{n} network came; a regression needs one to be fitted to and another to be tried on.")
    rows, targets, networks = weights.reshape(-1, width), loadings.reshape(-1), np.repeat(np.arange(n), tasks * n_units)
    model = make_pipeline(StandardScaler(), SVR(epsilon=0.02))  # loadings are about 0.25 in size
    guesses = cross_val_predict(model, rows, targets, groups=networks, cv=GroupKFold(min(5, n)))
    explained = 1 - np.square(guesses - targets).sum() / np.square(targets - targets.mean()).sum()
    guesses = guesses.reshape(loadings.shape)
    lengths = np.linalg.norm(guesses, axis=2) * np.linalg.norm(loadings, axis=2)
    return float(explained), ((guesses * loadings).sum(axis=2) / lengths).mean(axis=1)


def report(found: list[Units], folder: Path) -> list[Result]:
    """Regress the loadings on what is known of the weights, and on as much where they are dealt at random."""
    loadings, dealt = (np.array([getattr(each, name) for each in found]) for name in ("loadings", "dealt"))
    told = {name: predicted(found, columns, loadings) for name, columns in KNOWN.items()}
    chance = {name: predicted(found, columns, dealt) for name, columns in KNOWN.items()}
    for name in KNOWN:
        assert told[name][1].mean() > chance[name][1].mean() + 0.1, name
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.subplots()
    cosines, levels = (np.stack([each[1] for each in some.values()], axis=1) for some in (told, chance))
    grouped_bars(axes, list(KNOWN), {"predicted from the weights": cosines},
                 chance={"predicted from the weights": levels})  # fmt: skip
    axes.set(ylabel="cosine with the component", ylim=(0, 1), xlabel="weights that the regression is given")
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    plain(axes, f"Networks left out of the fit, mean and standard error of {len(found)}")
    figure.suptitle("Task components of the first hidden layer, told from the weights", fontsize=12, color=INK)
    write(figure, folder, "012-from-the-weights")
    what = "cosine of a task component with what is predicted of weights"
    return [
        over_networks(NAME, f"{what} {name} the units", told[name][1],
                      note=f"held out: R² {told[name][0]:.2f}; loadings dealt at random {chance[name][1].mean():.2f}")
        for name in KNOWN
    ]  # fmt: skip


if __name__ == "__main__":
    command(measure, report, describe=__doc__)
