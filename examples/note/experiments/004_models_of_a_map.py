"""Ask what models the next layer: one regression, one averaged gradient, or a gradient for every example.

The note hopes that backpropagation models the non-linearities more faithfully than PLSR, perhaps completely. As one
matrix of averaged gradients, no: regression is about the best linear map. With a gradient for every row, yes: that of
the nearest fitted row (that of one row near the mean, for all, is worse than regression), and completely where both lie
in one linear region. Smooth networks have none, and it is nearly so. For a map that is far from linear PLSR fails and
these gradients do not.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import compgraph as cg
from compgraph.observe import row_gradients
from compgraph.show import NEUTRAL, colour, plain
from compgraph.toys import Plan, Toy, planted
from note.double_precision import in_double
from note.measures.affine_models import MapFits, held_out_fits
from note.pictures.panels import grouped_bars
from note.published import Result, command, over_networks, write

NAME, FIRST, SECOND, N = "004 models of a map", "layers.0.act", "layers.1.act", 16
MODELS = {
    "PLSR, 16 components": colour(0),
    "averaged gradients": colour(1),
    "gradient of a central row": colour(3),
    "nearest row alone": NEUTRAL,
    "nearest row's gradient": colour(2),
}
MAPS = {"layer 0 to 1": [FIRST, SECOND], "input to layer 1": [SECOND]}
TICKS = (0.01, 0.1, 1, 10, 100)


def measure(toys: Sequence[Toy]) -> list[dict[str, MapFits]]:
    """Fit and try every model of every map, of each network."""
    return [{name: fits(in_double(toy), layers) for name, layers in MAPS.items()} for toy in toys]


def fits(toy: Toy, layers: list[str]) -> MapFits:
    """Fit every model of a map to half of the rows, and try it on the others."""
    stats = cg.collect(toy.model, toy.data, layers, sample=len(toy.data), progress=False)
    pair = next(pair for pair in stats.pairs if pair.target.layer == SECOND)
    sample, gradients = stats.samples[pair], row_gradients(stats, pair, filters=np.eye(N)).gradients
    order = np.argsort(sample.ids)  # a sample is in random order
    return held_out_fits(sample.x[order], sample.y[order], gradients, n_fitted=len(order) // 2, n_components=N)


def draw(tables: dict[str, np.ndarray]) -> Figure:
    """Draw what every model of a map leaves unexplained."""
    figure = Figure(figsize=(8.0, 4.0), layout="constrained")
    axes = figure.add_subplot()
    n = max(map(len, tables.values()))  # maps of which fewer networks were measured have no value in the others
    rest = {name: np.full((n, len(tables)), np.nan) for name in MODELS}
    for place, table in enumerate(tables.values()):
        for rank, name in enumerate(MODELS):
            rest[name][: len(table), place] = 100 * (1 - table[:, rank])
    grouped_bars(axes, [f"{name}\n(n = {len(each)})" for name, each in tables.items()], rest, shades=[*MODELS.values()])
    axes.set(yscale="log", ylim=(0.01, 200), ylabel="variance not explained (%)")
    axes.set_yticks(TICKS, [f"{each:g}" for each in TICKS])
    plain(axes, "Models of a map, fitted to half of the rows and tried on the others: mean and standard error")
    figure.legend(loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    return figure


def report(found: list[dict[str, MapFits]], folder: Path) -> list[Result]:
    """Compare the models of all networks, and of two tanh networks, which have no linear regions."""
    # Planted products of factors of mean 0: no linear map gets near a product.
    smooth = measure(planted(Plan(width=N, activation="tanh"), seeds=range(2)))
    models = {
        f"{name}, {kind}": np.array([each[name] for each in networks])
        for kind, networks in {"ReLU": found, "tanh": smooth}.items()
        for name in MAPS
    }
    write(draw(models), folder, "004-models")
    for name, each in ((name, MapFits(*table.mean(axis=0))) for name, table in models.items()):
        assert each.averaged < each.regression + 0.01, f"one matrix of gradients is no better than regression: {name}"
        assert each.nearest > max(each.regression, 0.99), f"each row has its own gradient: {name}"
        assert each.exact > 0.4 if "ReLU" in name else each.exact < 0.01, f"only rectifiers have regions: {name}"
    one, two, _, tanh = (dict(zip(MapFits._fields, table.T, strict=True)) for table in models.values())
    assert tanh["regression"].mean() < 0.8, "PLSR fails where a map is far from linear"
    central = f"one matrix, as the note proposes; the gradient of one central row {one['central'].mean():.2f}"
    exact = f"exact for {100 * one['exact'].mean():.0f} % of the rows"
    exact += f"; the nearest row alone {one['nearest_row'].mean():.2f}"
    all_four = f"all 4 components; gradient of the nearest row {two['nearest'].mean():.3f}"
    numbers = [
        ("layer 0 to 1, held out: PLSR", one["regression"], ""),
        ("layer 0 to 1, held out: averaged gradients", one["averaged"], central),
        ("layer 0 to 1, held out: gradient of the nearest fitted row", one["nearest"], exact),
        ("input to layer 1, held out: PLSR", two["regression"], all_four),
        ("input to layer 1 of tanh networks, held out: PLSR", tanh["regression"],
         f"gradient of the nearest row {tanh['nearest'].mean():.3f}"),
    ]  # fmt: skip
    return [over_networks(NAME, f"R² of {quantity}", values, note=note) for quantity, values, note in numbers]


if __name__ == "__main__":
    command(measure, report, describe=__doc__)
