"""Which site feeds which, against finite steps with every other site held, and against the plan of random networks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import compgraph as cg
from compgraph.statistics import Statistics
from fixtures.any_networks import ROWS, Routed, network, rows
from fixtures.held_sites import Arrows, arrows_by_steps
from fixtures.maps_and_sequences import linear


def arrows(stats: Statistics) -> Arrows:
    return {(pair.source.layer, pair.target.layer) for pair in stats.pairs}


ONE = {"input": ""}
NAMED = {
    "residual": (["stem", "up", "down", "head"], ONE),
    "two heads": (["trunk", "cls", "reg"], ONE),
    "heads apart": (["left", "right", "first", "second"], ONE),
    "attention": (["query", "key", "value", "out"], ONE),
    "two encoders": (["images", "texts", "joint"], {"input.image": "image", "input.text": "text"}),
    "mixture": (["gate", "experts.0", "experts.1", "experts.2", "out"], ONE),
    "transformer": (["layers.0.self_attn", "layers.0.linear1", "layers.0", "layers.1.self_attn", "layers.1"], ONE),
    "U-Net": (["down", "deep", "up", "mask"], ONE),
    "ResNet": (["conv1", "layer1.0.conv2", "layer1.0", "layer2.0.downsample", "layer2.0.conv2", "layer2.0", "fc"], ONE),
    "hypernetwork": (["maker", "body", "head"], ONE),
    "policy and value": (["conv3", "policy_conv", "policy", "value_hidden", "value"], ONE),
    "long skip": (["stem", "blocks.0", "blocks.1", "blocks.2"], ONE),
    "nested residual": (["0", "1.inside.0.inside", "1.inside.0", "1.inside", "1"], ONE),
    "heads that read each other": (["trunk", "coarse", "fine"], ONE),
    "in place": (["a", "b", "c"], ONE),
    "tuples": (["pair.a", "pair.b", "head"], ONE),
    "LSTM": (["lstm", "head"], ONE),
    "loop": (["stem", "head"], ONE),
    "Siamese": (["head"], {"input.a": "a", "input.b": "b"}),
}


@pytest.mark.parametrize("name", NAMED)
def test_arrows_are_those_that_finite_steps_find(name):
    model, data = network(name)
    model, data = model.double(), {k: v.double() for k, v in data.items()} if isinstance(data, dict) else data.double()
    names, inputs = NAMED[name]
    assert arrows(cg.collect(model, data, names)) == arrows_by_steps(model, data, names, inputs)


WRITTEN = {
    "residual": "input-stem stem-up up-down stem-head down-head",
    "two heads": "input-trunk trunk-cls trunk-reg input-reg",
    "attention": "input-query input-key input-value query-out key-out value-out",
    "two encoders": "input.image-images input.text-texts images-joint texts-joint",
    "mixture": "input-gate input-experts.0 input-experts.1 input-experts.2 gate-out experts.0-out experts.1-out "
    "experts.2-out",
    "U-Net": "input-down down-deep deep-up down-mask up-mask",
    "transformer": "input-layers.0.self_attn input-layers.0.linear1 layers.0.self_attn-layers.0.linear1 input-layers.0 "
    "layers.0.self_attn-layers.0 layers.0.linear1-layers.0 layers.0-layers.1.self_attn layers.0-layers.1 "
    "layers.1.self_attn-layers.1",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_arrows_are_those_that_the_forward_spells(name):
    model, data = network(name)
    expected = {tuple(each.split("-")) for each in WRITTEN[name].split()}
    assert arrows(cg.collect(model, data, NAMED[name][0])) == expected


@pytest.mark.parametrize("broken", [lambda found: found - {("stem", "head")}, lambda found: found | {("up", "head")}])
def test_finite_steps_reject_a_missing_and_an_extra_arrow(broken):
    model, data = network("residual")
    names, inputs = NAMED["residual"]
    found = arrows(cg.collect(model, data, names))
    expected = arrows_by_steps(model.double(), data.double(), names, inputs)
    assert found == expected
    assert broken(found) != expected


class Plan(nn.Module):
    """Reads what a plan says: for each node the earlier ones, node 0 being the input, and how they are joined."""

    def __init__(self, reads: list[tuple[tuple[int, ...], str]], heads: tuple[int, ...]) -> None:
        super().__init__()
        self.reads, self.heads = reads, heads
        self.nodes = nn.ModuleList(linear(4 * len(r) if how == "cat" else 4, 4) for r, how in reads)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        values = [x]
        for (sources, how), node in zip(self.reads, self.nodes, strict=True):
            given = [torch.tanh(values[each]) for each in sources]
            joined = torch.cat(given, 1) if how == "cat" else torch.stack(given).sum(0)
            values.append(node(torch.stack(given).prod(0) if how == "product" else joined))
        return tuple(values[head] + 1 for head in self.heads)


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[tuple[tuple[int, ...], str]], tuple[int, ...], set[int]]:
    n = draw(st.integers(2, 7))
    reads = [
        (
            tuple(sorted(draw(st.sets(st.integers(0, node - 1), min_size=1, max_size=3)))),
            draw(st.sampled_from(["sum", "cat", "product"])),
        )
        for node in range(1, n + 1)
    ]
    heads = draw(st.sets(st.integers(1, n), min_size=1, max_size=3))
    return reads, tuple(sorted(heads)), draw(st.sets(st.integers(1, n), min_size=1))


def expected_of(reads: list[tuple[tuple[int, ...], str]], heads: tuple[int, ...], tapped: set[int]) -> Arrows:
    """Return the arrows by walking back from every site to the tapped ones nearest to it."""

    def nearest(node: int) -> set[int]:
        return {node} if node in tapped or node == 0 else behind(node)

    def behind(node: int) -> set[int]:
        return set().union(*(nearest(each) for each in reads[node - 1][0]))

    names = {0: "input", **{node: f"nodes.{node - 1}" for node in tapped}}
    found = {(names[each], names[node]) for node in tapped for each in behind(node)}
    outputs = {f"output.{place}" for place in range(len(heads))}
    found |= {(names[each], f"output.{place}") for place, head in enumerate(heads) for each in nearest(head)}
    useful = set(outputs)
    while more := {source for source, target in found if target in useful} - useful:
        useful |= more
    return {(source, target) for source, target in found if target in useful}


@settings(max_examples=30)
@given(plans())
def test_arrows_of_random_networks_are_those_of_their_plan(plan):
    reads, heads, tapped = plan
    torch.manual_seed(0)
    model = Plan(reads, heads).double()
    data = torch.randn(12, 4, dtype=torch.float64)
    stats = cg.collect(model, data, [f"nodes.{node - 1}" for node in sorted(tapped)], sample=12)
    assert arrows(stats) == expected_of(reads, heads, tapped)
    assert all(pair.source.depth < pair.target.depth for pair in stats.pairs)


def test_depths_are_longest_paths():
    model, data = network("residual")
    stats = cg.collect(model, data, NAMED["residual"][0])
    assert {space.layer: space.depth for space in stats.spaces} == {
        "input": 0,
        "stem": 1,
        "up": 2,
        "down": 3,
        "head": 4,
    }


def test_a_chain_is_a_chain_as_before(mlp, rows, capture, same_moments):
    stats = cg.collect(mlp, rows)
    names = ["act", "tanh", "head"]
    seen = capture(mlp, rows, names)
    assert [(p.source.layer, p.target.layer) for p in stats.pairs] == [
        ("input", "act"),
        ("act", "tanh"),
        ("tanh", "head"),
    ]
    assert not stats.crossed
    for pair in stats.pairs:
        same_moments(stats.moments[pair], seen[pair.source.layer], seen[pair.target.layer])


def test_a_gate_that_is_shut_on_the_first_rows_is_an_arrow():
    data = rows(6).repeat(10, 1)
    data[-len(data) // 100 :, 0] = 6.0
    model = Routed()
    stats = cg.collect(model, data, batch_size=ROWS)
    assert ("rare", "out") in arrows(stats)
    assert ("input", "rare") in arrows(stats)


def test_a_gate_that_never_opens_is_dropped_and_named():
    model = Routed()
    stats = cg.collect(model, rows())
    assert arrows(stats) == {("input", "usual"), ("usual", "out")}
    said = " ".join(stats.notes)
    assert "No arrow, as no derivative leads along it on any kept input: rare -> out." in said
    assert "Left out, as no output depends on them over the data: rare." in said
    assert len(cg.analyze(model, rows(), n_null=0, n_twins=0).graph) > 0


class Straight(nn.Module):
    """Passes whole numbers on, which no derivative leads through."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = linear(), linear(), linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.c(self.b(self.a(x).round()))


def test_an_arrow_that_no_derivative_leads_along_is_found_by_a_step_and_named_when_gradients_are_asked():
    torch.manual_seed(0)
    model = Straight()
    stats = cg.collect(model, 3 * rows(), ["a", "b", "c"])
    assert arrows(stats) == {("input", "a"), ("a", "b"), ("b", "c")}
    parts = cg.components(stats, "pca")
    assert len(cg.edges(stats, parts, "plsr")) == 5
    with pytest.raises(cg.errors.SiteError, match="no gradient flows from 'a' to 'b'"):
        cg.edges(stats, parts, "gradient")


class Detached(nn.Module):
    """Cuts the branch off before its layer, or behind it, where the sum keeps a derivative all the same."""

    def __init__(self, *, branch: bool) -> None:
        super().__init__()
        self.a, self.b, self.c, self.branch = linear(), linear(), linear(6, 2), branch

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        return self.c(h + (self.b(h).detach() if self.branch else self.b(h.detach())))


@pytest.mark.parametrize("branch", [False, True])
def test_a_detached_branch_is_found_by_a_step(branch):
    torch.manual_seed(0)
    found = arrows(cg.collect(Detached(branch=branch), rows(), ["a", "b", "c"]))
    assert found == {("input", "a"), ("a", "b"), ("a", "c"), ("b", "c")}


def test_defaults_leave_out_what_no_derivative_leads_to_and_say_so():
    torch.manual_seed(0)
    analysis = cg.analyze(Detached(branch=True), rows(), n_null=0, n_twins=0)
    assert arrows(analysis.stats) == {("input", "a"), ("a", "c")}
    assert any("or no derivative of an output leads to them: b" in note for note in analysis.stats.notes)


def test_halves_of_the_data_give_the_whole_with_what_is_read_together():
    model, data = network("two heads")
    model, data = model.double(), data.double()
    whole = cg.collect(model, data)
    halves = cg.collect(model, data[:13]) + cg.collect(model, data[13:], first_row=13)
    assert whole.crossed.keys() == halves.crossed.keys()
    assert len(whole.crossed) == 1
    for ends, products in whole.crossed.items():
        np.testing.assert_allclose(halves.crossed[ends], products, atol=1e-12)
    for pair in whole.pairs:
        for field in ("mean_x", "mean_y", "xx", "xy", "yy"):
            a, b = (getattr(each.moments[pair], field) for each in (whole, halves))
            np.testing.assert_allclose(a, b, atol=1e-12)
    assert halves.outputs == whole.outputs == ("cls", "reg")
