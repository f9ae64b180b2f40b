"""The kinds of files that compgraph reads, each with a small one. Add a kind by a line in `targets`."""

import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import torch
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

import compgraph as cg
from compgraph.cli import load_data, load_model, read_labels
from compgraph.connect import to_graphml, to_json
from compgraph.show import groups_of
from compgraph.statistics import Statistics
from fuzzing import Target
from mutations import reseal, reseal_json, swap_in_json, swap_in_xml, unseal_xml

BATCHES = tuple(torch.randn(3, 8, 4, generator=torch.Generator().manual_seed(0)))


def make_model() -> nn.Module:
    """Return a small network, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))


def small_graph() -> nx.DiGraph:
    """Return a graph of 6 nodes of three layers, made without a model."""
    graph = nx.DiGraph(schema="compgraph/2", method="pca")
    spaces = (("input", "in", 0), ("fc1", "out", 1), ("fc1", "in", 1))
    for layer, side, depth in spaces:
        for index in range(2):
            place = {"layer": layer, "side": side, "depth": depth, "index": index, "method": "pca"}
            label = f"{layer} {side} {index} \u00e4"
            graph.add_node(f"{layer}/{side}/{index}", **place, strength=1.5, share=0.5, label=label)
    for (a, b), kind in (((spaces[0], spaces[1]), "between"), ((spaces[1], spaces[2]), "within")):
        for i, j in np.ndindex(2, 2):
            about = {"weight": 0.25 + 0.1 * i, "effect": -0.5, "kind": kind, "rule": "plsr"}
            graph.add_edge(f"{a[0]}/{a[1]}/{i}", f"{b[0]}/{b[1]}/{j}", **about)
    return graph


def of_graph(graph: nx.DiGraph) -> Any:
    """Return all that a graph says."""
    return graph.graph, dict(graph.nodes(data=True)), {(a, b): data for a, b, data in graph.edges(data=True)}


def of_statistics(stats: Statistics) -> bytes:
    """Return all that statistics hold."""
    return stats.to_bytes(keep_inputs=True)


def of_model(model: nn.Module) -> str:
    """Return all that a model holds."""
    return repr({name: each.tolist() for name, each in model.state_dict().items()})


def collected() -> Statistics:
    """Return statistics of the network."""
    return cg.collect(make_model(), BATCHES, sample=8, progress=False)


def checkpoint() -> bytes:
    """Return the file that a pass leaves which fails after two batches."""

    def failing() -> Iterator[Tensor]:
        yield from BATCHES[:2]
        raise KeyboardInterrupt

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pass")
        try:
            resumed(path, failing())
        except KeyboardInterrupt:
            return path.read_bytes()
    raise AssertionError("the pass was to fail")


def resumed(path: Path, data: Any = BATCHES) -> Statistics:
    """Go on from a checkpoint, and leave none."""
    return cg.collect(make_model(), data, sample=8, progress=False, checkpoint=path)


def attached(path: Path) -> Statistics:
    """Read statistics and give them their model."""
    return Statistics.load(path).attach(make_model())


def scored(path: Path) -> str:
    """Hold a graph's groups against a file of labels, as ``compgraph evaluate`` does."""
    graph = small_graph()
    nx.set_node_attributes(graph, {node: place % 2 for place, node in enumerate(graph)}, "group")
    return repr(cg.agreement(groups_of(graph), read_labels(str(path))))


def arrays(*, several: bool) -> bytes:
    """Return the rows as NumPy writes them."""
    stream = io.BytesIO()
    rows = BATCHES[0].numpy()
    np.savez(stream, x=rows, y=rows[:, 0]) if several else np.save(stream, rows)
    return stream.getvalue()


def weights() -> bytes:
    """Return the network's state as torch writes it."""
    stream = io.BytesIO()
    torch.save(make_model().state_dict(), stream)
    return stream.getvalue()


def of_graphs() -> dict[str, Target]:
    """Return files of graphs."""
    plain, xml = to_json(small_graph()), to_graphml(small_graph())
    return {
        "graph as JSON": Target(plain, ".json", cg.load, (swap_in_json,), content=of_graph),
        "graph as JSON, resealed": Target(plain, ".json", cg.load, (reseal_json,), True, of_graph),
        "graph as GraphML": Target(xml, ".graphml", cg.load, (swap_in_xml,), content=of_graph),
        "graph as GraphML, unsealed": Target(xml, ".graphml", cg.load, (unseal_xml,), True, of_graph),
    }


def of_sums() -> dict[str, Target]:
    """Return files of statistics, and of a pass under way."""
    stats = collected()
    bare, full, begun = stats.to_bytes(), stats.to_bytes(keep_inputs=True), checkpoint()
    own, of_pass = (reseal("compgraph-statistics/1"),), (reseal("compgraph-checkpoint/1"),)
    return {
        "statistics": Target(bare, ".safetensors", Statistics.load, content=of_statistics),
        "statistics, resealed": Target(bare, ".safetensors", Statistics.load, own, True, of_statistics),
        "statistics with inputs": Target(full, ".safetensors", attached, content=of_statistics),
        "the same, resealed": Target(full, ".safetensors", attached, own, True, of_statistics),
        "checkpoint": Target(begun, ".safetensors", resumed, content=of_statistics),
        "checkpoint, resealed": Target(begun, ".safetensors", resumed, of_pass, True, of_statistics),
    }


def of_numbers() -> dict[str, Target]:
    """Return files without a checksum, which are as good as what is in them."""
    tensors = save_tensors(dict(make_model().state_dict()))
    labels = json.dumps({node: place % 2 for place, node in enumerate(small_graph())}).encode()

    def filled(path: Path) -> nn.Module:
        return load_model("hostile:make_model", str(path))

    def rows(path: Path) -> Tensor:
        return load_data(str(path))

    return {
        "data as .npy": Target(arrays(several=False), ".npy", rows),
        "data as .npz": Target(arrays(several=True), ".npz", rows),
        "weights as .pt": Target(weights(), ".pt", filled, content=of_model),
        "weights as .safetensors": Target(tensors, ".safetensors", filled, content=of_model),
        "labels of evaluate": Target(labels, ".json", scored, (swap_in_json,)),
    }


def targets() -> dict[str, Target]:
    """Return the kinds of files that are tried, by name."""
    return {**of_graphs(), **of_sums(), **of_numbers()}
