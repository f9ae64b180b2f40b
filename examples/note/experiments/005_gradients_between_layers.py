"""Differentiate the first principal component (PC) of one layer with respect to the layer before, example by example.

What are the 18 neat clusters? Regions: an example's gradient depends on which gates are open and nothing else, so 2,000
examples share as many gradients as there are patterns of gates that reach the component. The two counts are equal in
every network, example by example. All gates together have six times as many patterns; those before the layer with
respect to which one differentiates do not matter. Four components hold nearly all variance of these gradients.
Only ReLU has such clusters. Gradients of GELU and tanh are all different, and no number of groups lasts as one asks for
finer ones: they form a continuum, which can be cut into as many pieces as one likes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import percentileofscore

import compgraph as cg
from compgraph.check import EXACT, distinct_directions, lasting_factor, merge_angles
from compgraph.show import INK, NEUTRAL, colour, plain
from compgraph.toys import Plan, Toy, planted
from note.double_precision import in_double
from note.measures.gradients.between_sites import site_gradients
from note.measures.gradients.shared_axes import shared_axes
from note.measures.regions.linear_regions import activation_patterns, regions
from note.measures.regions.regions_of_a_score import score_regions
from note.pictures.gradient_map import gradient_map_figure, group_number_curves
from note.published import Result, command, over_networks, write

NAME = "005 inter-layer backprop"
FIRST, SECOND = GATES = ("layers.0.act", "layers.1.act")
FINEST = 1e-6  # radians: far above the rounding of double precision
ACTIVATIONS = ("ReLU", "GELU", "tanh")


class Measured(NamedTuple):
    """What the gradients of the first PC of one network are like."""

    gradients: np.ndarray
    distinct: int
    reaching: int  # patterns of gates that reach the PC
    patterns: int  # of all gates
    at_input: int  # distinct gradients with respect to the input
    four: float  # share of the variance of the gradients in four components


def measure(toys: Sequence[Toy]) -> list[Measured]:
    """Count the gradients of the first PC in every network."""
    return [measured(toy) for toy in toys]


def measured(toy: Toy) -> Measured:
    """Count the gradients of the first PC, and the patterns of gates that reach it."""
    exact, first = in_double(toy), first_axis(toy)
    hidden, at_input = (
        score_regions(exact.model, exact.data, layers=GATES, source=source, target=SECOND, score=first)
        for source in (FIRST, "input")
    )
    assert all((hidden.agree, at_input.agree)), "gradients are equal where patterns are, example by example"
    patterns = regions(activation_patterns(exact.model, exact.data, layers=GATES))
    centred = hidden.gradients - hidden.gradients.mean(axis=0)
    return Measured(
        hidden.gradients,
        distinct=len(hidden.distinct),
        reaching=len(hidden.reaching),
        patterns=len(patterns),
        at_input=len(at_input.distinct),
        four=float(shared_axes(centred[:, None]).own[0, :4].sum()),
    )


def first_axis(toy: Toy) -> np.ndarray:
    """Return the direction of the first PC of the second hidden layer."""
    stats = cg.collect(toy.model, toy.data, (*GATES, "head"), progress=False)
    return cg.components(stats, "pca")[cg.Space(SECOND, "out", 2)].axes[0]


def planted_gradients(activation: str) -> list[np.ndarray]:
    """Train three networks with one activation on a plan, and return the gradients of the first PC of each."""
    found = []
    for toy in planted(Plan(width=16, activation=activation.lower()), seeds=range(3)):
        exact, filters = in_double(toy), first_axis(toy)[None]
        found.append(site_gradients(exact.model, exact.data, source=FIRST, target=SECOND, filters=filters)[:, 0])
    return found


def maps(shown: dict[str, np.ndarray]) -> Figure:
    """Draw the gradients of one network of each activation."""
    distinct = {name: distinct_directions(gradients, tolerance=EXACT) for name, gradients in shown.items()}
    panels = {f"ReLU: {len(distinct['ReLU'])} distinct gradients": (shown["ReLU"], distinct["ReLU"])}
    for name in ("GELU", "tanh"):
        assert len(distinct[name]) > 0.9 * len(shown[name]), "smooth networks share no gradients"
        cut = distinct_directions(shown[name], by="angle")
        panels[f"{name}: {len(distinct[name])} distinct, cut in {len(cut)}"] = shown[name], cut
    title = f"Gradients of the first PC at {SECOND} with respect to {FIRST}, one network each"
    return gradient_map_figure(panels, title=title)


def counts(merged: dict[str, list[np.ndarray]], found: Sequence[Measured]) -> Figure:
    """Draw the number of groups against the angle, and the numbers of patterns and gradients of every network."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    group_number_curves(left, merged, finest=FINEST)
    left.legend(fontsize=8, frameon=False, loc="lower left")
    plain(left, f"Only ReLU has clusters: a number that lasts\n({len(merged['ReLU'])} networks each, 2,000 gradients)")
    found = sorted(found, key=lambda each: (each.reaching, each.patterns))
    places, rings = range(1, len(found) + 1), {"color": colour(1), "fillstyle": "none"}
    right.plot(places, [each.patterns for each in found], "s", color=NEUTRAL, markersize=3, label="all gate patterns")
    right.plot(places, [each.reaching for each in found], "o", label="patterns that reach the PC", **rings)
    right.plot(places, [each.distinct for each in found], ".", color=colour(0), label="distinct gradients")
    right.axhline(18, color=INK, linestyle=":", linewidth=1, label="the note's 18 clusters")
    right.set(yscale="log", xlabel="networks, sorted", ylabel="number", ylim=(1, 4000))
    right.legend(fontsize=8, frameon=False, loc="upper left", ncols=2, columnspacing=0.8, handletextpad=0.3)
    plain(right, f"As many gradients as patterns that reach the PC\n({len(found)} networks of the note)")
    return figure


def report(found: list[Measured], folder: Path) -> list[Result]:
    """Count gradients over all networks, and hold them against those of planted networks that are smooth."""
    smooth = {name: planted_gradients(name) for name in ACTIVATIONS}
    merged = {name: [merge_angles(each) for each in networks] for name, networks in smooth.items()}
    lasting = {name: [lasting_factor(each, finest=FINEST) for each in angles] for name, angles in merged.items()}
    distinct, reaching, patterns, at_input, four = (
        np.array([getattr(each, name) for each in found]) for name in Measured._fields[1:]
    )
    typical = found[int(np.abs(distinct - 18).argmin())].gradients
    write(maps({name: each[0] for name, each in smooth.items()} | {"ReLU": typical}), folder, "005-gradient-map")
    write(counts(merged, found), folder, "005-gradient-counts")
    assert max(lasting["GELU"] + lasting["tanh"]) < 3 < 100 < min(lasting["ReLU"]), "only ReLU has clusters"
    assert four.min() > 0.9, "four components hold nearly all variance"
    assert patterns.mean() > 2 * distinct.mean(), "most patterns do not reach it"
    below = percentileofscore(distinct, 18, kind="mean")
    place = f"{distinct.min()}-{distinct.max()}; 18, of one network, is at our {below:.0f}th percentile"
    same = "the same number in every network, example by example: these are the clusters"
    inputs = f"{at_input.min()}-{at_input.max()}; as many patterns reach it, in every network"
    notes = {name: f"no clusters: {min(each):.2f}-{max(each):.2f}" for name, each in lasting.items()}
    notes["ReLU"] = f"at least, down to {FINEST:g} rad: clusters"
    pc, stays = f"the first PC at {SECOND}", "factor of angle over which the number of groups stays the same"
    rows: list[tuple[str, Sequence[float] | np.ndarray, str]] = [
        ("patterns of gates that reach it", reaching, same),
        ("patterns of all gates", patterns, ""),
        (f"distinct gradients of {pc}, at input", at_input, inputs),
        (f"share of the variance of the gradients of {pc} in four components", four, 'published: "most"'),
        *((f"{stays}, {name}", lasting[name], notes[name]) for name in ACTIVATIONS),
    ]
    return [
        over_networks(
            NAME, f"distinct gradients of {pc}, at {FIRST}", distinct, published=18, published_n=1, note=place
        ),
        *(over_networks(NAME, quantity, values, note=note) for quantity, values, note in rows),
    ]


if __name__ == "__main__":
    command(measure, report, describe=__doc__)
