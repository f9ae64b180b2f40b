"""What cannot be done is refused in a sentence that names the cause, and its remedy is followed here and works."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import compgraph as cg
from compgraph.errors import BadRequest, CompgraphError, RowsMix, ShapeError, SiteError
from compgraph.observe.run.unwrap import bare
from fixtures.any_networks import ROWS, rows
from fixtures.maps_and_sequences import WIDTH, Recurrent, linear


class Ending(nn.Module):
    def __init__(self, end: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.a, self.b, self.end = linear(), linear(WIDTH, 3), end

    def forward(self, x: Tensor) -> Any:
        return self.end(self.b(torch.tanh(self.a(x))))


@pytest.mark.parametrize(
    ("end", "message", "remedy"),
    [
        (lambda y: y.square().mean(), "one number for a whole batch is a loss: return what it is computed from, too",
         lambda y: (y.square().mean(), y)),
        (lambda y: y.detach().numpy(), "NumPy arrays are cut off from the model: return the tensor", lambda y: y),
        (lambda y: y.argmax(1), "chosen from scores, such as by argmax: return the scores, too",
         lambda y: (y.argmax(1), y)),
        (lambda y: y.view(-1, 1), "folded into axis 0 .* return it with an axis of samples", lambda y: y[..., None]),
        (lambda y: {"scores": (y, 3)}["scores"][1], "returns a int, not one tensor", lambda y: y),
        (lambda _y: None, "returns None, not one tensor", lambda y: y),
    ],
)  # fmt: skip
def test_outputs_that_no_graph_can_end_at(end, message, remedy):
    with pytest.raises(SiteError, match=rf"(?i)the model returns no activations.*{message}"):
        cg.collect(Ending(end), rows())
    assert len(cg.collect(Ending(remedy), rows()).outputs) == 1


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor", "ignore:.isinstance.treespec, LeafSpec")
def test_programs_that_call_no_hooks_name_what_to_pass():
    model = Ending(lambda y: y).eval()
    plain = nn.Sequential(linear(), nn.Tanh(), linear()).eval()
    with pytest.warns(DeprecationWarning, match=r"torch.jit"):
        traced = torch.jit.trace(plain, rows())
    program = torch.export.export(plain, (rows(),), dynamic_shapes=({0: torch.export.Dim("n")},))
    quantised = nn.Sequential(torch.ao.nn.quantized.Linear(WIDTH, 2))
    for given, error, words in (
        (traced, SiteError, r"TorchScript.*Pass the nn\.Module it was scripted or traced from"),
        (program, BadRequest, r"ExportedProgram; needed is a torch\.nn\.Module.*torch\.export\.unflatten\(program\)"),
        (program.module(), SiteError, r"graph of an exported program.*torch\.export\.unflatten\(program\)"),
        (quantised, SiteError, r"quantised \(Linear\).*Pass the float model"),
        (model.state_dict(), BadRequest, "A state dict holds weights alone"),
        (Ending, BadRequest, "Pass an instance, Ending"),
        (torch.tanh, BadRequest, "needed is a torch.nn.Module"),
    ):
        with pytest.raises(error, match=words):
            bare(given)  # what every pass begins with
    assert cg.collect(torch.export.unflatten(program), rows()).outputs == ("output",)


def test_norms_over_the_batch_have_no_gradients_of_rows():
    torch.manual_seed(0)
    model = nn.Sequential(linear(), nn.BatchNorm1d(WIDTH, track_running_stats=False), nn.Tanh(), linear(WIDTH, 2))
    stats = cg.collect(model, rows())
    with pytest.raises(RowsMix, match=r"changing row 0 changed row \d+ at '1' \(BatchNorm1d\).*running statistics"):
        cg.components(stats)
    parts = cg.components(stats, "pca")  # the remedy
    assert cg.edges(stats, parts, "plsr")
    model[1] = nn.BatchNorm1d(WIDTH)  # and the other one
    assert len(cg.analyze(model, rows(), n_null=0, n_twins=0).graph) > 0


def test_lengths_that_vary_are_named_and_padding_helps():
    model = Recurrent().eval()
    batches = [torch.randn(8, length, 4) for length in (5, 7, 6)]
    with pytest.raises(ShapeError, match=r"gives \(8, 7, \d\) where the first batch gave.*Pad or crop"):
        cg.collect(model, batches)
    padded = [nn.functional.pad(each, (0, 0, 0, 7 - each.shape[1])) for each in batches]
    assert cg.collect(model, padded).n_samples == 24


def test_packed_sequences_are_padded():
    model, data = Recurrent().eval(), rows(5, 4)
    packed = pack_padded_sequence(data, torch.full((ROWS,), 5), batch_first=True)
    with pytest.raises(BadRequest, match=r"PackedSequence.*pad_packed_sequence"):
        cg.collect(model, [packed])
    assert cg.collect(model, pad_packed_sequence(packed, batch_first=True)[0]).n_samples == ROWS


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors", "ignore:Lazy modules are a new feature")
@pytest.mark.parametrize(
    ("spoil", "message", "remedy"),
    [
        (lambda x: x.to_sparse(), r"sparse tensor.*to_dense\(\)", lambda x: x.to_dense()),
        (lambda x: torch.nested.nested_tensor(list(x)), r"nested tensor.*to_padded_tensor\(0\.0\)",
         lambda x: x.to_padded_tensor(0.0)),
        (lambda x: x.to("meta"), "device 'meta', which holds no numbers", lambda _x: rows()),
        (lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8), r"quantised tensor.*dequantize\(\)",
         lambda x: x.dequantize()),
        (lambda x: x[0], r"single sample.*x\[None\]", lambda x: torch.stack([x, -x])),
        (lambda x: x.numpy().astype(str), "numbers|str", lambda x: x.astype("float32")),
    ],
)  # fmt: skip
def test_data_that_are_no_dense_numbers(spoil, message, remedy):
    model, spoilt = Ending(lambda y: y), spoil(rows())
    with pytest.raises(BadRequest, match=message):
        cg.collect(model, spoilt)
    assert cg.collect(model, remedy(spoilt)).layers == ("input", "a", "b")


def test_lazy_modules_are_run_once():
    model = nn.Sequential(nn.LazyLinear(4), nn.Tanh(), nn.LazyLinear(2))
    with pytest.raises(SiteError, match=r"lazy parameters that no input has shaped yet. Run it once on a batch first"):
        cg.collect(model, rows())
    model(rows())
    assert cg.collect(model, rows()).layers == ("input", "1", "2")


def test_a_pil_image():
    image = pytest.importorskip("PIL.Image").new("RGB", (4, 4))
    with pytest.raises(BadRequest, match=r"PIL image.*ToTensor"):
        cg.collect(Ending(lambda y: y), [image])


def test_a_module_called_again_and_again_is_refused_when_named_and_its_remedy_works():
    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.step, self.head = linear(), linear(), linear(WIDTH, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.step(torch.tanh(self.step(self.stem(x)))))

    with pytest.raises(SiteError, match=r"'step' \(Linear\) was called 2 times.*modules around it"):
        cg.collect(Loop(), rows(), ["step"])
    assert cg.collect(Loop(), rows(), ["stem", "head"]).layers == ("input", "stem", "head")


def test_randomness_in_eval_mode_is_said():
    noisy = Ending(lambda y: nn.functional.dropout(y, 0.5, training=True))
    (note,) = [each for each in cg.collect(noisy, rows()).notes if "second time" in each]
    assert "dropout with training=True" in note
    calm = cg.collect(Ending(lambda y: nn.functional.dropout(y, 0.5, training=False)), rows())
    assert not any("second time" in each for each in calm.notes)


def test_a_branch_that_the_first_batch_skips_is_said():
    class Skipping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = linear(), linear(), linear(WIDTH, 2)

        def forward(self, x: Tensor) -> Tensor:
            h = self.a(x)
            return self.c(h + self.b(h) if x.max() > 50 else h)

    data = rows()
    data[-1] = 100
    stats = cg.collect(Skipping(), data, batch_size=10)
    assert "b" not in stats.layers
    assert any("b" in note and "never called" in note for note in stats.notes)


def test_a_model_made_for_one_size_of_batch_is_run_on_whole_batches():
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = linear(), linear(WIDTH, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.b(torch.tanh(self.a(x)).reshape(20, WIDTH))

    assert cg.collect(Fixed(), rows(), batch_size=20).layers == ("input", "a", "b")


def test_a_model_made_for_even_batches_is_run_on_whole_batches_and_this_is_said():
    class Even(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = linear(), linear(WIDTH, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.b(torch.tanh(self.a(x)).reshape(2, len(x) // 2, WIDTH).reshape(len(x), WIDTH))

    stats = cg.collect(Even(), rows(), batch_size=20)
    assert stats.layers == ("input", "a", "b")
    assert any("batches are taken whole" in note for note in stats.notes)


def test_every_refusal_is_one_of_ours():
    for model, data in ((Ending(lambda y: y.mean()), rows()), (Ending(lambda y: y), "text"), (Ending(lambda y: y), [])):
        with pytest.raises(CompgraphError):
            cg.collect(model, data)
