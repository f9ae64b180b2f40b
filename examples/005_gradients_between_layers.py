"""Differentiate the principal components (PCs) of one layer with respect to the layer before, example by example.

What are the 18 neat clusters? Regions: an example's gradient depends on which gates are open and nothing else, so 2,000
examples share as many gradients as there are patterns of gates that reach the component. The two counts are equal in
every network, example by example. All gates together have six times as many patterns; those before the layer with
respect to which one differentiates do not matter.
Only ReLU has such clusters. Gradients of GELU and tanh are all different, and no number of groups lasts as one asks for
finer ones: they form a continuum, which can be cut into as many pieces as one likes.

Which directions make the difference? Nearly all of the squared gradient is its mean, which PCA takes away before it
looks: four components hold the variance of gradients, but one direction holds 90 % of the squared gradient of each of
the two PCs that vary most. These two directions are the two strongest components of all gradients, somewhat mixed: they
are hardly more a direction for each PC than chance gives, for in 16 dimensions there is room.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import ortho_group

import compgraph as cg
from compgraph.check import activation_patterns, distinct_directions, reaching_patterns, regions
from compgraph.check.distinct import EXACT, DistinctDirections, lasting_factor, merge_angles
from compgraph.check.drives import Drives, drives
from compgraph.observe.site_gradients import site_gradients
from compgraph.show.drawing import INK
from compgraph.show.gradient_map import gradient_map_figure
from compgraph.show.palette import NEUTRAL, colour
from compgraph.toys import Plan, Toy, planted
from compgraph.toys.precision import in_double
from published import Result, command, over_networks, plain, standard_error, write

NAME = "005 inter-layer backprop"
FIRST, SECOND = GATES = ("layers.0.act", "layers.1.act")
ANGLE = 0.25  # radians: the pieces into which the maps of smooth networks are cut
FINEST = 1e-6  # radians: far above the rounding of double precision
SMOOTH = {"relu": "ReLU", "gelu": "GELU", "tanh": "tanh"}
SHOWN = 5  # components of either layer in the figure, or as many as every network has


@dataclass(frozen=True)
class Found:
    """What the gradients of one network are like."""

    gradients: np.ndarray
    distinct: DistinctDirections
    reaching: int
    patterns: int
    at_input: int
    four: float
    variance: np.ndarray
    driven: Drives
    by_chance: Drives

    def weighted(self, values: np.ndarray) -> float:
        """Average over the PCs, weighted by variance; those that nothing moves have none."""
        return float(np.nansum(self.variance * values))


def principal(toy: Toy) -> cg.Components:
    """Return the PCs of the second hidden layer."""
    stats = cg.collect(toy.model, toy.data, (*GATES, "head"), progress=False)
    return cg.components(stats, "pca")[cg.Space(SECOND, "out", 2)]


def felt(toy: Toy, source: str, score: np.ndarray, gradients: np.ndarray) -> tuple[DistinctDirections, int]:
    """Return distinct gradients, and the number of patterns of gates that reach the score; rows agree on both."""
    found = distinct_directions(gradients, tolerance=EXACT)
    reach = regions(reaching_patterns(toy.model, toy.data, layers=GATES, source=source, target=SECOND, score=score))
    both = np.unique(np.stack([found.labels, reach.labels]), axis=1)
    assert len(found) == len(reach) == both.shape[1], "gradients are equal where patterns are, example by example"
    return found, len(reach)


def measure(toy: Toy) -> Found:
    """Differentiate all PCs of one network, and count the gradients of the first."""
    toy, parts = in_double(toy), principal(toy)
    gradients = site_gradients(toy.model, toy.data, source=FIRST, target=SECOND, filters=parts.axes)
    first = parts.axes[:1]
    at_input = site_gradients(toy.model, toy.data, source="input", target=SECOND, filters=first)[:, 0]
    distinct, reaching = felt(toy, FIRST, first[0], gradients[:, 0])
    own = np.linalg.svd(gradients[:, 0] - gradients[:, 0].mean(axis=0), compute_uv=False) ** 2
    turns = ortho_group.rvs(gradients.shape[2], size=gradients.shape[1], random_state=toy.seed)
    return Found(
        gradients=gradients[:, 0], distinct=distinct, reaching=reaching,
        patterns=len(regions(activation_patterns(toy.model, toy.data, layers=GATES))),
        at_input=len(felt(toy, "input", first[0], at_input)[0]),
        four=float(own[:4].sum() / own.sum()),
        variance=parts.share / parts.share.sum(),
        driven=drives(gradients), by_chance=drives(np.einsum("nkp,kpq->nkq", gradients, turns)),
    )  # fmt: skip


def maps(shown: dict[str, np.ndarray]) -> Figure:
    """Draw the gradients of one network of each activation."""
    exact = distinct_directions(shown["ReLU"], tolerance=EXACT)
    panels = {f"ReLU: {len(exact)} distinct gradients": (shown["ReLU"], exact)}
    for name in ("GELU", "tanh"):
        number = len(distinct_directions(shown[name], tolerance=EXACT))
        assert number > 0.9 * len(shown[name]), "smooth networks share no gradients"
        cut = distinct_directions(shown[name], by="angle", tolerance=ANGLE)
        # A quarter of the dots shows as much, in a smaller file.
        panels[f"{name}: {number} distinct, cut in {len(cut)}"] = shown[name][::4], replace(cut, labels=cut.labels[::4])
    return gradient_map_figure(
        panels, title=f"Gradients of the first PC at {SECOND} with respect to {FIRST}, one network each"
    )


def counts(merged: dict[str, list[np.ndarray]], found: Sequence[Found]) -> Figure:
    """Draw the number of groups against the angle, and the numbers of patterns and gradients of every network."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    asked = np.geomspace(FINEST, np.pi, 300)
    for rank, (name, networks) in enumerate(merged.items()):
        for i, angles in enumerate(networks):
            number = 1 + (angles[:, None] > asked).sum(axis=0)
            left.plot(asked, number, color=colour(rank), linestyle=("-", "--", ":")[rank], linewidth=1.3,
                      label=None if i else name)  # fmt: skip
    left.set(xscale="log", yscale="log", xlabel="largest angle within a group (rad)", ylabel="groups (number)")
    left.legend(fontsize=8, frameon=False, loc="lower left")
    plain(left, f"Only ReLU has clusters: a number that lasts\n({len(networks)} networks each, 2,000 gradients)")
    order = sorted(found, key=lambda each: (each.reaching, each.patterns))
    places = np.arange(1, len(order) + 1)
    right.plot(places, [each.patterns for each in order], "s", color=NEUTRAL, markersize=3, label="all gate patterns")
    right.plot(places, [each.reaching for each in order], "o", color=colour(1), markersize=6, fillstyle="none",
               label="patterns that reach the PC")  # fmt: skip
    right.plot(places, [len(each.distinct) for each in order], ".", color=colour(0), markersize=4,
               label="distinct gradients")  # fmt: skip
    right.axhline(18, color=INK, linestyle=":", linewidth=1, label="the note's 18 clusters")
    right.set(yscale="log", xlabel="networks, sorted", ylabel="number", ylim=(1, 4000))
    right.legend(fontsize=8, frameon=False, loc="upper left", ncols=2, columnspacing=0.8, handletextpad=0.3)
    plain(right, f"Gradients are as many as patterns that reach the PC\n({len(found)} networks of the note)")
    return figure


def joined(found: Sequence[Found]) -> Figure:
    """Draw which gradient components drive which PCs, and how many drive each."""
    figure = Figure(figsize=(8, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    n = min(SHOWN, *(len(each.variance) for each in found))
    share = 100 * np.mean([each.driven.share[:n, :n] for each in found], axis=0)
    left.imshow(share, cmap="Blues", vmin=0, vmax=100)
    for (row, place), value in np.ndenumerate(share):
        left.text(place, row, f"{value:.0f}", ha="center", va="center", fontsize=8, color="w" if value > 55 else INK)
    variance = 100 * np.mean([each.variance[:n] for each in found], axis=0)
    names = [f"PC {k + 1} ({part:.2g} %)" for k, part in enumerate(variance)]
    left.set(xlabel=f"component of all gradients at {FIRST}", xticks=range(n), xticklabels=range(1, n + 1),
             yticks=range(n), yticklabels=names, ylabel=f"PC at {SECOND} (its share of variance)")  # fmt: skip
    plain(left, f"Share of each PC's squared gradient (%) along\ncommon components (mean over {len(found)} networks)")
    for rank, part in enumerate((0.9, 0.99)):
        held = np.array([each.driven.components_for(part)[:n] for each in found])
        look = {"color": colour(rank), "ecolor": INK, "label": f"{part:.0%} of its squared gradient"}
        right.bar(np.arange(n) + 0.38 * rank - 0.19, held.mean(axis=0), 0.36, yerr=standard_error(held), **look)
    right.set(xlabel=f"principal component at {SECOND}", ylabel="components of its own gradients (number)",
              xticks=range(n), xticklabels=range(1, n + 1), ylim=(0, 4.5))  # fmt: skip
    right.legend(fontsize=8, frameon=False, loc="upper left")
    plain(right, f"Components that hold each PC's gradients\n(mean and standard error, {len(found)} networks)")
    return figure


def run(toys: Sequence[Toy], folder: Path) -> list[Result]:
    """Count, compare and draw over all networks."""
    found = [measure(toy) for toy in toys]
    smooth = {name: [first_gradients(toy) for toy in planted(Plan(width=16, activation=key), seeds=range(3))]
              for key, name in SMOOTH.items()}  # fmt: skip
    merged = {name: [merge_angles(each) for each in networks] for name, networks in smooth.items()}
    factors = {
        name: [lasting_factor(angles, finest=FINEST) for angles in networks] for name, networks in merged.items()
    }
    assert min(factors["ReLU"]) > 100, "ReLU has clusters"
    assert max(factors["GELU"] + factors["tanh"]) < 3, "smooth networks have none"
    numbers, four = [len(each.distinct) for each in found], [each.four for each in found]
    assert min(four) > 0.9, "four components hold nearly all variance"
    assert np.mean([each.patterns for each in found]) > 2 * np.mean(numbers), "most patterns are not felt"
    typical = found[int(np.argmin(np.abs(np.array(numbers) - 18)))].gradients
    write(maps({"ReLU": typical, "GELU": smooth["GELU"][0], "tanh": smooth["tanh"][0]}), folder, "005-gradient-map")
    write(counts(merged, found), folder, "005-gradient-counts")
    write(joined(found), folder, "005-gradient-drives")
    return [*counted(found, numbers), *driving(found), *(
        over_networks(NAME, f"factor of angle over which the number of groups stays the same, {name}", factors[name],
                      note=f"no clusters: {min(factors[name]):.2f}-{max(factors[name]):.2f}" if name != "ReLU" else
                      f"at least, down to {FINEST:g} rad: clusters")
        for name in factors
    )]  # fmt: skip


def first_gradients(toy: Toy) -> np.ndarray:
    """Return the gradients of the first PC."""
    exact, first = in_double(toy), principal(toy).axes[:1]
    return site_gradients(exact.model, exact.data, source=FIRST, target=SECOND, filters=first)[:, 0]


def counted(found: Sequence[Found], numbers: Sequence[int]) -> list[Result]:
    """Make the rows about the first PC."""
    below = np.mean([number < 18 for number in numbers]) + 0.5 * np.mean([number == 18 for number in numbers])
    note = f"{min(numbers)}-{max(numbers)}; 18, of one network, is at our {100 * below:.0f}th percentile"
    pc, inputs = f"the first PC at {SECOND}", [each.at_input for each in found]
    return [
        over_networks(NAME, f"distinct gradients of {pc}, at {FIRST}", numbers, published=18, published_n=1, note=note),
        over_networks(NAME, "patterns of gates that reach it", [each.reaching for each in found],
                      note="the same number in every network, example by example: these are the clusters"),
        over_networks(NAME, "patterns of all gates", [each.patterns for each in found]),
        over_networks(NAME, f"distinct gradients of {pc}, at input", inputs,
                      note=f"{min(inputs)}-{max(inputs)}; as many patterns reach it, in every network"),
        over_networks(NAME, f"share of the variance of the gradients of {pc} in four components",
                      [each.four for each in found], note='published: "most"'),
    ]  # fmt: skip


def driving(found: Sequence[Found]) -> list[Result]:
    """Make the rows about all PCs, weighted by their variance."""
    means = [each.weighted(each.driven.mean_share) for each in found]
    best, chance = ([each.weighted(of.share.max(axis=1)) for each, of in zip(found, some, strict=True)]
                    for some in ([each.driven for each in found], [each.by_chance for each in found]))  # fmt: skip
    rows = [over_networks(NAME, "share of the squared gradient that the mean gradient holds, all PCs", means,
                          note="weighted by variance; variance of gradients is only the rest")]  # fmt: skip
    for part in (0.9, 0.99):
        held = [each.weighted(each.driven.components_for(part)) for each in found]
        quantity = f"gradient components that hold {part:.0%} of the squared gradient, all PCs"
        rows.append(over_networks(NAME, quantity, held, note="weighted by variance"))
    note = f"weighted by variance; {np.mean(chance):.2f} when the gradients of each PC are turned at random"
    quantity = f"share of a PC's squared gradient along the one component at {FIRST} that drives it most"
    return [*rows, over_networks(NAME, quantity, best, note=note)]


if __name__ == "__main__":
    command(run, describe=__doc__)
