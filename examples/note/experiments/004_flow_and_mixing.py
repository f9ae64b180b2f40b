"""Draw the flow through a network for each task, and see where factors and tasks mix.

Two component sets for every layer, what it writes and what is read of it, with weights inside layers and between them.
PLSR components take in both factors of a pair more and more towards the head, and both pairs less and less. That
depends on the basis; variance owed to two factors jointly is computed. It arises within pairs, in both hidden layers,
and hardly any between pairs: as the note expects.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import networkx as nx
import numpy as np
import torch
from matplotlib.figure import Figure

import compgraph as cg
from compgraph.show import INK, colour, flow_figure, plain, save_flow, task_flow
from compgraph.toys import Toy
from note.measures.variance.two_factors import FactorProfile, crossed_inputs, factor_profile, mean_by_share
from note.pictures.panels import error_lines
from note.published import Result, command, over_networks, write

NAME, FIRST, SECOND = "004 flow and mixing", "layers.0.act", "layers.1.act"
RECIPES = {"interaction": ("interaction", "gradient"), "PLSR": ("plsr", "plsr")}
SPACES = tuple(f"{layer}\n{end}" for layer in ("input", FIRST, SECOND, "head") for end in ("writes", "is read"))[1:-1]
MEASURES = {
    "mixing": "smaller factor's share of the variance\nowed to either alone",
    "joint": "share of the variance owed\nto both jointly",
}
LEVELS = 25  # of either factor


class Measured(NamedTuple):
    """A component graph, what its components do for the tasks, and how they mix the factors of a pair and the pairs."""

    graph: nx.DiGraph
    profile: cg.TaskProfile
    mixing: np.ndarray  # within pairs and between them, each of the measures, by space
    crossing: float  # share of the flow that goes from one task to another


def measure(toys: Sequence[Toy]) -> list[dict[str, Measured]]:
    """Make and measure the component graph of every network by both recipes."""
    return [{name: measured(toy, *recipe) for name, recipe in RECIPES.items()} for toy in toys]


def measured(toy: Toy, method: str, rule: str) -> Measured:
    """Make and measure the component graph by one recipe."""
    stats = cg.collect(toy.model, toy.data, toy.layers, progress=False)
    parts = cg.components(stats, method)
    profile = cg.task_profile(parts, toy.model, toy.tasks, batch_size=10_000, progress=False)
    pairs, crossed = designs(toy)
    within = {task: factor_profile(parts, toy.model, design) for task, design in pairs.items()}
    between = dict.fromkeys(pairs, factor_profile(parts, toy.model, crossed))
    mixing = np.array([averages(parts, profile, factors) for factors in (within, between)])
    graph = cg.build_graph(parts, cg.edges(stats, parts, rule))
    return Measured(graph, profile, mixing, task_flow(graph, profile, smallest=0).crossing)


def averages(
    parts: Mapping[cg.Space, cg.Components], profile: cg.TaskProfile, factors: Mapping[str, FactorProfile]
) -> list[list[float]]:
    """Return each measure, averaged over the components of each space that serve a task."""
    measures = [
        {node: getattr(factors[task], name).get(node, 0.0) for node, task in profile.labels.items()}
        for name in MEASURES
    ]
    return [[mean_by_share(parts[space], values) for space in sorted(parts)] for values in measures]


def designs(toy: Toy) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Return inputs in which the factors of a pair vary independently, for each pair, and inputs in which pairs do."""
    pairs = {task: rows.reshape(100, 100, -1)[2::4, 2::4] for task, rows in toy.tasks.items()}
    drawn = np.random.default_rng(toy.seed).permutation(10_000)[:LEVELS]
    return pairs, crossed_inputs(*(rows[drawn] for rows in toy.tasks.values()), of_second=slice(2, 4))


def draw(mixing: dict[str, np.ndarray]) -> Figure:
    """Draw the mixing of factors and of tasks along the network."""
    figure = Figure(figsize=(8.0, 4.4), layout="constrained")
    n = len(next(iter(mixing.values())))
    figure.suptitle(f"Two factors of a pair, and two pairs: mean and standard error over {n} networks", color=INK)
    for kind, (axes, name) in enumerate(zip(figure.subplots(1, 2), MEASURES.values(), strict=True)):
        lines = {
            f"{which}, {recipe}": 100 * table[:, rank, kind]
            for recipe, table in mixing.items()
            for rank, which in enumerate(("within pairs", "between pairs"))
        }
        shades, strokes = [colour(0), colour(1)] * 2, ["-", "-", "--", "--"]
        error_lines(axes, range(len(SPACES)), lines, color=shades, marker=list("osos"), linestyle=strokes, markersize=6)
        axes.set_xticks(range(len(SPACES)), SPACES, rotation=60)
        axes.set_ylabel("share (%)")
        plain(axes, name)
    handles = axes.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2, fontsize=9, frameon=False, handlelength=4)
    return figure


def report(found: list[dict[str, Measured]], folder: Path) -> list[Result]:
    """Draw the mixing over all networks, and the flow of the first."""
    mixing = {name: np.array([each[name].mixing for each in found]) for name in RECIPES}
    crossing = {name: [each[name].crossing for each in found] for name in RECIPES}
    write(draw(mixing), folder, "004-mixing")
    for name, file in {"interaction": "004-flow", "PLSR": "004-flow-plsr"}.items():
        title, first = f"What flows for each task: {name} components (network 1 of {len(found)})", found[0][name]
        page = save_flow(folder / f"note-{file}.html", first.graph, first.profile, title=title)
        write(flow_figure(first.graph, first.profile, title=title, smallest=0.01), folder, file)
        assert page.stat().st_size < 300_000
    inside, between = mixing["interaction"][:, :, 1].transpose(1, 0, 2)
    assert inside[:, 0].max() < 1e-6, "nothing is computed before the first layer"
    assert inside[:, 3].mean() > 0.08, "factors of a pair are combined inside the network"
    assert between.mean(axis=0).max() < 0.02, "pairs are not"
    assert np.mean(crossing["interaction"]) < np.mean(crossing["PLSR"]) / 2, "interaction components keep tasks apart"
    along = mixing["PLSR"][:, 0, 0].mean(axis=0)
    ends = f"{along[0]:.2f} at the input, {along[-1]:.2f} at the head; random direction 0.18, most 0.5"
    before = f"{inside[:, 1].mean():.2f} at {FIRST}; a product has 1/7"
    numbers = [
        (f"within pairs, PLSR written at {SECOND}: smaller factor's share", mixing["PLSR"][:, 0, 0, 3], ends),
        (f"within pairs, interaction at {SECOND}: variance owed to both factors jointly", inside[:, 3], before),
        (f"between pairs, interaction at {SECOND}: variance owed to both pairs jointly", between[:, 3], ""),
        ("flow between tasks, interaction", crossing["interaction"], f"PLSR {np.mean(crossing['PLSR']):.2f}"),
    ]
    return [over_networks(NAME, quantity, values, note=note) for quantity, values, note in numbers]


if __name__ == "__main__":
    command(measure, report, describe=__doc__)
