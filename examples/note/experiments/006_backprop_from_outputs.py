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

from collections.abc import Sequence
from itertools import zip_longest
from operator import attrgetter
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import compgraph as cg
from compgraph.check import task_covariances
from compgraph.show import INK, colour, plain
from compgraph.toys import Toy
from note.double_precision import in_double
from note.measures.gradients.overlap_by_chance import GradientOverlap, mean_cosine_by_chance
from note.measures.regions.two_outputs import TwoScores, two_scores
from note.pictures.dots import grouped_dots
from note.published import Result, command, over_networks, write

NAME, GATES = "006 backprop from outputs", ("layers.0.act", "layers.1.act")
LAYERS = ("input", *GATES)
# Means and least values of 100 networks, outputs A and B.
CAPTURE = {"input": (0.987, 0.985), "layers.0.act": (0.979, 0.975), "layers.1.act": (0.998, 0.998)}
LEAST = {"input": (0.921, 0.953), "layers.0.act": (0.884, 0.838), "layers.1.act": (0.988, 0.982)}
DISTINCT = {"input": (101, "25-278"), "layers.0.act": (16, "2-62"), "layers.1.act": (1, "1")}
COSINE = {"layers.0.act": 0.004}  # of one network


def measure(toys: Sequence[Toy]) -> list[list[TwoScores]]:
    """Compare the gradients of the two outputs of each network, layer by layer."""
    return [by_layer(in_double(toy)) for toy in toys]


def by_layer(toy: Toy) -> list[TwoScores]:
    """Compare the gradients of the two outputs of a network, layer by layer."""
    stats = cg.collect(toy.model, toy.data, toy.layers, sample=1, progress=False)
    tasks = task_covariances(toy.model, toy.tasks, layers=toy.layers, progress=False)
    found = []
    for pair, moments in stats.moments.items():
        each = two_scores(
            toy.model, toy.data, layers=GATES, source=pair.source.layer, target="head", scores=np.eye(2),
            covariance=moments.xx / moments.n, tasks=tasks[pair.source], seed=toy.seed,
        )  # fmt: skip
        found.append(each)
        assert each.agree, "as many gradients as patterns of gates that reach the output"
        assert len(set(each.distinct)) == 1, "both outputs have equally many"
    squared = moments.yy[0, 1] ** 2 / (moments.yy[0, 0] * moments.yy[1, 1])
    assert np.isclose(found[-1].scaled.overlap, squared, atol=1e-9), "linear outputs overlap by their correlation"
    return found


def values(found: Sequence[Sequence[TwoScores]], what: str) -> np.ndarray:
    """Return one measure of all networks, one network a row and one layer a column."""
    return np.array([[attrgetter(what)(each) for each in network] for network in found])


def draw(found: Sequence[Sequence[TwoScores]]) -> Figure:
    """Draw capture and overlap layer by layer, beside what chance gives."""
    figure = Figure(figsize=(8, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    outputs, scales = ("output A", "output B"), {"per unit": "plain", "per standard deviation": "scaled"}
    capture = dict(zip(outputs, np.moveaxis(values(found, "capture"), 2, 0), strict=True))
    grouped_dots(left, LAYERS, capture, chance=dict.fromkeys(outputs, values(found, "capture_by_chance")))
    places = np.add.outer(np.arange(len(LAYERS)), (-0.06, 0.34))  # beside the networks of each output
    left.plot(places.ravel(), np.ravel(list(CAPTURE.values())), "D", color="white", markeredgecolor=INK, markersize=5,
              label="published")  # fmt: skip
    overlap, chance = (
        {label: values(found, f"{name}.{what}") for label, name in scales.items()} for what in ("overlap", "chance")
    )
    grouped_dots(right, LAYERS, overlap, shades=[colour(0), colour(2)], chance=chance)
    left.set(ylabel="share of the dominant task's variance", ylim=(0.7, 1.01))
    right.set(ylabel="mean squared cosine of principal angles", yscale="log", ylim=(1e-7, 2))
    left.legend(fontsize=8, frameon=False, loc="center left")
    right.legend(fontsize=8, frameon=False, loc="lower left")
    plain(left, "What distinct gradients see (1: one task only)")
    plain(right, "Overlap of the outputs' gradient subspaces")
    title = f"Gradients of the two outputs: mean and standard error of {len(found)} networks, and each of them"
    figure.suptitle(title, fontsize=12, color=INK)
    return figure


def report(found: list[list[TwoScores]], folder: Path) -> list[Result]:
    """Hold the gradients of both outputs at every layer against chance and what was published."""
    assert (values(found, "scaled.overlap").mean(axis=0) < 0.1 * values(found, "scaled.chance").mean(axis=0)).all()
    capture, by_chance = values(found, "capture").mean(axis=0), values(found, "capture_by_chance").mean(axis=0)
    assert (capture > by_chance[:, None] + 0.1).all()
    write(draw(found), folder, "006-gradients")
    return [row for layer, each in zip(LAYERS, zip(*found, strict=True), strict=True) for row in rows(layer, each)]


def rows(layer: str, found: Sequence[TwoScores]) -> list[Result]:
    """Hold what was measured at one layer against what was published."""
    captures, counts = np.array([each.capture for each in found]), [each.distinct[0] for each in found]
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
    anywhere = mean_cosine_by_chance(4 if layer == "input" else 16)
    note = f"{min(cosines):.3f}-{max(cosines):.2f}; by chance {anywhere:.2f}"
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
    for column in zip_longest(*(np.degrees(each.angles) for each in overlaps)):
        known = [each for each in column if each is not None]
        texts.append(f"{np.mean(known):.0f}°" + (f" (n={len(known)})" if len(known) < len(overlaps) else ""))
    return ", ".join(texts)


if __name__ == "__main__":
    command(measure, report, describe=__doc__)
