"""Take a network apart whose two tasks share one output, y = x_1 x_2 + x_3 x_4, with no output basis to go by.

With s = x_1 + x_2 and d = x_1 - x_2 of each term, four times the target is s_A^2 + s_B^2 - d_A^2 - d_B^2, which stays
what it is when s_A and s_B turn into one another: nothing the function does tells the terms apart, and one block is the
right answer of a method that looks at derivatives alone. What tells them apart is the data: the factors of one term are
independent of those of the other. Input directions turned until they are independent to fourth order come apart into
the two terms in every network. Inside, the same search finds directions that keep to one term far better than chance,
but groups them only a little better than chance: 70 % of the variance is in the right group, where groups dealt at
random have 62 %. Asking which group of the input moves a direction takes the hidden layer apart as well as knowing the
tasks would, and PCA is hardly better than random directions at either place.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure

import compgraph as cg
from compgraph.check import ChanceTest, independent_directions, task_covariances
from compgraph.show import INK, plain
from compgraph.toys import Toy, multiplication_data, multiplications
from note.measures.variance.purest_basis import purest_directions
from note.measures.variance.purity import direction_purity, group_purity, joined
from note.pictures.panels import grouped_bars, number_matrix
from note.published import Result, command, over_networks, write

NAME, MOST, N = "008 one output", 10, 4000
COLUMNS = {"A": slice(0, 2), "B": slice(2, 4)}  # of the inputs of each product
SITES = {"input": "input", "layers.0.act": "first hidden layer"}
BASES = {"pca": "PCA", "apart": "independent", "moved": "moved by one group of the input", "best": "tasks known"}
TEXTS = {name: f"variance of directions in their own task, {text}" for name, text in BASES.items()} | {
    "groups apart": "variance in the right one of two groups found without labels",
    "groups moved": "the same, groups by which group of the input moves a direction",
}


class Measured(NamedTuple):
    """What is measured of one network, by name and site."""

    seed: int
    blocks: int  # that the default finds
    read: dict[str, int]  # directions of a site that the output reads
    purity: dict[tuple[str, str], ChanceTest]
    correlations: np.ndarray  # of the scores of independent directions of the input with the inputs
    second: np.ndarray  # whether such a direction is in the second group, which comes last


def measure(toys: Sequence[Toy]) -> list[Measured]:
    """Train as many networks of one output, and take them apart."""
    return [take_apart(toy) for toy in multiplications([toy.seed for toy in toys], summed=True)]


def take_apart(toy: Toy) -> Measured:
    """Return what the default finds, how pure bases and groups are, and directions of the input by group."""
    rows = multiplication_data(N, seed=10_000 + toy.seed)[0]
    stats = cg.collect(toy.model, rows, toy.layers, sample=N, progress=False)
    interactions, principal = cg.components(stats).interactions, cg.components(stats, "pca")
    assert interactions is not None, "the default method has them"
    first = independent_directions(rows.numpy())
    tasks = {name: np.eye(4)[:, columns] @ np.eye(4)[columns] for name, columns in COLUMNS.items()}
    by_task, by_group = (
        task_covariances(toy.model, moving(rows, each), **stats.asked.options, progress=False)
        for each in (tasks, dict(zip("12", first.projectors, strict=True)))
    )
    read, purity = {}, {}
    for pair, site, gradients in zip(stats.pairs, SITES, interactions.gradients, strict=False):
        space, read[site] = pair.source, gradients.shape[2]
        apart, pca = independent_directions(stats.samples[pair].x), principal[space]
        moved, groups = purest_directions(apart.axes, by_group[space])
        best, _ = purest_directions(apart.axes, by_task[space])
        bases = (pca.axes / pca.deviation[:, None], apart.axes, moved, best)
        for name, axes in zip(BASES, bases, strict=True):
            purity[name, site] = direction_purity(axes, by_task[space], seed=toy.seed)
        for name, axes, labels in (("apart", apart.axes, apart.second.astype(int)), ("moved", moved, groups)):
            purity[f"groups {name}", site] = group_purity(axes, labels, by_task[space], seed=toy.seed)
    order = np.argsort(first.second, kind="stable")
    correlations = np.corrcoef(first.axes[order] @ rows.numpy().T, rows.numpy().T)[:4, 4:]
    return Measured(toy.seed, interactions.split.n_blocks, read, purity, correlations, first.second[order])


def moving(rows: torch.Tensor, projectors: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Return inputs that move in one subspace each and rest at the mean of the rows otherwise."""
    mean = rows.mean(dim=0)
    return {name: mean + (rows - mean) @ torch.from_numpy(each).float() for name, each in projectors.items()}


def report(found: list[Measured], folder: Path) -> list[Result]:
    """Return how purely directions and groups keep to one task, beside chance, where nothing is told of the tasks."""
    tests = {key: joined([each.purity[key] for each in found]) for key in found[0].purity}
    inside = {name: tests[name, "layers.0.act"] for name in TEXTS}
    assert {each.blocks for each in found} == {1}
    assert tests["groups apart", "input"].observed > 0.95
    assert inside["pca"].observed < inside["apart"].observed < inside["best"].observed
    assert inside["apart"].p_value < 0.05
    assert inside["groups apart"].observed < 0.9 < inside["groups moved"].observed
    assert inside["groups moved"].p_value < 0.05
    write(draw(found), folder, "008-one-output")
    rows = [over_networks(NAME, "blocks that the default finds (it sees one output)", [each.blocks for each in found])]
    for site, place in SITES.items():
        read = [each.read[site] for each in found]
        rows.append(over_networks(NAME, f"{place}: directions that the output reads", read))
        for name, text in TEXTS.items():
            if site == "input" and "moved" in name:  # there the groups are those of the input itself
                continue
            shares, test = [each.purity[name, site].observed for each in found], tests[name, site]
            note = f"{test.name}: {np.mean(test.by_chance):.2f}, p = {test.p_value:.2g}"
            rows.append(over_networks(NAME, f"{place}: {text}", shares, note=note))
    return rows


def observed(test: ChanceTest) -> float:
    """Return what was found."""
    return test.observed


def by_chance(test: ChanceTest) -> float:
    """Return what chance gives on average."""
    return float(np.mean(test.by_chance))


def draw(found: list[Measured]) -> Figure:
    """Draw how purely each basis keeps to one task, and the input of one network taken apart."""
    figure = Figure(figsize=(8, 3.7), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1))
    shares, chance = (
        {text: 100 * np.array([[part(each.purity[name, site]) for site in SITES] for each in found])
         for name, text in BASES.items()}
        for part in (observed, by_chance)
    )  # fmt: skip
    grouped_bars(left, list(SITES.values()), shares, chance=chance)
    left.set(ylabel="variance in own task (%; 50 is fully mixed)", ylim=(50, 101))
    plain(left, f"Directions that keep to one task:\nmean and standard error of {len(found)} networks")
    first = found[0]
    number_matrix(right, first.correlations, bound=1)
    right.set_xticks(range(4), [f"$x_{i}$" for i in range(1, 5)])
    right.set_yticks(range(4), [f"group {1 + group}" for group in first.second.astype(int)])
    right.axhline(np.sum(~first.second) - 0.5, color=INK, linewidth=2)
    right.set_xlabel("correlation of score and input")
    plain(right, f"Input directions of network {first.seed}")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=3, fontsize=8, frameon=False)
    return figure


if __name__ == "__main__":
    command(measure, report, describe=__doc__, most=MOST)
