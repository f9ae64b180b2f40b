"""What a gatherer held, put back into it from a file, and looked at, as sums of other shapes would go on as well."""

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import torch

from compgraph.observe.sums.gather import Gatherer


def refill(
    gatherer: Gatherer, where: str, held: Mapping[str, Any], arrays: Mapping[str, np.ndarray], device: torch.device
) -> None:
    """Give a gatherer the sums of a checkpoint.

    Parameters
    ----------
    gatherer
        Of the same sites.
    where
        What names of its arrays begin with.
    held, arrays
        From the file.
    device
        Where the model runs.
    """
    for number, each in enumerate(held["columns"]):
        key, name = (each["site"], tuple(each["grid"])), f"{where}.column.{number}"
        state = {part: arrays[f"{name}.{part}"] for part in each["arrays"]}
        if key not in gatherer.columns:
            rows = torch.empty(0, each["width"], dtype=torch.from_numpy(state["waiting"]).dtype, device=device)
            gatherer.open(key, gatherer.graph.taps[key[0]].name, rows)
        width = len(gatherer.columns[key].mean)
        for part, array in state.items():
            _require_rows(array, () if part == "n" else (width,) if part == "mean" else (len(array), width), part)
        gatherer.columns[key].restore(state)
        if "kept" in state:
            gatherer.kept[key] = state["kept"].astype(np.float64)
    for site in held["lost"]:
        if type(site) is not int or site not in range(len(gatherer.graph.taps)):
            raise ValueError(f"{site!r:.40} is no number of a site")
        gatherer.lose(site)
    for number, (left, right) in enumerate(held["products"]):
        one, other = ((site, tuple(grid)) for site, grid in (left, right))
        total = arrays[f"{where}.product.{number}"]
        _require_rows(total, (len(gatherer.columns[one].mean), len(gatherer.columns[other].mean)), "product")
        gatherer.multiply(one, other, torch.from_numpy(total.copy()))


def require_whole(gatherer: Gatherer, n: int) -> None:
    """Raise unless a gatherer holds just what it would after some samples.

    Parameters
    ----------
    gatherer
        Refilled.
    n
        How many they were.

    Raises
    ------
    ValueError
        Naming the first site of which something is missing.
    """
    arrows, lost = gatherer.graph.arrows, gatherer.lost
    ends = {(end, each.grid) for each in arrows for end in (each.source, each.target) if end not in lost}
    if ends != set(gatherer.columns) or ends != set(gatherer.kept):
        raise ValueError("it is of other sites")
    for key, column in gatherer.columns.items():
        rows = n * prod(key[1])
        if column.n + column.waiting != rows or not column.is_referred:
            raise ValueError(f"site {column.site!r} has {column.n} and {column.waiting} rows, and {rows} went by")
        if len(gatherer.kept[key]) < gatherer.n_kept(key):
            raise ValueError(f"site {column.site!r} lacks kept rows")


def _require_rows(array: np.ndarray, shape: tuple[int, ...], about: str) -> None:
    # At rows that are in no sum yet nobody has looked; what is not finite in them is said with the batch they are of.
    if array.shape != shape or not (about in ("waiting", "kept") or np.isfinite(array).all()):
        raise ValueError(f"{about} has the shape {array.shape} or is not finite, and needs {shape}")
