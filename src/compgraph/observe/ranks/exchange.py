"""Processes that work on one result: each gives its part as bytes, and all get the same bytes back."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import timedelta
from types import TracebackType

import numpy as np
import torch
import torch.distributed as dist

from compgraph.dealing import Work
from compgraph.errors import BadRequest, RankLost
from compgraph.observe.ranks.wire import Kind, Message, Wire

TIMEOUT = 1800.0  # seconds, for groups that do not say theirs
PARTING = 2.0  # seconds that a failing rank waits for the others to hear of it
AGAIN = "None of the others can go on; see what that rank printed, and start all again."


class Ranks:
    """The processes of a group of torch.distributed, for as long as they work together.

    Used in a ``with`` statement, at whose end all ranks wait for one another. A rank that raises inside it tells the
    others, and they raise `RankLost`, as they do when a rank dies.

    Parameters
    ----------
    group
        A group of gloo for these ranks alone.
    timeout
        Seconds to wait for others at most.

    Attributes
    ----------
    rank
        Number of this process in the group.
    size
        Number of processes.
    """

    def __init__(self, group: dist.ProcessGroup, timeout: float) -> None:
        self.rank, self.size, self.timeout = group.rank(), group.size(), timeout
        # Who waits for rank 0 waits for all that rank 0 waits for, and for word of it.
        self._patience = timeout if self.rank == 0 else 1.25 * timeout + 1
        self._wire = Wire(group)
        self._depth = self._turn = 0
        self._over, self._gone = False, frozenset[int]()

    @classmethod
    def of(cls, group: object, *, timeout: float | None = None) -> "Ranks":
        """Let the processes of a group find one another; all of them have to call this.

        Parameters
        ----------
        group
            A group of torch.distributed, of any backend; what is exchanged goes over a group of gloo that is made
            here. `Ranks` are returned as they are, so that a ``with`` statement inside another one shares them.
        timeout
            Seconds that a rank which is alive may keep the others waiting; by default the timeout of the group. A rank
            that dies is noticed at once.

        Returns
        -------
        Ranks
            To be used in a ``with`` statement.

        Raises
        ------
        BadRequest
            When it is no group, or this process is not in it.
        RankLost
            When not all processes come together in time.
        """
        if isinstance(group, Ranks):
            return group
        if not isinstance(group, dist.ProcessGroup):
            raise BadRequest(
                f"process_group is {group!r}; needed is a group that this process is in, such as "
                "torch.distributed.group.WORLD after torch.distributed.init_process_group(...)."
            )
        seconds = _seconds(timeout, group)
        members = dist.get_process_group_ranks(group)
        try:
            own = dist.new_group(
                members, timeout=timedelta(seconds=seconds), backend="gloo", use_local_synchronization=True
            )
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:300]
            raise RankLost(
                f"the {len(members)} ranks did not come together within {seconds:g} s: {reason} See what the others "
                "printed, and start all of them again."
            ) from error
        return cls(own, seconds)

    def __enter__(self) -> "Ranks":
        if self._depth == 0:
            try:
                # A rank that fails while others still connect could not tell them.
                self.gathered(b"", lambda _: b"", what="start")
            except BaseException as error:
                self._leave(error)
                raise
        self._depth += 1
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._leave(error)

    def _leave(self, error: BaseException | None) -> None:
        try:
            if error is None:
                self._part()
            elif not self._over:
                self._give_up(f"rank {self.rank} failed ({_one_line(error)}). {AGAIN}")
        finally:
            self._wire.close(PARTING, without=self._gone)

    def gathered(self, mine: bytes, merge: Callable[[Sequence[bytes]], bytes], *, what: str = "results") -> bytes:
        """Give a part and get the whole; all ranks have to call this alike.

        Parameters
        ----------
        mine
            This rank's part.
        merge
            From the parts of all, in order of rank, to the whole; called on rank 0.
        what
            The parts, for messages. Ranks that call this for different things are told so.

        Returns
        -------
        bytes
            What ``merge`` returned: the same on all ranks.

        Raises
        ------
        RankLost
            When a rank died, failed or kept the others waiting for too long.
        """
        self._turn += 1
        label = f"{what} (exchange {self._turn})"
        if self.rank:
            # Should this fail, then the listener says why.
            self._wire.send((0,), Kind.RESULT, label, mine, seconds=self._patience)
            return next(self._awaited(label)).content
        parts = {0: mine} | {each.source: each.content for each in self._awaited(label)}
        whole = merge([parts[rank] for rank in range(self.size)])
        if silent := self._wire.send(self._wire.peers, Kind.RESULT, label, whole, seconds=self._patience):
            raise self._lost(f"{_names(silent)} did not take the {label} within {self.timeout:g} s. {AGAIN}", silent)
        return whole

    def deal(self, work: Work, numbers: Sequence[int], /) -> list[float]:
        """Do numbered pieces of work, each on one rank: a `compgraph.dealing.Deal`.

        Parameters
        ----------
        work
            Of numbers gives numbers; the same on all ranks.
        numbers
            Pieces.

        Returns
        -------
        list of float
            What ``work`` gives for each number, on all ranks.

        Raises
        ------
        RankLost
            As for `gathered`.
        """
        n = len(numbers)
        if n == 0:
            return []
        share = numbers[self.rank :: self.size]
        mine = np.array(work(share) if share else [], "<f8")
        whole = self.gathered(mine.tobytes(), lambda parts: _interleaved(parts, n), what=f"{n} pieces of work")
        return np.frombuffer(whole, "<f8").tolist()

    def _awaited(self, label: str) -> Iterator[Message]:
        """Yield one message of each peer as it comes, if it is what is waited for."""
        waited, arrivals = set(self._wire.peers), self._wire.arrivals(self._patience)
        while waited:
            try:
                message = next(arrivals)
            except TimeoutError:
                raise self._lost(
                    f"no word from {_names(waited)} within {self._patience:g} s: it hangs, or its part takes longer; "
                    "give init_process_group a longer timeout. None of the others can go on.", waited
                ) from None  # fmt: skip
            waited.discard(message.source)
            yield self._expected(message, label)

    def _expected(self, message: Message, label: str) -> Message:
        source = message.source
        if message.kind is Kind.FAILED:
            raise self._lost(message.text)
        if message.kind is None:
            # Also of a rank that has given its part: it is not there to take the whole.
            raise self._lost(f"rank {source} died: its connection closed without a word. {AGAIN}", {source})
        if message.text != label:
            raise self._lost(
                f"rank {source} is at {message.text!r} and rank {self.rank} at {label!r}; all ranks have to make the "
                "same calls with the same options."
            )
        return message

    def _part(self) -> None:
        """Wait until all ranks are done."""
        if self._over:
            return
        label = "end"
        if self.rank:
            self._wire.send((0,), Kind.DONE, label, seconds=self._patience)
            next(self._awaited(label))
        else:
            list(self._awaited(label))
            self._wire.send(self._wire.peers, Kind.DONE, label, seconds=PARTING)
        self._over = True

    def _lost(self, reason: str, gone: Collection[int] = ()) -> RankLost:
        """Tell the others, and return what to raise."""
        self._give_up(reason, gone)
        return RankLost(reason)

    def _give_up(self, reason: str, gone: Collection[int] = ()) -> None:
        self._over, self._gone = True, frozenset(gone)
        self._wire.send(set(self._wire.peers) - set(gone), Kind.FAILED, reason, seconds=PARTING)


def _seconds(timeout: float | None, group: dist.ProcessGroup) -> float:
    if timeout is None:
        return _timeout_of(group)
    if not math.isfinite(timeout) or timeout <= 0:
        raise BadRequest(f"timeout={timeout!r}: a number of seconds above 0 is needed.")
    return float(timeout)


def _timeout_of(group: dist.ProcessGroup) -> float:
    for device in ("cpu", "cuda"):
        try:
            options = group._get_backend(torch.device(device)).options  # noqa: SLF001 - torch tells it nowhere else
            return float(options._timeout.total_seconds())  # noqa: SLF001
        except (AttributeError, RuntimeError):
            continue
    return TIMEOUT


def _interleaved(parts: Sequence[bytes], n: int) -> bytes:
    whole = np.empty(n, "<f8")
    for rank, part in enumerate(parts):
        whole[rank :: len(parts)] = np.frombuffer(part, "<f8")
    return whole.tobytes()


def _names(ranks: set[int]) -> str:
    listed = sorted(ranks)
    shown = ", ".join(map(str, listed[:8])) + (", ..." if len(listed) > 8 else "")
    return f"rank {shown}" if len(listed) == 1 else f"ranks {shown}"


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
