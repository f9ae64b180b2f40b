import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from compgraph.errors import BadRequest, UnknownName
from compgraph.toys.iris_pairs import iris_pairs, split_irises
from compgraph.toys.train_one import seeded


@pytest.fixture(scope="module")
def toy():
    return iris_pairs(seed=0)


@pytest.fixture(scope="module")
def split():
    return split_irises(seeded(0))


def test_split_deals_every_flower_once_in_the_units_of_the_training_part(split):
    training, held_out = split
    rows = training.rows.double().numpy()
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(rows.std(axis=0), 1, atol=1e-6)
    measured, species = load_iris(return_X_y=True)
    order = torch.randperm(150, generator=seeded(0)).numpy()
    dealt = torch.cat([training.rows, held_out.rows]).double().numpy()
    seen = measured[order[:110]]
    np.testing.assert_allclose(dealt, (measured[order] - seen.mean(axis=0)) / seen.std(axis=0), atol=1e-5)
    np.testing.assert_array_equal(torch.cat([training.labels, held_out.labels]), species[order])


def test_both_flowers_are_named_well(toy):
    assert set(toy.scores) == {"accuracy_left", "accuracy_right"}
    assert min(toy.scores.values()) >= 0.93


def test_scores_are_those_of_the_held_out_pairs(toy, split):
    truth = dict(zip(map(tuple, split[1].rows.tolist()), split[1].labels.tolist(), strict=True))
    logits = toy.model(toy.data).detach().numpy()
    for side, name in enumerate(["accuracy_left", "accuracy_right"]):
        answers = logits[:, 3 * side : 3 * side + 3].argmax(axis=1)
        labels = [truth[tuple(flower)] for flower in toy.data[:, 4 * side : 4 * side + 4].tolist()]
        assert toy.scores[name] == pytest.approx(np.mean(answers == labels))


def test_task_inputs_vary_on_the_side_of_the_task_alone(toy, split):
    flowers = split[1].rows
    for task, own, other in [("left", slice(0, 4), slice(4, 8)), ("right", slice(4, 8), slice(0, 4))]:
        assert torch.equal(toy.tasks[task][:, own], flowers)
        assert torch.equal(toy.tasks[task][:, other], flowers.mean(dim=0).expand(40, 4))


def test_unknown_activation_is_refused():
    with pytest.raises(UnknownName, match=r"no activation 'relo'.*Did you mean 'relu'"):
        iris_pairs(activation="relo")


@pytest.mark.parametrize("seed", ["0", 1.5, -1, 2**63, True])
def test_seeds_that_are_none_are_refused(seed):
    with pytest.raises(BadRequest, match=r"seed"):
        iris_pairs(seed=seed)
