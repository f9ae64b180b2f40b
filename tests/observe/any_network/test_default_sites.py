"""Which sites are followed when nobody names any: streams, branches, gates, experts; what is left out is said."""

import pytest
import torch
from torch import Tensor, nn

import compgraph as cg
from fixtures.any_networks import ROWS, Looped, Siamese, ids, network, rows
from fixtures.maps_and_sequences import WIDTH, Bert, Gpt, Recurrent, ResNet, linear

CHOSEN = {
    "residual": ("input", "stem", "down", "head"),
    "two heads": ("input", "trunk", "cls", "reg"),
    "attention": ("input", "key", "query", "value", "out"),
    "two encoders": ("input.image", "input.text", "images", "texts", "joint"),
    "mixture": ("input", "experts.0", "experts.1", "experts.2", "gate", "out"),
    "U-Net": ("input", "down", "deep", "up", "mask"),
    "LSTM": ("input", "lstm", "head"),
    "long skip": ("input", "stem", "blocks.2", "head"),
    "in place": ("input", "a", "b", "c"),
    "tuples": ("input", "pair.a", "pair.b", "head"),
}


@pytest.mark.parametrize("name", CHOSEN)
def test_sites_that_are_chosen(name):
    model, data = network(name)
    assert cg.collect(model, data).layers == CHOSEN[name]


def said(stats: cg.Statistics, start: str) -> str:
    (note,) = [each for each in stats.notes if each.startswith(start)]
    return note


def test_a_residual_network_is_its_stream_and_what_branches_add():
    model, data = network("ResNet")
    stats = cg.collect(model, data)
    assert {"relu", "layer1.0", "layer2.0", "fc", "layer1.0.bn2"} <= set(stats.layers)
    assert "layer1.0.bn1" in said(stats, "Left out, inside branches")
    pairs = {(p.source.layer, p.target.layer) for p in stats.pairs}
    assert {("relu", "layer1.0"), ("layer1.0.bn2", "layer1.0"), ("layer2.0.downsample.1", "layer2.0")} <= pairs


def test_a_decoder_is_its_stream_and_the_inside_of_its_blocks_is_named():
    model, data = network("GPT")
    stats = cg.collect(model, data)
    assert {"wte", "h.0", "lm_head"} <= set(stats.layers)
    assert not {"h.0.qkv", "h.0.fc", "h.1.qkv", "h.1.fc", "wpe"} & set(stats.layers)
    inside = said(stats, "Left out, inside branches")
    assert all(name in inside for name in ("h.0.qkv", "h.0.fc", "h.1.qkv", "h.1.fc"))
    assert "wpe" in " ".join(stats.notes)


def test_post_norm_blocks_are_followed_behind_their_norms():
    model, data = network("BERT")
    layers = cg.collect(model, data).layers
    assert {"words", "layers.0.norm1", "layers.0.norm2", "layers.1.norm1", "layers.1.norm2", "pooler"} <= set(layers)
    assert not {"layers.0.query", "layers.0.key", "layers.0.value", "layers.0.up", "positions"} & set(layers)


@pytest.mark.parametrize("seed", range(3))
def test_attention_of_torch_is_tapped(seed):
    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention, self.head = nn.MultiheadAttention(WIDTH, 2, batch_first=True), linear(WIDTH, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.attention(x, x, x)[0])

    torch.manual_seed(seed)
    model, data = Attending(), rows(5, WIDTH)
    stats = cg.collect(model, data)
    assert stats.layers == ("input", "attention", "head")
    expected = model.attention(data, data, data)[0].detach().reshape(-1, WIDTH).double()
    assert torch.from_numpy(stats.moments[stats.pairs[0]].mean_y.copy()).allclose(expected.mean(0), atol=1e-5)


def test_recurrent_layers_are_their_sequence_or_their_last_state_by_what_is_read():
    torch.manual_seed(0)
    data = rows(5, 4)
    for last in (False, True):
        model = Recurrent(last=last)
        stats = cg.collect(model, data)
        steps, (state, _) = model.lstm(data)
        assert stats.layers == ("input", "lstm", "head")
        expected = (state[-1] if last else steps.reshape(-1, WIDTH)).detach().double()
        found = stats.moments[stats.pairs[0]]
        assert found.n == ROWS * (1 if last else 5)
        assert torch.from_numpy(found.mean_y.copy()).allclose(expected.mean(0), atol=1e-5)


@pytest.mark.parametrize("kind", [nn.GRU, nn.RNN])
def test_other_recurrent_layers_too(kind):
    class Steps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = kind(4, WIDTH, batch_first=True), linear(WIDTH, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.rnn(x)[0][:, -1])

    assert cg.collect(Steps(), rows(5, 4)).layers == ("input", "rnn", "head")


class Offset(nn.Module):
    """Adds a learnt table that no sample chooses from, and has a layer that leads nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.table, self.idle, self.head = linear(), nn.Embedding(1, WIDTH), linear(), linear(WIDTH, 2)

    def forward(self, x: Tensor) -> Tensor:
        self.idle(x)
        return self.head(torch.tanh(self.body(x)) + self.table(torch.zeros(len(x), dtype=torch.long)))


def test_nothing_constant_and_nothing_beside_the_path():
    stats = cg.collect(Offset(), rows())
    assert stats.layers == ("input", "body", "head")
    note = said(stats, "Left out, as they do not depend on the data")
    assert "table" in note
    assert "idle" in note


def test_what_never_varies_over_the_data_is_left_out():
    class Dead(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.relu, self.b, self.c = linear(), nn.ReLU(), linear(), linear(WIDTH, 2)
            self.a.bias.data.fill_(-1e4)

        def forward(self, x: Tensor) -> Tensor:
            return self.c(self.relu(self.a(x)) + torch.tanh(self.b(x)))

    stats = cg.collect(Dead(), rows())
    assert "relu" not in stats.layers
    assert "relu" in said(stats, "Left out, as they never vary over the data")
    assert len(cg.components(stats)) == len(stats.spaces)


def test_nothing_too_wide_for_the_memory():
    torch.manual_seed(0)
    model = nn.Sequential(linear(WIDTH, 500), nn.Tanh(), linear(500, 8), nn.Tanh(), linear(8, 2))
    assert cg.collect(model, rows()).layers == ("input", "1", "3", "4")
    stats = cg.collect(model, rows(), memory="3MB", sample=32)
    assert stats.layers == ("input", "3", "4")
    assert "1 (500 features)" in said(stats, "Left out, as their moments would not fit into memory=3.0 MB")


@pytest.mark.parametrize(
    ("model", "data", "missed"),
    [
        (Looped(), rows(), "step (called 3 times)"),
        (Siamese(), {"a": rows(), "b": rows().flip(0)}, "encoder.0 (called 2 times)"),
        (Bert(), {"input_ids": ids(30)}, "positions (gives (5, 6)"),
        (Gpt(), ids(20), "wpe (gives (5, 6)"),
    ],
)
def test_what_cannot_be_tapped_is_named(model, data, missed):
    assert missed in said(cg.collect(model, data), "Left out, though they have weights")


def test_what_is_left_out_is_in_the_first_lines_of_the_summary():
    torch.manual_seed(0)
    analysis = cg.analyze(Looped(), rows(), n_null=0, n_twins=0)
    first = str(analysis).splitlines()[:6]
    assert any("step (called 3 times)" in line for line in first), first


def test_a_gate_of_one_number_is_a_site():
    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.value, self.gate, self.head = linear(), linear(WIDTH, 1), linear(WIDTH, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.value(x) * torch.sigmoid(self.gate(x)))

    assert cg.collect(Gate(), rows()).layers == ("input", "gate", "value", "head")


def test_a_dimension_of_stride_is_no_reason_to_refuse():
    torch.manual_seed(0)
    model, data = ResNet().eval(), rows(3, 8, 8)
    analysis = cg.analyze(model, data, n_null=0, n_twins=0)
    assert analysis.outputs == ("output",)
    assert any(space.layer == "layer2.0.downsample.1" for space in analysis.components)
