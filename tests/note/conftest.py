"""Weights drawn in a test are the same ones every time; two networks of the note are trained once for all tests."""

import pytest
import torch

from compgraph.toys import Toy
from note.published import networks, on_one_thread


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def trained() -> tuple[Toy, ...]:
    with on_one_thread():
        return networks(2)
