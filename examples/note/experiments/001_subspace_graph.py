"""Link the principal components of neighbouring layers, and group them.

The note's first plan, on the data sets in which one task varies at a time: PCA layer by layer (up to 99 % of the
variance), covariances between the scores of neighbouring layers, a graph of those with one node for each component,
groups in the graph, and the groups held against the task that each component serves.

The plan does not find the tasks. The note's k-means agrees with them no better than chance, Louvain a little (0.2 where
1 is right) in three or four groups, which pass for more than chance in fewer than half of the networks; other edges do
not repair it, for the tasks have nearly the same variance and many PCs hold both. Components of interaction on the same
data, in the same kind of graph and under the same null, give both tasks. So does the validation set, from which no row
is used for the labels.

Groups are reported where they beat 19 null graphs and other seeds give them again, else all is one group. A PC is one
node here; compgraph's graphs have one for either side of a layer, and Louvain can group each PC with itself there.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import NamedTuple

import networkx as nx
import numpy as np
import torch
from matplotlib.figure import Figure

import compgraph as cg
from compgraph.connect import EdgeMatrix
from compgraph.decompose import Decomposition, pca
from compgraph.show import INK, NEUTRAL, colour, plain
from compgraph.toys import Toy
from note.measures.groups_and_tasks import FoundAndReported, found_and_reported
from note.measures.joined_graph import build_joined_graph
from note.measures.k_means import k_means_communities
from note.pictures.graphs_by_task import groups_and_tasks_figure
from note.pictures.matrices import effect_matrices
from note.pictures.panels import grouped_bars
from note.published import Result, command, over_networks, write

NAME, MOST = "001 subspace graph", 20  # networks at most: the nulls take most of the time
METHODS: dict[str, str | Decomposition] = {"PCA": partial(pca, share=0.99), "interaction": "interaction"}
ALGORITHMS: dict[str, str | Callable[..., Iterable[set[int]]]] = {
    "k-means": k_means_communities, "Louvain": "louvain", "spectral": "spectral"
}  # fmt: skip
VALIDATION = " (validation set)"
NOTES, CORRELATED = "PCA, covariance, Louvain", "PCA, correlation, Louvain"
WINNER = "interaction, gradient, spectral"
RECIPES = (  # components, edges and groups
    *("PCA, covariance, k-means", NOTES, CORRELATED, "PCA, gradient, Louvain", "PCA, gradient, spectral"),
    *("interaction, covariance, Louvain", "interaction, gradient, Louvain", WINNER),
    *(NOTES + VALIDATION, WINNER + VALIDATION),
)
# The same search for every recipe; 19 nulls are the fewest that can give 0.05.
search = partial(cg.communities, n_seeds=5, n_null=19)
TITLE = "One network: one colour a group (left), variance by task (right)"


class Measured(NamedTuple):
    """What the recipes gave on one network, and what is drawn of it."""

    scores: list[FoundAndReported]
    graphs: dict[str, tuple[nx.DiGraph, cg.Partition, cg.TaskProfile]]
    blocks: dict[str, list[EdgeMatrix]]
    n_rows: int


def measure(toys: Sequence[Toy]) -> list[Measured]:
    """Group the components of each network by every recipe."""
    return [group(toy) for toy in toys]


def group(toy: Toy) -> Measured:
    """Group components of the rows in which one task varies at a time, and of the validation set."""
    of_tasks = [(each,) for each in toy.tasks.values()]
    rows: dict[str, torch.Tensor | list[tuple[torch.Tensor]]] = {"": of_tasks, VALIDATION: toy.data}
    stats = {data: cg.collect(toy.model, each, toy.layers, progress=False) for data, each in rows.items()}
    parts = {(data, basis): cg.components(stats[data], method) for data in stats for basis, method in METHODS.items()}
    truth = {key: cg.task_profile(each, toy.model, toy.tasks, progress=False) for key, each in parts.items()}
    found, blocks = {}, {}
    for recipe in RECIPES:
        data = VALIDATION if recipe.endswith(VALIDATION) else ""
        basis, rule, algorithm = recipe.removesuffix(data).split(", ")
        blocks[recipe] = cg.edges(stats[data], parts[data, basis], rule)
        graph = build_joined_graph(parts[data, basis], blocks[recipe])
        found[recipe] = graph, search(graph, ALGORITHMS[algorithm]), truth[data, basis]
    return Measured(
        [found_and_reported(groups, served) for _, groups, served in found.values()],
        {recipe: found[recipe] for recipe in (NOTES, WINNER)},
        {recipe: [each for each in blocks[recipe] if each.kind == "between"] for recipe in (NOTES, CORRELATED)},
        sum(map(len, of_tasks)),
    )


def matrices(found: Measured) -> Figure:
    """Draw covariances and correlations of the scores of neighbouring layers."""
    chance = 1.96 / np.sqrt(found.n_rows)  # of 95 % of the correlations, if the rows of one layer were shuffled
    covariances, correlations = found.blocks.values()
    widths, labels = [len(block.effect) for block in covariances], found.graphs[NOTES][2].labels
    figure = Figure(figsize=(8, 5.2), layout="constrained")
    above, below = figure.subplots(2, len(widths), width_ratios=widths)
    image = effect_matrices(above, covariances, labels=labels, scale=1000, form=".0f")
    figure.colorbar(image, ax=above).set_label("covariance (10⁻³ activation units²)", fontsize=9)
    image = effect_matrices(below, correlations, labels=labels, faint_below=chance)
    figure.colorbar(image, ax=below).set_label("correlation", fontsize=9)
    figure.supylabel("PC of the later layer, with the task it serves", fontsize=9)
    grey = f"Correlations in grey are below {chance:.3f}, as 95 % of those between shuffled rows are"
    figure.supxlabel(f"PC of the earlier layer, with the task it serves\n{grey} (n = {found.n_rows:,}).", fontsize=9)
    figure.suptitle("Scores of principal components in neighbouring layers, one network", fontsize=12, color=INK)
    return figure


def bars(scores: np.ndarray) -> Figure:
    """Draw the agreement of every recipe with the truth, found and reported."""
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.subplots()
    series = {"groups found": scores[:, :, 0], "groups reported: p ≤ 0.05, stable": scores[:, :, 1]}
    grouped_bars(axes, RECIPES, series, shades=[NEUTRAL, colour(0)], across=True)
    for place, (found, reported) in enumerate(scores[:, :, 2:].mean(axis=0)):
        axes.text(1.08, place, f"{found:.1f}, {reported:.1f}", fontsize=9, va="center", color=INK)
    axes.text(1.08, -0.75, "groups found,\nreported; true: 2", fontsize=8, va="bottom", color=INK)
    axes.set(xlim=(-0.08, 1.25), xticks=np.linspace(0, 1, 6))
    axes.set_xlabel("adjusted Rand index against the tasks (0 is chance, 1 the same groups)")
    plain(axes, "")
    title = f"Groups of components against the known tasks: mean and standard error of {len(scores)} networks"
    figure.suptitle(title, fontsize=12, color=INK)
    figure.legend(fontsize=9, frameon=False, loc="outside lower center", ncols=2)
    return figure


def report(found: list[Measured], folder: Path) -> list[Result]:
    """Hold every recipe against the tasks."""
    scores = np.array([[astuple(score) for score in each.scores] for each in found])
    means = dict(zip(RECIPES, scores.mean(axis=0), strict=True))
    assert max(mean[0] for recipe, mean in means.items() if recipe.startswith("PCA")) < 0.7 < 0.9 < means[WINNER][0]
    assert means[WINNER][1] > 0.9
    typical = found[int(np.argmin(np.abs(scores[:, RECIPES.index(NOTES), 0] - means[NOTES][0])))]
    write(matrices(typical), folder, "001-pc-matrices")
    write(bars(scores), folder, "001-recipes")
    write(groups_and_tasks_figure(typical.graphs, title=TITLE), folder, "001-graph")
    rows = []
    for i, (recipe, (_, reported, *counts)) in enumerate(means.items()):
        note = f"{counts[0]:.1f} groups found; {counts[1]:.1f} reported, at {reported:.2f}"
        rows.append(over_networks(NAME, f"agreement with the tasks (ARI): {recipe}", scores[:, i, 0], note=note))
    return rows


if __name__ == "__main__":
    command(measure, report, describe=__doc__, most=MOST)
