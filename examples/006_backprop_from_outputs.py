"""Differentiate each output with respect to every layer, and see whether the tasks' gradients are apart.

In a piecewise linear network an output has few distinct gradients: one for each pattern of gates that reaches it, which
is checked. Are those of the two outputs orthogonal? With respect to the inputs they are. In the hidden layers, counted
in units of activation, their subspaces overlap less than subspaces that point anywhere, but with 16 units chance is
small as well, and a single network has them share a direction. Such are directions in which activations hardly vary:
per standard deviation of the activations the overlap is about a thousandth, against almost one half by chance.

How strong is that? Gradients turned at random see one task with 3/4 of what they see, where the network's see it with
98 %. But whoever computes two products that vary independently must come near this: at the last hidden layer, where the
outputs are linear, the scaled overlap is the squared correlation of the outputs and nothing else, which is checked.
That the overlap per unit is low as well is the network's own doing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import compgraph as cg
from compgraph.check import distinct_directions, gradient_capture, reaching_patterns, regions
from compgraph.check.distinct import EXACT
from compgraph.check.turned import GradientOverlap, capture_by_chance, gradient_overlap, mean_cosine_by_chance
from compgraph.observe.site_gradients import site_gradients
from compgraph.show.drawing import INK
from compgraph.show.palette import colour
from compgraph.toys import Toy
from compgraph.toys.precision import in_double
from published import Result, command, over_networks, plain, standard_error, write

NAME = "006 backprop from outputs"
GATES = ("layers.0.act", "layers.1.act")
LAYERS, OUTPUTS = ("input", *GATES), np.eye(2)
# Means and least values of 100 networks, outputs A and B.
CAPTURE = {"input": (0.987, 0.985), "layers.0.act": (0.979, 0.975), "layers.1.act": (0.998, 0.998)}
LEAST = {"input": (0.921, 0.953), "layers.0.act": (0.884, 0.838), "layers.1.act": (0.988, 0.982)}
DISTINCT = {"input": (101, "25-278"), "layers.0.act": (16, "2-62"), "layers.1.act": (1, "1")}
COSINE = {"layers.0.act": 0.004}  # of one network


@dataclass(frozen=True)
class Found:
    """What the gradients of both outputs with respect to one layer of one network are like."""

    capture: list[float]
    capture_by_chance: float
    distinct: int
    cosine: float
    plain: GradientOverlap
    scaled: GradientOverlap


def measure(toy: Toy) -> list[Found]:
    """Compare the gradients of the two outputs, layer by layer."""
    toy = in_double(toy)
    seen = {name: cg.collect(toy.model, rows, toy.layers, sample=1, progress=False)
            for name, rows in {"typical": toy.data, **toy.tasks}.items()}  # fmt: skip
    found = []
    for pair in seen["typical"].pairs:
        spread = {name: stats.moments[pair].xx / stats.moments[pair].n for name, stats in seen.items()}
        found.append(describe(toy, pair.source.layer, spread.pop("typical"), spread))
    outputs = seen["typical"].moments[pair].yy
    squared = outputs[0, 1] ** 2 / (outputs[0, 0] * outputs[1, 1])
    assert np.isclose(found[-1].scaled.overlap, squared, atol=1e-9), "linear outputs overlap by their correlation"
    return found


def describe(toy: Toy, layer: str, covariance: np.ndarray, by_task: Mapping[str, np.ndarray]) -> Found:
    """Compare the gradients of the two outputs with respect to one layer."""
    gradients = site_gradients(toy.model, toy.data, source=layer, target="head", filters=OUTPUTS)
    distinct = [distinct_directions(gradients[:, output], tolerance=EXACT).directions for output in (0, 1)]
    for each, output in zip(distinct, OUTPUTS, strict=True):
        felt = reaching_patterns(toy.model, toy.data, layers=GATES, source=layer, target="head", score=output)
        assert len(each) == len(regions(felt)), "as many gradients as patterns of gates that reach the output"
    assert len(distinct[0]) == len(distinct[1]), "both outputs have equally many"
    means = gradients.mean(axis=0)
    return Found(
        capture=[gradient_capture(each, by_task) for each in distinct],
        capture_by_chance=float(np.mean([capture_by_chance(each, by_task, seed=toy.seed) for each in distinct])),
        distinct=len(distinct[0]),
        cosine=abs(float(means[0] @ means[1] / np.prod(np.linalg.norm(means, axis=1)))),
        plain=gradient_overlap(gradients[:, 0], gradients[:, 1]),
        scaled=gradient_overlap(gradients[:, 0], gradients[:, 1], covariance=covariance, seed=toy.seed),
    )


def draw(table: Mapping[str, Sequence[Found]]) -> Figure:
    """Draw capture and overlap layer by layer: networks as dots, means as squares, chance as bars."""
    figure = Figure(figsize=(8, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    for place, (layer, found) in enumerate(table.items()):
        first = place == 0
        for output, shift in ((0, -0.2), (1, 0.2)):
            values = [each.capture[output] for each in found]
            column(left, place + shift, values, f"output {'AB'[output]}" if first else None, colour(output))
            left.plot(place + shift, CAPTURE[layer][output], "_", color=INK, markersize=18,
                      label="published" if first and output else None)  # fmt: skip
        chance(left, place, 0.36, np.mean([each.capture_by_chance for each in found]), first)
        for name, rank, shift in (("per unit", 0, -0.2), ("per standard deviation", 2, 0.2)):
            measured = [each.plain if rank == 0 else each.scaled for each in found]
            values = [each.overlap for each in measured]
            column(right, place + shift, values, name if first else None, colour(rank))
            chance(right, place + shift, 0.17, np.mean([each.chance for each in measured]), first and rank == 0)
    left.set(ylabel="share of the dominant task's variance", ylim=(0.7, 1.01))
    right.set(ylabel="mean squared cosine of principal angles", yscale="log", ylim=(1e-7, 2))
    plain(left, "What distinct gradients see (1: one task only)")
    plain(right, "Overlap of the outputs' gradient subspaces")
    for axes in (left, right):
        axes.set_xticks(range(len(LAYERS)), LAYERS)
        axes.legend(fontsize=8, frameon=False, loc="lower left" if axes is right else "center left")
    figure.suptitle(f"Gradients of the two outputs, {len(found)} networks", fontsize=12, color=INK)
    return figure


def column(axes: Axes, place: float, values: Sequence[float], label: str | None, shade: str) -> None:
    """Draw one dot a network, and their mean with its standard error."""
    at = place + np.linspace(-0.09, 0.09, len(values))
    axes.plot(at, values, ".", color=shade, alpha=0.6, markersize=5, markeredgewidth=0)
    axes.errorbar(place, np.mean(values), standard_error(values), fmt="s", color=shade, ecolor=INK, markersize=6,
                  markeredgecolor=INK, label=label)  # fmt: skip


def chance(axes: Axes, place: float, half: float, level: float, named: bool) -> None:
    """Draw what chance gives."""
    axes.hlines(level, place - half, place + half, colors=INK, linestyles=":", label="by chance" if named else None)


def run(toys: Sequence[Toy], folder: Path) -> list[Result]:
    """Measure the gradients of both outputs at every layer."""
    table = dict(zip(LAYERS, zip(*(measure(toy) for toy in toys), strict=True), strict=True))
    for found in table.values():
        assert np.mean([each.scaled.overlap for each in found]) < 0.1 * np.mean([each.scaled.chance for each in found])
        seen = np.mean([each.capture for each in found], axis=0)
        assert (seen > np.mean([each.capture_by_chance for each in found]) + 0.1).all()
    write(draw(table), folder, "006-gradients")
    return [row for layer, found in table.items() for row in rows(layer, found)]


def rows(layer: str, found: Sequence[Found]) -> list[Result]:
    """Hold what was measured at one layer against what was published."""
    captures, counts = np.array([each.capture for each in found]), [each.distinct for each in found]
    by_chance = f"by chance {np.mean([each.capture_by_chance for each in found]):.2f}"
    results = [
        over_networks(NAME, f"{layer}: gradient capture, output {output}", seen, published=published, tolerance=0.01,
                      note=f"{by_chance}; least {seen.min():.3f}, published {least}")
        for output, seen, published, least in zip("AB", captures.T, CAPTURE[layer], LEAST[layer], strict=True)
    ]  # fmt: skip
    mean, ends = DISTINCT[layer]
    note = f"{min(counts)}-{max(counts)}, published {ends}; both outputs alike in every network"
    results.append(over_networks(NAME, f"{layer}: distinct gradients of an output", counts, published=mean, note=note))
    cosines = [each.cosine for each in found]
    dimension = {"input": 4}.get(layer, 16)
    note = f"{min(cosines):.3f}-{max(cosines):.2f}; by chance {mean_cosine_by_chance(dimension):.2f}"
    quantity = f"{layer}: |cos| of the outputs' mean gradients"
    results.append(over_networks(NAME, quantity, cosines, published=COSINE.get(layer), published_n=1, note=note))
    for name, overlaps in (("unit", [each.plain for each in found]), ("s.d.", [each.scaled for each in found])):
        note = f"by chance {np.mean([each.chance for each in overlaps]):.2f}; principal angles {angles(overlaps)}"
        quantity = f"{layer}: overlap of gradient subspaces, per {name}"
        results.append(over_networks(NAME, quantity, [each.overlap for each in overlaps], note=note))
    return results


def angles(overlaps: Sequence[GradientOverlap]) -> str:
    """Write the mean of every principal angle, and over how many networks when not all have it."""
    texts = []
    for column_of in zip_longest(*(np.degrees(each.angles) for each in overlaps)):
        known = [each for each in column_of if each is not None]
        texts.append(f"{np.mean(known):.0f}°" + (f" (n={len(known)})" if len(known) < len(overlaps) else ""))
    return ", ".join(texts)


if __name__ == "__main__":
    command(run, describe=__doc__)
