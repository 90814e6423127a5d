"""The keeper's end of the channel to the candidate: every answer is taken as hostile.

An answer counts only if it is a well-formed frame, carries the number of the question that is
open, has the form of an answer to that very question, and decodes under the codec's caps. Anything
else that arrives is evidence of tampering with the verdict's channel: `Forged`.
"""

from __future__ import annotations

import os
import select
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox import frames
from sandbox.codec import CannotCross, CodecError, Decoder, Encoder
from sandbox.frames import FrameError
from sandbox.inner.exceptions import signals_in, stand_in

if TYPE_CHECKING:
    from sandbox.frames import Frame


_MAX_ANSWER = 32 * 2**20
_FIELDS = 2  # the number, and one more


class Stop(BaseException):
    """Ends the tests from inside a call. Not an `Exception`: tests must not swallow it."""


class NeedShared(Stop):
    """The tests need the candidate in their own process; the text says why."""


class Died(Stop):
    """The candidate's process ended while an answer was due."""


class Forged(Stop):
    """Something that is no answer came over the channel."""


@dataclass
class Link:
    """One candidate process: its socket and its pidfd. `named`: the names that the tests use."""

    sock: socket.socket
    pid: int
    handle: int
    named: frozenset[str] = frozenset()
    calls: int = 0
    received: int = 0
    stopped: Stop | None = None
    raised: BaseException | None = None

    def ask(self, frame: Frame) -> Frame:
        """Send a question and wait for the answer. Raises `Died` or `Forged`."""
        try:
            self.sock.sendall(frames.pack(frame))
        except OSError as error:
            raise self._stop(Died(str(error))) from None
        except FrameError as error:
            raise self._stop(NeedShared(str(error))) from None
        return self.receive()

    def receive(self) -> Frame:
        """Wait for one frame. Raises `Died` or `Forged`."""
        try:
            header = self._exactly(frames.HEADER.size)
            length = frames.body_length(header, _MAX_ANSWER)
            self.received += length
            return frames.unpack(self._exactly(length))
        except FrameError as error:
            raise self._stop(Forged(str(error))) from None

    def load(self, source: str, names: list[str], limits: Frame) -> Frame:
        """Have the source run. `failure`, or the kinds of those `names` that it defined."""
        frame = {"do": "load", "source": source, "names": names, "limits": limits}
        answer = self.numbered(frame)
        match answer:
            case {"failure": dict()} if len(answer) == _FIELDS:
                return answer
            case {"names": dict(kinds)} if len(answer) == _FIELDS:
                known = kinds.keys() <= set(names)
                if known and all(isinstance(kind, str) for kind in kinds.values()):
                    return answer
        raise self._stop(Forged("no answer that a loaded source could give"))

    def call(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Call a function of the candidate: its result, or its exception under a built-in type."""
        if self.stopped is not None:
            raise self.stopped
        encoder = Encoder()
        try:
            value = encoder.encode([args, kwargs])
        except CannotCross as error:
            raise self._stop(NeedShared(f"an argument of type {error}")) from None
        answer = self.numbered({"do": "call", "name": name, "plain": False, "value": value})
        if "cannot" in answer:
            raise self._stop(NeedShared(f"a result of type {str(answer['cannot'])[:200]}"))
        if "raised" in answer:
            if answer.get("value") is not None:
                self._decode(encoder, answer["value"])
            raise self._exception(answer["raised"])
        return self._decode(encoder, answer.get("value"))

    def call_plain(self, name: str, value: Any) -> Frame:
        """Call with an encoded `[args, kwargs]` and hand back the raw answer."""
        return self.numbered({"do": "call", "name": name, "plain": True, "value": value})

    def numbered(self, frame: Frame) -> Frame:
        """Ask, and accept only an answer that carries the question's number."""
        self.calls += 1
        answer = self.ask({**frame, "id": self.calls})
        if answer.get("id") != self.calls:
            raise self._stop(Forged("an answer to a question that was not asked"))
        return answer

    def _decode(self, encoder: Encoder, value: Any) -> Any:
        try:
            parts = Decoder(encoder.objects).decode(value)
            _, _, result = parts
        except (CodecError, TypeError, ValueError) as error:
            raise self._stop(Forged(f"not a value: {error}")) from None
        return result

    def _exception(self, raised: Any) -> BaseException:
        """What stands for the candidate's exception; the tests get no signal that they may miss."""
        found = signals_in(raised) & self.named
        if found:
            return self._stop(NeedShared(f"a {min(found)}, which the tests name"))
        try:
            self.raised = stand_in(raised)
        except CodecError as error:
            return self._stop(Forged(f"not an exception: {error}"))
        return self.raised

    def _stop(self, reason: Stop) -> Stop:
        self.stopped = reason
        return reason

    def _exactly(self, size: int) -> bytes:
        """Read that many bytes, or raise `Died` when the candidate's own process has ended.

        A child of the candidate may keep the channel open, so its end alone would not tell.
        """
        poller = select.poll()
        poller.register(self.sock, select.POLLIN)
        poller.register(self.handle, select.POLLIN)
        data = bytearray()
        while len(data) < size:
            ready = dict(poller.poll())
            chunk = b""
            if self.sock.fileno() in ready:
                try:
                    chunk = self.sock.recv(min(size - len(data), 1 << 20), socket.MSG_DONTWAIT)
                except BlockingIOError:
                    continue
                except OSError:
                    chunk = b""
            if not chunk:
                raise self._stop(Died("the program ended before it answered"))
            data += chunk
        return bytes(data)

    def close(self) -> None:
        """Close both descriptors."""
        self.sock.close()
        os.close(self.handle)
