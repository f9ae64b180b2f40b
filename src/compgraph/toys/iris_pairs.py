"""A network that reads the measurements of two irises and names the species of each."""

import torch

from compgraph.arguments import checked, whole_number
from compgraph.toys.toy import Toy
from compgraph.toys.train_one import isolated
from compgraph.toys.train_readers import Examples, Recipe, train_readers

N_TRAIN_FLOWERS = 110


def split_irises(generator: torch.Generator) -> tuple[Examples, Examples]:
    """Divide Fisher's 150 irises at random into flowers to train on and flowers held out.

    Parameters
    ----------
    generator
        Gives the order in which flowers are dealt.

    Returns
    -------
    training
        110 flowers; each of their four measurements has zero mean and unit variance.
    held_out
        The other 40, in the same units.

    References
    ----------
    Fisher, "The use of multiple measurements in taxonomic problems", doi:10.1111/j.1469-1809.1936.tb02137.x.
    """
    from sklearn.datasets import load_iris

    measured, labels = load_iris(return_X_y=True)
    order = torch.randperm(len(labels), generator=generator)
    flowers, species = torch.from_numpy(measured)[order], torch.from_numpy(labels).long()[order]
    training = flowers[:N_TRAIN_FLOWERS]
    flowers = ((flowers - training.mean(dim=0)) / training.std(dim=0, correction=0)).float()
    return Examples(flowers, species).divided(N_TRAIN_FLOWERS)


PAIRS = Recipe(
    name="iris-pairs",
    sides=("left", "right"),
    split=split_irises,
    n_classes=3,
    hidden=16,
    n_steps=800,
    batch=256,
    lr=1e-2,
    weight_decay=0.1,
    noise=0.2,
)


@checked
def iris_pairs(*, seed: int = 0, activation: str = "relu") -> Toy:
    """Train an 8-16-16-6 network to name the species of two irises.

    Parameters
    ----------
    seed
        Fixes the split of the flowers, the pairs and the initial weights: the same seed gives the same
        bits on one machine.
    activation
        "relu", "gelu" or "tanh".

    Returns
    -------
    Toy
        `data` are 2,000 pairs of held-out flowers; in task "left" the left flower runs over the 40 held-out ones
        while the right is their mean, and the reverse in task "right"; `scores` are "accuracy_left" and
        "accuracy_right". The output is three logits for the left, then three for the right.

    Raises
    ------
    UnknownName
        If there is no such activation.
    BadRequest
        If the seed is no whole number, or outside its range.

    Notes
    -----
    Takes about a second. Two of Fisher's flowers have the same measurements and may fall on both sides of the split.

    References
    ----------
    Fisher, "The use of multiple measurements in taxonomic problems", doi:10.1111/j.1469-1809.1936.tb02137.x.

    Examples
    --------
    >>> toy = iris_pairs(seed=0)
    >>> tuple(toy.data.shape), {task: tuple(rows.shape) for task, rows in toy.tasks.items()}
    ((2000, 8), {'left': (40, 8), 'right': (40, 8)})
    """
    with isolated():
        return train_readers(PAIRS, seeds=(whole_number(seed, "seed", minimum=0),), activation=activation, n_threads=1)[
            0
        ]
