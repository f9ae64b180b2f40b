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

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

import compgraph as cg
from compgraph.check import ChanceTest, independent_directions
from compgraph.check.purity import direction_purity, group_purity, joined
from compgraph.show.drawing import INK
from compgraph.show.palette import colour
from compgraph.toys import Toy
from compgraph.toys.multiplication import LEARNING_RATE, N_TRAIN, TASKS, multiplication_data
from compgraph.toys.perceptron import seeded_perceptron
from compgraph.toys.together import fit_together
from compgraph.toys.training import seeded
from published import Result, command, over_networks, plain, standard_error, write

NAME, MOST, N = "008 one output", 10, 4000
SITES = {"input": "input", "layers.0.act": "first hidden layer"}
BASES = {"pca": "PCA", "apart": "independent", "moved": "moved by one group of the input", "best": "tasks known"}


def train(seeds: Sequence[int]) -> list[nn.Module]:
    """Train one network per seed on the sum of the two products, with the note's recipe."""
    drawn = [multiplication_data(seed=seed) for seed in seeds]
    models: list[nn.Module] = [seeded_perceptron((4, 16, 16, 1), seeded(seed)) for seed in seeds]
    inputs = torch.stack([rows[:N_TRAIN] for rows, _ in drawn])
    targets = torch.stack([products[:N_TRAIN].sum(dim=1, keepdim=True) for _, products in drawn])
    fit_together(models, inputs, targets, n_steps=1000, lr=LEARNING_RATE, final_lr=LEARNING_RATE)
    return models


def measured(model: nn.Module, seed: int) -> tuple[dict[str, float | ChanceTest], np.ndarray]:
    """Return what the default finds, how pure bases and groups are, and directions of the input by group."""
    rows = multiplication_data(N, seed=10_000 + seed)[0]
    stats = cg.collect(model, rows, ["layers.*.act", "head"], sample=N, progress=False)
    interactions = cg.components(stats).interactions
    found: dict[str, float | ChanceTest] = {"blocks": float(interactions.split.n_blocks)}
    still = rows.mean(dim=0)

    def seen(projectors: Mapping[str, torch.Tensor]) -> dict[str, list[np.ndarray]]:
        """Return the covariance at every site while the inputs move in one subspace only."""
        moving = {name: still + (rows - still) @ projector for name, projector in projectors.items()}
        known = {name: cg.collect(model, each, **stats.asked, progress=False) for name, each in moving.items()}
        return {name: [each.moments[pair].xx / N for pair in stats.pairs] for name, each in known.items()}

    tasks = seen({name: torch.eye(4)[:, columns] @ torch.eye(4)[columns] for name, columns in TASKS.items()})
    first = independent_directions(rows.numpy())
    groups = [torch.from_numpy(_projector(first.axes, chosen)).float() for chosen in (~first.second, first.second)]
    moved = list(seen(dict(zip("12", groups, strict=True))).values())
    for i, pair in enumerate(stats.pairs[: len(SITES)]):
        site, covariances = pair.source.layer, {name: each[i] for name, each in tasks.items()}
        found[f"read {site}"] = float(interactions.gradients[i].shape[2])
        principal = cg.components(stats, "pca", n_components=len(covariances["A"]))[pair.source]
        apart = independent_directions(stats.samples[pair].x)
        by_group, by_task = (_purest(apart.axes, *each) for each in ([each[i] for each in moved], covariances.values()))
        pca = principal.axes / principal.deviation[:, None]
        for name, axes in zip(BASES, (pca, apart.axes, by_group[0], by_task[0]), strict=True):
            found[f"{name} {site}"] = direction_purity(axes, covariances, seed=seed)
        for name, axes, labels in (("apart", apart.axes, apart.second.astype(int)), ("moved", *by_group)):
            found[f"groups {name} {site}"] = group_purity(axes, labels, covariances, seed=seed)
    order = np.argsort(first.second, kind="stable")
    correlations = np.corrcoef(first.axes @ rows.numpy().T, rows.numpy().T)[:4, 4:]
    return found, np.column_stack([correlations, first.second])[order]


def _projector(axes: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return axes[chosen].T @ np.linalg.pinv(axes)[:, chosen].T


def _purest(white: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn uncorrelated directions until each sees as much more of one covariance as can be, and say of which."""
    values, turn = np.linalg.eigh(white @ (a - b) @ white.T)
    return turn.T @ white, (values < 0).astype(int)


def run(toys: Sequence[Toy], folder: Path) -> list[Result]:
    """Train as many networks of one output, at most ten, and measure over them."""
    seeds = [toy.seed for toy in toys[:MOST]]
    rows, pictures = zip(*(measured(*each) for each in zip(train(seeds), seeds, strict=True)), strict=True)
    values = {name: [row[name] for row in rows] for name in rows[0]}
    tests = {name: joined(each) for name, each in values.items() if isinstance(each[0], ChanceTest)}
    write(draw(values, tests, pictures[0], seeds[0]), folder, "008-one-output")
    results = [over_networks(NAME, "blocks that the default finds (it sees one output)", values["blocks"])]
    for site, place in SITES.items():
        results.append(over_networks(NAME, f"{place}: directions that the output reads", values[f"read {site}"]))
        names = {f"{name} {site}": f"variance of directions in their own task, {text}" for name, text in BASES.items()}
        names[f"groups apart {site}"] = "variance in the right one of two groups found without labels"
        names[f"groups moved {site}"] = "the same, groups by which group of the input moves a direction"
        if site == "input":  # there the groups are those of the input itself
            del names[f"moved {site}"], names[f"groups moved {site}"]
        for name, text in names.items():
            shares, test = [each.observed for each in values[name]], tests[name]
            note = f"{test.name}: {np.mean(test.by_chance):.2f}, p = {test.p_value:.2g}"
            results.append(over_networks(NAME, f"{place}: {text}", shares, note=note))
    assert set(values["blocks"]) == {1.0}
    assert tests["groups apart input"].observed > 0.95
    inside = {name: tests[f"{name} layers.0.act"] for name in (*BASES, "groups apart", "groups moved")}
    assert inside["pca"].observed < inside["apart"].observed < inside["best"].observed
    assert inside["apart"].p_value < 0.05
    assert inside["groups apart"].observed < 0.9 < inside["groups moved"].observed
    assert inside["groups moved"].p_value < 0.05
    return results


def draw(values: Mapping[str, Sequence], tests: Mapping[str, ChanceTest], picture: np.ndarray, seed: int) -> Figure:
    """Draw how purely each basis keeps to one task, and the input of one network taken apart."""
    figure = Figure(figsize=(8, 3.7), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1))
    for rank, (name, text) in enumerate(BASES.items()):
        for place, site in enumerate(SITES):
            shares, at = [100 * each.observed for each in values[f"{name} {site}"]], place + 0.2 * (rank - 1.5)
            label = text if place == 0 else None
            left.bar(at, np.mean(shares), 0.18, yerr=standard_error(shares), capsize=3, color=colour(rank), label=label)
            chance = 100 * np.mean(tests[f"{name} {site}"].by_chance)
            left.hlines(chance, at - 0.09, at + 0.09, color=INK, linewidth=2, label=None if rank + place else "chance")
    left.set_xticks(range(len(SITES)), list(SITES.values()))
    left.set_ylabel("variance in own task (%; 50 is fully mixed)", fontsize=9)
    left.set_ylim(50, 101)
    plain(left, f"Directions that keep to one task, {len(values['blocks'])} networks")
    _draw_matrix(right, picture, seed)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=3, fontsize=8, frameon=False)
    return figure


def _draw_matrix(axes: Axes, picture: np.ndarray, seed: int) -> None:
    axes.imshow(picture[:, :4], cmap="PuOr", vmin=-1, vmax=1)
    for (row, column), value in np.ndenumerate(picture[:, :4]):
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color="w" if abs(value) > 0.55 else INK)
    plain(axes, f"Input directions of network {seed}")
    axes.set_xticks(range(4), [f"$x_{i}$" for i in range(1, 5)])
    axes.set_yticks(range(4), [f"group {group:.0f}" for group in picture[:, 4] + 1])
    axes.set_xlabel("correlation of score and input", fontsize=9)
    axes.axhline(np.sum(picture[:, 4] == 0) - 0.5, color=INK, linewidth=2)


if __name__ == "__main__":
    command(run, describe=__doc__)
