"""Models that give other outputs the second time, or in other company, are said to; others are not."""

import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

import compgraph as cg
from compgraph.pipeline import analyze

DATA = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))


class Wrapped(nn.Module):
    """A network with something else done to what it computes."""

    def __init__(self, change) -> None:
        super().__init__()
        self.first, self.act, self.head = nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)
        self.change, self.runs = change, 0

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1
        return self.head(self.change(self, self.act(self.first(x))))


def notes(change) -> str:
    torch.manual_seed(0)
    return " ".join(cg.collect(Wrapped(change), DATA).notes)


DRAWS = {
    "dropout that stays on": lambda _, h: dropout(h, 0.5, training=True),
    "dropout that hardly ever drops": lambda _, h: dropout(h, 1e-9, training=True),
    "numbers of NumPy": lambda _, h: h + 1e-3 * float(np.random.random()),  # noqa: NPY002 - as old models do
    "numbers of Python": lambda _, h: h + 1e-3 * random.random(),
}


@pytest.mark.parametrize("name", DRAWS)
def test_random_numbers_in_eval_mode_are_said(name) -> None:
    assert "random numbers in eval mode" in notes(DRAWS[name])


@pytest.mark.parametrize("step", [1.0, 1e-4])
def test_a_state_that_changes_outputs_is_said(step) -> None:
    assert "outputs for the same 16 inputs the second time" in notes(lambda self, h: h * (1 + step * self.runs))


def test_a_branch_that_depends_on_the_batch_is_said() -> None:
    assert "takes a branch by what a batch holds" in notes(lambda _, h: h if len(h) > 10 else -h)
    assert "the model compares the samples of a batch" in notes(lambda _, h: h - h.mean(dim=0))


def test_ordinary_models_are_not_suspected() -> None:
    assert "eval mode" not in notes(lambda _, h: nn.functional.dropout(h, 0.5, training=False))
    assert "batch_size" not in notes(lambda _, h: h)
    drawn = Wrapped(lambda _, h: h)
    drawn.drop = nn.Dropout()
    assert not [note for note in cg.collect(drawn, DATA).notes if "random" in note or "Outputs of" in note]


def test_the_notes_reach_the_summary() -> None:
    found = analyze(Wrapped(DRAWS["dropout that hardly ever drops"]), DATA, n_null=0, n_twins=0)
    assert "random numbers in eval mode" in str(found)
