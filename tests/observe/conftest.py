"""Models and data for the tests of observe."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from compgraph.statistics import Moments


def named(**modules: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(modules))


class ConvNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm, self.act = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        self.pool, self.conv2 = nn.MaxPool2d(2), nn.Conv2d(4, 5, 1)
        self.head = nn.Linear(5, 3)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.pool(self.act(self.norm(self.conv1(images))))
        return self.head(torch.tanh(self.conv2(maps)).mean((2, 3)))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(4, 6, batch_first=True), nn.Linear(6, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.lstm(tokens)[0][:, -1])


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def mlp() -> nn.Sequential:
    return named(
        fc1=nn.Linear(6, 5), act=nn.ReLU(inplace=True), fc2=nn.Linear(5, 4), tanh=nn.Tanh(), head=nn.Linear(4, 3)
    )


@pytest.fixture
def rows() -> Tensor:
    return torch.randn(200, 6) + 3


@pytest.fixture
def convnet() -> nn.Module:
    model = ConvNet()
    model(torch.randn(20, 2, 8, 8))
    return model


@pytest.fixture
def recurrent() -> nn.Module:
    return Recurrent()


@pytest.fixture
def capture():
    """Return a function that stores copies of module outputs with plain hooks, in eval mode."""

    def run(model: nn.Module, inputs: Tensor, names: list[str]) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {"input": inputs.clone()}
        was = model.training
        model.eval()
        handles = [
            model.get_submodule(name).register_forward_hook(
                lambda _m, _a, out, name=name: found.update({name: out.clone()})
            )
            for name in names
        ]
        with torch.no_grad():
            found["output"] = model(inputs.clone()).clone()
        for handle in handles:
            handle.remove()
        model.train(was)
        return found

    return run


@pytest.fixture
def same_moments():
    """Return a function that compares moments with those of rows held in memory."""

    def check(found: Moments, x: Tensor, y: Tensor, tolerance: float = 1e-5) -> None:
        expected = Moments.of(x.detach().double().numpy(), y.detach().double().numpy())
        assert found.n == expected.n
        for name in ("mean_x", "mean_y", "xx", "xy", "yy"):
            a, b = getattr(found, name), getattr(expected, name)
            np.testing.assert_allclose(a, b, atol=tolerance * max(1e-12, np.abs(b).max()), err_msg=name)

    return check
