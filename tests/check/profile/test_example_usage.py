"""Usage against a literal forward pass, unusualness against the Mahalanobis distance, and both against broken twins."""

from collections import OrderedDict
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import entropy
from sklearn.covariance import LedoitWolf
from torch import Tensor, nn

from compgraph.check.profile.example_usage import Usage, separation, unusualness, usage
from compgraph.decompose import components
from compgraph.errors import BadRequest, EmptyData, NotFinite
from compgraph.observe import collect
from compgraph.statistics import Look, Space


@pytest.fixture(scope="module")
def model(tanh_net) -> nn.Sequential:
    return tanh_net(3, 5, 2)


@pytest.fixture(scope="module")
def data() -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).normal(size=(400, 3)))


@pytest.fixture(scope="module")
def analysis(model, data) -> SimpleNamespace:
    stats = collect(model, data, ["act", "head"], progress=False)
    return SimpleNamespace(stats=stats, components=components(stats, "interaction"))


def literal(analysis, model, rows: Tensor) -> dict[Space, np.ndarray]:
    with torch.no_grad():
        hidden = torch.tanh(model.fc1(rows))
        values = {"input": rows, "act": hidden, "head": model.head(hidden)}
    found = {}
    for space, part in analysis.components.items():
        scores = (values[space.layer].numpy() - part.center) @ part.axes.T / part.deviation
        used = part.strength * scores**2
        found[space] = used / used.sum(axis=1, keepdims=True)
    return found


def law(found: Usage) -> None:
    for space in set(found.spaces):
        columns = [each == space for each in found.spaces]
        assert_allclose(found.share[:, columns].sum(axis=1), 1, rtol=1e-12)


def test_shares_are_those_of_a_literal_forward_pass(analysis, model, data):
    found = usage(analysis, model, data)
    law(found)
    expected = literal(analysis, model, data)
    assert_allclose(found.share, np.hstack([expected[space] for space in sorted(expected)]), atol=1e-9)
    assert len(found.nodes) == len(set(found.nodes)) == found.share.shape[1]


def test_shares_of_all_nodes_together_break_the_law(analysis, model, data):
    found = usage(analysis, model, data)
    with pytest.raises(AssertionError):
        law(replace(found, share=found.share / found.share.sum(axis=1, keepdims=True)))


def test_rows_follow_the_inputs_whatever_their_order_and_batches(analysis, model, data):
    order = np.random.default_rng(2).permutation(len(data))
    found = usage(analysis, model, data)
    assert_allclose(usage(analysis, model, data[order], batch_size=7).share, found.share[order], atol=1e-12)
    # The twin that leaves rows in the order of the sample is told apart.
    sample = collect(model, data, ["act", "head"], progress=False, sample=len(data)).samples
    ids = next(iter(sample.values())).ids
    assert not np.allclose(found.share[ids], found.share, atol=1e-3)


def test_an_average_example_has_amount_one(analysis, model, data):
    assert_allclose(usage(analysis, model, data).amount.mean(axis=0), 1, rtol=1e-9)


def test_an_example_at_the_mean_uses_what_an_average_one_does(analysis, model, data):
    centre = analysis.components[min(analysis.components)].center
    found = usage(analysis, model, torch.from_numpy(np.stack([centre, centre])))
    part = analysis.components[min(analysis.components)]
    law(found)
    assert_allclose(found.share[0, : len(part)], part.strength / part.strength.sum(), rtol=1e-9)
    assert found.amount[0, 0] == 0


def test_one_example_is_enough(analysis, model, data):
    one, all_of_them = usage(analysis, model, data[:1]), usage(analysis, model, data)
    law(one)
    assert_allclose(one.share, all_of_them.share[:1], atol=1e-12)
    assert_allclose(one.amount, all_of_them.amount[:1], atol=1e-12)
    with pytest.raises(EmptyData, match=r"data has no rows. Pass at least one"):
        usage(analysis, model, data[:0])


def test_a_sample_is_refused(analysis, model, data):
    with pytest.raises(BadRequest, match=r"sample=10 came, and usage is told for every example"):
        usage(analysis, model, data, sample=10)


def test_positions_of_a_sample_are_averaged():
    torch.manual_seed(0)
    conv = nn.Sequential(OrderedDict(conv=nn.Conv2d(2, 3, 1), act=nn.Tanh())).double()
    images = torch.from_numpy(np.random.default_rng(3).normal(size=(50, 2, 4, 4)))
    stats = collect(conv, images, ["act"], progress=False)
    parts = components(stats, "pca")
    found = usage(SimpleNamespace(stats=stats, components=parts), conv, images)
    law(found)
    space = found.spaces[0]
    part = parts[space]
    rows = images.permute(0, 2, 3, 1).reshape(50, 16, 2).numpy()
    used = (part.strength * ((rows - part.center) @ part.axes.T / part.deviation) ** 2).mean(axis=1)
    assert_allclose(found.share[:, : len(part)], used / used.sum(axis=1, keepdims=True), rtol=1e-9)
    assert_allclose(found.amount[:, 0], used.sum(axis=1) / part.strength.sum(), rtol=1e-9)
    assert_allclose(found.amount.mean(axis=0), 1, rtol=1e-9)  # a sum would give 16


def test_another_model_is_refused(analysis, model, data, tanh_net):
    with pytest.raises(BadRequest, match=r"act out has 4 features in the model and 5 in the components"):
        usage(analysis, tanh_net(3, 4, 2), data)
    bare = SimpleNamespace(
        stats=SimpleNamespace(asked=Look(["act"])), components=dict(list(analysis.components.items())[:2])
    )
    with pytest.raises(BadRequest, match=r"has the layers input, act.* and the components input, act.*layers= as it"):
        usage(bare, model, data)


def rows_of(shares: np.ndarray) -> Usage:
    space = Space("input", "in", 0)
    k = shares.shape[1]
    return Usage(tuple(f"n{i}" for i in range(k)), (space,) * k, shares, np.ones((len(shares), 1)))


def dirichlet(n: int, seed: int) -> Usage:
    return rows_of(np.random.default_rng(seed).dirichlet([4.0, 3.0, 2.0, 1.0], n))


def test_distances_are_those_of_mahalanobis():
    reference, examples = dirichlet(200, 0), dirichlet(30, 1)
    fitted = LedoitWolf().fit(np.sqrt(reference.share[::2]))
    away = np.sqrt(examples.share) - fitted.location_
    expected = np.sqrt(np.einsum("ni,ij,nj->n", away, np.linalg.inv(fitted.covariance_), away))
    assert_allclose(unusualness(examples, reference).distance, expected, rtol=1e-9)


def test_usual_examples_have_uniform_p_values_and_strange_ones_the_smallest():
    reference, usual = dirichlet(2000, 0), dirichlet(2000, 1)
    values = unusualness(usual, reference).p_value
    for level in (0.05, 0.2, 0.5):
        assert abs((values <= level).mean() - level) < 4 * np.sqrt(level * (1 - level) / 1000)
    strange = rows_of(np.tile([0.0, 0.0, 0.0, 1.0], (3, 1)))
    assert_allclose(unusualness(strange, reference).p_value, 1 / 1001)


def test_a_rank_without_the_example_itself_would_reach_zero():
    reference, strange = dirichlet(100, 0), rows_of(np.array([[0.0, 0.0, 0.0, 1.0]]))
    found = unusualness(strange, reference)
    fitted = LedoitWolf().fit(np.sqrt(reference.share[::2]))
    others = np.sqrt(fitted.mahalanobis(np.sqrt(reference.share[1::2])))
    assert (others >= found.distance[0]).mean() == 0 < found.p_value[0]


def test_what_is_calibrated_is_not_what_was_fitted():
    # With hardly more rows than nodes, those that were fitted seem usual; the p-value must not be taken from them.
    rng = np.random.default_rng(0)
    reference, examples = (rows_of(rng.dirichlet(np.ones(30), n)) for n in (80, 2000))
    assert (unusualness(examples, reference).p_value <= 0.1).mean() < 0.25
    fitted = LedoitWolf().fit(np.sqrt(reference.share[::2]))
    inside = np.sort(np.sqrt(fitted.mahalanobis(np.sqrt(reference.share[::2]))))
    distances = np.sqrt(fitted.mahalanobis(np.sqrt(examples.share)))
    assert ((distances[:, None] <= inside).mean(axis=1) <= 0.1).mean() > 0.25


def test_records_are_read_only():
    found = unusualness(dirichlet(5, 1), dirichlet(50, 0))
    assert not found.distance.flags.writeable
    assert not found.p_value.flags.writeable
    assert_array_equal(found.p_value, unusualness(dirichlet(5, 1), dirichlet(50, 0)).p_value)


def test_what_does_not_fit_is_refused():
    with pytest.raises(BadRequest, match=r"usage of 3 nodes came with a reference of 4"):
        unusualness(rows_of(np.ones((5, 3)) / 3), dirichlet(50, 0))
    with pytest.raises(EmptyData, match=r"reference of 39 examples came; at least 40"):
        unusualness(dirichlet(5, 0), dirichlet(39, 0))


def counts_nodes_by_space(counted) -> None:
    """Nodes used alike count one each, an unused one nothing, whatever other spaces do."""
    spaces = (Space("input", "in", 0),) * 3 + (Space("act", "out", 1),) * 2
    shares = np.array([[1 / 3, 1 / 3, 1 / 3, 1, 0], [0, 0.5, 0.5, 0.5, 0.5], [0.5, 0.25, 0.25, 0.1, 0.9]])
    found = Usage(tuple("abcde"), spaces, shares, np.ones((3, 2)))
    # 1/2 log 2 + 1/2 log 4 is 3/2 log 2.
    expected = [[3, 1], [2, 2], [2**1.5, np.exp(-0.1 * np.log(0.1) - 0.9 * np.log(0.9))]]
    assert_allclose(counted(found), expected, rtol=1e-12)


def test_number_of_nodes_an_example_uses(analysis, model, data):
    counts_nodes_by_space(lambda found: found.n_used)

    def simpson(found: Usage) -> np.ndarray:
        squares = np.square(found.share)
        return 1 / np.stack([squares[:, :3].sum(axis=1), squares[:, 3:].sum(axis=1)], axis=1)

    with pytest.raises(AssertionError):
        counts_nodes_by_space(simpson)
    found = usage(analysis, model, data[:10])
    assert found.n_used.shape == found.amount.shape
    for column, space in enumerate(dict.fromkeys(found.spaces)):
        own = found.share[:, [each == space for each in found.spaces]]
        assert_allclose(found.n_used[:, column], np.exp(entropy(own, axis=1)), rtol=1e-12)


def counts_pairs(separated) -> None:
    """It is the part of all pairs in which the strange one is larger, and half of the ties."""
    rng = np.random.default_rng(5)
    for shift in (0, 3):
        usual, strange = rng.integers(0, 9, 40).astype(float), rng.integers(shift, 9, 25).astype(float)
        wins = np.mean([(b > a) + (a == b) / 2 for a in usual for b in strange])
        assert separated(usual, strange) == pytest.approx(wins, abs=1e-12)
        assert separated(strange, usual) == pytest.approx(1 - wins, abs=1e-12)
    assert separated(np.zeros(3), np.ones(2)) == 1
    assert separated(np.ones(3), np.zeros(2)) == 0


def test_separation_counts_pairs():
    counts_pairs(separation)
    with pytest.raises(AssertionError):
        counts_pairs(lambda usual, strange: float(np.mean(usual[:, None] < strange)))


def test_nothing_is_not_separated():
    with pytest.raises(EmptyData, match=r"0 usual and 2 strange examples came; at least one of each"):
        separation(np.zeros(0), np.ones(2))
    with pytest.raises(EmptyData, match=r"2 usual and 0 strange"):
        separation(np.ones(2), np.zeros(0))
    with pytest.raises(NotFinite, match=r"the usual examples holds 1"):
        separation(np.array([np.nan]), np.ones(2))
    with pytest.raises(NotFinite, match=r"the strange examples holds 1"):
        separation(np.ones(2), np.array([np.inf]))
