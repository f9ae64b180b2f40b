"""What every toy maker promises, whatever the toy."""

import dataclasses
import inspect
import subprocess
import sys
from functools import cache, partial

import pytest
import torch

from compgraph.errors import BadRequest
from compgraph.toys import TOYS, digit_triples, iris_pairs, multiplication
from fixtures.trained import shorten

MAKERS = TOYS | {"digit-triples": digit_triples, "iris-pairs": iris_pairs}
QUICK = MAKERS | {"multiplication": partial(multiplication, epochs=10)}


@pytest.fixture(autouse=True)
def short_training(monkeypatch):
    shorten(monkeypatch, 10)


@pytest.fixture(params=MAKERS)
def name(request):
    return request.param


@cache
def made(name):
    """One toy for all tests that only look at it."""
    return QUICK[name](seed=0)


def bits(toy):
    return [toy.data, *toy.tasks.values(), *toy.model.state_dict().values()]


def assert_same_bits(first, second):
    for a, b in zip(bits(first), bits(second), strict=True):
        assert torch.equal(a, b)


# In a process of its own, where heavy libraries are imported for the first time: that alone can draw numbers.
RANDOM_STATES_SCRIPT = """
import random, sys
import numpy, torch
from dataclasses import replace
from compgraph.toys import Plan, digit_pair_networks, digit_pairs, iris_pairs, multiplication, multiplications, planted
from compgraph.toys.multiplication import multiplication_data

def states():
    return random.getstate(), repr(numpy.random.get_state(legacy=False)), torch.get_rng_state().tolist()

for name in ("digit_pairs", "iris_pairs"):
    module = sys.modules["compgraph.toys." + name]
    module.PAIRS = replace(module.PAIRS, n_steps=3)
before = states()
made = multiplication(epochs=3), digit_pairs(), iris_pairs(), multiplication_data(10, seed=0)
made = multiplications([0], epochs=3), digit_pair_networks([0, 1]), planted(Plan(epochs=1), seeds=[0])
assert states() == before
torch.rand(1)
assert states() != before
print("left alone")
"""


def test_every_toy_counts_its_tasks(name):
    toy = made(name)
    assert toy.n_tasks == len(toy.tasks)
    assert dataclasses.replace(toy, tasks={}).n_tasks == 1


def test_toy_carries_its_registered_name_and_seed(name):
    toy = QUICK[name](seed=7)
    assert (toy.name, toy.seed) == (name, 7)


def test_same_seed_gives_the_same_bits_whatever_the_global_state(name):
    torch.manual_seed(1)
    first = QUICK[name](seed=5)
    torch.manual_seed(2)
    assert_same_bits(first, QUICK[name](seed=5))


def test_random_states_are_left_alone():
    command = [sys.executable, "-c", RANDOM_STATES_SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("left alone", 0), done.stderr


def test_same_bits_under_foreign_torch_settings_which_come_back(name):
    expected, threads = QUICK[name](seed=0), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        torch.set_default_dtype(torch.float64)
        with torch.device("meta"), torch.inference_mode():
            found = QUICK[name](seed=0)
            assert torch.is_inference_mode_enabled()
            assert torch.empty(()).device.type == "meta"
        assert (torch.get_num_threads(), torch.get_default_dtype()) == (2, torch.float64)
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(torch.float32)
    assert_same_bits(expected, found)


def test_settings_come_back_after_an_error():
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(BadRequest):
            multiplication(epochs=0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_model_is_ready_to_observe(name):
    toy = made(name)
    assert not toy.model.training
    assert all(weight.grad is None for weight in toy.model.parameters())
    assert all(tensor.dtype == torch.float32 for tensor in bits(toy))
    modules = [each for each, _ in toy.model.named_modules()]
    assert [modules.index(site) for site in toy.layers] == sorted(modules.index(site) for site in toy.layers)


def test_task_inputs_vary_in_disjoint_columns_that_cover_the_input(name):
    toy = made(name)
    varying = [inputs.amax(dim=0) > inputs.amin(dim=0) for inputs in toy.tasks.values()]
    # A column may be blank in the data, as some pixels are; it then varies in no task.
    assert torch.stack(varying).sum(dim=0).max() == 1
    assert torch.equal(torch.stack(varying).any(dim=0), toy.data.amax(dim=0) > toy.data.amin(dim=0))


def test_toy_cannot_be_changed(name):
    toy = made(name)
    with pytest.raises(dataclasses.FrozenInstanceError):
        toy.seed = 1


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seeds_out_of_range_are_refused(name, seed):
    with pytest.raises(BadRequest, match=rf"seed(={seed}: .* at least 0| {seed} is outside 0)"):
        QUICK[name](seed=seed)


def test_makers_take_keywords_only_and_default_to_seed_0(name):
    parameters = inspect.signature(MAKERS[name]).parameters
    assert {each.kind for each in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert parameters["seed"].default == 0
