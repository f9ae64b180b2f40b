"""Word of work that is to take long, before it is done: the library does not print."""

import logging

LONG = 60.0  # seconds of work from which it is announced
_LOG = logging.getLogger("compgraph")


def announce(work: str, seconds: float) -> None:
    """Log an estimate of work that is to take long.

    Parameters
    ----------
    work
        What it is.
    seconds
        It is to take.
    """
    if seconds > LONG:
        _LOG.warning("%s is to take about %.0f minutes.", work, seconds / 60)
