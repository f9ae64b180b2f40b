"""A network that reads two handwritten digits side by side: two tasks of the same kind on separate inputs."""

from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn
from torch.nn import functional

from compgraph.toys.perceptron import seeded_perceptron
from compgraph.toys.toy import Toy
from compgraph.toys.training import fit, isolated, seeded

SIDES = ("left", "right")
N_PIXELS, N_CLASSES = 64, 10
WIDTHS = (2 * N_PIXELS, 64, 64, 2 * N_CLASSES)
N_TRAIN_IMAGES, N_HELD_OUT_PAIRS = 1347, 2000
N_STEPS, BATCH = 1500, 256
LEARNING_RATE, WEIGHT_DECAY, PIXEL_NOISE = 2e-2, 0.1, 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Digits:
    """Hold 8 x 8 images of digits, one a row, with pixels between 0 and 1, and what they show."""

    images: Float32[Tensor, "n 64"]
    labels: Int64[Tensor, " n"]

    def pairs(self, n: int, generator: torch.Generator) -> tuple[Float32[Tensor, "{n} 128"], Int64[Tensor, "{n} 2"]]:
        """Put images side by side, each drawn with replacement and without regard to the other.

        Parameters
        ----------
        n
            Number of pairs.
        generator
            Gives the draws.

        Returns
        -------
        inputs
            Pixels of the left image, then those of the right.
        targets
            The digits on the left and on the right.
        """
        chosen = torch.randint(len(self.images), (n, len(SIDES)), generator=generator)
        return self.images[chosen].flatten(1), self.labels[chosen]


def split_digits(generator: torch.Generator) -> tuple[Digits, Digits]:
    """Divide scikit-learn's 1,797 digits at random into images to train on and images held out.

    Parameters
    ----------
    generator
        Gives the order in which images are dealt.

    Returns
    -------
    training
        1,347 images.
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
    return (
        Digits(images[:N_TRAIN_IMAGES], digits[:N_TRAIN_IMAGES]),
        Digits(images[N_TRAIN_IMAGES:], digits[N_TRAIN_IMAGES:]),
    )


def _noisy_pairs(training: Digits, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    # Without noise the network learns the few training images by heart.
    inputs, targets = training.pairs(BATCH, generator)
    return inputs + PIXEL_NOISE * torch.randn(inputs.shape, generator=generator), targets


def _loss(logits: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(logits.reshape(-1, N_CLASSES), targets.reshape(-1))


def _scores(model: nn.Module, inputs: Tensor, targets: Tensor) -> dict[str, float]:
    with torch.no_grad():
        answers = model(inputs).unflatten(1, (len(SIDES), N_CLASSES)).argmax(dim=-1)
    accuracy = (answers == targets).double().mean(dim=0)
    return {f"accuracy_{side}": share.item() for side, share in zip(SIDES, accuracy, strict=True)}


def _task_inputs(images: Tensor) -> dict[str, Tensor]:
    still = images.mean(dim=0).expand_as(images)
    return {"left": torch.cat([images, still], dim=1), "right": torch.cat([still, images], dim=1)}


@isolated()
def digit_pairs(*, seed: int = 0, activation: str = "relu") -> Toy:
    """Train a 128-64-64-20 network to name the digit on the left and the digit on the right.

    Parameters
    ----------
    seed
        Fixes the split of the images, the pairs and the initial weights: the same seed gives the same
        bits on one machine.
    activation
        "relu", piecewise linear, or "gelu", smooth.

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
    """
    generator = seeded(seed)
    training, held_out = split_digits(generator)
    inputs, targets = held_out.pairs(N_HELD_OUT_PAIRS, generator)
    model = seeded_perceptron(WIDTHS, generator, activation=activation)
    fit(
        model,
        lambda: _noisy_pairs(training, generator),
        n_steps=N_STEPS,
        loss=_loss,
        lr=LEARNING_RATE,
        final_lr=0.0,
        weight_decay=WEIGHT_DECAY,
    )
    return Toy(
        name="digit-pairs",
        model=model,
        data=inputs,
        tasks=_task_inputs(held_out.images),
        layers=model.sites,
        scores=_scores(model, inputs, targets),
        seed=seed,
    )
