"""Ask what models the next layer: one regression, one averaged gradient, or a gradient for every example.

The note hopes that backpropagation models the non-linearities more faithfully than PLSR, perhaps completely. As one
matrix of averaged gradients, no: regression is about the best linear map. With a gradient for every row, yes: that of
the nearest fitted row (that of one row near the mean, for all, is worse than regression), and completely where both lie
in one linear region. Smooth networks have none, and it is nearly so. For a map that is far from linear PLSR fails and
these gradients do not.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import compgraph as cg
from compgraph.check.expansion import Expansion, explained_variance
from compgraph.decompose import partial_least_squares, pca
from compgraph.observe.row_gradients import row_gradients
from compgraph.show.drawing import INK
from compgraph.show.palette import NEUTRAL, colour
from compgraph.toys import Plan, Toy, planted
from compgraph.toys.precision import in_double
from published import Result, command, over_networks, plain, standard_error, write

NAME, FIRST, SECOND, N = "004 models of a map", "layers.0.act", "layers.1.act", 16
MODELS = (
    "PLSR, 16 components",
    "averaged gradients",
    "gradient of a central row",
    "nearest row alone",
    "nearest row's gradient",
)
MAPS = {"layer 0 to 1": [FIRST, SECOND], "input to layer 1": [SECOND]}
RIGHT = 1e-9  # errors below it are rounding


def faithful(toy: Toy, layers: list[str]) -> np.ndarray:
    """Return what each model of a map explains of rows it was not fitted to, and how many the last has right."""
    toy = in_double(toy)
    stats = cg.collect(toy.model, toy.data, layers, sample=len(toy.data), progress=False)
    pair = next(pair for pair in stats.pairs if pair.target.layer == SECOND)
    sample, half = stats.samples[pair], len(toy.data) // 2
    x, y = (rows[np.argsort(sample.ids)] for rows in (sample.x, sample.y))
    axes = pca(cg.Moments.of(y[:half], x[:half]), N).axes
    scores, new = y @ axes.T, x[half:]
    seen = Expansion(x[:half], scores[:half], row_gradients(stats, pair, filters=axes).gradients[:half])
    moments = cg.Moments.of(seen.x, seen.y)
    plsr = moments.mean_y + (new - moments.mean_x) @ partial_least_squares(moments, N).coefficients()
    central = np.repeat(seen.nearest(moments.mean_x[None]), len(new))  # the mean itself has no gradient at hand
    predicted = (plsr, seen.averaged(new), seen.predict(new, at=central), seen.y[seen.nearest(new)], seen.predict(new))
    right = np.abs(predicted[-1] - scores[half:]).max(axis=1) < RIGHT
    return np.array([*(explained_variance(each, scores[half:]) for each in predicted), right.mean()])


@cache
def smooth() -> tuple[Toy, ...]:
    """Train two tanh networks on planted products, whose factors have mean 0: no linear map gets near a product."""
    return planted(Plan(width=N, activation="tanh"), seeds=range(2))


def draw_models(tables: dict[str, np.ndarray], folder: Path) -> None:
    """Draw what every model of a map leaves unexplained."""
    figure = Figure(figsize=(8.0, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for rank, name in enumerate(MODELS):
        rest = [100 * (1 - table[:, rank]) for table in tables.values()]
        at, errors = np.arange(len(rest)) + 0.17 * rank - 0.34, [standard_error(each) for each in rest]
        means, shade = [each.mean() for each in rest], (colour(0), colour(1), colour(3), NEUTRAL, colour(2))[rank]
        axes.bar(at, means, 0.16, yerr=errors, capsize=2, color=shade, ecolor=INK, label=name)
    labels = [f"{name}\n(n = {len(table)})" for name, table in tables.items()]
    axes.set(yscale="log", xticks=range(len(labels)), xticklabels=labels, ylabel="variance not explained (%)")
    axes.set(ylim=(0.01, 200), yticks=(ticks := (0.01, 0.1, 1, 10, 100)), yticklabels=[f"{each:g}" for each in ticks])
    plain(axes, "Models of a map, fitted to half of the rows and tried on the others: mean and standard error")
    figure.legend(loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    write(figure, folder, "004-models")


def run(toys: Sequence[Toy], folder: Path) -> list[Result]:
    """Fit and try every model on every network."""
    models = {f"{name}, ReLU": np.array([faithful(toy, at) for toy in toys]) for name, at in MAPS.items()}
    models |= {f"{name}, tanh": np.array([faithful(toy, at) for toy in smooth()]) for name, at in MAPS.items()}
    draw_models(models, folder)
    for name, (plsr, averaged, _, _, own, right) in ((name, table.mean(axis=0)) for name, table in models.items()):
        assert averaged < plsr + 0.01, f"one matrix of gradients is no better than regression: {name}"
        assert own > max(plsr, 0.99), f"each row has its own gradient: {name}"
        assert right > 0.4 if "ReLU" in name else right < 0.01, f"only rectifiers have regions: {name}"
    one, two, _, tanh = models.values()
    assert tanh[:, 0].mean() < 0.8, "PLSR fails where a map is far from linear"
    numbers = [
        ("R² of layer 0 to 1, held out: PLSR", one[:, 0], ""),
        ("R² of layer 0 to 1, held out: averaged gradients", one[:, 1],
         f"one matrix, as the note proposes; the gradient of one central row {one[:, 2].mean():.2f}"),
        ("R² of layer 0 to 1, held out: gradient of the nearest fitted row", one[:, 4],
         f"exact for {100 * one[:, 5].mean():.0f} % of the rows; the nearest row alone {one[:, 3].mean():.2f}"),
        ("R² of input to layer 1, held out: PLSR", two[:, 0],
         f"all 4 components; gradient of the nearest row {two[:, 4].mean():.3f}"),
        ("R² of input to layer 1 of tanh networks, held out: PLSR", tanh[:, 0],
         f"gradient of the nearest row {tanh[:, 4].mean():.3f}"),
    ]  # fmt: skip
    return [over_networks(NAME, quantity, values, note=note) for quantity, values, note in numbers]


if __name__ == "__main__":
    command(run, describe=__doc__)
