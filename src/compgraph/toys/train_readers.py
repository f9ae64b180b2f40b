"""Networks that read several examples side by side and name each: tasks of the same kind on separate inputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn
from torch.nn import functional

from compgraph.toys.perceptron import Perceptron, seeded_perceptron
from compgraph.toys.toy import Toy
from compgraph.toys.train_many import fit_together
from compgraph.toys.train_one import fit, seeded

N_HELD_OUT = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Hold examples, one a row, and the class of each."""

    rows: Float32[Tensor, "n features"]
    labels: Int64[Tensor, " n"]

    def divided(self, n: int) -> tuple["Examples", "Examples"]:
        """Divide examples in two.

        Parameters
        ----------
        n
            Size of the first part.

        Returns
        -------
        tuple of Examples
            The first n, and the others.
        """
        return Examples(self.rows[:n], self.labels[:n]), Examples(self.rows[n:], self.labels[n:])

    def side_by_side(
        self, n: int, *, n_sides: int, generator: torch.Generator
    ) -> tuple[Float32[Tensor, "{n} _"], Int64[Tensor, "{n} {n_sides}"]]:
        """Put examples side by side, each drawn with replacement and without regard to the others.

        Parameters
        ----------
        n
            Number of rows to make.
        n_sides
            Examples in a row.
        generator
            Gives the draws.

        Returns
        -------
        inputs
            Features of the first example, then those of the second, and so on.
        targets
            The class of each.
        """
        chosen = torch.randint(len(self.rows), (n, n_sides), generator=generator)
        return self.rows[chosen].flatten(1), self.labels[chosen]


Split = Callable[[torch.Generator], tuple[Examples, Examples]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Say how a network is built and trained.

    Attributes
    ----------
    name
        Of the toy.
    sides
        Names of the places, from left to right; they are the tasks.
    split
        Deals examples into those to train on and those held out.
    n_classes
        Of an example.
    hidden
        Width of each of the two hidden layers.
    n_steps, batch
        Steps of training, and rows drawn for each.
    lr, weight_decay
        Step size, which falls linearly to 0, and decoupled decay.
    noise
        Standard deviation of Gaussian noise on the features in training; without it the network learns the
        few examples by heart.
    """

    name: str
    sides: tuple[str, ...]
    split: Split
    n_classes: int
    hidden: int
    n_steps: int
    batch: int
    lr: float
    weight_decay: float
    noise: float

    def draw(self, examples: Examples, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw the rows of one training step."""
        inputs, targets = examples.side_by_side(self.batch, n_sides=len(self.sides), generator=generator)
        return inputs + self.noise * torch.randn(inputs.shape, generator=generator), targets

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Average the cross entropy over rows and sides."""
        return functional.cross_entropy(logits.reshape(-1, self.n_classes), targets.reshape(-1))


@dataclass(frozen=True, slots=True, eq=False)
class _Start:
    """All that a seed fixes before training."""

    seed: int
    generator: torch.Generator
    training: Examples
    held_out: Examples
    inputs: Tensor
    targets: Tensor
    model: Perceptron


def train_readers(recipe: Recipe, *, seeds: Sequence[int], activation: str, n_threads: int) -> tuple[Toy, ...]:
    """Train one network per seed; one seed alone gives the same bits as ever, several are trained together.

    Parameters
    ----------
    recipe
        How.
    seeds
        Each fixes the split, the rows and the initial weights of a network.
    activation
        A key of `compgraph.toys.perceptron.ACTIVATIONS`.
    n_threads
        How many groups of networks are trained at the same time.

    Returns
    -------
    tuple of Toy
        In the order of the seeds.

    Raises
    ------
    UnknownName
        If there is no such activation.
    BadRequest
        If a seed is outside its range.
    """
    starts = [_start(recipe, seed, activation) for seed in seeds]
    if len(starts) == 1:
        alone = starts[0]
        fit(
            alone.model,
            lambda: recipe.draw(alone.training, alone.generator),
            n_steps=recipe.n_steps,
            loss=recipe.loss,
            lr=recipe.lr,
            final_lr=0.0,
            weight_decay=recipe.weight_decay,
        )
    else:
        fit_together(
            [start.model for start in starts],
            torch.stack([start.training.rows for start in starts]),
            torch.stack([start.training.labels for start in starts]),
            n_steps=recipe.n_steps,
            loss=recipe.loss,
            lr=recipe.lr,
            final_lr=0.0,
            weight_decay=recipe.weight_decay,
            batch=lambda network, rows, labels: recipe.draw(Examples(rows, labels), starts[network].generator),
            n_threads=n_threads,
        )
    return tuple(_toy(recipe, start) for start in starts)


def _start(recipe: Recipe, seed: int, activation: str) -> _Start:
    generator = seeded(seed)
    training, held_out = recipe.split(generator)
    n_sides, n_features = len(recipe.sides), training.rows.shape[1]
    inputs, targets = held_out.side_by_side(N_HELD_OUT, n_sides=n_sides, generator=generator)
    widths = (n_sides * n_features, recipe.hidden, recipe.hidden, n_sides * recipe.n_classes)
    model = seeded_perceptron(widths, generator, activation=activation)
    return _Start(seed, generator, training, held_out, inputs, targets, model)


def _toy(recipe: Recipe, start: _Start) -> Toy:
    return Toy(
        name=recipe.name,
        model=start.model,
        data=start.inputs,
        tasks={side: _alone(start.held_out.rows, place, len(recipe.sides)) for place, side in enumerate(recipe.sides)},
        layers=start.model.sites,
        scores=_scores(recipe, start.model, start.inputs, start.targets),
        seed=start.seed,
    )


def _alone(rows: Tensor, place: int, n_sides: int) -> Tensor:
    still = rows.mean(dim=0).expand_as(rows)
    return torch.cat([rows if each == place else still for each in range(n_sides)], dim=1)


def _scores(recipe: Recipe, model: nn.Module, inputs: Tensor, targets: Tensor) -> dict[str, float]:
    with torch.no_grad():
        answers = model(inputs).unflatten(1, (len(recipe.sides), recipe.n_classes)).argmax(dim=-1)
    accuracy = (answers == targets).double().mean(dim=0)
    return {f"accuracy_{side}": share.item() for side, share in zip(recipe.sides, accuracy, strict=True)}
