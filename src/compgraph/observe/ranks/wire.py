"""Messages between rank 0 and the others: each an envelope of fixed size, and what it announces.

Rank 0 and each other rank wait for an envelope of one another at all times, in a thread. So word of a failure arrives
also while a rank works, a closed connection is noticed where it happens, and Ctrl-C ends every wait.
"""

import queue
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

import numpy as np
import torch
import torch.distributed as dist

ENVELOPE = 4096  # bytes; what does not fit of a message for people is cut off
PIECE = 2**28  # bytes sent at once
GLANCE = 0.05  # seconds between looks at who is still there
FOREVER = timedelta(days=365)  # gloo closes all connections when one wait of its own runs out


class Kind(IntEnum):
    """What an envelope announces."""

    RESULT = 1  # bytes follow
    FAILED = 2  # the sender, or one of whom it has word, cannot go on; its last message
    DONE = 3  # the sender's last message


@dataclass(frozen=True, slots=True)
class Message:
    """What came from a rank.

    Attributes
    ----------
    source
        The rank.
    kind
        None where the connection was lost.
    text
        For people: what the bytes are, or why the sender cannot go on.
    content
        The bytes.
    """

    source: int
    kind: Kind | None
    text: str = ""
    content: bytes = b""


class Wire:
    """The connections of one rank: of rank 0 to all others, of these to rank 0.

    Parameters
    ----------
    group
        A group of gloo that nobody else uses.
    """

    def __init__(self, group: dist.ProcessGroup) -> None:
        self.group, self.rank, self.size = group, group.rank(), group.size()
        self.peers = range(1, self.size) if self.rank == 0 else (0,)
        self._arrived: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._lost: set[int] = set()
        self._listeners = [threading.Thread(target=self._listen, args=(peer,), daemon=True) for peer in self.peers]
        for each in self._listeners:
            each.start()

    def arrivals(self, seconds: float) -> Iterator[Message]:
        """Iterate over messages as they arrive.

        Parameters
        ----------
        seconds
            To wait at most, for all together.

        Yields
        ------
        Message
            Without end.

        Raises
        ------
        TimeoutError
            When none came in time.
        """
        end = time.monotonic() + seconds
        while True:
            try:
                yield self._arrived.get(timeout=max(end - time.monotonic(), 0.001))
            except queue.Empty:
                raise TimeoutError from None

    def send(self, peers: Iterable[int], kind: Kind, text: str, content: bytes = b"", *, seconds: float) -> set[int]:
        """Send a message to several ranks at once.

        Parameters
        ----------
        peers
            Ranks it is for.
        kind, text, content
            As in `Message`.
        seconds
            To wait at most until all have it.

        Returns
        -------
        set of int
            The ranks that do not have it. Nothing more can be sent to them.
        """
        missing = set(peers)

        def deliver(peer: int) -> None:
            with suppress(RuntimeError):  # whose connection is lost, the listener says
                self._send(peer, kind, text, content)
                missing.discard(peer)

        threads = {peer: threading.Thread(target=deliver, args=(peer,), daemon=True) for peer in missing}
        for each in threads.values():
            each.start()
        end = time.monotonic() + seconds
        # gloo may wait on for a peer whose connection the listener has seen go.
        while (under_way := missing - self._lost) and time.monotonic() < end:
            threads[min(under_way)].join(GLANCE)
        return set(missing)

    def close(self, seconds: float, *, without: Collection[int] = ()) -> None:
        """Take leave of the group.

        Parameters
        ----------
        seconds
            To wait at most for the last messages of all peers.
        without
            Peers that are not waited for.
        """
        end = time.monotonic() + seconds
        for peer, each in zip(self.peers, self._listeners, strict=True):
            if peer not in without:
                each.join(max(end - time.monotonic(), 0))
        # A group that somebody still listens on cannot be taken down; it goes with the process.
        if not any(each.is_alive() for each in self._listeners):
            dist.destroy_process_group(self.group)

    def _send(self, peer: int, kind: Kind, text: str, content: bytes) -> None:
        written = text.encode()[: ENVELOPE - 16]
        head = np.array([kind | len(written) << 8, len(content)], "<i8").tobytes() + written
        self._pass(_tensor(head.ljust(ENVELOPE, b"\0")), self._sending(peer))
        if content:
            self._pass(_tensor(content), self._sending(peer))

    def _listen(self, peer: int) -> None:
        kind: Kind | None = Kind.RESULT
        while kind is Kind.RESULT:
            try:
                message = self._received(peer)
            except RuntimeError:
                message = Message(peer, None)
                self._lost.add(peer)
            kind = message.kind
            self._arrived.put(message)

    def _received(self, peer: int) -> Message:
        head = self._take(peer, ENVELOPE)
        first, length = np.frombuffer(head[:16], "<i8").tolist()
        text = head[16 : 16 + (first >> 8)].decode(errors="replace")
        return Message(peer, Kind(first & 255), text, self._take(peer, length) if length else b"")

    def _take(self, peer: int, size: int) -> bytes:
        taken, source = torch.empty(size, dtype=torch.uint8), dist.get_global_rank(self.group, peer)
        self._pass(taken, lambda part: dist.irecv(part, source, self.group))
        return taken.numpy().tobytes()

    def _sending(self, peer: int) -> Callable[[torch.Tensor], dist.Work | None]:
        target = dist.get_global_rank(self.group, peer)
        return lambda part: dist.isend(part, target, self.group)

    def _pass(self, content: torch.Tensor, start: Callable[[torch.Tensor], dist.Work | None]) -> None:
        for place in range(0, len(content), PIECE):
            work = start(content[place : place + PIECE])
            if work is None:
                raise RuntimeError("this process is not in the group")
            work.wait(FOREVER)


def _tensor(content: bytes) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(content, np.uint8).copy())
