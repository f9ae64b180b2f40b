"""Where samples are is asked, found by running, or doubted: a length alone does not say."""

import pytest
import torch
from torch import Tensor, nn

from compgraph.errors import BadRequest
from compgraph.observe.data.reader import Reader


class Causal(nn.Module):
    """Reads (n, t, d) with a mask (t, t), or a mask (n, t) of padding."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor, mask: Tensor | None = None, padding: Tensor | None = None) -> Tensor:
        if mask is not None:
            x = torch.einsum("st,ntd->nsd", mask, x)
        return self.fc(x if padding is None else x * padding[..., None])


class Either(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        return self.fc(x + context.mean())


class Unread(Either):
    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        return self.fc(x + 0 * context.mean())


class Towers(Either):
    def forward(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        return self.fc(x), self.fc(z)


def tokens(n: int, t: int = 5) -> Tensor:
    return torch.randn(n, t, 4)


def test_arguments_of_another_length_are_shared():
    call = Reader(Causal()).read({"x": tokens(7), "mask": torch.ones(5, 5)})
    assert call.axes == {"x": 0, "mask": None}


def test_a_mask_as_long_as_the_batch_is_found_out_and_said():
    reader = Reader(Causal())
    call = reader.read({"x": tokens(5), "mask": torch.ones(5, 5), "padding": torch.ones(5, 5)})
    assert call.axes == {"x": 0, "mask": None, "padding": 0}
    assert len(reader.notes) == 1
    assert "All samples share 'mask', float32 (5, 5), though it is as long as the batch" in reader.notes[0]


def test_a_square_mask_that_was_cut_is_seen_by_the_steps_it_leaves():
    call = Reader(Causal()).read({"x": tokens(5), "mask": torch.ones(5, 5)})
    assert call.axes == {"x": 0, "mask": None}


def test_what_was_found_out_holds_for_the_batches_that_follow():
    reader = Reader(Causal())
    reader.read({"x": tokens(7), "mask": torch.ones(5, 5)})
    reader.model = None  # not asked again
    assert reader.takes
    reader.model = Causal()
    assert reader.read({"x": tokens(5), "mask": torch.ones(5, 5)}).axes == {"x": 0, "mask": None}


def test_arguments_that_have_lost_their_samples_are_named():
    reader = Reader(Causal())
    reader.read({"x": tokens(7), "padding": torch.ones(7, 5)})
    with pytest.raises(BadRequest, match=r"'padding' is float32 \(7, 5\), and its axis 0 holds.*there are 3"):
        reader.read({"x": tokens(3), "padding": torch.ones(7, 5)})


def test_every_input_of_a_model_with_two_towers_has_samples():
    assert Reader(Towers()).read((tokens(6), tokens(6))).axes == {"x": 0, "z": 0}


def test_two_readings_that_differ_are_asked_about_and_the_remedies_work():
    batch = {"x": tokens(6), "context": torch.randn(6, 3)}
    with pytest.raises(
        BadRequest, match=r"samples=\{'context': 0\} for one entry.*samples=\{'context': None\} for one"
    ):
        Reader(Either()).read(batch)
    for axis in (0, None):
        assert Reader(Either(), samples={"context": axis}).read(batch).axes == {"x": 0, "context": axis}


def test_two_readings_that_give_the_same_are_no_matter():
    assert Reader(Unread()).read({"x": tokens(6), "context": torch.randn(6, 3)}).axes["context"] == 0


def test_an_axis_for_all_arguments():
    call = Reader(Either(), samples=1).read((torch.randn(9, 6, 4), torch.randn(2, 6)))
    assert (call.size, call.axes) == (6, {"x": 1, "context": 1})
    assert call.rows(slice(0, 2)).tensors["x"].shape == (9, 2, 4)


def test_an_axis_for_all_that_one_does_not_have_is_asked_about():
    batch = (torch.randn(9, 6, 4), torch.randn(6, 9))
    with pytest.raises(
        BadRequest, match=r"'context' is float32 \(6, 9\), and its axis 1.*samples=\{'context': \.\.\.\}"
    ):
        Reader(Either(), samples=1).read(batch)
    assert Reader(Either(), samples={"x": 1, "context": 0}).read(batch).axes == {"x": 1, "context": 0}


def test_a_mask_is_found_out_where_time_comes_first():
    class TimeFirst(nn.Module):
        def forward(self, x: Tensor, mask: Tensor) -> Tensor:
            return torch.einsum("st,tnd->snd", mask, x)

    call = Reader(TimeFirst(), samples={"x": 1}).read((torch.randn(6, 6, 4), torch.ones(6, 6)))
    assert call.axes == {"x": 1, "mask": None}


def test_an_axis_that_is_not_there_is_refused():
    with pytest.raises(BadRequest, match="axis 3 of 'x' holds the samples"):
        Reader(Either(), samples={"x": 3}).read((tokens(6), tokens(6)))
    with pytest.raises(BadRequest, match=r"samples names 'z', and the model's arguments are 'x', 'context'"):
        Reader(Either(), samples={"z": 0}).read((tokens(6), tokens(6)))


def test_axes_are_counted_from_either_end():
    assert Reader(Either(), samples={"x": -2, "context": -2}).read((torch.randn(9, 6, 4), torch.randn(6, 9))).axes == {
        "x": 1,
        "context": 0,
    }


def test_one_sample_where_a_batch_is_needed_is_refused_and_the_remedies_work():
    model = nn.Sequential(nn.Linear(6, 3))
    with pytest.raises(BadRequest, match=r"single sample.*torch\.stack\(samples\).*x\[None\]"):
        Reader(model).read(torch.randn(6))
    assert Reader(model).read(torch.stack([torch.randn(6)] * 3)).size == 3
    assert Reader(model).read(torch.randn(6)[None]).size == 1


def test_batches_of_one_number_each_are_batches():
    class Scalar(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([x, x**2], dim=1)

    assert Reader(Scalar()).read(torch.randn(6)).size == 6


def test_the_model_is_run_only_where_there_is_doubt():
    class Counting(nn.Module):
        runs = 0

        def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
            self.runs += 1
            return x if scale is None else x * scale

    model = Counting()
    Reader(model).read(tokens(6))
    Reader(model).read({"x": tokens(6), "scale": torch.ones(4)})
    assert model.runs == 0
