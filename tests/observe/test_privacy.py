"""No input value is in anything that is written, unless it is asked for: a sentinel is planted and looked for."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import compgraph as cg
from compgraph.observe.budget import Budget
from compgraph.observe.sums import checkpoint as checkpoints
from compgraph.observe.sums.handed_on import handed_on
from compgraph.storage import write_atomically

SENTINEL = 12345.678
N, WIDTH, ROW = 200, 6, 37


def needles(value: float) -> list[bytes]:
    """Return the value as it may stand in a file."""
    single, half = np.float32(value), torch.tensor([value]).bfloat16()
    found = [struct.pack(f"<{kind}", each) for kind in "fd" for each in (value, float(single))]
    found += [half.view(torch.uint8).numpy().tobytes() * 2]  # two bytes alone may be there by chance
    found += [struct.pack("<d", half.item()), struct.pack("<f", half.item()), struct.pack("<q", int(value))]
    return [*dict.fromkeys(found), b"12345.67", b"12345,67", b"12352.0"]


def seen(data: bytes) -> list[bytes]:
    return [each for each in needles(SENTINEL) if each in data]


def planted(dtype: torch.dtype = torch.float32) -> Tensor:
    data = torch.randn(N, WIDTH, generator=torch.Generator().manual_seed(1))
    data[ROW, 2] = SENTINEL
    data[ROW, 3] = SENTINEL  # so that two values in bfloat16 stand side by side
    return data.to(dtype)


def network(first: nn.Module | None = None) -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Linear(WIDTH, 8), nn.Tanh(), nn.Linear(8, 2)]
    return nn.Sequential(*([first] if first else []), *layers)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return all that checkpoints write, one after each batch, in blocks of which some are always begun."""
    found: list[bytes] = []

    def write(path: Path, data: bytes) -> Path:
        found.append(data)
        return write_atomically(path, data)

    monkeypatch.setattr(checkpoints, "write_atomically", write)
    monkeypatch.setattr(checkpoints, "SHARE", 0)
    monkeypatch.setattr(Budget, "rows_at_once", lambda *_: 64)
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_statistics_hold_inputs_only_where_they_are_asked_for(dtype: torch.dtype) -> None:
    stats = cg.collect(network().to(dtype), planted(dtype), sample=N)
    assert seen(stats.to_bytes()) == []
    assert seen(stats.to_bytes(keep_inputs=True)) != []


def test_tokens_stay_out_too() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.a = nn.Embedding(20_000, 4), nn.Linear(4, 2)

        def forward(self, tokens: Tensor) -> Tensor:
            return self.a(torch.tanh(self.embed(tokens).mean(1)))

    tokens = torch.randint(0, 9, (N, 5))
    tokens[ROW, 1] = int(SENTINEL)
    stats = cg.collect(Tokens(), tokens, sample=N)
    assert seen(stats.to_bytes()) == []
    assert seen(stats.to_bytes(keep_inputs=True)) != []


def test_graphs_pictures_and_summaries_hold_none(tmp_path: Path) -> None:
    analysis = cg.analyze(network(), planted(), n_null=2, n_twins=1)
    analysis.save(tmp_path / "analysis")
    for suffix in ("json", "graphml", "html", "dot", "svg"):
        cg.save(analysis.graph, tmp_path / f"graph.{suffix}", groups=analysis.groups)
    files = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert len(files) > 7
    assert {each.name: seen(each.read_bytes()) for each in files if seen(each.read_bytes())} == {}
    assert seen(str(analysis).encode()) == []


class Beside(nn.Module):
    """Gives its input side by side with something else."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([torch.sigmoid(self.inner(x)), x.flip(1)], dim=1)[:, 3 : 3 + WIDTH]


HANDED_ON: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "dropout": nn.Dropout,
    "flatten": nn.Flatten,
    "unflatten": lambda: nn.Sequential(nn.Unflatten(1, (2, 3)), nn.Flatten()),
    "relu": nn.ReLU,
    "leaky": nn.LeakyReLU,
    "clamp": lambda: nn.Hardtanh(-2, 1e6),
    "pool": lambda: nn.MaxPool1d(3, 1, 1),
    "beside": Beside,
}


@pytest.mark.parametrize("name", HANDED_ON)
def test_sites_that_hand_inputs_on_are_as_private_as_inputs(name: str, kept: list[bytes], tmp_path: Path) -> None:
    model = network(HANDED_ON[name]())
    options = {"batch_size": 25, "sample": N}
    whole = cg.collect(model, planted(), ["0", "1"], **options)
    cg.collect(model, planted(), ["0", "1"], checkpoint=tmp_path / "file", **options)
    assert len(kept) == N // 25
    assert [seen(each) for each in kept if seen(each)] == []
    for number in (2,):
        (tmp_path / "file").write_bytes(kept[number])
        again = cg.collect(model, planted(), ["0", "1"], checkpoint=tmp_path / "file", **options)
        assert again.to_bytes(keep_inputs=True) == whole.to_bytes(keep_inputs=True)


def test_without_the_rule_the_sentinel_is_written(kept: list[bytes], tmp_path: Path, monkeypatch: object) -> None:
    monkeypatch.setattr("compgraph.observe.one_pass.handed_on", lambda *_: set())
    cg.collect(network(nn.Identity()), planted(), ["0"], batch_size=10, sample=N, checkpoint=tmp_path / "file")
    assert any(seen(each) for each in kept)


def graph_and_call(model: nn.Module, data: Tensor) -> Iterator[object]:
    stats = cg.collect(model, data, sample=16)
    yield model
    yield stats.probe.graph
    yield stats.probe.batches()[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_computed_is_not_taken_for_an_input(dtype: torch.dtype) -> None:
    assert handed_on(*graph_and_call(network().to(dtype), planted(dtype))) == set()
    pixels = (torch.rand(N, WIDTH) * 255).round() / 255
    assert handed_on(*graph_and_call(network(), pixels)) == set()
