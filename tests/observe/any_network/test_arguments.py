"""Data as people have them give what the plain tensor gives, and whatever is dropped or cast is said."""

from collections import namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import compgraph as cg
from compgraph.statistics import Statistics
from fixtures.any_networks import ROWS, TwoEncoders, ids, network, rows
from fixtures.maps_and_sequences import WIDTH, linear


class Two(nn.Module):
    """One required argument and a target that is optional, with which it would return a loss."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = linear(), linear(WIDTH, 2)

    def forward(self, x: Tensor, labels: Tensor | None = None, scale: float = 1.0) -> Tensor:
        if labels is not None:
            return (self.b(torch.tanh(self.a(x))) - labels).square().mean()
        return self.b(torch.tanh(self.a(x * scale)))


@pytest.fixture
def two() -> Two:
    torch.manual_seed(0)
    return Two().eval()


def same(a: Statistics, b: Statistics) -> None:
    assert a.layers == b.layers
    assert a.n_samples == b.n_samples
    for pair in a.pairs:
        for field in ("mean_x", "mean_y", "xx", "xy", "yy"):
            one, other = (getattr(each.moments[pair], field) for each in (a, b))
            np.testing.assert_allclose(one, other, atol=1e-5 * max(1.0, np.abs(other).max()))


class Pairs(Dataset[Any]):
    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, i: int) -> Any:
        return rows()[i], 0


LABELS = torch.zeros(ROWS, 2)
FORMS = {
    "dict": lambda: {"x": rows()},
    "dicts": lambda: [{"x": each} for each in rows().split(11)],
    "pairs": lambda: [(each, torch.zeros(len(each), 2)) for each in rows().split(11)],
    "pair": lambda: (rows(), LABELS),
    "loader": lambda: DataLoader(TensorDataset(rows(), LABELS), batch_size=7),
    "data set": lambda: TensorDataset(rows(), LABELS),
    "own data set": Pairs,
    "dicts with other columns": lambda: [
        {"x": each, "text": ["a"] * len(each), "id": torch.arange(len(each))} for each in rows().split(11)
    ],
    "NumPy": lambda: rows().numpy(),
    "NumPy in double precision": lambda: rows().double().numpy(),
    "torch in double precision": lambda: rows().double(),
    "big-endian": lambda: rows().double().numpy().astype(">f8"),
    "reversed": lambda: rows().flip(0).numpy()[::-1],
    "lists of numbers": lambda: rows().tolist(),
    "generator": lambda: (each for each in rows().split(9)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_data_gives_what_the_tensor_gives(two, form):
    same(cg.collect(two, FORMS[form]()), cg.collect(two, rows()))


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("pairs", "Item 1 of each batch was taken for a target and left out"),
        ("loader", "Item 1 of each batch was taken for a target and left out"),
        ("dicts with other columns", "The columns 'text', 'id' are no arguments of"),
        ("NumPy in double precision", "float64 inputs were cast to float32, the model's precision"),
        ("big-endian", "float64 inputs were cast to float32"),
    ],
)
def test_what_was_left_out_or_cast_is_said(two, form, words):
    assert words in " ".join(cg.collect(two, FORMS[form]()).notes)


def test_a_dict_of_one_input_gives_the_same_verdict(two):
    one, other = (cg.analyze(two, data, n_null=0, n_twins=0) for data in (rows(), {"x": rows()}))
    assert one.stats.layers == other.stats.layers
    assert one.groups.assignment == other.groups.assignment


def test_a_data_frame(two):
    pandas = pytest.importorskip("pandas")
    same(cg.collect(two, pandas.DataFrame(rows().numpy())), cg.collect(two, rows()))


def test_a_target_shaped_like_the_inputs_is_never_run_as_inputs():
    class Denoiser(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = linear()

        def forward(self, x: Tensor) -> Tensor:
            return self.a(x)

    model, noisy, clean = Denoiser(), rows(), rows() + 1
    with pytest.raises(cg.errors.BadRequest, match=r"may be inputs and their targets. Give tuple"):
        cg.collect(model, [noisy, clean])
    stats = cg.collect(model, (noisy, clean))  # the remedy
    same(stats, cg.collect(model, noisy))
    assert any("taken for a target" in note for note in stats.notes)
    same(cg.collect(model, torch.cat([noisy, clean])), cg.collect(model, list(torch.cat([noisy, clean]).split(13))))


def test_a_list_of_samples_is_refused_with_a_remedy_that_works(two):
    samples = [each.clone() for each in rows()]
    with pytest.raises(cg.errors.BadRequest, match=r"single sample.*torch\.stack\(samples\)"):
        cg.collect(two, samples)
    same(cg.collect(two, torch.stack(samples)), cg.collect(two, rows()))


class Doubtful(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = linear()

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return self.a(x if context is None else x + context)


def test_an_optional_argument_in_doubt_is_asked_for_and_both_remedies_work():
    model, x, z = Doubtful(), rows(), rows() + 1
    with pytest.raises(cg.errors.BadRequest, match=r"whether item 1, .* is 'context' or a target is in doubt"):
        cg.collect(model, TensorDataset(x, z))
    alone = cg.collect(model, TensorDataset(x, z), call=lambda batch: (batch[0],))
    same(alone, cg.collect(model, x))
    both = cg.collect(model, TensorDataset(x, z), call=lambda batch: (batch[0], batch[1]))
    assert set(both.layers) == {"input.x", "input.context", "a"}
    same(both, cg.collect(model, {"x": x, "context": z}))


def test_two_tensors_of_required_arguments():
    torch.manual_seed(0)
    model, image, text = TwoEncoders(), rows(), rows(4)
    expected = cg.collect(model, {"image": image, "text": text})
    for data in ((image, text), TensorDataset(image, text), [(image, text)], DataLoader(TensorDataset(image, text), 8)):
        same(cg.collect(model, data), expected)
    with pytest.raises(cg.errors.BadRequest, match="needs 'text'"):
        cg.collect(model, image)


@dataclass
class Graphs:
    """Nodes of several graphs, as libraries for molecules batch them."""

    x: Tensor
    batch: Tensor
    num_graphs: int


class Pooled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.node, self.graph, self.readout = linear(), linear(), linear(WIDTH, 2)

    def forward(self, x: Tensor, batch: Tensor) -> Tensor:
        n = int(batch.max()) + 1
        pooled = torch.zeros(n, WIDTH).index_add(0, batch, torch.tanh(self.node(x)))
        return self.readout(torch.tanh(self.graph(pooled)))


def test_batches_of_other_kinds_by_a_function():
    def graphs() -> Iterator[Graphs]:
        for seed in range(6):
            batch = torch.arange(5).repeat_interleave(3)
            yield Graphs(torch.randn(15, WIDTH, generator=torch.Generator().manual_seed(seed)), batch, 5)

    torch.manual_seed(0)
    model = Pooled()
    with pytest.raises(cg.errors.BadRequest, match=r"a batch is a Graphs.*function from a batch to the arguments"):
        cg.collect(model, list(graphs()))
    stats = cg.collect(model, list(graphs()), call=lambda batch: ((batch.x, batch.batch), batch.num_graphs))
    assert stats.n_samples == 30
    assert stats.layers == ("graph", "readout")
    assert any("node (gives (15, 6) for a batch of 5" in note for note in stats.notes)
    with pytest.raises(cg.errors.BadRequest, match=r"data is a Graphs; needed is .* an iterable of batches"):
        cg.collect(model, next(graphs()), call=lambda batch: ((batch.x, batch.batch), batch.num_graphs))


def test_named_tuples_of_the_models_names():
    batch = namedtuple("batch", "text image")
    torch.manual_seed(0)
    model = TwoEncoders()
    found = cg.collect(model, [batch(rows(4), rows())])
    same(found, cg.collect(model, {"image": rows(), "text": rows(4)}))


class Masked(nn.Module):
    """Reads a mask that all samples share, or one of each."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 8, batch_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False), linear(WIDTH, 2)

    def forward(self, x: Tensor, mask: Tensor, padding: Tensor | None = None) -> Tensor:
        return self.head(self.encoder(x, mask=mask, src_key_padding_mask=padding)[:, 0])


@pytest.mark.parametrize("n", [5, 8, 40])
def test_masks_whose_length_is_that_of_the_batch(n):
    torch.manual_seed(0)
    model, data = Masked().eval(), torch.randn(n, 5, WIDTH)
    mask = torch.ones(5, 5, dtype=torch.bool).triu(1)
    padding = torch.zeros(n, 5, dtype=torch.bool)
    padding[::2, 3:] = True
    stats = cg.collect(model, {"x": data, "mask": mask, "padding": padding}, ["encoder", "head"])
    expected = model(data, mask, padding).detach().double().numpy()
    found = stats.of_space(stats.returned["output"])
    assert found.n == n
    np.testing.assert_allclose(found.mean_x, expected.mean(0), atol=1e-5)
    np.testing.assert_allclose(found.xx / n, np.cov(expected.T, bias=True), atol=1e-5)


def test_token_ids_and_images_in_bytes():
    model, data = network("GPT")
    assert any("int64" in note for note in cg.collect(model, data).notes)

    class Bytes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 4, 3), linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(torch.relu(self.conv(x.float() / 255)).mean((2, 3)))

    images = torch.randint(0, 256, (ROWS, 3, 6, 6), dtype=torch.uint8)
    assert cg.collect(Bytes(), images).layers == ("conv", "fc")
    assert cg.collect(Bytes(), images.numpy()).layers == ("conv", "fc")
    assert ids(3).dtype == torch.int64
