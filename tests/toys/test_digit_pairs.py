from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from compgraph.errors import UnknownName
from compgraph.toys.digit_pairs import digit_pair_networks, digit_pairs, digit_triples, split_digits
from compgraph.toys.train_one import seeded


@pytest.fixture(scope="module", params=["relu", "gelu"])
def toy(request):
    return digit_pairs(seed=0, activation=request.param)


def as_set(images):
    return {tuple(image) for image in images.tolist()}


@pytest.fixture(scope="module")
def split():
    return split_digits(seeded(0))


def test_split_deals_every_image_once(split):
    training, held_out = split
    pixels, _ = load_digits(return_X_y=True)
    dealt = torch.cat([training.rows, held_out.rows]).double().numpy() * 16
    np.testing.assert_array_equal(np.unique(dealt, axis=0), np.unique(pixels, axis=0))
    assert (len(training.rows), len(held_out.rows)) == (1347, 450)
    assert as_set(training.rows).isdisjoint(as_set(held_out.rows))


def test_split_keeps_labels_with_their_images(split):
    pixels, labels = load_digits(return_X_y=True)
    truth = {tuple(image / 16): label for image, label in zip(pixels, labels, strict=True)}
    for part in split:
        assert [truth[tuple(image)] for image in part.rows.tolist()] == part.labels.tolist()


def test_pairs_draw_both_sides_independently(split):
    _, held_out = split
    inputs, targets = held_out.side_by_side(5000, n_sides=2, generator=seeded(1))
    truth = {tuple(image): label for image, label in zip(held_out.rows.tolist(), held_out.labels, strict=True)}
    for side, columns in enumerate([slice(0, 64), slice(64, 128)]):
        assert [truth[tuple(image)] for image in inputs[:100, columns].tolist()] == targets[:100, side].tolist()
    assert abs(np.corrcoef(targets.numpy().T)[0, 1]) < 4 / np.sqrt(5000)


def test_training_sees_no_held_out_image(monkeypatch, split):
    seen = []

    def spy(model, batch, **_):
        seen.extend(batch()[0] for _ in range(20))

    # The package exports the function under the name of its module.
    module = import_module("compgraph.toys.digit_pairs")
    monkeypatch.setattr("compgraph.toys.train_readers.fit", spy)
    monkeypatch.setattr(module, "PAIRS", replace(module.PAIRS, noise=0.0))
    toy = digit_pairs(seed=0)
    trained, shown = as_set(torch.cat(seen).reshape(-1, 64)), as_set(toy.data.reshape(-1, 64))
    assert trained <= as_set(split[0].rows)
    assert shown <= as_set(split[1].rows)


def test_both_sides_are_read_well(toy):
    assert set(toy.scores) == {"accuracy_left", "accuracy_right"}
    assert min(toy.scores.values()) >= 0.95


def test_scores_are_those_of_the_held_out_pairs(toy, split):
    truth = dict(zip(map(tuple, split[1].rows.tolist()), split[1].labels.tolist(), strict=True))
    logits = toy.model(toy.data).detach().numpy()
    for side, name in enumerate(["accuracy_left", "accuracy_right"]):
        answers = logits[:, 10 * side : 10 * side + 10].argmax(axis=1)
        labels = [truth[tuple(image)] for image in toy.data[:, 64 * side : 64 * side + 64].tolist()]
        assert toy.scores[name] == pytest.approx(np.mean(answers == labels))


def test_data_are_pairs_of_scaled_images(toy):
    assert toy.data.shape == (2000, 128)
    assert toy.data.min() == 0
    assert toy.data.max() == 1
    assert (toy.data == 0).all(dim=0).sum() >= 2 * 3


def test_task_inputs_vary_on_the_side_of_the_task_alone(toy, split):
    _, held_out = split
    sides = {"left": slice(0, 64), "right": slice(64, 128)}
    for task, other in [("left", "right"), ("right", "left")]:
        inputs = toy.tasks[task]
        assert torch.equal(inputs[:, sides[task]], held_out.rows)
        np.testing.assert_array_equal(np.ptp(inputs[:, sides[other]].numpy(), axis=0), 0)
        np.testing.assert_allclose(inputs[0, sides[other]], held_out.rows.mean(dim=0), rtol=1e-6)


def test_activation_is_the_one_asked_for(toy):
    names = {type(block.act).__name__ for block in toy.model.layers}
    assert len(names) == 1
    assert names <= {"ReLU", "GELU"}


def test_unknown_activation_names_the_nearest():
    with pytest.raises(UnknownName, match=r"no activation 'rellu'.*'gelu', 'relu'.*Did you mean 'relu'"):
        digit_pairs(activation="rellu")


@pytest.fixture
def quick(monkeypatch):
    module = import_module("compgraph.toys.digit_pairs")
    monkeypatch.setattr(module, "PAIRS", replace(module.PAIRS, n_steps=20))


def test_networks_trained_together_are_those_trained_alone(quick):
    seeds = (4, 5, 6)
    for seed, found in zip(seeds, digit_pair_networks(seeds), strict=True):
        expected = digit_pairs(seed=seed)
        assert (found.name, found.seed) == ("digit-pairs", seed)
        assert torch.equal(found.data, expected.data)
        torch.testing.assert_close(found.model(found.data), expected.model(found.data), rtol=1e-3, atol=1e-3)
    assert not torch.allclose(found.model(found.data), digit_pairs(seed=4).model(found.data), rtol=1e-3, atol=1e-3)


def test_networks_trained_together_have_the_activation_asked_for(quick):
    made = digit_pair_networks([0, 1], activation="tanh")
    assert {type(block.act).__name__ for toy in made for block in toy.model.layers} == {"Tanh"}


def test_triples_are_read_well_in_three_places():
    toy = digit_triples(seed=0)
    assert toy.data.shape == (2000, 192)
    assert set(toy.scores) == {"accuracy_left", "accuracy_middle", "accuracy_right"}
    assert min(toy.scores.values()) >= 0.93
    middle = toy.tasks["middle"].amax(dim=0) > toy.tasks["middle"].amin(dim=0)
    assert middle[64:128].any()
    assert not middle[:64].any()
    assert not middle[128:].any()
