"""One command in several processes: torchrun tells each of them how many there are, and where they meet."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as dist

from compgraph.observe.ranks.exchange import Ranks

TOLD = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@contextmanager
def together() -> Iterator[Ranks | None]:
    """Let the processes of a command work together, until the last of them is done.

    Yields
    ------
    Ranks or None
        None where there is one process.

    Raises
    ------
    RankLost
        When another process dies or fails.
    """
    if any(name not in os.environ for name in TOLD) or os.environ["WORLD_SIZE"] == "1":
        yield None
        return
    dist.init_process_group("gloo")
    try:
        with Ranks.of(dist.group.WORLD) as ranks:
            if ranks.rank:
                logging.getLogger("compgraph").setLevel(logging.ERROR)  # rank 0 says it for all
            yield ranks
    finally:
        dist.destroy_process_group()


def is_first(ranks: Ranks | None) -> bool:
    """Tell whether this is the process that writes and prints.

    Parameters
    ----------
    ranks
        From `together`.

    Returns
    -------
    bool
        True on rank 0, and where there is one process.
    """
    return ranks is None or ranks.rank == 0
