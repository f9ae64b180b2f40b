"""Draw the flow through a network for each task, and see where factors and tasks mix.

Two component sets for every layer, what it writes and what is read of it, with weights inside layers and between them.
PLSR components take in both factors of a pair more and more towards the head, and both pairs less and less. That
depends on the basis; variance owed to two factors jointly is computed. It arises within pairs, in both hidden layers,
and hardly any between pairs: as the note expects.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import networkx as nx
import numpy as np
import torch
from matplotlib.figure import Figure

import compgraph as cg
from compgraph.check.factors import FactorProfile, factor_profile
from compgraph.connect import node_id
from compgraph.show import flow_figure, save_flow, task_flow
from compgraph.show.drawing import INK
from compgraph.show.palette import colour
from compgraph.toys import Toy
from published import Result, command, over_networks, plain, standard_error, write

NAME, FIRST, SECOND = "004 flow and mixing", "layers.0.act", "layers.1.act"
RECIPES = {"interaction": ("interaction", "gradient"), "PLSR": ("plsr", "plsr")}
SPACES = (
    "input\nis read",
    f"{FIRST}\nwrites",
    f"{FIRST}\nis read",
    f"{SECOND}\nwrites",
    f"{SECOND}\nis read",
    "head\nwrites",
)


class Drawn(NamedTuple):
    """A component graph, what its components do for the tasks, and how they mix the factors of a pair and the pairs."""

    graph: nx.DiGraph
    profile: cg.TaskProfile
    mixing: np.ndarray  # within pairs and between them, of components and joint, by space


def drawn(toy: Toy, recipe: str) -> Drawn:
    """Make the component graph by one recipe."""
    (method, rule), stats = RECIPES[recipe], cg.collect(toy.model, toy.data, toy.layers, progress=False)
    parts = cg.components(stats, method)
    profile = cg.task_profile(parts, toy.model, toy.tasks, batch_size=10_000, progress=False)
    inside = {task: factor_profile(parts, toy.model, design) for task, design in pairs(toy).items()}
    between = dict.fromkeys(toy.tasks, factor_profile(parts, toy.model, crossed(toy)))
    mixing = [[[average(parts[space], profile, each, name) for space in sorted(parts)] for name in ("mixing", "joint")]
              for each in (inside, between)]  # fmt: skip
    return Drawn(cg.build_graph(parts, cg.edges(stats, parts, rule)), profile, np.array(mixing))


def pairs(toy: Toy) -> dict[str, torch.Tensor]:
    """Return inputs in which the two factors of a pair vary independently, those of the other resting."""
    return {task: rows.reshape(100, 100, -1)[2::4, 2::4] for task, rows in toy.tasks.items()}


def crossed(toy: Toy) -> torch.Tensor:
    """Return inputs in which the two pairs vary independently, with as many levels of each."""
    order = np.random.default_rng(toy.seed).permutation(10_000)[:25]
    first, second = (rows[order] for rows in toy.tasks.values())
    return torch.cat([first[:, None, :2].expand(-1, 25, -1), second[None, :, 2:].expand(25, -1, -1)], dim=2)


def average(part: cg.Components, profile: cg.TaskProfile, found: dict[str, FactorProfile], name: str) -> float:
    """Return the mean of a measure over the components of a space that serve a task, which count by their share."""
    shares = {node_id(part.space, k): share for k, share in enumerate(part.share)}
    served = [node for node in shares if node in profile.labels]
    values = [getattr(found[profile.labels[node]], name).get(node, 0.0) for node in served]
    return float(np.average(values, weights=[shares[node] for node in served]))


def draw_mixing(tables: dict[str, np.ndarray], folder: Path) -> None:
    """Draw the mixing of factors and of tasks along the network."""
    figure = Figure(figsize=(8.0, 4.4), layout="constrained")
    kinds = (
        "smaller factor's share of the variance\nowed to either alone",
        "share of the variance owed\nto both jointly",
    )
    n = len(next(iter(tables.values())))
    figure.suptitle(f"Two factors of a pair, and two pairs: mean and standard error over {n} networks", color=INK)
    for kind, axes in enumerate(figure.subplots(1, 2)):
        for line, (recipe, table) in zip(("-", "--"), tables.items(), strict=True):
            for rank, which in enumerate(("within pairs", "between pairs")):
                values = 100 * table[:, rank, kind]
                axes.errorbar(range(len(SPACES)), values.mean(axis=0), standard_error(values), linestyle=line,
                              marker="os"[rank], color=colour(rank), capsize=3, label=f"{which}, {recipe}")  # fmt: skip
        axes.set_xticks(range(len(SPACES)), SPACES, rotation=60, fontsize=8)
        axes.set_ylabel("share (%)")
        plain(axes, kinds[kind])
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9, frameon=False,
                  handlelength=4)  # fmt: skip
    write(figure, folder, "004-mixing")


def draw_flows(found: dict[str, Drawn], folder: Path, n: int) -> None:
    """Draw the flow by both recipes."""
    for name, file in {"interaction": "004-flow", "PLSR": "004-flow-plsr"}.items():
        title = f"What flows for each task: {name} components (network 1 of {n})"
        page = save_flow(folder / f"note-{file}.html", found[name].graph, found[name].profile, title=title)
        write(flow_figure(found[name].graph, found[name].profile, title=title, smallest=0.01), folder, file)
        assert page.stat().st_size < 300_000


def run(toys: Sequence[Toy], folder: Path) -> list[Result]:
    """Measure both recipes on every network; draw the flow of the first."""
    graphs = {name: [drawn(toy, name) for toy in toys] for name in RECIPES}
    mixing = {name: np.array([each.mixing for each in found]) for name, found in graphs.items()}
    draw_mixing(mixing, folder)
    draw_flows({name: found[0] for name, found in graphs.items()}, folder, len(toys))
    inside, between = mixing["interaction"][:, :, 1].transpose(1, 0, 2)
    crossing = {name: [task_flow(*each[:2], smallest=0).crossing for each in found] for name, found in graphs.items()}
    assert inside[:, 0].max() < 1e-6, "nothing is computed before the first layer"
    assert inside[:, 3].mean() > 0.08, "factors of a pair are combined inside the network"
    assert between.mean(axis=0).max() < 0.02, "pairs are not"
    assert np.mean(crossing["interaction"]) < np.mean(crossing["PLSR"]) / 2, "interaction components keep tasks apart"
    along = mixing["PLSR"][:, 0, 0].mean(axis=0)
    numbers = [
        (f"within pairs, PLSR written at {SECOND}: smaller factor's share", mixing["PLSR"][:, 0, 0, 3],
         f"{along[0]:.2f} at the input, {along[-1]:.2f} at the head; random direction 0.18, most 0.5"),
        (f"within pairs, interaction at {SECOND}: variance owed to both factors jointly", inside[:, 3],
         f"{inside[:, 1].mean():.2f} at {FIRST}; a product has 1/7"),
        (f"between pairs, interaction at {SECOND}: variance owed to both pairs jointly", between[:, 3], ""),
        ("flow between tasks, interaction", crossing["interaction"], f"PLSR {np.mean(crossing['PLSR']):.2f}"),
    ]  # fmt: skip
    return [over_networks(NAME, quantity, values, note=note) for quantity, values, note in numbers]


if __name__ == "__main__":
    command(run, describe=__doc__)
