"""Whatever asks a model again refuses one that has changed since its statistics were collected."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import compgraph as cg
from compgraph.check import against_twins, read_energies, task_profile, usage
from compgraph.errors import ForeignRecord
from compgraph.observe import row_gradients
from compgraph.statistics import Statistics

N, WIDTH = 60, 4


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(WIDTH, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 2)).eval()


def data() -> torch.Tensor:
    return torch.randn(N, WIDTH, generator=torch.Generator().manual_seed(1))


def in_place(model: nn.Module) -> None:
    with torch.no_grad():
        model[3].weight[0, 0] += 1e-6


def through_data(model: nn.Module) -> None:
    model[0].bias.data[1] += 1e-6


def exchanged(model: nn.Module) -> None:
    model[0].weight = nn.Parameter(model[0].weight.detach().flip(0))


def a_buffer(model: nn.Module) -> None:
    model[1].running_mean += 1e-6


def trained(model: nn.Module) -> None:
    optimiser = torch.optim.SGD(model.parameters(), 1e-4)
    model(data()).sum().backward()
    optimiser.step()
    optimiser.zero_grad()


CHANGES = [in_place, through_data, exchanged, a_buffer, trained]


class Session:
    """A model with all that was made of it."""

    def __init__(self) -> None:
        self.model, self.data = network(), data()
        self.stats = cg.collect(self.model, self.data)
        self.parts = cg.components(self.stats)
        self.pca = cg.components(self.stats, "pca")
        self.inputs = {"one": self.data[:30], "other": self.data[30:]}


def filters(stats: Statistics) -> np.ndarray:
    return np.eye(len(stats.moments[stats.pairs[0]].mean_y))


ASKING: dict[str, Callable[[Session], Any]] = {
    "components": lambda it: cg.components(it.stats),
    "components, gradient": lambda it: cg.components(it.stats, "gradient"),
    "edges": lambda it: cg.edges(it.stats, it.pca),
    "edges of interaction": lambda it: cg.edges(it.stats, it.parts),
    "analyze": lambda it: cg.analyze(it.stats, n_null=1, n_twins=1),
    "against_twins": lambda it: against_twins(it.stats, n=1),
    "row_gradients": lambda it: row_gradients(it.stats, it.stats.pairs[0], filters=filters(it.stats)),
    "read_energies": lambda it: read_energies(it.stats),
    "task_profile": lambda it: task_profile(it.parts, it.model, it.inputs),
    "usage": lambda it: usage(it.parts, it.model, it.data),
    "edges of statistics of the changed model": lambda it: cg.edges(cg.collect(it.model, it.data), it.pca, "plsr"),
}

NOT_ASKING: dict[str, Callable[[Session], Any]] = {
    "components, pca": lambda it: cg.components(it.stats, "pca"),
    "edges, plsr": lambda it: cg.edges(it.stats, it.pca, "plsr"),
    "bytes": lambda it: it.stats.to_bytes(keep_inputs=True),
    "statistics of the model as it is": lambda it: cg.components(cg.collect(it.model, it.data)),
}


@pytest.fixture(scope="module")
def session() -> Session:
    torch.manual_seed(0)
    return Session()


@pytest.mark.parametrize("name", ASKING)
def test_a_model_as_it_was_is_asked(name: str, session: Session) -> None:
    ASKING[name](session)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_model_is_refused_by_all_that_ask_it(change: Callable[[nn.Module], None]) -> None:
    it = Session()
    change(it.model)
    said = {}
    for name, ask in ASKING.items():
        try:
            ask(it)
        except ForeignRecord as error:
            said[name] = str(error)
    assert ASKING.keys() - said.keys() == set()
    assert [each for each in said.values() if "'" not in each or "ollect" not in each] == []


@pytest.mark.parametrize("name", NOT_ASKING)
def test_what_needs_no_model_goes_on(name: str) -> None:
    it = Session()
    in_place(it.model)
    NOT_ASKING[name](it)


def test_a_change_taken_back_is_none() -> None:
    it = Session()
    before = it.model[3].weight.detach().clone()
    in_place(it.model)
    it.model[3].weight.data.copy_(before)
    against_twins(it.stats, n=1)


def test_without_hashes_a_changed_model_is_not_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    it = Session()
    monkeypatch.setattr("compgraph.observe.gradients.pullback.fingerprint", lambda _: dict(it.stats.identity.model))
    in_place(it.model)
    against_twins(it.stats, n=1)
