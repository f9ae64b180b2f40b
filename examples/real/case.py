"""What every network gives: the model as its author calls it, inputs it is made for, and whether it does its work."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from real import NAMES


class Missing(Exception):
    """Weights, data or a package that are not here; the message says what to install."""


@dataclass(frozen=True)
class Case:
    """A network and data, ready for ``compgraph.analyze(case.model, case.data)``.

    Attributes
    ----------
    name
        Of the module that gives it.
    about
        What the inputs and the weights are, in a few words.
    model
        In eval mode.
    data
        As a user of the network has them: one tensor, or a list of batches.
    check
        Runs the model on inputs with known answers; returns what was measured, by name.
    batch_size
        Of a tensor's batches.
    """

    name: str
    about: str
    model: nn.Module
    data: Tensor | list[Any]
    check: Callable[[], Mapping[str, float]]
    batch_size: int = 256

    def batches(self) -> Iterator[Any]:
        """Yield what the model is called with, as an analysis calls it."""
        yield from torch.split(self.data, self.batch_size) if isinstance(self.data, Tensor) else self.data

    @property
    def n_inputs(self) -> int:
        """Samples in the data."""
        return sum(len(batch) if isinstance(batch, Tensor) else len(batch["input_ids"]) for batch in self.batches())

    @property
    def n_parameters(self) -> int:
        """Numbers that were learnt, a shared one counted once."""
        return sum(each.numel() for each in self.model.parameters())

    def run(self, batch: Any) -> Any:
        """Call the model on a batch."""
        return self.model(batch) if isinstance(batch, Tensor) else self.model(**batch)


def load(name: str, *, small: bool = False) -> Case:
    """Build a network and its data.

    Parameters
    ----------
    name
        One of `NAMES`.
    small
        A hundredth of its size, where it needs no weights from elsewhere; for tests.

    Raises
    ------
    Missing
        When weights, data or a package are not here.
    """
    if name not in NAMES:
        raise Missing(f"no network '{name}'; there are {', '.join(NAMES)}.")
    case: Case = import_module(f"real.{name}").load(small=small)
    case.model.eval()
    return case


def found(variable: str, remedy: str, *, package: str = "", inside: str = "") -> Path:
    """Find a file or folder: where an environment variable says, else inside an installed package.

    Packages are not imported: some ask for versions of torch that are years old, and only their files are needed.

    Raises
    ------
    Missing
        With the remedy.
    """
    given = os.environ.get(variable)
    path = Path(given) if given else _installed(package, inside)
    if path is None or not path.exists():
        raise Missing(f"{variable} is '{given}', which does not exist; {remedy}" if given else remedy)
    return path


def _installed(package: str, inside: str) -> Path | None:
    try:
        return Path(str(metadata.distribution(package).locate_file(inside))) if package else None
    except metadata.PackageNotFoundError:
        return None


def in_rows(model: nn.Module, data: Tensor, size: int = 256) -> Any:
    """Run a model over a tensor without gradients; a dict or tuple of tensors comes back whole."""
    with torch.no_grad():
        parts = [model(batch) for batch in torch.split(data, size)]
    if isinstance(parts[0], Tensor):
        return torch.cat(parts)
    if isinstance(parts[0], Mapping):
        return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
    return tuple(map(torch.cat, zip(*parts, strict=True)))


def auc(positive: Iterable[float], negative: Iterable[float]) -> float:
    """Return the probability that a positive is above a negative, a tie counted half."""
    above, below = np.array(list(positive))[:, None], np.array(list(negative))[None, :]
    return float(np.mean(above > below) + np.mean(above == below) / 2)
