import inspect
from collections.abc import Iterator
from importlib import import_module

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from compgraph.errors import BadRequest, EmptyData, NotFinite, ShapeError, SiteError, UnknownSite
from compgraph.observe import collect
from compgraph.statistics import Look, Statistics


def assert_same(a: Statistics, b: Statistics, tolerance: float = 1e-5) -> None:
    assert a.pairs == b.pairs
    assert a.n_samples == b.n_samples
    for pair in a.pairs:
        for name in ("mean_x", "mean_y", "xx", "xy", "yy"):
            first, second = getattr(a.moments[pair], name), getattr(b.moments[pair], name)
            assert_allclose(first, second, atol=tolerance * np.abs(second).max(), rtol=0)
        assert_array_equal(a.samples[pair].ids, b.samples[pair].ids)
        assert_allclose(a.samples[pair].x, b.samples[pair].x, atol=1e-5)


def test_moments_of_every_pair(mlp, rows, capture, same_moments):
    stats = collect(mlp, rows)
    assert stats.layers == ("input", "act", "tanh", "head")
    seen = capture(mlp, rows, ["act", "tanh", "head"])
    for pair in stats.pairs:
        same_moments(stats.moments[pair], seen[pair.source.layer], seen[pair.target.layer])
    assert stats.n_samples == len(rows)


def test_a_tapped_layer_before_an_in_place_activation_is_read_before_it(mlp, rows, capture, same_moments):
    stats = collect(mlp, rows, ["fc1", "act"])
    seen = capture(mlp, rows, ["fc1", "act"])
    same_moments(stats.moments[stats.pairs[0]], seen["input"], seen["fc1"])
    same_moments(stats.moments[stats.pairs[1]], seen["fc1"], seen["act"])
    assert float(seen["fc1"].min()) < 0


def test_neighbouring_pairs_share_second_moments(mlp, rows):
    stats = collect(mlp, rows)
    first, second = (stats.moments[pair] for pair in stats.pairs[:2])
    assert_array_equal(first.yy, second.xx)


def test_samples_are_rows_of_lowest_priority(mlp, rows, capture):
    stats = collect(mlp, rows, sample=17, first_row=1000)
    seen = capture(mlp, rows, ["act", "tanh"])
    sample = stats.samples[stats.pairs[1]]
    assert (len(sample.ids), sample.n, sample.capacity) == (17, 200, 17)
    assert_allclose(sample.x, seen["act"].numpy()[sample.ids - 1000], atol=1e-6)
    assert_allclose(sample.y, seen["tanh"].numpy()[sample.ids - 1000], atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_results_do_not_depend_on_the_batch_size(mlp, rows, batch_size):
    assert_same(collect(mlp, rows, batch_size=batch_size, sample=32), collect(mlp, rows, batch_size=200, sample=32))


class Keywords(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        return self.inner(x * scale)


def test_whatever_form_data_have(mlp, rows):
    labels = torch.zeros(len(rows))
    expected = collect(mlp, rows)
    for data in (
        list(rows.split(30)),
        tuple(rows.split(30)),
        (batch for batch in rows.split(30)),
        DataLoader(TensorDataset(rows, labels), batch_size=30),
        DataLoader(rows, batch_size=30),
        TensorDataset(rows, labels),
        [(batch, 0) for batch in rows.split(30)],
        [((batch,), 0) for batch in rows.split(30)],
        rows.numpy(),
        [batch.numpy() for batch in rows.split(30)],
        [rows[:0], rows[:100], rows[100:100], rows[100:]],
    ):
        assert_same(collect(mlp, data), expected)


def test_dicts_are_keyword_arguments(mlp, rows, capture, same_moments):
    model = Keywords(mlp)
    seen = capture(mlp, rows * 2, ["act", "head"])
    for data in ([{"x": rows, "scale": 2.0}], [({"x": rows, "scale": 2.0}, 0)], {"x": rows * 2}):
        stats = collect(model, data, ["inner.act", "inner.head"])
        assert stats.layers == ("input", "inner.act", "inner.head")
        same_moments(stats.moments[stats.pairs[1]], seen["act"], seen["head"])


class Shaded(Keywords):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.inner(x if mask is None else x * mask)


def test_batches_with_and_without_an_optional_argument(mlp, rows, capture, same_moments):
    mask = (torch.rand(100, 6) > 0.5).float()
    model = Shaded(mlp.double())
    data = [{"x": rows[:100].double(), "mask": mask.double()}, {"x": rows[100:].double()}]
    stats = collect(model, data, ["inner.act", "inner.head"])
    inner = torch.cat([rows[:100] * mask, rows[100:]]).double()
    seen = capture(mlp, inner, ["act", "head"])
    same_moments(stats.moments[stats.pairs[-1]], seen["act"], seen["head"])
    expected = collect(mlp, inner, ["act", "head"])
    for found in (stats, stats.probe.again()):
        first, second = (each.probe.gradient_moments(each.pairs[-1], np.eye(3)) for each in (found, expected))
        assert first.n == second.n == 200
        assert_allclose(first.total, second.total, atol=1e-10)


class PooledGraphs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.act, self.head = nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)

    def forward(self, nodes: Tensor, graph: Tensor, n: int) -> Tensor:
        return self.head(self.act(self.fc(torch.zeros(n, 4, dtype=nodes.dtype).index_add(0, graph, nodes))))


def test_samples_that_lie_in_no_axis(same_moments):
    model = PooledGraphs().double()
    data = [(torch.randn(3 * n, 4).double(), torch.arange(n).repeat_interleave(3), n) for n in (10, 12)]
    stats = collect(model, data, ["fc", "act"], call=lambda batch: (batch, batch[2]))
    assert stats.n_samples == 22
    pooled = torch.cat([x.reshape(n, 3, 4).sum(1) for x, _, n in data])
    hidden = model.fc(pooled)
    same_moments(stats.moments[next(pair for pair in stats.pairs if pair.target.layer == "act")], hidden, hidden.relu())
    assert stats.probe.gradient_moments(stats.pairs[-1], np.eye(2)).n == 22
    assert stats.probe.again(twin=0).n_samples == 22


def test_what_was_done_to_the_data_is_said_first(mlp, rows):
    stats = collect(mlp, (rows.double().numpy(), torch.zeros(len(rows))))
    assert "taken for a target" in stats.notes[0]
    assert stats.notes[1] == "float64 inputs were cast to float32, the model's precision."
    assert_same(stats, collect(mlp, rows))


def test_token_ids_start_the_chain_at_the_first_layer():
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 3))
    stats = collect(model, torch.randint(0, 10, (20, 5)))
    assert stats.layers == ("0", "1")
    assert any("int64" in note and "starts at '0'" in note for note in stats.notes)
    assert stats.moments[stats.pairs[0]].n == 100


def test_names_globs_and_order(mlp, rows):
    assert collect(mlp, rows, ["fc*"]).layers == ("input", "fc1", "fc2", "output")
    assert collect(mlp, rows, "tanh").layers == ("input", "tanh", "output")
    assert collect(mlp, rows, ["input", "act", "output"]).layers == ("input", "act", "output")
    stats = collect(mlp, rows, ["head", "fc1"])
    assert stats.layers == ("input", "fc1", "head")
    assert any("order of execution: fc1, head" in note for note in stats.notes)


def test_a_module_named_output_keeps_its_name(rows):
    model = nn.Sequential()
    model.add_module("output", nn.Linear(6, 5))
    model.add_module("input", nn.ReLU())
    model.add_module("last", nn.Linear(5, 2))
    assert collect(model, rows, ["output", "input"]).layers == ("<input>", "output", "input", "<output>")


def test_positions_are_rows(convnet, capture, same_moments):
    images = torch.randn(30, 2, 8, 8)
    stats = collect(convnet, images, batch_size=11, sample=50)
    seen = capture(convnet, images, ["act", "conv2", "head"])
    assert stats.layers == ("input", "act", "conv2", "head")

    def flat(maps: Tensor) -> Tensor:
        return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])

    same_moments(stats.moments[stats.pairs[0]], flat(images), flat(seen["act"]))
    pooled = nn.functional.avg_pool2d(seen["act"], 2)
    same_moments(stats.moments[stats.pairs[1]], flat(pooled), flat(seen["conv2"]))
    same_moments(stats.moments[stats.pairs[2]], seen["conv2"].mean((2, 3)), seen["head"])
    assert any("'act' (8, 8) and 'conv2' (4, 4)" in note for note in stats.notes)
    sample = stats.samples[stats.pairs[0]]
    assert_allclose(sample.x, flat(images).numpy()[sample.ids], atol=1e-6)
    assert len(np.unique(sample.ids // 64)) > 10


def test_rows_can_be_samples(convnet, capture, same_moments):
    images = torch.randn(30, 2, 8, 8)
    stats = collect(convnet, images, rows="sample")
    seen = capture(convnet, images, ["act"])
    same_moments(stats.moments[stats.pairs[0]], images.flatten(1), seen["act"].flatten(1))


def test_tokens_are_rows_with_features_last(capture, same_moments):
    model = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
    tokens = torch.randn(10, 5, 8)
    stats = collect(model, tokens, ["linear1"])
    seen = capture(model, tokens, ["linear1"])
    same_moments(stats.moments[stats.pairs[0]], tokens.reshape(-1, 8), seen["linear1"].reshape(-1, 12), 1e-4)


def test_channels_of_sequences_are_features(capture, same_moments):
    model = nn.Sequential(nn.Conv1d(3, 4, 1), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(12, 2))
    waves = torch.randn(10, 3, 6)
    stats = collect(model, waves)
    assert stats.layers == ("input", "1", "4")
    seen = capture(model, waves, ["1"])
    same_moments(stats.moments[stats.pairs[0]], waves.mT.reshape(-1, 3), seen["1"].mT.reshape(-1, 4))


def test_default_layers_do_not_pass_pooling_or_a_second_call():
    shared = nn.Linear(4, 4)
    model = nn.Sequential(
        nn.Conv1d(2, 4, 3, padding=1), nn.MaxPool1d(3, 1, 1), nn.Flatten(), nn.Linear(20, 4), shared, shared
    )
    assert collect(model, torch.randn(9, 2, 5)).layers == ("input", "0", "3", "output")


def test_selectors_pick_tensors(recurrent, capture, same_moments):
    tokens = torch.randn(12, 5, 4)
    stats = collect(recurrent, tokens, {"lstm": lambda out: out[0][:, -1], "head": None})
    assert stats.layers == ("input", "lstm", "head")
    with torch.no_grad():
        last = recurrent.lstm(tokens)[0][:, -1]
        same_moments(stats.moments[stats.pairs[1]], last, recurrent.head(last))
        same_moments(stats.moments[stats.pairs[0]], tokens.mean(1), last)


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.fc(x)}


def test_a_selector_for_the_models_output(rows):
    stats = collect(Named(), rows, {"output": lambda out: out["logits"]})
    assert stats.layers == ("input", "fc", "output")
    assert stats.outputs == ("output",)
    assert collect(Named(), rows).outputs == ("logits",)


def test_inputs_with_too_many_features_start_the_chain_later(capture, same_moments):
    model = nn.Sequential(nn.Conv1d(20_000, 3, 1), nn.Flatten(), nn.Linear(6, 2))
    signals = torch.randn(5, 20_000, 2)
    stats = collect(model, signals)
    assert stats.layers == ("0", "2")
    assert any("would not fit into memory=4.0 GB: input (20000 features)" in note for note in stats.notes)
    seen = capture(model, signals, ["0"])
    same_moments(stats.moments[stats.pairs[0]], seen["0"].mean(2), seen["output"])


def test_models_without_weights(rows):
    stats = collect(nn.Sequential(nn.Tanh()), rows)
    assert stats.layers == ("input", "output")
    assert "Layers were chosen automatically: none has weights." in stats.notes


def test_an_output_with_one_number_per_sample(mlp, rows, same_moments):
    model = nn.Sequential(mlp, nn.Linear(3, 1), nn.Flatten(0))
    stats = collect(model, rows)
    assert stats.layers[-2:] == ("1", "output")
    same_moments(stats.moments[stats.pairs[-1]], model[:2](rows), model(rows)[:, None])


def test_half_precision(rows, capture, same_moments):
    model = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2)).half()
    inputs = (rows + 500).half()
    stats = collect(model, inputs)
    seen = capture(model, inputs, ["1"])
    same_moments(stats.moments[stats.pairs[0]], inputs, seen["1"], 1e-3)
    assert float(inputs.double().square().sum()) > torch.finfo(torch.float16).max


def test_autocast_does_not_reach_the_sums(mlp, rows, same_moments):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        stats = collect(mlp, rows, ["act"])
        assert stats.probe.gradient_moments(stats.pairs[0], np.eye(5)).total.shape == (5, 6)
        hidden = mlp[:2](rows)
    assert hidden.dtype == torch.bfloat16
    same_moments(stats.moments[stats.pairs[0]], rows, hidden, 1e-6)


def test_a_user_in_inference_mode_gets_the_same(mlp, rows):
    expected = collect(mlp, rows)
    with torch.inference_mode():
        found = collect(mlp, rows.clone())
        gradients = found.probe.gradient_moments(found.pairs[0], np.eye(5))
    assert_same(found, expected, 1e-6)
    assert_array_equal(gradients.total, expected.probe.gradient_moments(expected.pairs[0], np.eye(5)).total)


def test_a_model_in_train_mode_runs_in_eval_mode(rows):
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)).train()
    assert_same(collect(model, rows), collect(model.eval(), rows), 1e-12)


def test_nothing_kept_grows_with_the_rows(mlp):
    def size(n: int) -> int:
        stats = collect(mlp, torch.randn(n, 6), sample=64, batch_size=128)
        arrays = [getattr(m, f) for m in stats.moments.values() for f in ("mean_x", "mean_y", "xx", "xy", "yy")]
        arrays += [getattr(s, f) for s in stats.samples.values() for f in ("x", "y", "ids")]
        return sum(each.nbytes for each in arrays) + stats.probe.inputs.nbytes

    assert size(10_000) == size(300)


def test_the_kept_inputs_are_copies(mlp, rows):
    stats = collect(mlp, rows)
    before = stats.probe.gradient_moments(stats.pairs[0], np.eye(5)).total
    rows.zero_()
    assert_array_equal(stats.probe.gradient_moments(stats.pairs[0], np.eye(5)).total, before)


def test_parts_collected_apart_add_up(mlp, rows):
    parts = collect(mlp, rows[:80], sample=20) + collect(mlp, rows[80:], sample=20, first_row=80)
    assert_same(parts, collect(mlp, rows, sample=20))


def test_gradients_of_parts_are_those_of_the_whole(mlp, rows):
    mlp, rows = mlp.double(), rows.double()
    parts = collect(mlp, rows[:80]) + collect(mlp, rows[80:150], first_row=80) + collect(mlp, rows[150:], first_row=150)
    whole = collect(mlp, rows)
    for pair in whole.pairs:
        filters = np.eye(len(whole.moments[pair].mean_y))
        found, expected = (each.probe.gradient_moments(pair, filters) for each in (parts, whole))
        assert found.n == expected.n == 200
        assert_allclose(found.total, expected.total, atol=1e-10)
        assert_allclose(found.second, expected.second, atol=1e-10)


def test_a_model_that_is_one_layer(rows, same_moments):
    model = nn.Linear(6, 2)
    stats = collect(model, rows)
    assert stats.layers == ("input", "output")
    same_moments(stats.moments[stats.pairs[0]], rows, model(rows))


def test_wrapped_models_are_looked_into(mlp, rows):
    compiled = torch.compile(mlp, backend="eager")
    for wrapped in (nn.DataParallel(mlp), compiled, nn.DataParallel(compiled)):
        assert collect(wrapped, rows).layers == ("input", "act", "tanh", "head")


def test_progress_is_silent_without_a_terminal(mlp, rows, capsys):
    collect(mlp, rows)
    assert capsys.readouterr().err == ""
    collect(mlp, rows, progress=True, batch_size=10)
    assert "collect" in capsys.readouterr().err


class Branching(nn.Module):
    """Calls its layer another number of times once it sees large numbers, as the second half of the rows are."""

    def __init__(self, *calls: int) -> None:
        super().__init__()
        self.fc, self.calls = nn.Linear(6, 6), calls

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.calls[int(x.max() > 50) % len(self.calls)]):
            x = self.fc(x)
        return x * 1


class Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean()


@pytest.mark.parametrize(
    ("model", "layers", "error", "message"),
    [
        (nn.Sequential(nn.Linear(6, 2)), ["O"], UnknownSite, r"no module 'O'\. Nearest: '.*lists all 3\."),
        (nn.Sequential(nn.Linear(6, 2)), ["fc*"], UnknownSite, r"no module 'fc\*'"),
        (Branching(2), ["fc"], SiteError, r"'fc' \(Linear\) was called 2 times in one run\. Needed is one call"),
        (Branching(0), ["fc"], SiteError, r"'fc' \(Linear\) was never called\. Tap one that is: compgraph\.sites"),
        (Branching(1, 0), ["fc"], SiteError, r"'fc' was never called in batch 1, though it was in the first"),
        (Branching(1, 2), ["fc"], SiteError, r"'fc' was called twice in batch 1 and once in the first"),
        (
            Mean(),
            None,
            SiteError,
            r"the model returns no activations: output gives \(\) for a batch of 16: no axis follows",
        ),
        (nn.Sequential(nn.Linear(6, 2)), {"0": lambda out: out[999]}, SiteError, r"selector that raised IndexError"),
        (
            nn.Sequential(nn.Linear(6, 2), nn.Flatten(0)),
            None,
            SiteError,
            r"output gives \(32,\) for a batch of 16: its samples are folded into axis 0",
        ),
        (nn.LazyLinear(3), None, SiteError, r"lazy parameters that no input has shaped"),
    ],
)
def test_requests_that_do_not_fit_the_model(model, layers, error, message, rows):
    rows[100:, 0] = 100
    with pytest.raises(error, match=message):
        collect(model, rows, layers, batch_size=100)


class Casting(nn.Module):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        return x.to(self.dtype)


class Magnitude(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return abs(x.to(torch.complex64))


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
def test_activations_that_are_not_floating(dtype, rows):
    model = nn.Sequential(nn.Linear(6, 2), Casting(dtype), Magnitude())
    name = str(dtype).removeprefix("torch.")
    with pytest.raises(SiteError, match=rf"'1' \(Casting\) gives {name} numbers.*before or after"):
        collect(model, rows, ["0", "1"])


def test_a_module_that_returns_none(rows):
    class Silent(nn.Module):
        def forward(self, _x: Tensor) -> None:
            return None

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.silent = Silent()

        def forward(self, x: Tensor) -> Tensor:
            self.silent(x)
            return x + 1

    with pytest.raises(SiteError, match=r"'silent' \(Silent\) returns None, not one tensor"):
        collect(Model(), rows, ["silent"])


def test_a_tied_module_is_named_by_both_names(rows):
    shared = nn.Linear(6, 6)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    with pytest.raises(SiteError, match=r"'2' \(Linear\) was called 2 times in one run \(is the same module as '0'\)"):
        collect(model, rows, ["2"])


def test_torchscript_is_refused(mlp, rows):
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        traced = torch.jit.trace(mlp, rows)
    with pytest.raises(SiteError, match=r"the model is TorchScript .* Pass the nn\.Module"):
        collect(traced, rows)
    with pytest.raises(SiteError, match=r"'0' is TorchScript"):
        collect(nn.Sequential(traced), rows)


def test_no_data_and_too_few(mlp, rows):
    stream = iter(rows.split(50))
    collect(mlp, stream)
    with pytest.raises(EmptyData, match="iterator gave no rows: it is exhausted, perhaps by an earlier pass"):
        collect(mlp, stream)
    with pytest.raises(EmptyData, match="data has no rows"):
        collect(mlp, rows[:0])
    with pytest.raises(EmptyData, match=r"data has 1 row\. At least 2"):
        collect(mlp, rows[:1])
    with pytest.raises(EmptyData, match="data has no rows"):
        collect(mlp, [])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("words", "data is a str; needed is a tensor"),
        (3, "data is a int"),
        (torch.tensor(1.0), "data is one number"),
        ([3], "holds no tensor with an axis of samples.*got int"),
        ([[]], "holds no tensor.*got list"),
        ([{}], "got nothing"),
    ],
)
def test_data_that_are_none(mlp, data, message):
    with pytest.raises(BadRequest, match=message):
        collect(mlp, data)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sample": 0}, r"sample=0: a whole number of at least 1 is needed"),
        ({"sample": 10.5}, r"sample=10\.5: a whole number of at least 1 is needed"),
        ({"batch_size": 0}, r"batch_size=0: a whole number of at least 1 is needed"),
        ({"batch_size": "64"}, r"batch_size='64': a whole number"),
        ({"seed": -1}, r"seed=-1: a whole number of at least 0 is needed"),
        ({"seed": True}, r"seed=True: a whole number"),
        ({"first_row": 1.0}, r"first_row=1\.0: a whole number of at least 0 is needed"),
    ],
)
def test_parameters_outside_their_range_are_refused_before_data_are_read(mlp, rows, given, message):
    stream = iter(rows.split(50))
    with pytest.raises(BadRequest, match=message):
        inspect.unwrap(collect)(mlp, stream, **given)
    assert len(list(stream)) == 4


def test_numpy_integers_count(mlp, rows):
    given = {name: np.int64(value) for name, value in {"seed": 3, "sample": 20, "batch_size": 64}.items()}
    assert_same(
        inspect.unwrap(collect)(mlp, rows, **given), collect(mlp, rows, **{name: int(n) for name, n in given.items()})
    )


def test_values_that_are_not_finite_name_site_and_batch(mlp, rows):
    rows[130, 2] = float("nan")
    with pytest.raises(NotFinite, match=r"site 'input' holds NaN or infinite values in batch 4\b"):
        collect(mlp, rows, batch_size=30)
    model = nn.Sequential(nn.Linear(6, 2))
    model[0].weight.data[0, 0] = float("inf")
    with pytest.raises(NotFinite, match=r"site '0' holds .* in batch 0"):
        collect(model, torch.ones(10, 6))


def test_too_many_features_are_refused_with_numbers():
    model = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1))
    images = torch.zeros(2, 3, 112, 112)
    message = (
        r"""site '0' gives \(2, 64, 112, 112\); rows="sample" needs an 802816 x 802816 moment \(5\.2 TB\), .* Use"""
    )
    with pytest.raises(ShapeError, match=message):
        collect(model, images, rows="sample", layers=["0"])
    with pytest.raises(ShapeError, match=r"'0' gives \(2, 70000\); it needs an 70000 x 70000 moment.*Tap a narrower"):
        collect(nn.Sequential(nn.Linear(1, 70_000)), torch.zeros(2, 1), ["0"])


def test_shapes_that_change_between_batches(mlp):
    model = nn.Sequential(nn.Conv2d(2, 3, 1))
    data = [torch.zeros(4, 2, 8, 8), torch.zeros(4, 2, 6, 6)]
    with pytest.raises(ShapeError, match=r"'input' gives \(4, 2, 6, 6\) where the first batch gave \(4, 2, 8, 8\)"):
        collect(model, data)
    tokens = nn.Sequential(nn.EmbeddingBag(9, 4), nn.Linear(4, 2))
    with pytest.raises(ShapeError, match=r"model's input has the shape \(5, 4\) where the first batch had \(5, 3\)"):
        collect(tokens, [torch.ones(5, 3, dtype=torch.int64), torch.ones(5, 4, dtype=torch.int64)])


class Failing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.max() > 50:
            raise RuntimeError
        return x + 1


def test_the_batch_of_a_failure_is_noted(mlp, rows):
    with pytest.raises(RuntimeError) as caught:
        collect(Failing(), [rows, rows, rows + 100])
    assert caught.value.__notes__ == ["while compgraph.collect ran the model on batch 2"]

    def broken() -> Iterator[Tensor]:
        yield rows
        raise OSError("disk")

    with pytest.raises(OSError, match="disk") as failed:
        collect(mlp, broken())
    assert failed.value.__notes__ == ["while compgraph.collect read batch 1 of the data"]


def test_layers_that_are_left_out_are_named(rows):
    shared = nn.Linear(6, 6)
    stats = collect(nn.Sequential(shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(6, 2)), rows)
    assert any("Left out, though they have weights: 0 (called 2 times)" in note for note in stats.notes)


def test_no_layers_are_no_wish(mlp, rows):
    with pytest.raises(BadRequest, match=r"layers=\[\] names nothing"):
        collect(mlp, rows, [])


def test_what_was_asked_is_kept(mlp, rows):
    assert collect(mlp, rows, ["tanh"], rows="sample").asked == Look(["tanh"], "sample")


def test_how_batches_were_read_is_kept(mlp, rows):
    data = [{"rows": rows}]
    asked = collect(mlp, data, call=lambda batch: batch["rows"], samples={"input": 0}).asked
    assert set(asked.options) == {"layers", "rows", "call", "samples"}
    assert_same(collect(mlp, data, **asked.options), collect(mlp, rows))
    assert set(collect(mlp, rows).asked.options) == {"layers", "rows"}


def test_every_row_can_be_kept_and_one_is_enough(mlp, rows):
    stats = collect(mlp, rows, sample="all")
    for pair, sample in stats.samples.items():
        assert sorted(sample.ids.tolist()) == list(range(len(rows)))
        assert len(sample.x) == stats.moments[pair].n
    assert collect(mlp, rows[:1], sample="all").n_samples == 1
    with pytest.raises(EmptyData, match="data has 1 row"):
        collect(mlp, rows[:1])
    with pytest.raises(BadRequest, match="sample is 'every'; needed is a whole number of at least 1, or \"all\""):
        inspect.unwrap(collect)(mlp, rows, sample="every")


def test_more_rows_than_can_be_held_at_once_are_refused(mlp, rows, monkeypatch):
    monkeypatch.setattr(import_module("compgraph.observe.collect"), "ALL_ROWS", 199)
    with pytest.raises(BadRequest, match="200 rows came, and sample='all' holds 199 at once"):
        collect(mlp, rows, sample="all")
