"""Memory and time: budgets, batches that do not fit, wide outputs, and a word before long work."""

import logging

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import compgraph as cg
from compgraph import progress
from compgraph.observe.budget import Budget
from fixtures.any_networks import rows
from fixtures.maps_and_sequences import WIDTH, linear


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("4GB", 4 * 10**9),
        ("512 MiB", 512 * 2**20),
        ("1.5gb", 1.5e9),
        (2_000_000, 2_000_000),
        ("2000k", 2e6),
        (" 1 TB ", 1e12),
    ],
)
def test_memory_is_a_number_or_a_text(given, expected):
    assert Budget.of(given).total == expected


@pytest.mark.parametrize("given", ["much", "4 XB", "-1GB", 10, "10kB", 1.5e9, None, True])
def test_memory_that_is_neither(given):
    with pytest.raises(cg.errors.BadRequest, match="memory"):
        Budget.of(given)


class Small(nn.Module):
    """Has room for few samples at once."""

    def __init__(self, room: int, error: type[Exception] = torch.OutOfMemoryError) -> None:
        super().__init__()
        self.a, self.b, self.room, self.error = linear(), linear(WIDTH, 2), room, error
        self.sizes: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.a(x))
        if len(x) > self.room:
            raise self.error("CUDA out of memory. Tried to allocate 20 GiB")
        self.sizes.append(len(x))
        return self.b(hidden)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, MemoryError])
@pytest.mark.parametrize("room", [17, 40])
def test_batches_that_do_not_fit_are_halved_and_no_row_counts_twice(room, error):
    data = torch.randn(200, WIDTH, dtype=torch.float64)
    torch.manual_seed(0)
    model = Small(room, error).double()
    found = cg.collect(model, data, batch_size=90, sample=30)
    model.room = 1000
    expected = cg.collect(model, data, batch_size=90, sample=30)
    assert found.n_samples == 200
    for pair in expected.pairs:
        for field in ("n", "mean_x", "mean_y", "xx", "xy", "yy"):
            a, b = (getattr(each.moments[pair], field) for each in (found, expected))
            np.testing.assert_allclose(a, b, atol=1e-10)
        np.testing.assert_array_equal(found.samples[pair].ids, expected.samples[pair].ids)
        np.testing.assert_allclose(found.samples[pair].x, expected.samples[pair].x, atol=1e-12)
    filters = np.eye(2)
    a, b = (each.probe.gradient_moments(each.pairs[-1], filters).total for each in (found, expected))
    np.testing.assert_allclose(a, b, atol=1e-10)


def test_other_errors_and_single_samples_that_do_not_fit_are_raised():
    with pytest.raises(torch.OutOfMemoryError, match="out of memory"):
        cg.collect(Small(0), rows())
    with pytest.raises(RuntimeError, match="out of memory"):
        cg.collect(Small(0, RuntimeError), rows())

    class Broken(Small):
        def forward(self, x: Tensor) -> Tensor:
            if len(x) > self.room:
                raise RuntimeError("sizes do not match")
            return self.b(self.a(x))

    with pytest.raises(RuntimeError, match="sizes do not match"):
        cg.collect(Broken(20), rows())


def test_a_small_budget_cuts_batches():
    torch.manual_seed(0)
    model = Small(10**6)
    model.wide = nn.Linear(WIDTH, 20_000)
    forward = model.forward
    model.forward = lambda x: forward(x) + model.wide(x).mean(1, keepdim=True)  # type: ignore[method-assign]  # a model as people patch it
    stats = cg.collect(model, rows(), ["a"], memory="3MB", sample=20)
    assert stats.n_samples == len(rows())
    assert max(model.sizes[-3:]) < len(rows())


def test_sites_that_do_not_fit_are_named_and_a_named_one_is_refused_with_a_remedy_that_works():
    torch.manual_seed(0)
    model, data = nn.Sequential(linear(WIDTH, 500), nn.Tanh(), linear(500, 2)), rows()
    stats = cg.collect(model, data, memory="3MB", sample=20)
    assert stats.layers == ("input", "2")
    assert any("memory=3.0 MB: 1 (500 features)" in note for note in stats.notes)
    with pytest.raises(cg.errors.ShapeError, match=r'500 x 500 moment.*give memory="(\d+GB)"') as caught:
        cg.collect(model, data, ["1"], memory="3MB", sample=20)
    remedy = str(caught.value).rsplit('memory="', 1)[1].split('"')[0]
    assert cg.collect(model, data, ["1"], memory=remedy, sample=20).layers == ("input", "1", "output")


def test_a_wide_output_is_sketched_and_said():
    torch.manual_seed(0)
    model, data = nn.Sequential(linear(), nn.Tanh(), linear(WIDTH, 5000)), rows()
    stats = cg.collect(model, data)
    assert any("Output 'output' has 5000 features, which are sketched" in note for note in stats.notes)
    space = stats.returned["output"]
    assert len(stats.of_space(space).mean_x) == 512
    total = float(torch.var(model(data).detach().double(), dim=0, correction=0).sum())
    found = float(np.trace(stats.of_space(space).xx)) / len(data)
    assert found == pytest.approx(total, rel=0.3)  # signs are random: right on average
    analysis = cg.analyze(model, data, n_null=0, n_twins=0)
    assert 0 < len(analysis.components[analysis.stats.returned["output"]]) <= 48


def test_the_sketch_is_the_same_in_every_pass():
    torch.manual_seed(0)
    model, data = nn.Sequential(linear(), nn.Tanh(), linear(WIDTH, 3000)).double(), rows().double()
    whole, halves = cg.collect(model, data), cg.collect(model, data[:20]) + cg.collect(model, data[20:], first_row=20)
    pair = whole.pairs[-1]
    np.testing.assert_allclose(halves.moments[pair].yy, whole.moments[pair].yy, atol=1e-9)


def test_long_work_is_announced(monkeypatch, caplog):
    model, data = nn.Sequential(linear(), nn.Tanh(), linear()), rows()
    with caplog.at_level(logging.WARNING, logger="compgraph"):
        cg.collect(model, data, batch_size=10)
        assert not caplog.records
        monkeypatch.setattr(progress, "LONG", 0.0)
        cg.collect(model, data, batch_size=10)
    (record,) = [each for each in caplog.records if each.name == "compgraph"]
    assert "collecting statistics is to take about" in record.getMessage()
