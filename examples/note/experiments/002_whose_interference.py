"""Ask how much of the interference of principal components is the network's, and how much PCA's.

Over nine tenths of it are PCA's. Components of the validation set leave 20 % of the variance of the first hidden layer
to the other task (axes weighted by variance, here and below). The best orthogonal basis, found knowing the tasks as
eigenvectors of the difference of their covariances, leaves 1.4 %: no rotation leaves less, so that is the network's
part. Of the few dimensions that the layers after it read, PCs leave 12 %, the best orthogonal basis of the very same
dimensions 0.6 %. PCA of one task's set alone leaves 3.5 %. Interaction components leave least, 0.2 %, but are oblique:
that only shows that the tasks are linearly independent.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import compgraph as cg
from compgraph.check import task_covariances
from compgraph.show import INK, NEUTRAL, colour, plain
from compgraph.toys import Toy
from note.measures.variance.principal_components import principal_within
from note.measures.variance.purest_basis import interference, purest_basis, task_variances
from note.pictures.panels import named_bars
from note.published import Result, command, over_networks, write

NAME, LAYER = "002 whose interference", "layers.0.act"
VALIDATION, BOTH, ONE = (f"all units, PCs of {which}" for which in ("the validation set", "both task sets", "one task"))
BEST, READ = "all units, best orthogonal basis", "what is read, PCs"
BEST_READ, OBLIQUE = "what is read, best orthogonal basis", "what is read, interaction (oblique)"
NOTES = {
    BEST: "global minimum: the network's part; the rest is PCA's",
    BEST_READ: "global minimum within the dimensions of the row above",
    OBLIQUE: "shows linear independence only",
}


def measure(toys: Sequence[Toy]) -> list[dict[str, float]]:
    """Return the other task's share of the variance in every basis, for each network."""
    return [mixed(toy) for toy in toys]


def mixed(toy: Toy) -> dict[str, float]:
    """Return the other task's share in every basis of the first hidden layer of one network."""
    stats = cg.collect(toy.model, toy.data, toy.layers, progress=False)
    pair = next(pair for pair in stats.pairs if pair.source.layer == LAYER)
    tasks = task_covariances(toy.model, toy.tasks, layers=toy.layers, progress=False)[pair.source]
    both = cg.collect(toy.model, [(each,) for each in toy.tasks.values()], toy.layers, sample=1, progress=False)
    units, typical = np.eye(len(stats.moments[pair].xx)), stats.moments[pair].xx
    turned = cg.components(stats, "interaction")[pair.source].axes
    read = principal_within(turned, typical)[0]
    bases = {
        VALIDATION: [principal_within(units, typical)[0]],
        BOTH: [principal_within(units, both.moments[pair].xx)[0]],
        ONE: [principal_within(units, each)[0] for each in tasks.values()],
        BEST: [purest_basis(tasks)],
        READ: [read],
        BEST_READ: [purest_basis(tasks, within=read)],
        OBLIQUE: [turned],
    }
    return {
        name: float(np.mean([interference(task_variances(axes, tasks)) for axes in some]))
        for name, some in bases.items()
    }


def report(found: list[dict[str, float]], folder: Path) -> list[Result]:
    """Compare the bases."""
    values = {name: np.array([each[name] for each in found]) for name in found[0]}
    means = {name: each.mean() for name, each in values.items()}
    assert means[BEST] < 0.25 * min(means[VALIDATION], means[BOTH])
    assert means[BEST_READ] < 0.5 * means[READ] < means[VALIDATION]
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.subplots()
    shades = [colour(2) if "best" in name else NEUTRAL if name == OBLIQUE else colour(0) for name in values]
    named_bars(axes, {name: 100 * each for name, each in values.items()}, shades=shades)
    axes.set_xlabel("variance of the other task (%)")
    plain(axes, f"First hidden layer, mean and standard error of {len(found)} networks")
    figure.suptitle("Whose doing is the interference?", fontsize=12, color=INK)
    write(figure, folder, "002-whose-interference")
    what = "other task's share, weighted by variance"
    return [over_networks(NAME, f"{what}: {name}", each, note=NOTES.get(name, "")) for name, each in values.items()]


if __name__ == "__main__":
    command(measure, report, describe=__doc__)
