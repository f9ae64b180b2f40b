"""Networks for the tests of check."""

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

TanhNet = Callable[..., nn.Sequential]


def build_tanh_net(n_in: int, width: int, n_out: int, *, first: str = "fc1") -> nn.Sequential:
    rng = np.random.default_rng(0)
    layers = OrderedDict([(first, nn.Linear(n_in, width)), ("act", nn.Tanh()), ("head", nn.Linear(width, n_out))])
    model = nn.Sequential(layers).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.from_numpy(rng.normal(size=tuple(parameter.shape))))
    return model


@pytest.fixture(scope="session")
def tanh_net() -> TanhNet:
    return build_tanh_net
