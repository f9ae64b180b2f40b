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
node here; compgraph's graphs have one for either side of a layer, and Louvain groups each PC with itself there: some
18 groups over five networks with all PCs, where this graph gives three or four.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import networkx as nx
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from sklearn.cluster import KMeans

import compgraph as cg
from compgraph.connect import node_id
from compgraph.decompose.principal import pca
from compgraph.show.drawing import INK
from compgraph.show.palette import NEUTRAL, colour
from compgraph.show.pies import draw_pies
from compgraph.toys import Toy
from published import Result, command, over_networks, plain, standard_error, write

NAME, VARIANCE, MOST = "001 subspace graph", 0.99, 20
ALL_AT_ONCE = {"layers": ["layers.0.act", "layers.1.act", "head"], "batch_size": 10_000, "progress": False}
SEARCH = {"n_seeds": 5, "n_null": 19}  # the same for every recipe; 19 nulls are the fewest that can give 0.05


def leading(moments: cg.Moments, n_components: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the principal components up to 99 % of the variance, where PCA itself gives all of them."""
    found = pca(moments, n_components)
    n = int(np.searchsorted(np.cumsum(found.strength) / np.trace(moments.xx) * moments.n, VARIANCE)) + 1
    return found.axes[:n], found.strength[:n]


def k_means(graph: nx.Graph, weight: str = "weight", seed: int = 0) -> Iterable[set[int]]:
    """Group the nodes in two by their rows of edge weights, as the note tried first."""
    nodes = list(graph)
    rows = nx.to_numpy_array(graph, nodelist=nodes, weight=weight)
    labels = KMeans(2, n_init=3, random_state=seed).fit_predict(rows)
    return [{node for node, each in zip(nodes, labels, strict=True) if each == label} for label in set(labels)]


@dataclass(frozen=True)
class Recipe:
    """A way to components, edges and groups."""

    basis: str
    rule: str
    algorithm: str
    validation: bool = False

    def __str__(self) -> str:
        name = f"{self.basis}, {self.rule}, {self.algorithm}"
        return f"{name} (validation set)" if self.validation else name


NOTES, WINNER = Recipe("PCA", "covariance", "Louvain"), Recipe("interaction", "gradient", "spectral")
RECIPES = (
    Recipe("PCA", "covariance", "k-means"),
    NOTES,
    Recipe("PCA", "correlation", "Louvain"),
    Recipe("PCA", "gradient", "Louvain"),
    Recipe("PCA", "gradient", "spectral"),
    Recipe("interaction", "covariance", "Louvain"),
    Recipe("interaction", "gradient", "Louvain"),
    WINNER,
    replace(NOTES, validation=True),
    replace(WINNER, validation=True),
)
METHODS = {"PCA": leading, "interaction": "interaction"}
ALGORITHMS = {"k-means": k_means, "Louvain": "louvain", "spectral": "spectral"}
EARLIER = "; measured before, over 40 networks: 0.24 in 3.7 groups"
TASKS = {"A": INK, "B": colour(3)}


@dataclass(frozen=True)
class Grouped:
    """What one recipe gave on one network."""

    graph: nx.DiGraph
    groups: cg.Partition
    truth: cg.TaskProfile

    def agreement(self, groups: cg.Partition) -> float:
        """Return the adjusted Rand index of groups against the task each component serves."""
        labels = {node: task for node, task in self.truth.labels.items() if node in self.graph}
        return cg.agreement(groups, labels, n_permutations=0).ari

    @property
    def scores(self) -> tuple[float, float, int, int]:
        """Agreement and number of the groups that were found, and of those that would be reported."""
        reported = self.groups.trusted()
        agreements = self.agreement(self.groups), self.agreement(reported)
        return *agreements, self.groups.n_groups, reported.n_groups


def statistics(toy: Toy, *, validation: bool = False) -> cg.Statistics:
    """Collect statistics of the rows in which one task varies at a time, or of the validation set."""
    return cg.collect(toy.model, toy.data if validation else list(toy.tasks.values()), toy.layers, progress=False)


def measure(toy: Toy) -> dict[Recipe, Grouped]:
    """Group the components of a network by every recipe."""
    found = {}
    for validation in (False, True):
        stats = statistics(toy, validation=validation)
        for basis, method in METHODS.items():
            parts = cg.components(stats, method)
            truth = cg.task_profile(parts, toy.model, toy.tasks, **ALL_AT_ONCE)
            for recipe in RECIPES:
                if (recipe.validation, recipe.basis) == (validation, basis):
                    graph = link(stats, parts, recipe.rule)
                    groups = cg.communities(graph, ALGORITHMS[recipe.algorithm], **SEARCH)
                    found[recipe] = Grouped(graph, groups, truth)
    return found


def link(stats: cg.Statistics, parts: Mapping[cg.Space, cg.Components], rule: str) -> nx.DiGraph:
    """Build the note's graph: one node for each component, as what a layer writes is also what the next one reads."""
    written = {space.layer: space for space in parts if space.side == "out"}
    blocks = [
        replace(block, source=written.get(block.source.layer, block.source))
        for block in cg.edges(stats, parts, rule)
        if block.kind == "between"
    ]
    once = {space: part for space, part in parts.items() if space.side == "out" or space.layer not in written}
    return cg.build_graph(once, blocks)


def matrices(toy: Toy, truth: cg.TaskProfile) -> Figure:
    """Draw covariances and correlations of the scores of neighbouring layers."""
    stats = statistics(toy)
    parts = cg.components(stats, leading)
    n = stats.moments[stats.pairs[0]].n
    chance = 1.96 / np.sqrt(n)  # of 95 % of the correlations, if the rows of one layer were shuffled
    figure = Figure(figsize=(8, 5.2), layout="constrained")
    widths = [len(parts[pair.source]) for pair in stats.pairs]
    panels = figure.subplots(2, len(widths), width_ratios=widths)
    looks = (
        ("covariance", 1000, ".0f", "covariance (10⁻³ activation units²)"),
        ("correlation", 1, ".2f", "correlation"),
    )
    for row, (rule, scale, form, words) in zip(panels, looks, strict=True):
        blocks = [block for block in cg.edges(stats, parts, rule) if block.kind == "between"]
        bound = scale * max(np.abs(block.effect).max() for block in blocks)
        for axes, block in zip(row, blocks, strict=True):
            values = np.round(scale * block.effect.T, int(form[1])) + 0.0  # no -0
            image = axes.imshow(values, cmap="RdBu_r", vmin=-bound, vmax=bound, aspect="auto")
            for (i, j), value in np.ndenumerate(values):
                by_chance = rule == "correlation" and abs(value) < chance
                shade = NEUTRAL if by_chance else "white" if abs(value) > 0.6 * bound else INK
                axes.text(j, i, f"{value:{form}}", fontsize=7, color=shade, ha="center", va="center")
            axes.set_title(f"{block.source.layer} → {block.target.layer}", fontsize=9, color=INK)
            for ticks, space in ((axes.set_xticks, block.source), (axes.set_yticks, block.target)):
                names = [f"{i}{truth.labels.get(node_id(space, i), '')}" for i in range(len(parts[space]))]
                ticks(range(len(names)), names, fontsize=8)
        figure.colorbar(image, ax=row).set_label(words, fontsize=9)
    figure.supylabel("PC of the later layer, with the task it serves", fontsize=9)
    grey = f"Correlations in grey are below {chance:.3f}, as 95 % of those between shuffled rows are (n = {n:,})."
    figure.supxlabel(f"PC of the earlier layer, with the task it serves\n{grey}", fontsize=9)
    figure.suptitle("Scores of principal components in neighbouring layers, one network", fontsize=12, color=INK)
    return figure


def bars(scores: Mapping[Recipe, np.ndarray]) -> Figure:
    """Draw the agreement of every recipe with the truth, found and reported."""
    n = len(scores[NOTES])
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.subplots()
    for column, shade, name in ((0, NEUTRAL, "groups found"), (1, colour(0), "groups reported: p ≤ 0.05, stable")):
        middle = [each[:, column].mean() for each in scores.values()]
        spread = [standard_error(each[:, column]) for each in scores.values()]
        places = np.arange(len(scores)) + 0.4 * column - 0.2
        axes.barh(places, middle, 0.36, xerr=spread, color=shade, ecolor=INK, label=name)
    for place, each in enumerate(scores.values()):
        counts = each[:, 2:].mean(axis=0)
        axes.text(1.08, place, f"{counts[0]:.1f}, {counts[1]:.1f}", fontsize=9, va="center", color=INK)
    axes.text(1.08, -0.75, "groups found,\nreported; true: 2", fontsize=8, va="bottom", color=INK)
    axes.set_yticks(range(len(scores)), list(map(str, scores)))
    axes.set_xlim(-0.08, 1.25)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.invert_yaxis()
    axes.set_xlabel("adjusted Rand index against the tasks (0 is chance, 1 the same groups)", fontsize=9)
    plain(axes, "")
    figure.suptitle(f"Groups of components against the known tasks, {n} networks", fontsize=12, color=INK)
    figure.legend(fontsize=9, frameon=False, loc="outside lower center", ncols=2)
    return figure


def graphs(shown: Mapping[Recipe, Grouped]) -> Figure:
    """Draw the graphs of one network, by the groups found and by the tasks served."""
    figure = Figure(figsize=(8, 6.2), layout="constrained")
    panels = figure.subplots(2, 2)
    for (left, right), recipe in zip(panels, (NOTES, WINNER), strict=True):
        each = shown[recipe]
        counts = each.groups.n_groups, each.groups.trusted().n_groups
        plain(left, f"{recipe}\n{counts[0]} groups found (p = {each.groups.p_value:.2f}), {counts[1]} reported")
        plain(right, f"the tasks that these components serve\nagreement (ARI) {each.agreement(each.groups):.2f}")
        groups = {node: {colour(group): 1.0} for node, group in each.groups.assignment.items()}
        served = {node: {TASKS[task]: part for task, part in each.truth.share[node].items()} for node in each.graph}
        draw_pies(left, each.graph, groups)
        draw_pies(right, each.graph, served)
    handles = [Patch(color=shade, label=f"task {task}") for task, shade in TASKS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    figure.suptitle("One network: one colour a group (left), variance by task (right)", fontsize=12, color=INK)
    return figure


def run(toys: Sequence[Toy], folder: Path) -> list[Result]:
    """Score every recipe on at most 20 networks: the nulls take most of the time."""
    measured = [measure(toy) for toy in toys[:MOST]]
    scores = {recipe: np.array([each[recipe].scores for each in measured]) for recipe in RECIPES}
    found = {recipe: each[:, 0].mean() for recipe, each in scores.items()}
    assert max(found[recipe] for recipe in RECIPES if recipe.basis == "PCA") < 0.7 < 0.9 < found[WINNER]
    assert scores[WINNER][:, 1].mean() > 0.9
    typical = int(np.argmin(np.abs(scores[NOTES][:, 0] - found[NOTES])))
    write(matrices(toys[typical], measured[typical][NOTES].truth), folder, "001-pc-matrices")
    write(bars(scores), folder, "001-recipes")
    write(graphs(measured[typical]), folder, "001-graph")
    rows = []
    for recipe, each in scores.items():
        _, reported, *counts = each.mean(axis=0)
        note = f"{counts[0]:.1f} groups found; {counts[1]:.1f} reported, at {reported:.2f}"
        note += EARLIER if recipe == NOTES else ""
        rows.append(over_networks(NAME, f"agreement with the tasks (ARI): {recipe}", each[:, 0], note=note))
    return rows


if __name__ == "__main__":
    command(run, describe=__doc__)
