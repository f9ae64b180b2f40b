from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

import compgraph as cg
from compgraph.decompose import ROTATIONS, ComponentSet, Interaction, components, register_rotation
from compgraph.decompose.interaction.method import _notes, blocks_of, interaction_components
from compgraph.errors import BadRequest, UnknownName
from compgraph.statistics import Space, Statistics

NAMES = ("varimax", "commutant", "none", "jade", "ica")


def orthogonal(size: int) -> torch.Tensor:
    return torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))[0].float()


def beside(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return torch.block_diag(one, other)


class Pair:
    """Two networks side by side, of 3 inputs and 2 outputs each, behind random changes of basis.

    ``truth`` holds for each layer the matrix whose rows take its activations back to the two networks, one after the
    other; ``mix`` is added between them.
    """

    def __init__(self, seed: int = 0, mix: float = 0.0) -> None:
        torch.manual_seed(seed)
        layers = [nn.Linear(6, 10), nn.Tanh(), nn.Linear(10, 8), nn.Linear(8, 10), nn.Tanh(), nn.Linear(10, 4)]
        self.model = nn.Sequential(*layers)
        linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
        first, middle, last = orthogonal(6), orthogonal(8), orthogonal(4)
        plain = torch.eye(10)
        after, before = [plain, middle, plain, last], [first, plain, middle, plain]
        with torch.no_grad():
            for layer, left, right in zip(linear, after, before, strict=True):
                n_out, n_in = layer.weight.shape
                halves = [1.5 * torch.randn(n_out // 2, n_in // 2) / (n_in / 2) ** 0.5 for _ in range(2)]
                weight = beside(*halves) + mix * torch.randn(n_out, n_in) / n_in**0.5
                layer.weight.copy_(left @ weight @ right.T)
                layer.bias.copy_(0.3 * torch.randn(n_out))
        # Every row of one task with every row of the other: scores of the tasks are uncorrelated.
        tasks = torch.randn(2, 28, 3)
        grid = torch.cat([tasks[0].repeat_interleave(28, 0), tasks[1].repeat(28, 1)], dim=1)
        self.x = grid @ first.T
        self._whiten_outputs(linear[-1], last)
        self.truth = {"input": first, "1": plain, "2": middle, "4": plain, "5": last}
        self.layers = ["1", "2", "4", "5"]

    def _whiten_outputs(self, head: nn.Linear, last: torch.Tensor) -> None:
        """Scaling turned outputs to unit variance would make the two networks oblique; so it has nothing to do."""
        with torch.no_grad():
            values, vectors = torch.linalg.eigh(torch.cov((self.model(self.x) @ last).T))
            head.weight.copy_(last @ vectors @ torch.diag(values**-0.5) @ vectors.T @ last.T @ head.weight)

    def collect(self) -> Statistics:
        return cg.collect(self.model, self.x, self.layers)


@pytest.fixture(scope="module")
def pair() -> Pair:
    return Pair()


@pytest.fixture(scope="module")
def stats(pair: Pair) -> Statistics:
    return pair.collect()


@pytest.fixture(scope="module")
def found(stats: Statistics) -> ComponentSet:
    return components(stats)


def blocks_are_the_two_networks(pair: Pair, found: ComponentSet) -> None:
    assert found.interactions is not None
    assert found.interactions.split.n_blocks == 2
    networks = {}
    for space, part in found.items():
        inside = part.axes @ pair.truth[space.layer].numpy()
        inside = (inside**2).reshape(len(part), 2, -1).sum(axis=2)
        inside /= inside.sum(axis=1, keepdims=True)
        assert_allclose(inside.max(axis=1), 1, atol=0.01)
        for label, network in zip(part.block, inside.argmax(axis=1), strict=True):
            assert networks.setdefault(int(label), int(network)) == network
    assert set(networks) == set(networks.values()) == {0, 1}


@pytest.mark.parametrize("seed", range(4))
def test_networks_side_by_side_are_the_blocks_whatever_the_bases(seed: int) -> None:
    pair = Pair(seed)
    found = components(pair.collect())
    blocks_are_the_two_networks(pair, found)
    assert found.interactions.split.leak[0] < 1e-3
    assert found.interactions.notes == ()


def test_a_network_that_mixes_is_one_block() -> None:
    pair = Pair(mix=1.0)
    found = components(pair.collect())
    with pytest.raises(AssertionError):
        blocks_are_the_two_networks(pair, found)
    assert found.interactions.split.n_blocks == 1
    assert found.interactions.inner == ()
    assert found.interactions.notes == (
        "No part of the network is apart from the rest: no gap among the leaks is wide enough.",
    )
    for part in found.values():
        assert (part.block == 0).all()


def test_moving_along_a_component_moves_the_outputs_of_its_block_alone(pair, found) -> None:
    part = found[Space("2", "in", 2)]
    head, tail = pair.model[:3], pair.model[3:]
    rows = head(pair.x).detach()
    last = next(reversed(found.values()))
    before = last.transform(tail(rows).detach().numpy())
    for pattern, block in zip(part.patterns, part.block, strict=True):
        after = last.transform(tail(rows + torch.tensor(pattern).float()).detach().numpy())
        moved = np.abs(after - before).max(axis=0)
        assert moved[last.block != block].max() < 0.01 * moved[last.block == block].max()


def test_shares_are_what_is_read(found) -> None:
    for space, part in found.items():
        assert (np.diff(part.strength) <= 1e-9).all()
        assert 0.99 <= part.share.sum() <= 1 + 1e-6, space
        assert_allclose(part.deviation, 1, rtol=1e-3)


def test_both_sides_of_a_layer_have_the_same_components(found) -> None:
    for space, part in found.items():
        other = found.get(Space(space.layer, "out" if space.side == "in" else "in", space.depth), part)
        for name in ("axes", "patterns", "strength", "share", "block", "part"):
            assert np.array_equal(getattr(other, name), getattr(part, name)), name


def test_numbers_of_blocks_are_whole_and_read_only(found) -> None:
    for part in found.values():
        for labels in (part.block, part.part):
            assert labels.dtype == np.int64
            assert not labels.flags.writeable


def test_rotations_are_compared_by_what_leaks(stats, found) -> None:
    several = components(stats, Interaction(rotations=NAMES))
    candidates = several.interactions.candidates
    assert {each.rotation for each in candidates} == set(NAMES)
    leaks = [each.leak for each in candidates]
    assert leaks == sorted(leaks)
    assert candidates[0].rotation == "commutant"
    assert leaks[0] < 1e-3 < leaks[1]
    for space, part in several.items():
        assert_allclose(part.axes, found[space].axes)


@pytest.mark.parametrize("rotation", ["none", "varimax"])
def test_other_rotations_leave_the_outputs_and_name_no_blocks(stats, rotation: str) -> None:
    parts = components(stats, Interaction(rotations=(rotation,)))
    assert [each.rotation for each in parts.interactions.candidates] == [rotation]
    assert parts.interactions.split.n_blocks == 2
    for part in parts.values():
        assert part.block is part.part is None
    last = next(reversed(parts.values()))
    assert_allclose(last.axes, np.diag(np.diagonal(last.axes)))


def first_last(scores: np.ndarray, _gradients: np.ndarray) -> np.ndarray:
    return np.eye(scores.shape[1])[::-1]


def test_a_function_is_as_good_as_a_name(stats, monkeypatch) -> None:
    monkeypatch.setitem(ROTATIONS, "reversed", first_last)
    register_rotation("reversed", first_last)
    plain = components(stats, Interaction(rotations=("none",)))
    for rotation, name in ((first_last, "first_last"), ("reversed", "reversed")):
        parts = components(stats, Interaction(rotations=(rotation,)))
        assert parts.interactions.candidates[0].rotation == name
        for space, part in parts.items():
            # By strength, what was last is first again.
            assert_allclose(part.axes, plain[space].axes)


def test_a_rotation_sees_white_scores_and_the_gradients(stats) -> None:
    seen = []

    def looking(scores: np.ndarray, gradients: np.ndarray) -> np.ndarray:
        seen.append((scores, gradients))
        return np.eye(scores.shape[1])

    components(stats, Interaction(rotations=(looking,)))
    assert len(seen) == 4
    for scores, gradients in seen:
        assert_allclose(np.cov(scores, rowvar=False, bias=True), np.eye(scores.shape[1]), atol=1e-3)
        assert gradients.shape[1:] == (4, scores.shape[1])


@pytest.mark.parametrize(
    "rotation", [lambda scores, _: 2 * np.eye(scores.shape[1]), lambda scores, _: np.eye(scores.shape[1])[:1]]
)
def test_a_rotation_that_is_not_orthonormal_is_refused(stats, rotation) -> None:
    with pytest.raises(
        BadRequest,
        match=r"rotation '<lambda>' gave an array of shape \(\d, 6\) for input in; an orthonormal basis of shape "
        r"\(6, 6\) is needed, one direction per row",
    ):
        components(stats, Interaction(rotations=(rotation,)))


def test_a_misspelt_rotation_is_named_with_the_nearest(stats) -> None:
    with pytest.raises(UnknownName, match=r"no rotation 'varimx'.*'commutant'.*Did you mean 'varimax'"):
        components(stats, Interaction(rotations=("varimx",)))


def test_a_rotation_is_needed(stats) -> None:
    with pytest.raises(BadRequest, match="no rotation is named; give at least one, such as 'commutant'"):
        components(stats, Interaction(rotations=()))


def test_the_model_is_needed(stats) -> None:
    with pytest.raises(BadRequest, match="component method 'interaction' needs the model"):
        components(replace(stats, probe=None))


def test_a_layer_that_moves_no_output_is_named() -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.two(torch.tanh(self.one(x))) * 0 + x[:, :2]

    stats = cg.collect(Cut(), torch.randn(50, 3), ["one", "two", "output"])
    assert stats.layers == ("input", "output")
    assert "Left out, as no output depends on them over the data: one, two." in stats.notes
    assert len(components(stats)) == 2


def test_the_blocks_alone_are_the_same(stats, found) -> None:
    alone = blocks_of(stats)
    assert (alone.n_blocks, alone.metric) == (2, found.interactions.split.metric)
    assert_allclose(alone.leak, found.interactions.split.leak)


def test_no_more_directions_than_asked(stats) -> None:
    directions, _ = interaction_components(stats, 3)
    assert [len(each.axes) for each in directions.values()] == [3] * 8
    assert [len(part) for part in components(stats, n_components=3).values()] == [3] * 8


def linear_networks_are_said_to_be_degenerate(*, correlated: bool) -> None:
    for seed in range(12):  # which of them come apart by rounding is up to the machine
        a_linear_network_is_said_to_be_degenerate(correlated=correlated, seed=seed)


def a_linear_network_is_said_to_be_degenerate(*, correlated: bool, seed: int) -> None:
    torch.manual_seed(seed)
    model = nn.Linear(3, 3)
    with torch.no_grad():
        model.weight.copy_(torch.randn(3, 3) if correlated else orthogonal(3))
    cube = torch.tensor([[a, b, c] for a in (-1.0, 1.0) for b in (-1.0, 1.0) for c in (-1.0, 1.0)])
    found = components(cg.collect(model, cube, ["output"])).interactions
    assert found.split.n_blocks == 1
    assert_allclose(found.split.bend, 0, atol=1e-9)
    (note,) = found.notes
    assert note == (
        "Degenerate: the outputs depend on the layers almost linearly (derivatives vary by 0% of their mean square; "
        "5% are needed), so any basis keeps them apart and none is the network's own."
    )


@pytest.mark.parametrize("correlated", [False, True])
def test_linear_networks_are_said_to_be_degenerate(correlated: bool) -> None:
    linear_networks_are_said_to_be_degenerate(correlated=correlated)


def test_linear_networks_would_come_apart_were_their_bend_not_looked_at(monkeypatch) -> None:
    monkeypatch.setattr("compgraph.decompose.interaction.blocks.SMALLEST_BEND", -1.0)
    with pytest.raises(AssertionError):
        linear_networks_are_said_to_be_degenerate(correlated=True)


def test_modes_that_do_not_commute_are_said(found) -> None:
    split = found.interactions.split
    (note,) = _notes(replace(split, n_slow=split.n_blocks + 1), "commutant")
    assert note.startswith("Degenerate: 3 modes hardly leak, and 2 of them do not commute with the others.")
    assert _notes(split, "commutant") == ()


def test_one_output_is_one_block() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))
    found = components(cg.collect(model, torch.randn(100, 3)))
    assert found.interactions.split.n_blocks == 1
    assert len(found.interactions.split.leak) == 0
    for part in found.values():
        assert part.share.sum() >= 0.99


def test_other_methods_find_no_interactions(stats) -> None:
    parts = components(stats, "pca")
    assert parts.interactions is None
    assert list(parts) == sorted(parts)
    assert all(part.block is None for part in parts.values())


def unchecked(rotations) -> None:
    """Build the record as without the shape checks of the tests."""
    made = object.__new__(Interaction)
    object.__setattr__(made, "rotations", rotations)
    made.__post_init__()


def test_one_rotation_comes_in_a_tuple():
    with pytest.raises(BadRequest, match=r"rotations='ica': a tuple of rotations is needed; write \('ica',\) for one"):
        unchecked("ica")
    with pytest.raises(BadRequest, match=r"a tuple of rotations is needed"):
        unchecked(lambda scores, _gradients: np.eye(scores.shape[1]))
