"""Networks that read handwritten digits side by side: tasks of the same kind on separate inputs."""

from collections.abc import Iterable
from dataclasses import replace

import torch

from compgraph.arguments import checked
from compgraph.toys.toy import Toy
from compgraph.toys.train_one import isolated, seed_list
from compgraph.toys.train_readers import Examples, Recipe, train_readers

N_TRAIN_IMAGES = 1347


def split_digits(generator: torch.Generator) -> tuple[Examples, Examples]:
    """Divide scikit-learn's 1,797 digits at random into images to train on and images held out.

    Parameters
    ----------
    generator
        Gives the order in which images are dealt.

    Returns
    -------
    training
        1,347 images of 8 x 8 pixels between 0 and 1.
    held_out
        The other 450.

    References
    ----------
    Alpaydin and Kaynak, "Optical recognition of handwritten digits", doi:10.24432/C50P49.
    """
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=generator)
    images = torch.from_numpy(pixels).float()[order] / 16
    digits = torch.from_numpy(labels).long()[order]
    return Examples(images, digits).divided(N_TRAIN_IMAGES)


PAIRS = Recipe(
    name="digit-pairs",
    sides=("left", "right"),
    split=split_digits,
    n_classes=10,
    hidden=64,
    n_steps=1500,
    batch=256,
    lr=2e-2,
    weight_decay=0.1,
    noise=0.3,
)
TRIPLES = replace(PAIRS, name="digit-triples", sides=("left", "middle", "right"), hidden=96)


@checked
def digit_pairs(*, seed: int = 0, activation: str = "relu") -> Toy:
    """Train a 128-64-64-20 network to name the digit on the left and the digit on the right.

    Parameters
    ----------
    seed
        Fixes the split of the images, the pairs and the initial weights: the same seed gives the same
        bits on one machine.
    activation
        "relu", piecewise linear, or "gelu" or "tanh", smooth.

    Returns
    -------
    Toy
        `data` are 2,000 pairs of held-out images; in task "left" the left side runs over the 450 held-out
        images while the right shows their mean, and the reverse in task "right"; `scores` are
        "accuracy_left" and "accuracy_right". The output is ten logits for the left, then ten for the right.

    Raises
    ------
    UnknownName
        If there is no such activation.
    BadRequest
        If the seed is outside its range.

    Notes
    -----
    No image occurs both in training and in `data`. Training takes 1,500 steps of 256 pairs with Gaussian noise
    on the pixels, a few seconds in all. Three of the 64 pixels of a side are blank in every image, so the
    rows of `data` have rank 122 at most. torch's global settings and generators are left alone.

    References
    ----------
    Alpaydin and Kaynak, "Optical recognition of handwritten digits", doi:10.24432/C50P49.

    Examples
    --------
    >>> toy = digit_pairs(seed=0)
    >>> tuple(toy.data.shape), {task: tuple(rows.shape) for task, rows in toy.tasks.items()}
    ((2000, 128), {'left': (450, 128), 'right': (450, 128)})
    """
    with isolated():
        return train_readers(PAIRS, seeds=(seed,), activation=activation, n_threads=1)[0]


@checked
def digit_pair_networks(seeds: Iterable[int], *, activation: str = "relu") -> tuple[Toy, ...]:
    """Train networks as `digit_pairs` does, one per seed, together.

    Parameters
    ----------
    seeds
        Each fixes the images, pairs and initial weights of a network, as in `digit_pairs`.
    activation
        As in `digit_pairs`.

    Returns
    -------
    tuple of Toy
        In the order of the seeds.

    Raises
    ------
    UnknownName
        If there is no such activation.
    BadRequest
        If there are no seeds, or one is outside its range.

    Notes
    -----
    Data, batches and initial weights are those of `digit_pairs` to the bit; trained weights differ by what rounding
    grows to.

    Examples
    --------
    >>> toys = digit_pair_networks([0, 1], activation="gelu")
    >>> [toy.seed for toy in toys], toys[0].layers
    ([0, 1], ('layers.0.act', 'layers.1.act', 'head'))
    """
    checked, n_threads = seed_list(seeds), torch.get_num_threads()
    with isolated():
        return train_readers(PAIRS, seeds=checked, activation=activation, n_threads=n_threads)


@checked
def digit_triples(*, seed: int = 0, activation: str = "relu") -> Toy:
    """Train a 192-96-96-30 network to name three digits side by side: three tasks.

    Parameters
    ----------
    seed
        Fixes the split of the images, the triples and the initial weights: the same seed gives the same
        bits on one machine.
    activation
        "relu", "gelu" or "tanh".

    Returns
    -------
    Toy
        As from `digit_pairs`, with tasks "left", "middle" and "right".

    Raises
    ------
    UnknownName
        If there is no such activation.
    BadRequest
        If the seed is outside its range.

    Notes
    -----
    As for `digit_pairs`; about twice the time.

    Examples
    --------
    >>> toy = digit_triples(seed=0)
    >>> tuple(toy.data.shape), list(toy.tasks)
    ((2000, 192), ['left', 'middle', 'right'])
    """
    with isolated():
        return train_readers(TRIPLES, seeds=(seed,), activation=activation, n_threads=1)[0]
