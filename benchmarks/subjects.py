"""Networks and graphs whose groups are known by construction, and what is timed on them: run as a process of its own.

``python benchmarks/subjects.py ROLE NAME SIZE`` prints the CPU seconds of one run, and what it found, as JSON. It needs
nothing of compgraph but `analyze`, `collect`, `components`, `edges`, `build_graph`, `communities` and `save`, so that
older versions can be timed by it: what is imported is what ``PYTHONPATH`` says.
"""

import json
import os
import resource
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import torch
from torch import Tensor, nn

from compgraph import analyze, build_graph, collect, communities, components, edges, save
from compgraph.toys import digit_pairs, multiplication

SEED = 100
SPACE = 50  # nodes of a space of a graph
DENSE = 3000  # nodes up to which all components of neighbouring spaces are linked
INPUTS = 8
HELD = 60_000  # rows that are in memory; more are made batch by batch
MLP = (784, 256, 256, 10)
RECIPES = (
    ("pca", "correlation", "louvain"),
    ("plsr", "plsr", "louvain"),
    ("gradient", "gradient", "louvain"),
    ("interaction", "gradient", "spectral"),
)
Found = dict[str, object]


def apart(width: int = 64, depth: int = 2, outputs: int = 4, *, parts: int = 2, inputs: int = INPUTS) -> nn.Sequential:
    """Return a network of parts that do not mix, with weights of a seed: block-diagonal, tanh."""
    generator = torch.Generator().manual_seed(SEED)
    widths = [inputs, *[width] * depth, outputs]
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (before, after) in enumerate(pairwise(widths)):
        linear = nn.Linear(before, after)
        same = torch.arange(after)[:, None] * parts // after == torch.arange(before) * parts // before
        with torch.no_grad():
            scale = 1.5 * (parts / before) ** 0.5
            linear.weight.copy_(torch.randn(after, before, generator=generator) * same * scale)
            linear.bias.copy_(torch.randn(after, generator=generator) * 0.2)
        layers[f"linear{number}"] = linear
        if number < depth:
            layers[f"act{number}"] = nn.Tanh()
    return nn.Sequential(layers).eval()


def rows(n: int, width: int) -> Tensor:
    """Return normal rows of a seed."""
    return torch.randn(n, width, generator=torch.Generator().manual_seed(SEED))


def graph(nodes: int, *, groups: int = 3) -> nx.DiGraph:
    """Return a component graph with planted groups, one space after the other, weights lognormal."""
    rng = np.random.default_rng(SEED)
    made = nx.DiGraph(schema="compgraph/1", method="pca", rule="correlation")
    size = min(SPACE, nodes // 4)
    count = nodes // size
    for space in range(count):
        depth, side = (space + 1) // 2, "out" if space % 2 else "in"
        for index in range(size):
            common = {"layer": f"layer{depth}", "side": side, "depth": depth, "index": index, "method": "pca"}
            made.add_node(
                f"layer{depth}/{side}/{index}", **common, strength=1.0, share=1 / size, label=f"{depth} {index}"
            )
    names = list(made)
    for space in range(count - 1):
        kind = "within" if space % 2 else "between"
        linked = rng.permuted(np.tile(np.arange(size), (size, 1)), axis=1)[:, : size if nodes <= DENSE else 10]
        for a, ends in enumerate(linked.tolist()):
            for b in ends:
                near = 1.0 if a % groups == b % groups else 0.05
                weight = float(near * rng.lognormal(sigma=0.5))
                ends_of = names[space * size + a], names[(space + 1) * size + b]
                made.add_edge(*ends_of, weight=weight, effect=weight, kind=kind, rule="correlation")
    return made


def analysed(model: nn.Module, data: Tensor) -> Found:
    """Analyse a network by default."""
    found = analyze(model, data, getattr(model, "sites", None), progress=False)
    return {"groups": found.groups.n_groups, "nodes": len(found.graph), "p": found.found.p_value}


def grouped(nodes: int) -> Callable[[], Found]:
    """Return what groups a graph, with as many null graphs as the default has unless the environment says otherwise."""
    made, n_null = graph(nodes), int(os.environ.get("NULLS", "99"))

    def run() -> Found:
        found = communities(made, n_null=n_null)
        return {"groups": found.n_groups, "edges": made.number_of_edges(), "p": found.p_value}

    return run


class Made:
    """Batches of an endless source, made when they are asked for."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(SEED)
        for start in range(0, self.n, 256):
            yield torch.randn(min(256, self.n - start), MLP[0], generator=generator)


def four_ways(model: nn.Module, data: object) -> Found:
    """Find, link, group and draw the components of an MLP by all methods."""
    stats = collect(model, data, ("relu1", "relu2") if hasattr(model, "relu1") else None, progress=False)
    found: Found = {}
    with tempfile.TemporaryDirectory() as folder:
        for method, rule, algorithm in RECIPES:
            parts = components(stats, method)
            made = build_graph(parts, edges(stats, parts, rule))
            groups = communities(made, algorithm)
            for suffix in ("html", "dot"):
                save(made, Path(folder) / f"{method}.{suffix}", groups=groups)
            found[method] = groups.n_groups
    return found


def network(name: str, size: int) -> tuple[nn.Module, Any]:
    """Return a network and its data: of the note, of digits, an MLP of random weights, or of parts apart."""
    if name in ("note", "digits"):
        toy = multiplication(seed=SEED) if name == "note" else digit_pairs(seed=SEED)
        return toy.model, toy.data
    if name == "mlp":
        torch.manual_seed(SEED)
        first, second, third, last = MLP
        layers = {"fc1": nn.Linear(first, second), "relu1": nn.ReLU(), "fc2": nn.Linear(second, third)}
        layers |= {"relu2": nn.ReLU(), "fc3": nn.Linear(third, last)}
        return nn.Sequential(OrderedDict(layers)).eval(), rows(size, first) if size <= HELD else Made(size)
    if name == "rows":
        return apart(), rows(size, INPUTS)
    shape: dict[str, int] = {name: size}
    if name == "depth":
        shape["outputs"] = 2
    if name == "outputs":
        shape |= {"parts": max(2, size // 2), "inputs": max(INPUTS, size), "width": 256}
    return apart(**shape), rows(4000, shape.get("inputs", INPUTS))


def subject(name: str, size: int) -> Callable[[], Found]:
    """Return what is timed under a name."""
    if name == "nodes":
        return grouped(size)
    model, data = network(name, size)
    return lambda: four_ways(model, data) if name == "mlp" else analysed(model, data)


def floor(name: str, size: int) -> Callable[[], Found]:
    """Return what nothing that answers the same question can do without.

    Of an analysis: the forward and backward passes of a network and its 19 twins on 1,024 rows. Of groups with a
    p-value: 99 permutations of the weights. Of four methods: one forward pass.
    """
    if name == "nodes":
        weights, rng = np.ones((min(SPACE, size // 4),) * 2), np.random.default_rng(SEED)
        pairs = size // len(weights) - 1
        return lambda: {"drawn": sum(rng.permutation(weights.ravel()).size for _ in range(99 * pairs))}
    model, data = network(name, size)
    if name == "mlp":
        return lambda: {"rows": sum(len(model(batch)) for batch in data.split(256))}

    def passes() -> Found:
        for _ in range(20):
            nudged = data[:1024].clone().requires_grad_()
            returned = model(nudged)
            for output in range(returned.shape[1]):
                torch.autograd.grad(returned[:, output].sum(), nudged, retain_graph=True)
        return {}

    return passes


def peer(name: str, size: int) -> Callable[[], Found]:
    """Return what a user would do without compgraph, as far as there is such code.

    Of groups with a p-value: networkx's Louvain on the graph and on 99 graphs with permuted weights. Of four methods:
    activations stored by hooks, scikit-learn's PCA of every site and partial least squares of every pair.
    """
    if name == "nodes":
        made = graph(size).to_undirected()
        links, weights = list(made.edges), np.array([each for *_, each in made.edges(data="weight")])
        rng = np.random.default_rng(SEED)

        def louvain() -> Found:
            for draw in range(100):
                drawn = rng.permutation(weights) if draw else weights
                nx.set_edge_attributes(made, dict(zip(links, drawn.tolist(), strict=True)), "weight")
                nx.community.louvain_communities(made, seed=draw)
            return {}

        return louvain
    if name != "mlp":
        raise SystemExit(f"nothing else answers what is asked of {name}")
    model, data = network(name, size)

    def by_hand() -> Found:
        from sklearn.cross_decomposition import PLSRegression
        from sklearn.decomposition import PCA

        layers = list(model.children())
        with torch.no_grad():
            first = layers[1](layers[0](data))
            second = layers[3](layers[2](first))
            sites = [data, first, second, layers[4](second)]
        kept = [each.numpy() for each in sites]
        for each in kept:
            PCA(min(16, each.shape[1]), svd_solver="covariance_eigh").fit(each)
        for x, y in pairwise(kept):
            PLSRegression(min(10, y.shape[1])).fit(x, y)
        return {}

    return by_hand


ROLES = {"subject": subject, "floor": floor, "peer": peer}


def main() -> None:
    """Time one run and print what came of it."""
    role, name, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(1)
    run = ROLES[role](name, size)
    analysed(apart(8, 1, 2), rows(100, INPUTS))  # what is imported at first use is not timed
    four_ways(apart(8, 4, 2), rows(100, INPUTS))
    before, peak = time.process_time(), _peak()
    found = run()
    print(json.dumps({"cpu": time.process_time() - before, "peak": _peak() - peak, **found}))


def _peak() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
