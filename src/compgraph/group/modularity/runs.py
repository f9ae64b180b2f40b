"""Louvain's and Leiden's searches on many graphs as matrices, as a comparison with null graphs runs them."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float64, Int64

from compgraph.group.many import ManyLinks
from compgraph.group.modularity.leiden import leiden_labels
from compgraph.group.modularity.louvain import LARGE, THRESHOLD, louvain_labels, louvain_labels_of_pairs


def louvain_runs(
    many: ManyLinks,
    seeds: Sequence[int],
    *,
    resolution: float | int = 1,
    threshold: float | int = THRESHOLD,
    max_level: int | None = None,
) -> Int64[np.ndarray, "m runs n"]:
    """Run the search of `louvain_communities` on each graph with each seed.

    Parameters
    ----------
    many
        The graphs as matrices.
    seeds
        One for each run.
    resolution, threshold, max_level
        As for `louvain_communities`.

    Returns
    -------
    numpy.ndarray
        Group of each node.

    Raises
    ------
    BadRequest
        As `louvain_communities`.
    """
    n = len(many.links.nodes)
    if n <= LARGE:
        return louvain_labels(many.adjacency(), seeds, resolution=resolution, threshold=threshold, max_level=max_level)
    return np.stack(
        [
            louvain_labels_of_pairs(*links, n, seeds, resolution=resolution, threshold=threshold, max_level=max_level)
            for links in _pairs(many)
        ]
    )


def leiden_runs(
    many: ManyLinks, seeds: Sequence[int], *, resolution: float | int = 1.0, iterations: int = 2
) -> Int64[np.ndarray, "m runs n"]:
    """Run the search of `leiden_communities` on each graph with each seed.

    Parameters
    ----------
    many
        The graphs as matrices.
    seeds
        One for each run.
    resolution, iterations
        As for `leiden_communities`.

    Returns
    -------
    numpy.ndarray
        Group of each node.

    Raises
    ------
    MissingTool, BadRequest
        As `leiden_communities`.
    """
    n = len(many.links.nodes)
    return np.stack(
        [
            [leiden_labels(*links, n, seed, resolution=resolution, iterations=iterations) for seed in seeds]
            for links in _pairs(many)
        ]
    )


def _pairs(
    many: ManyLinks,
) -> Iterator[tuple[Int64[np.ndarray, " e"], Int64[np.ndarray, " e"], Float64[np.ndarray, " e"]]]:
    return (many.each(i).pairs() for i in range(len(many)))
