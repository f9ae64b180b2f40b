"""The one place through which the command line prints: whatever a terminal cannot hold, what was found is not lost."""

import os
import sys
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any, Protocol, runtime_checkable

PLAIN = {"±": "+/-"}


@runtime_checkable
class Stream(Protocol):
    """What can be printed to."""

    def write(self, text: str, /) -> int:
        """Take a text."""
        ...

    def flush(self) -> None:
        """Hand on what was taken."""
        ...


def say(text: object, *, stream: Stream | None = None, end: str = "\n") -> None:
    r"""Print, whatever the encoding of the terminal, and whether or not anyone reads on.

    Parameters
    ----------
    text
        For people. Characters that the stream's encoding lacks are written as escapes, such as ``\u7f16``.
    stream
        By default stdout. Where the process has none, nothing is printed; where the other end of a pipe was closed,
        this text and all later ones go nowhere.
    end
        Follows the text.
    """
    stream = sys.stdout if stream is None else stream
    if stream is None:
        return
    try:
        stream.write(_holdable(f"{text}{end}", getattr(stream, "encoding", None) or "utf-8"))
        stream.flush()
    except BrokenPipeError:
        _discard(stream)


def _holdable(text: str, encoding: str) -> str:
    try:
        text.encode(encoding)
    except LookupError:
        return text.encode("ascii", "backslashreplace").decode()
    except UnicodeEncodeError:
        for sign, plain in PLAIN.items():
            if sign.encode(encoding, "ignore") == b"":
                text = text.replace(sign, plain)
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


def _discard(stream: Any) -> None:
    """Lead a stream to nowhere: what is left in its buffer would fail again when the process ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)


class Parser(ArgumentParser):
    """A parser of arguments whose help and complaints are printed as all else is."""

    def _print_message(self, message: str, file: Any = None) -> None:
        if message:
            say(message, stream=file or sys.stderr, end="")
