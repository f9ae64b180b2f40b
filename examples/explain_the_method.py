"""
Draw the figures of the page on the method
==========================================

Four figures of docs/method.md, with a check of what the page says of them.

Run ``python examples/explain_the_method.py``; it takes a few minutes and writes ``figures/method-*.png``. ``--quick``
takes fewer networks, ``--out FOLDER`` writes elsewhere. The networks have the seeds 100 to 104; nothing in the method
was tuned on those.
"""

# sphinx_gallery_thumbnail_path = "../figures/method-mixing.png"

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import compgraph as cg
from compgraph.check import ChanceTest, against_twins
from compgraph.connect import write_atomically
from compgraph.decompose import ComponentSet
from compgraph.decompose.interaction import LARGEST_LEAK, Finding, couplings_of, fixed_finding, free_finding
from compgraph.show import INK, NEUTRAL, add_legend, colour, figure_bytes, plain
from compgraph.toys import FAMILIES, Plan, Toy, digit_pairs, multiplication, planted

SEED, SHOWN = 100, 12


def decomposed(toy: Toy, method: str = "interaction") -> tuple[cg.Statistics, ComponentSet]:
    """Return the statistics of a network and its components."""
    stats = cg.collect(toy.model, toy.data, toy.layers, progress=False)
    return stats, cg.components(stats, method)


def mixing_figure(toy: Toy) -> Figure:
    """Split the variance of each component by task, for three methods."""
    figure, mixed = Figure(figsize=(8, 3.4), layout="constrained"), {}
    panels = figure.subplots(1, 3, sharey=True)
    for axes, (method, name) in zip(
        panels, {"pca": "PCA", "plsr": "PLSR", "interaction": "interaction"}.items(), strict=True
    ):
        stats, parts = decomposed(toy, method)
        profile = cg.task_profile(parts, toy.model, toy.tasks, progress=False)
        graph = cg.build_graph(parts, cg.edges(stats, parts, "correlation"))
        importance = dict(graph.nodes(data="share"))
        labelled = list(profile.labels)
        mixed[method] = np.average(
            [profile.interference[node] for node in labelled], weights=[importance[node] for node in labelled]
        )
        plain(axes, f"{name}: {mixed[method]:.1%} of the variance\nbelongs to the other task")
        stacked(axes, graph, profile.share)
    panels[0].set_ylabel("share of the component's\nvariance (%)", fontsize=9)
    panels[0].set_yticks(range(0, 101, 25))
    panels[1].set_xlabel(
        "the strongest components that are read of the input and of each layer, and the outputs", fontsize=9
    )
    figure.suptitle("Which task moves a component: two products, one network", fontsize=12, color=INK)
    add_legend(figure, [(f"task {task}", colour(rank)) for rank, task in enumerate(toy.tasks)])
    print("variance of the other task:", {method: f"{share:.1%}" for method, share in mixed.items()})
    assert min(mixed["pca"], mixed["plsr"]) > 0.1
    assert mixed["interaction"] < 0.02
    return figure


def stacked(axes: Axes, graph: nx.DiGraph, shares: Mapping[str, Mapping[str, float]]) -> None:
    """Draw one bar for each of the strongest components of every space that is read, and of the output."""
    layers = list(dict.fromkeys(graph.nodes[node]["layer"] for node in graph))
    names = ["input", *(f"layer {i}" for i in range(1, len(layers) - 1)), "output"]
    places, ticks, x = [], [], 0
    for layer in layers:
        side = "out" if layer == layers[-1] else "in"
        nodes = [n for n, each in graph.nodes(data=True) if (each["layer"], each["side"]) == (layer, side)][:4]
        places += [(x + i, shares[node]) for i, node in enumerate(nodes)]
        ticks.append(x + (len(nodes) - 1) / 2)
        x += len(nodes) + 1
    base = np.zeros(len(places))
    for rank, task in enumerate(places[0][1]):
        height = np.array([100 * share[task] for _, share in places])
        axes.bar([at for at, _ in places], height, bottom=base, color=colour(rank), width=0.85)
        base += height
    axes.set_xticks(ticks, names, fontsize=8)


def leaks_figure(product: Toy, digits: Toy, epochs: int) -> Figure:
    """Show the leaks of the first modes, with and without tasks."""
    plans = [replace(FAMILIES[name], epochs=epochs) for name in ("tasks-4", "single-4")]
    four, one, none = (planted(plan, seeds=[SEED])[0] for plan in (*plans, FAMILIES["untrained-relu-6"]))
    cases = [
        ("two products", product, "free", 2),
        ("four products", four, "free", 4),
        ("two digits, outputs may turn", digits, "free", 2),
        ("two digits, outputs whole", digits, "fixed", 2),
        ("one task with four outputs", one, "free", 1),
        ("untrained, six outputs", none, "free", 1),
    ]
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    for axes, (name, toy, outputs, expected) in zip(
        figure.subplots(2, 3, sharex=True, sharey=True).flat, cases, strict=True
    ):
        found = decomposed(toy)[1].interactions
        seen = couplings_of(found.gradients, [found.split.metric])[0].view()
        finding = (free_finding if outputs == "free" else fixed_finding)(seen)
        leak = getattr(seen, outputs).leak[:SHOWN]
        n_blocks = drawn_leaks(axes, name, leak, finding)
        print(f"leaks, {name}: {np.round(leak, 3)}, gap {finding.gap:.2f}, blocks {n_blocks}")
        assert n_blocks == expected
    note = {"ha": "right", "va": "top", "fontsize": 8, "color": INK}
    figure.axes[0].text(SHOWN + 0.5, 0.9 * LARGEST_LEAK["free"], "largest leak that counts", **note)
    figure.supxlabel("mode", fontsize=9)
    figure.supylabel("leak (0 to 1, log scale)", fontsize=9)
    figure.suptitle("Leaks have a gap where there are tasks, and none where there are not", fontsize=12, color=INK)
    return figure


def drawn_leaks(axes: Axes, name: str, leak: np.ndarray, finding: Finding) -> int:
    """Draw one panel of leaks and return how many blocks they give."""
    slow = finding.n_slow if finding.gap >= 1 else 0
    n_blocks = 1 + (len(finding.modes.leak) if slow else 0)
    modes = np.arange(1, len(leak) + 1)
    plain(axes, name)
    axes.axhline(LARGEST_LEAK[finding.outputs], color=NEUTRAL, linestyle=":", linewidth=1)
    axes.plot(modes, leak, color=NEUTRAL, linewidth=0.8, zorder=1)
    axes.scatter(modes, leak, s=26, c=[colour(0) if mode <= slow else NEUTRAL for mode in modes], zorder=2)
    if slow:
        between = {"arrowstyle": "<->", "color": colour(5), "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (slow + 0.5, leak[slow - 1]), (slow + 0.5, leak[slow]), arrowprops=between)
    words = f"gap {finding.gap:.1f}: {n_blocks} blocks" if slow else "no gap: one block"
    axes.text(0.97, 0.06, words, transform=axes.transAxes, ha="right", fontsize=9, color=INK)
    axes.set(yscale="log", ylim=(1e-3, 1.2), xlim=(0.3, SHOWN + 0.7), xticks=[1, 4, 8, 12])
    return n_blocks


def soft_mixing_figure(levels: Sequence[float], seeds: range) -> Figure:
    """Mix the targets of two tasks more and more."""
    rows = np.array([[mixed_network(toy) for toy in planted(Plan(mixing=each), seeds=seeds)] for each in levels])
    mean = rows.mean(axis=1)
    spread = np.stack([mean - rows.min(axis=1), rows.max(axis=1) - mean])
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    count, gap, outside = figure.subplots(1, 3)
    for axes, columns, title, unit in (
        (count, [0], "groups reported", "groups"),
        (gap, [1], "evidence", "gap (1 counts)"),
        (outside, [2, 3], "two groups forced", "links outside the own group (%)"),
    ):
        for rank, column in enumerate(columns):
            at = np.array(levels) + 0.008 * rank
            axes.errorbar(at, mean[:, column], spread[..., column], color=colour(rank), marker="o", ms=4, capsize=2)
        plain(axes, title)
        axes.set_ylabel(unit, fontsize=9)
    count.set(yticks=[1, 2], ylim=(0.8, 2.2))
    gap.axhline(1, color=NEUTRAL, linestyle=":")
    outside.set_ylim(0, 1.25 * rows[..., 2:4].max())
    outside.legend(["interaction components", "gradient components"], fontsize=8, frameon=False, loc="upper left")
    figure.supxlabel("mixing \u03bb: share of the other task in each target", fontsize=9)
    figure.suptitle(f"Tasks that mix: mean and range, {len(seeds)} networks each", fontsize=12, color=INK)
    for level, row in zip(levels, mean, strict=True):
        print(
            "mixing {:.2f}: groups {:.1f}, gap {:.2f}, outside {:.1f} % / {:.1f} %, weighted {:.1f} %".format(
                level, *row
            )
        )
    assert mean[0, 0] == 2
    assert mean[0, 1] > 2
    assert mean[-1, 0] == 1
    assert min(mean[-1, 2] - mean[0, 2], mean[-1, 3] - mean[0, 3]) > 5
    return figure


def mixed_network(toy: Toy) -> tuple[float, ...]:
    """Return the number of groups reported, the gap, and per cent of links outside the own of two groups."""
    analysis = cg.analyze(toy.model, toy.data, toy.layers, n_null=19, progress=False)
    parts = cg.components(analysis.stats, "gradient")
    shares = []
    for graph in (analysis.graph, cg.build_graph(parts, cg.edges(analysis.stats, parts, "gradient"))):
        found = cg.communities(graph, "spectral", n_groups=2, n_null=0)
        shares.append({node: 100 * (1 - found.membership[node][group]) for node, group in found.assignment.items()})
    importance = [analysis.graph.nodes[node]["share"] for node in shares[0]]
    return (
        analysis.groups.n_groups,
        analysis.components.interactions.split.gap,
        *(np.mean(list(each.values())) for each in shares),
        np.average(list(shares[0].values()), weights=importance),
    )


def twins_figure(product: Toy, digits: Toy, n: int) -> Figure:
    """Compare trained networks, and an untrained one, with their untrained twins."""
    untrained = planted(FAMILIES["untrained-gelu-6"], seeds=[SEED])[0]
    cases = {"two products": product, "two digits": digits, "untrained": untrained}
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.add_subplot()
    for row, (name, toy) in enumerate(cases.items()):
        test = against_twins(decomposed(toy)[0], n=n)
        drawn_test(axes, -row, test)
        print(f"twins, {name}: {test}; largest of {n} twins {max(test.by_chance):.2f}")
        trained = toy is not untrained
        assert (test.observed > max(test.by_chance)) == trained
        assert (test.p_value == 1 / (n + 1)) == trained
    axes.axvline(1, color=NEUTRAL, linestyle=":", zorder=0)
    axes.text(1.08, 0.42, "counts from here on", fontsize=8, color=INK, va="center")
    axes.set_yticks([-row for row in range(len(cases))], list(cases))
    axes.set_ylim(-2.75, 0.55)
    axes.set_xlabel("evidence: width of the gap, in units of the smallest that counts", fontsize=9)
    plain(axes, "")
    figure.suptitle(f"A trained network beside {n} untrained twins of itself", fontsize=12, color=INK)
    axes.legend(loc="lower right", fontsize=9, frameon=False)
    return figure


def drawn_test(axes: Axes, row: int, test: ChanceTest) -> None:
    """Draw one row: the network itself, and its twins one above the other where they are equal."""
    values = np.sort(test.by_chance)
    equal = np.arange(len(values)) - np.searchsorted(values, values)
    labels = ("an untrained twin", "the network") if row == 0 else (None, None)
    axes.scatter(values, row - 0.22 - 0.025 * equal, s=14, color=NEUTRAL, label=labels[0])
    axes.scatter([test.observed], [row], s=80, marker="D", color=colour(0), label=labels[1])
    axes.text(1.01, row, f"p = {test.p_value:.2f}", transform=axes.get_yaxis_transform(), va="center", fontsize=9)


def main() -> None:
    """Draw all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer networks, for a test")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "figures", help="where to write")
    options = parser.parse_args()
    product, digits = multiplication(seed=SEED), digit_pairs(seed=SEED)
    levels = [0.0, 0.4] if options.quick else np.linspace(0, 0.5, 11).round(2).tolist()
    seeds = range(SEED, SEED + (1 if options.quick else 5))
    figures = {
        "mixing": mixing_figure(product),
        "leaks": leaks_figure(product, digits, 40 if options.quick else 100),
        "soft-mixing": soft_mixing_figure(levels, seeds),
        "twins": twins_figure(product, digits, 3 if options.quick else 19),
    }
    for name, figure in figures.items():
        write_atomically(options.out / f"method-{name}.png", figure_bytes(figure, ".png", dpi=150))


if __name__ == "__main__":
    main()
