from contextlib import suppress

import torch
from torch import Tensor, nn

from compgraph.observe import describe, sites


def test_sites_come_in_order_of_execution():
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last, self.first, self.unused = nn.Linear(3, 2), nn.Linear(4, 3), nn.Linear(1, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.first(x))

    found = sites(Backwards(), torch.zeros(5, 4))
    assert [site.name for site in found] == ["input", "first", "last", "unused", "output"]
    assert [site.shape for site in found] == [(5, 4), (5, 3), (5, 2), (), (5, 2)]
    assert [site.calls for site in found] == [1, 1, 1, 0, 1]
    assert [site.tappable for site in found] == [True, True, True, False, True]
    assert found[3].reason == "never called"
    assert str(found[1]) == "first  Linear  (5, 3)"
    assert str(found[3]) == "unused  Linear  ()  (never called)"


def test_reasons_against_tapping(recurrent):
    class Pairs(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x + 1

    found = {site.name: site for site in sites(nn.Sequential(Pairs()), torch.zeros(2, 5, 4))}
    assert found["0"].reason == "returns a tuple of 2, not one tensor"
    assert {site.name: site for site in sites(recurrent, torch.zeros(2, 5, 4))}["lstm"].tappable
    shared = nn.Linear(3, 3)
    found = {site.name: site for site in sites(nn.Sequential(shared, shared), torch.zeros(2, 3))}
    assert found["0"].reason == "called 2 times"
    assert found["1"].reason == "called 2 times (is the same module as '0')"


def test_positional_and_keyword_arguments():
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return self.fc(a + b)

    a, b = torch.ones(4, 3), torch.ones(4, 3)
    for example in ((a, b), [a, b], {"a": a, "b": b}):
        found = sites(Sum(), example)
        assert [site.name for site in found] == ["input.a", "input.b", "fc", "output"]
        assert all(site.tappable for site in found)


def test_batches_of_another_kind_are_read_by_the_functions_they_need():
    model = nn.Sequential(nn.Linear(3, 2))
    found = sites(model, "batch", call=lambda _: torch.zeros(4, 3))
    assert [site.shape for site in found] == [(4, 3), (4, 2), (4, 2)]
    found = sites(model, torch.zeros(4, 3), samples={"input": 0})
    assert [site.name for site in found] == ["input", "0", "output"]


def test_the_table_says_what_can_be_tapped():
    shared = nn.Linear(4, 4)
    lines = describe(sites(nn.Sequential(shared, shared), torch.zeros(2, 4))).splitlines()
    assert lines[0].split() == ["site", "type", "shape", "calls", "tappable"]
    assert lines[2].endswith("no: called 2 times")
    assert lines[-1].startswith("output")


def test_parametrised_layers_are_one_site():
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    found = sites(nn.Sequential(layer), torch.zeros(4, 3))
    assert [site.name for site in found] == ["input", "0", "output"]


def test_a_module_called_inside_a_failure_that_is_caught():
    class Fragile(nn.Module):
        def forward(self, _x: Tensor) -> Tensor:
            raise ValueError

    class Careful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fragile, self.fc = Fragile(), nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            with suppress(ValueError):
                x = self.fragile(x)
            return self.fc(x)

    found = sites(nn.Sequential(Careful()), torch.zeros(4, 3))
    assert [site.name for site in found if site.tappable] == ["input", "0.fc", "0", "output"]
