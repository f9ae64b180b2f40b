"""Work that is dealt to processes of the machine, and what the analysis asks for first."""

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import compgraph as cg
from compgraph import analysis as steps
from compgraph.check import ChanceTest
from compgraph.dealing import in_processes, in_turn
from compgraph.errors import BadRequest


def network() -> nn.Sequential:
    """Two parts that never meet."""
    torch.manual_seed(0)
    first, last = nn.Linear(4, 8), nn.Linear(8, 2)
    with torch.no_grad():
        first.weight.abs_().mul_(4 * torch.block_diag(torch.ones(4, 2), torch.ones(4, 2)))
        last.weight.abs_().mul_(torch.block_diag(torch.ones(1, 4), torch.ones(1, 4)))
    return nn.Sequential(first, nn.Tanh(), last)


DATA = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("n_jobs", [-2, 1.5, True, "two"])
def test_processes_are_counted_from_1(n_jobs) -> None:
    with pytest.raises(BadRequest, match="n_jobs"):
        cg.analyze(network(), DATA, n_jobs=n_jobs)
    with pytest.raises(BadRequest, match=r"n_jobs=0: nobody .* -1 is one for each core"):
        cg.analyze(network(), DATA, n_jobs=0)


def test_one_process_is_this_one() -> None:
    assert in_processes(1) is in_turn


def test_a_group_of_processes_and_jobs_are_not_asked_for_together() -> None:
    with pytest.raises(BadRequest, match="n_jobs=2 came with a process_group"):
        cg.analyze(network(), DATA, n_jobs=2, process_group=object())


@pytest.mark.slow
def test_every_number_of_processes_gives_the_same_analysis() -> None:
    one, three = (cg.analyze(network(), DATA, n_null=19, n_jobs=n_jobs) for n_jobs in (1, 3))
    assert one.groups == three.groups
    for ours, theirs in zip(one.tests, three.tests, strict=True):
        np.testing.assert_allclose(ours.by_chance, theirs.by_chance, rtol=1e-6)


@pytest.mark.slow
def test_few_pieces_and_errors_go_through_processes() -> None:
    deal = in_processes(3)

    def squares(numbers: Sequence[int]) -> list[float]:
        return [100 / number**2 for number in numbers]

    assert deal(squares, range(1, 8)) == squares(range(1, 8))
    assert deal(squares, range(5, 6)) == [4.0]
    assert deal(squares, range(0)) == []
    with pytest.raises(ZeroDivisionError):
        deal(squares, range(4))


@pytest.mark.slow
def test_work_that_cannot_be_sent_is_refused() -> None:
    lock = threading.Lock()
    with pytest.raises(BadRequest, match="cannot be sent to other processes"):
        in_processes(2)(lambda numbers: [float(lock.locked()) for _ in numbers], range(4))


def test_where_a_twin_is_as_far_apart_nothing_else_is_drawn(monkeypatch) -> None:
    failed = ChanceTest("untrained twins", "gap", 1.0, (0.5, 2.0), asked=19)
    monkeypatch.setattr(steps, "against_twins", lambda *_, **__: failed)
    monkeypatch.setattr(steps, "against_nulls", lambda *_, **__: pytest.fail("null graphs were drawn"))
    found = cg.analyze(network(), DATA)
    assert found.found.n_groups == 2
    assert found.found.p_value == failed.p_value == 0.5
    assert (found.groups.n_groups, found.found.n_drawn) == (1, 0)
    assert "null graphs: none of 99 drawn" in str(found)
    assert "random rotations: not drawn" in str(found)
    assert "2 of 19 drawn" in str(found)


def test_null_graphs_that_end_early_are_counted(monkeypatch) -> None:
    drawn = steps.against_nulls

    def few(found: object, **given: object) -> cg.Partition:
        return replace(drawn(found, **given), p_value=5 / 12, n_drawn=12)

    monkeypatch.setattr(steps, "against_nulls", few)
    found = cg.analyze(network(), DATA)
    assert found.found.p_value == 5 / 12
    assert "null graphs: 12 of 99 drawn" in str(found)
