"""The faults of docs/how-it-fails.md: those that run here, and for the others the tests that hold them."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
import torch
from torch import Tensor, nn

import compgraph as cg
from compgraph.decompose.linear_algebra import factorisations
from contracts.bad_inputs import Does, net, rows, small

Case = tuple[str, Callable[[], Any]]
ROOT = Path(__file__).parents[2]


def held_by(tests: str, said: str) -> Callable[[], str]:
    """Say which tests hold a fault that takes long, or another process, to bring about."""

    def look() -> str:
        if not (ROOT / "tests" / tests).exists():
            raise FileNotFoundError(tests)
        return f"{said} (held by tests/{tests})"

    return look


def interrupted() -> str:
    model, before = Does(), {}

    def stop(y: Tensor) -> Tensor:
        if len(y) == 17:
            raise KeyboardInterrupt
        return y

    model.output = stop
    model.train()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    try:
        cg.collect(model, [rows(16), rows(16), rows(17)])
    except KeyboardInterrupt:
        same = all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
        hooks = sum(len(each._forward_hooks) for each in model.modules())
        return "comes through; the model is as it was" if same and model.training and not hooks else "left changed"
    return "lost"


def raised_by_a_selector() -> str:
    def selector(out: Tensor) -> Tensor:
        raise LookupError("nothing picked")

    cg.collect(net(), rows(), {"1": selector})
    return ""


def loaded(data: bytes, name: str = "x.json") -> None:
    Path(name).write_bytes(data)
    cg.load(name)


def newer() -> None:
    path = cg.save(small(1.0, 1.0), "newer.json")
    loaded(path.read_bytes().replace(b"compgraph/2", b"compgraph/9"))


def out_of_memory() -> str:
    sizes = []

    def output(y: Tensor) -> Tensor:
        sizes.append(len(y))
        if len(y) > 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return y

    stats = cg.collect(Does(output=output), [rows(16), rows(64)])
    return f"the batch is halved until it fits; {stats.n_samples} samples, none twice"


class Broken(torch.utils.data.Dataset):
    """A data set one item of which cannot be read."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> Tensor:
        if index == 30:
            raise RuntimeError("DataLoader worker (pid 7) is killed by signal")
        return rows(1)[0]


def lost_worker() -> None:
    try:
        cg.collect(net(), torch.utils.data.DataLoader(Broken(), batch_size=8))
    except RuntimeError as error:
        error.args = (f"{str(error).splitlines()[0]} ({error.__notes__[0]})",)
        raise


def random_model() -> str:
    model = Does(hidden=lambda h: nn.functional.dropout(h, 1e-9, training=True))
    return next(note for note in cg.collect(model, rows()).notes if "random" in note)


def no_convergence(*, ever: bool) -> str:
    usual, others = np.linalg.eigh, scipy.linalg.eigh

    def fails(*_: Any, **__: Any) -> Any:
        raise np.linalg.LinAlgError("Eigenvalues did not converge")

    np.linalg.eigh = fails
    scipy.linalg.eigh = fails if ever else others
    try:
        factorisations.eigh(np.eye(2), "the moments of 'fc1'")
    finally:
        np.linalg.eigh, scipy.linalg.eigh = usual, others
    return "computed in another way"


def without_leiden() -> None:
    sys.modules["graspologic_native"] = None
    try:
        cg.communities(small(1.0, 1.0), "leiden", n_null=0)
    finally:
        del sys.modules["graspologic_native"]


def hostile_name() -> str:
    graph = small(1.0, 1.0)
    graph.nodes["x0"]["label"] = "</script><script>alert(1)</script>"
    page = cg.save(graph, "hostile.html").read_text()
    return "escaped; nothing of it runs" if "<script>alert(1)" not in page else "runs"


def flipped() -> None:
    content = bytearray(cg.save(small(1.0, 1.0), "whole.json").read_bytes())
    content[content.index(b"1.0")] ^= 1
    loaded(bytes(content))


def flipped_statistics() -> None:
    content = bytearray(cg.collect(net(), rows()).to_bytes())
    content[-3] ^= 4
    cg.Statistics.from_bytes(bytes(content))


def linked(device: str) -> None:
    Path("link.json").symlink_to(device)
    cg.load("link.json")


def another_model() -> None:
    model = net()
    stats = cg.collect(model, rows())
    with torch.no_grad():
        next(model.parameters()).mul_(2)
    cg.components(stats, "gradient")


def shards(*starts: int) -> None:
    cg.merge([cg.collect(net(), rows(40), first_row=start) for start in starts])


FAULTS: list[Case] = [
    ("Ctrl-C in the middle of a pass", interrupted),
    ("a selector that raises", raised_by_a_selector),
    ("a full disk, a short write", held_by("storage/test_atomic.py", "what was there is untouched")),
    ("SIGKILL while saving", held_by("storage/test_folder.py", "the old report or the new one")),
    ("SIGKILL in the middle of a pass", held_by("observe/sums/test_checkpoint.py", "the pass goes on, no row twice")),
    ("a flipped bit in a graph", flipped),
    ("a flipped bit in statistics", flipped_statistics),
    ("an archive that unpacks to a thousand times its size", held_by("storage/test_reading.py", "refused unopened")),
    ("a pipe or a device in place of a file", lambda: linked("/dev/zero")),
    ("statistics of another model", another_model),
    ("parts that share a row", lambda: shards(0, 39)),
    ("parts between which rows are missing", lambda: shards(0, 45)),
    ("one of several processes that dies", held_by("observe/ranks/test_exchange.py", "the others name it and stop")),
    ("a truncated file", lambda: loaded(b'{"nodes": [')),
    ("an empty file", lambda: loaded(b"")),
    ("a file of another kind", lambda: loaded(b"\x89PNG\r\n\x1a\n")),
    ("a newer version", newer),
    ("a pickle", lambda: loaded(b"\x80\x04\x95\x00")),
    ("JSON 100,000 deep", lambda: loaded(b"[" * 100_000)),
    ("out of memory in a batch", out_of_memory),
    ("a worker of the loader that dies", lost_worker),
    ("a model that draws random numbers", random_model),
    ("eigenvalues that do not converge", lambda: no_convergence(ever=False)),
    ("eigenvalues that do not converge in any way", lambda: no_convergence(ever=True)),
    ("a missing library", without_leiden),
    ("graphviz that hangs", held_by("show/graph/test_render.py", "stopped after a time, with a message")),
    ("names that are HTML", hostile_name),
]
