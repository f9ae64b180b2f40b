"""The bad inputs of docs/how-it-fails.md: each with what is done, in the order and with the numbers of the page."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
import torch
from torch import Tensor, nn

import compgraph as cg
from compgraph.show import html_page

Case = tuple[str, Callable[[], Any]]


def rows(n: int = 64, d: int = 4, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def net(*between: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), *(between or (nn.ReLU(),)), nn.Linear(8, 2))


class Does(nn.Module):
    """A network with something done to its hidden layer or its output."""

    def __init__(self, hidden: Callable[[Tensor], Any] = lambda h: h, output: Callable[[Tensor], Any] = lambda y: y):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.act, self.head = nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)
        self.hidden, self.output = hidden, output

    def forward(self, x: Tensor) -> Any:
        return self.output(self.head(self.hidden(self.act(self.first(x)))))


class Gives(nn.Module):
    """A module that returns what a function makes of its input."""

    def __init__(self, change: Callable[[Tensor], Any]):
        super().__init__()
        self.change = change

    def forward(self, x: Tensor) -> Any:
        return self.change(x)


@dataclass
class Pair:
    """What some models return."""

    size: int
    hidden: Tensor


def whole(model: nn.Module, data: Any, layers: Any = None, method: str = "pca", **options: Any) -> str:
    """Go from a model to components, and say what the notes say beyond the choice of layers."""
    stats = cg.collect(model, data, layers, **options)
    cg.components(stats, method)
    notes = [note for note in stats.notes if not note.startswith("Layers were chosen")]
    return notes[0] if notes else ""


def changed(values: Tensor, value: float, row: int = 3) -> Tensor:
    other = values.clone()
    other[row, 1] = value
    return other


def once(batches: Any) -> Iterator[Any]:
    yield from batches


def used_up() -> None:
    stream = once([rows()])
    cg.collect(net(), stream)
    cg.collect(net(), stream)


DATA: list[Case] = [
    ("an empty loader", lambda: whole(net(), [])),
    ("an empty last batch", lambda: whole(net(), [rows(32), rows(0)])),
    ("one sample", lambda: whole(net(), rows(1))),
    ("two samples", lambda: whole(net(), rows(2))),
    ("a last batch of one, with batch norm", lambda: whole(net(nn.BatchNorm1d(8)), [rows(32), rows(1)])),
    ("NaN in one sample", lambda: whole(net(), changed(rows(), float("nan")))),
    ("infinity in one sample", lambda: whole(net(), changed(rows(), float("inf")))),
    ("all zeros", lambda: whole(net(), torch.zeros(64, 4))),
    ("constant, not zero", lambda: whole(net(), torch.ones(64, 4))),
    ("float32 with a mean of 1e8", lambda: whole(net(), rows() * 1e3 + 1e8)),
    ("values near 1e200", lambda: whole(net().double(), rows().double() * 1e200)),
    ("values near 1e-200", lambda: whole(net().double(), rows().double() * 1e-200)),
    ("float16 above 256", lambda: whole(net().half(), (rows() * 300).half())),
    ("bfloat16", lambda: whole(net().bfloat16(), rows().bfloat16())),
    ("a float64 model", lambda: whole(net().double(), rows().double())),
    (
        "whole numbers, into an embedding",
        lambda: whole(nn.Sequential(nn.Embedding(9, 4), *net()), torch.arange(64) % 9),
    ),
    ("complex numbers", lambda: whole(net(), torch.complex(rows(), rows()))),
    ("a sparse tensor", lambda: whole(net(), rows().to_sparse())),
    ("a tensor on the device meta", lambda: whole(net(), rows().to("meta"))),
    ("a read-only array", lambda: whole(net(), frozen(rows().numpy()))),
    ("a transposed tensor", lambda: whole(net(), rows(4, 64).T)),
    (
        "batches of different lengths",
        lambda: whole(nn.Sequential(nn.Conv1d(4, 3, 3), nn.ReLU()), [lengths(9), lengths(7)]),
    ),
    ("a loader of pairs (x, y)", lambda: whole(net(), [(rows(), torch.zeros(64))])),
    ("a loader of dicts", lambda: whole(Does(), [{"x": rows(), "label": torch.zeros(64)}])),
    ("a generator that was used up", used_up),
    ("None", lambda: whole(net(), None)),
    ("a text", lambda: whole(net(), "data.npy")),
]


def frozen(values: np.ndarray) -> np.ndarray:
    values.flags.writeable = False
    return values


def lengths(n: int) -> Tensor:
    return torch.randn(8, 4, n, generator=torch.Generator().manual_seed(n))


GROUPS = {f"n{i}": i // 6 for i in range(12)}


def agreed(labels: Any, groups: Any = None, **options: Any) -> str:
    found = cg.agreement(GROUPS if groups is None else groups, labels, **options)
    return f"ARI {found.ari:.2f} on {found.n} nodes"


def profiled(**tasks: Tensor) -> str:
    model = net(nn.Tanh())
    found = cg.task_profile(cg.components(cg.collect(model, rows()), "neuron"), model, tasks)
    return f"{len(found.labels)} of {len(found.share)} components labelled"


def moving(*columns: int, times: float = 1.0) -> Tensor:
    held = torch.zeros(64, 4)
    held[:, list(columns)] = times * rows()[:, list(columns)]
    return held


LABELS: list[Case] = [
    ("one class only", lambda: agreed(dict.fromkeys(GROUPS, "a"))),
    ("one class and one group", lambda: agreed(dict.fromkeys(GROUPS, "a"), dict.fromkeys(GROUPS, 0))),
    ("ids that skip numbers: 3 and 7", lambda: agreed({node: 3 + 4 * group for node, group in GROUPS.items()})),
    ("negative ids, and 255", lambda: agreed({node: (-1, 255)[group] for node, group in GROUPS.items()})),
    ("texts and numbers mixed", lambda: agreed({node: ("a", 1.0)[group] for node, group in GROUPS.items()})),
    ("torch scalars", lambda: agreed({node: torch.tensor(group) for node, group in GROUPS.items()})),
    ("labels of nodes that are not there", lambda: agreed({**GROUPS, "n99": 1})),
    ("several labels a node", lambda: agreed({node: ["left", "right"] for node in GROUPS})),
    ("NaN for some", lambda: agreed({**GROUPS, "n0": float("nan")})),
    ("NaN for all", lambda: agreed(dict.fromkeys(GROUPS, float("nan")))),
    ("None in place of labels", lambda: agreed(None)),
    ("a list in place of labels", lambda: agreed([0, 1] * 6)),
    ("a task that is constant", lambda: profiled(a=moving(0, 1), b=torch.ones(64, 4))),
    ("the same inputs for two tasks", lambda: profiled(a=moving(0, 1), b=moving(0, 1))),
    ("a task 200 times as large", lambda: profiled(a=moving(0, 1), b=moving(2, 3, times=200.0))),
    (
        "tasks in a list",
        lambda: cg.task_profile(cg.components(cg.collect(net(), rows()), "pca"), net(), [rows(), rows()]),
    ),
]


class Branching(nn.Module):
    """Takes one of two layers by what the batch holds."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = nn.Linear(4, 5), nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.a(x) if x.mean() > 0 else self.b(x)))


class Tied(nn.Module):
    """Calls one module twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head, self.act = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.second(self.act(self.first(x)))))


def without_grad(context: Any) -> str:
    with context():
        return whole(net(), rows())


def hooked() -> str:
    model = net()
    model[0].register_forward_hook(lambda *_: None)
    return whole(model, rows())


def frozen_model() -> str:
    return whole(net().requires_grad_(requires_grad=False), rows(), method="interaction")


def partly_training() -> str:
    model = net(nn.Dropout(), nn.ReLU()).train()
    model[2].eval()
    said = whole(model, rows())
    return said or ("put back as it was" if model[1].training and not model[2].training else "left changed")


def with_nan_weights() -> None:
    model = net()
    model[2].weight.data[0, 3] = float("nan")
    cg.collect(model, rows())


def fails_on(batch: int) -> None:
    seen = []

    def output(y: Tensor) -> Tensor:
        seen.append(1)
        if len(y) == batch:
            raise ValueError("no such batch")
        return y

    try:
        cg.collect(Does(output=output), [rows(16), rows(17), rows(18), rows(batch)])
    except ValueError as error:
        error.args = (f"{error} ({error.__notes__[0]})",)
        raise


MODEL: list[Case] = [
    ("a layer that does not exist", lambda: whole(net(), rows(), ["2.act"])),
    ("a layer that is never called", lambda: whole(Branching(), rows() - 9, ["a", "head"])),
    ("a module that is called twice", lambda: whole(Tied(), rows(), ["act"])),
    ("ReLU in place", lambda: whole(net(nn.ReLU(inplace=True)), rows())),
    ("dropout and batch norm left in training", lambda: whole(net(nn.BatchNorm1d(8), nn.Dropout()).train(), rows())),
    ("some submodules in training, some not", partly_training),
    ("frozen parameters", frozen_model),
    ("called under no_grad", lambda: without_grad(torch.no_grad)),
    ("called under inference_mode", lambda: without_grad(torch.inference_mode)),
    ("an output of None", lambda: whole(Does(output=lambda _: None), rows())),
    ("an output with parts", lambda: whole(Does(output=lambda y: {"a": y, "b": (y * 2, None)}), rows())),
    (
        "a layer that gives a dataclass",
        lambda: whole(net(Gives(lambda h: Pair(8, h)), Gives(lambda p: p.hidden)), rows(), ["1"]),
    ),
    (
        "a layer that gives (None, tensor)",
        lambda: whole(net(Gives(lambda h: (None, h)), Gives(lambda p: p[1])), rows(), ["1"]),
    ),
    ("a layer that gives None", lambda: whole(net(Gives(lambda _: None), Gives(lambda _: rows(64, 8))), rows(), ["1"])),
    ("an LSTM", lambda: whole(nn.LSTM(4, 6, batch_first=True), torch.randn(16, 5, 4))),
    (
        "feature maps of 64 x 112 x 112",
        lambda: whole(
            nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU()), torch.zeros(2, 3, 112, 112), ["1"], rows="sample"
        ),
    ),
    ("a branch that the batch decides", lambda: whole(Branching(), once([rows().abs(), -rows().abs()]), ["a", "head"])),
    ("TorchScript", lambda: whole(torch.jit.trace(net(), rows()), rows())),
    ("torch.compile, DataParallel", lambda: whole(nn.DataParallel(net()), rows())),
    ("hooks of its own", hooked),
    ("raises on batch 3", lambda: fails_on(19)),
    (
        "dropout that stays on",
        lambda: whole(Does(hidden=lambda h: nn.functional.dropout(h, 0.1, training=True)), rows()),
    ),
    ("no parameters", lambda: whole(nn.Sequential(nn.ReLU(), nn.Flatten()), rows())),
    ("a dead layer", lambda: whole(net(nn.Threshold(1e9, 0.0)), rows(), ["1"])),
    ("units twice the same", lambda: whole(net(Gives(lambda h: torch.cat([h[:, :4]] * 2, dim=1))), rows(), ["1"])),
    ("a linear model", lambda: whole(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2)), rows(), method="interaction")),
    (
        "a detach in the middle",
        lambda: whole(Does(hidden=Tensor.detach), rows(), ["act", "head"], method="interaction"),
    ),
    ("NaN among the weights", with_nan_weights),
    ("a function", lambda: whole(lambda x: x, rows())),
    ("a state dict", lambda: whole(net().state_dict(), rows())),
]


def found(**options: Any) -> str:
    stats = cg.collect(net(), rows())
    return f"{sum(map(len, cg.components(stats, 'pca', **options).values()))} components"


def grouped(**options: Any) -> str:
    stats = cg.collect(net(), rows())
    parts = cg.components(stats, "pca")
    graph = cg.build_graph(parts, cg.edges(stats, parts, "plsr"))
    return f"{cg.communities(graph, **{'algorithm': 'louvain', 'n_null': 0, **options}).n_groups} groups"


REQUEST: list[Case] = [
    *((f"n_components={n!r}", lambda n=n: found(n_components=n)) for n in (0, True, 0.9)),
    ("n_components=np.int64(2)", lambda: found(n_components=np.int64(2))),
    ("n_components above every width", lambda: found(n_components=99)),
    ("more components than outputs, for PLSR", lambda: whole(net(), rows(), method="plsr")),
    *((f"resolution={r}", lambda r=r: grouped(resolution=r)) for r in (0, -1, float("inf"))),
    ("resolution=10**400", lambda: grouped(resolution=10**400)),
    ('cut="x"', lambda: grouped(algorithm="spectral", cut="x")),
    ("seed=None", lambda: grouped(seed=None)),
    ("seed=10**30", lambda: grouped(seed=10**30)),
    ("seed=np.int64(3)", lambda: grouped(seed=np.int64(3))),
    ('device="cuda" without one', lambda: whole(net(), rows(), device="cuda:99")),
    ("an option with a typing error", lambda: cg.analyze(net(), rows(), batchsize=3)),
    ("a method that is no function", lambda: cg.components(cg.collect(net(), rows()), 3)),
]


def small(*weights: float) -> nx.DiGraph:
    graph = nx.DiGraph(schema="compgraph/2")
    for layer, side, depth in (("x", "in", 0), ("y", "out", 1)):
        for index in range(2):
            graph.add_node(
                f"{layer}{index}", layer=layer, side=side, depth=depth, index=index, method="pca", strength=1.0,
                share=0.5, label=layer,
            )  # fmt: skip
    ends = (("x0", "y0"), ("x1", "y1"), ("x0", "y1"), ("x1", "y0"))
    for (a, b), weight in zip(ends, weights, strict=False):
        graph.add_edge(a, b, weight=weight, effect=0.5, kind="between", rule="plsr")
    return graph


def groups_of(graph: Any) -> str:
    return f"{cg.communities(graph, 'louvain', n_null=9).n_groups} groups"


def with_loop() -> nx.DiGraph:
    graph = small(1.0, 1.0)
    graph.add_edge("x0", "x0", weight=1.0, effect=1.0, kind="between", rule="plsr")
    return graph


def only(*nodes: str) -> nx.DiGraph:
    return small(1.0, 1.0).subgraph(nodes).copy()


GRAPH: list[Case] = [
    ("NaN for a weight", lambda: groups_of(small(float("nan"), 1.0))),
    ("an infinite weight", lambda: groups_of(small(float("inf"), 1.0))),
    ("a negative weight", lambda: groups_of(small(-1.0, 1.0))),
    ("all weights 0", lambda: groups_of(small(0.0, 0.0))),
    ("weights near 1e-200", lambda: groups_of(small(1e-200, 1e-200, 1e-202, 1e-202))),
    ("weights near 1e308", lambda: groups_of(small(1e308, 1e308, 1e306, 1e306))),
    ("one weight 1000 times the others", lambda: groups_of(small(1000.0, 1.0, 1.0, 1.0))),
    ("no edges", lambda: groups_of(small())),
    ("a link from a node to itself", lambda: groups_of(with_loop())),
    ("one layer", lambda: groups_of(only("x0", "x1"))),
    ("one node", lambda: groups_of(only("x0"))),
    ("no nodes", lambda: groups_of(nx.DiGraph(schema="compgraph/2"))),
    ("an undirected graph", lambda: groups_of(small(1.0).to_undirected())),
    ("a partition in place of the graph", lambda: groups_of(cg.communities(small(1.0, 1.0), "louvain", n_null=0))),
    ("groups as a dict", lambda: html_page(small(1.0), {"x0": 0})),
]
KINDS = {"Data": DATA, "Labels and tasks": LABELS, "Model": MODEL, "Request": REQUEST, "Graph": GRAPH}
