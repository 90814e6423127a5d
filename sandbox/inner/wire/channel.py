"""The keeper's end of the channel to the candidate: frames out, frames in, or why it stopped.

What arrives is a frame or evidence of tampering, and a process that ended is told from one that is
slow. What a frame means is the business of `sandbox.inner.answers.link`.
"""

from __future__ import annotations

import os
import select
import socket
from _thread import get_ident
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sandbox import frames
from sandbox.codec import MAX_BYTES, CannotCross, CodecError
from sandbox.frames import FrameError
from sandbox.inner.wire.nesting import READING, deeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.frames import Frame


AMISS: Final = (
    *(CannotCross, CodecError, ArithmeticError, AttributeError, LookupError, RuntimeError),
    *(StopIteration, TypeError, ValueError),
)
"""What hostile words may make of our code. Raised to the tests, it might end a loop of theirs."""

_AHEAD: Final = 1 << 12
_MOST_AT_ONCE: Final = 1 << 20


class Stop(BaseException):
    """Ends the tests from inside a call. Not an `Exception`: tests must not swallow it."""


class NeedShared(Stop):
    """The tests need the candidate in their own process; the text says why."""


class Died(Stop):
    """The candidate's process ended while an answer was due."""


class Forged(Stop):
    """Something that is no answer came over the channel."""


class TooLarge(Stop):
    """An answer took more memory than there is for it."""


class Unsendable(Stop):
    """The candidate's answer is none that can be sent, and so none that tests can look at."""


class FaultyTests(Stop):
    """The tests are at fault, whatever the candidate; the text says which part and how."""


@dataclass
class CandidateProcess:
    """One candidate process, once connected: its socket and pidfd. `stopped`: why nothing is asked.

    `patience` tells how many seconds an answer may still take, or raises a `Stop` when that was too
    long; without it, an answer may take as long as the run.
    """

    sock: socket.socket = field(init=False)
    pid: int = field(init=False)
    handle: int = field(init=False)
    received: int = 0
    stopped: Stop | None = None
    patience: Callable[[], float] | None = None
    _ahead: bytes = b""
    """What came and was not read yet: a frame comes as a whole mostly, with its header."""

    def __post_init__(self) -> None:
        self._waiting = set[int]()
        self._poller = select.poll()

    def connect(self, sock: socket.socket, pid: int, handle: int) -> None:
        """Ask this process. Its pidfd is closed along with the socket."""
        self.sock, self.pid, self.handle = sock, pid, handle
        for each in (sock, handle):
            self._poller.register(each, select.POLLIN)

    @contextmanager
    def waits(self) -> Iterator[None]:
        """Of this thread: it waits for the other side, and handles signals at most."""
        own = get_ident()
        self._waiting.add(own)
        try:
            yield
        finally:
            self._waiting.discard(own)

    def is_waiting(self) -> bool:
        """Whether this thread waits, so that a handler of a signal is what runs."""
        return get_ident() in self._waiting

    def ask(self, frame: Frame, too_large: type[Stop] = NeedShared) -> Frame:
        """Send one frame and wait for another. Raises what `send` and `receive` raise."""
        with self.waits():
            self.send(frame, too_large)
            return self.receive()

    def send(self, frame: Frame, too_large: type[Stop] = NeedShared) -> None:
        """Send one frame. Raises `Died`, and what is to stop one that is too large."""
        try:
            self.sock.sendall(frames.pack(frame))
        except OSError as error:
            raise self.stop(Died(str(error))) from None
        except FrameError as error:
            raise self.stop(too_large(str(error))) from None

    def receive(self) -> Frame:
        """Wait for one frame. Raises `Died` or `Forged`."""
        try:
            with self.waits():
                header = self._exactly(frames.HEADER.size)
                length = frames.body_length(header, MAX_BYTES)
                self.received += length
                body = self._exactly(length)
                with deeper(READING):
                    return frames.unpack(body)
        except FrameError as error:
            raise self.stop(Forged(str(error))) from None
        except MemoryError:
            raise self.stop(TooLarge("an answer needs more memory than allowed")) from None

    def has_spoken(self) -> bool:
        """Whether something came that was not read yet."""
        return bool(self._ahead) or self.sock.fileno() in dict(self._poller.poll(0))

    def stop(self, reason: Stop) -> Stop:
        """Note why the tests cannot go on, and give the first such reason, to be raised."""
        self.stopped = self.stopped or reason
        return self.stopped

    def amiss(self, error: Exception) -> Stop:
        """Stop for what came of hostile words, or of a result that is none; to be raised."""
        if isinstance(error, CannotCross):
            return self.stop(Unsendable(f"a result that cannot be sent: {error}"))
        return self.stop(Forged(f"not a value: {error}"))

    def _exactly(self, size: int) -> bytes:
        """Read that many bytes, or raise `Died` when the candidate's own process has ended.

        A child of the candidate may keep the channel open, so its end alone would not tell.
        """
        if len(self._ahead) < size:
            data = bytearray(self._ahead)
            while len(data) < size:
                data += self._chunk(max(_AHEAD, min(size - len(data), _MOST_AT_ONCE)))
            self._ahead = bytes(data)
        found, self._ahead = self._ahead[:size], self._ahead[size:]
        return found

    def _chunk(self, most: int) -> bytes:
        """What is there of at most so many bytes. Raises `Died`."""
        while True:
            wait_ms = None if self.patience is None else 1000 * self.patience()
            ready = dict(self._poller.poll(wait_ms))
            if not ready:
                continue
            chunk = b""
            if self.sock.fileno() in ready:
                try:
                    chunk = self.sock.recv(most, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    continue
                except OSError:
                    chunk = b""
            if not chunk:
                raise self.stop(Died("the program ended before it answered"))
            return chunk

    def close(self) -> None:
        """Close both descriptors."""
        self.sock.close()
        os.close(self.handle)
