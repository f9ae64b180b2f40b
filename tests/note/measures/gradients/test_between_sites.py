import numpy as np
import pytest
import torch
from torch import nn

from compgraph.errors import UnknownSite
from note.measures.gradients.between_sites import site_gradients

FILTERS = np.array([[1.0, -2.0, 0.5], [0.0, 1.0, 3.0]])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()


@pytest.fixture
def rows():
    return torch.randn(20, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def literal(model, rows, start) -> np.ndarray:
    """Differentiate the rest of the model row by row."""
    after, scores = nn.Sequential(*list(model)[start:]), torch.from_numpy(FILTERS)
    at = model[:start](rows).detach() if start else rows
    return torch.stack([torch.func.jacrev(lambda x: scores @ after(x))(row) for row in at]).detach().numpy()


def as_autograd_has_it(gradients_of, model, rows) -> None:
    """Gradients are those of torch, of every row, in the order of the rows, with nothing between left out."""
    for start, source in ((0, "input"), (2, "1"), (4, "3")):
        found = gradients_of(model, rows, source=source, target="4", filters=FILTERS)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, literal(model, rows, start), rtol=1e-11, atol=1e-12)


def test_gradients_are_those_of_autograd(model, rows) -> None:
    as_autograd_has_it(site_gradients, model, rows)
    broken = [
        lambda *given, **asked: site_gradients(*given, **asked)[::-1],
        lambda *given, **asked: site_gradients(*given, **asked).astype(np.float32).astype(np.float64),
        lambda *given, **asked: site_gradients(*given, **asked | {"filters": FILTERS[::-1].copy()}),
    ]
    for each in broken:
        with pytest.raises(AssertionError):
            as_autograd_has_it(each, model, rows)


def test_a_site_that_is_not_there(model, rows) -> None:
    with pytest.raises(UnknownSite, match=r"no module '7'"):
        site_gradients(model, rows, source="7", target="4", filters=FILTERS)
