"""The keeper's end of the channel to the candidate: every answer is taken as hostile.

An answer counts only if it is a well-formed frame, carries the number of the question that is
open, has the form of an answer to that very question, and decodes under the codec's caps. Anything
else that arrives is evidence of tampering with the verdict's channel: `Forged`.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox import frames
from sandbox.codec import MAX_BYTES, CannotCross, CodecError, Decoder, Encoder
from sandbox.frames import FrameError
from sandbox.inner.exceptions import stand_in, wanted_itself

if TYPE_CHECKING:
    from sandbox.frames import Frame


_FIELDS = 2  # the number, and one more
_PARTS = 3  # positional arguments, keyword arguments, result


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


class FaultyTests(Stop):
    """The tests are at fault, whatever the candidate; the text says which part and how."""


@dataclass
class Link:
    """One candidate process: its socket and its pidfd. `named`: the names that the tests use."""

    sock: socket.socket
    pid: int
    handle: int
    named: frozenset[str] = frozenset()
    questions: int = 0
    calls: int = 0
    received: int = 0
    stopped: Stop | None = None
    raised: BaseException | None = None
    turn: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, frame: Frame) -> Frame:
        """Send a question and wait for the answer. Raises `Died` or `Forged`."""
        try:
            self.sock.sendall(frames.pack(frame))
        except OSError as error:
            raise self.stop(Died(str(error))) from None
        except FrameError as error:
            raise self.stop(NeedShared(str(error))) from None
        return self.receive()

    def receive(self) -> Frame:
        """Wait for one frame. Raises `Died` or `Forged`."""
        try:
            header = self._exactly(frames.HEADER.size)
            length = frames.body_length(header, MAX_BYTES)
            self.received += length
            return frames.unpack(self._exactly(length))
        except FrameError as error:
            raise self.stop(Forged(str(error))) from None
        except MemoryError:
            raise self.stop(TooLarge("an answer needs more memory than allowed")) from None

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
        raise self.stop(Forged("no answer that a loaded source could give"))

    def call(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Call a function of the candidate: its result, or its exception under a built-in type."""
        if self.stopped is not None:
            raise self.stopped
        self.calls += 1
        encoder = Encoder()
        try:
            value = encoder.encode([args, kwargs])
        except (CannotCross, RecursionError) as error:
            raise self.stop(NeedShared(f"an argument that cannot be sent: {error}")) from None
        answer = self.numbered({"do": "call", "name": name, "plain": False, "value": value})
        match answer:
            case {"value": value} if len(answer) == _FIELDS:
                return self._decode(encoder, value)
            case {"raised": raised, "value": echo} if len(answer) == _FIELDS + 1:
                if echo is not None:
                    self._decode(encoder, echo)
                raise self._exception(raised)
            case {"cannot": str(kind)} if len(answer) == _FIELDS:
                raise self.stop(NeedShared(f"a result that cannot be sent: {kind[:200]}"))
        raise self.stop(Forged("no answer that a call could give"))

    def call_plain(self, name: str, value: Any) -> Frame:
        """Call with an encoded `[args, kwargs]` and hand back the answer: `value`, in wire form.

        Or else `raised`, a description, or `cannot`, the name of a type.
        """
        answer = self.numbered({"do": "call", "name": name, "plain": True, "value": value})
        match answer:
            case {"value": result} if len(answer) == _FIELDS:
                self._checked(Decoder(), result)
                return answer
            case {"raised": dict()} | {"cannot": str()} if len(answer) == _FIELDS:
                return answer
        raise self.stop(Forged("no answer that a call could give"))

    def numbered(self, frame: Frame) -> Frame:
        """Ask, and accept only an answer that carries the question's number.

        Tests may ask from many threads, which then take turns.
        """
        with self.turn:
            if self.stopped is not None:
                raise self.stopped
            self.questions += 1
            try:
                answer = self.ask({**frame, "id": self.questions})
            except Stop:
                raise
            except BaseException:
                # A timer of the tests, say: what is answered now belongs to no later question.
                self.stop(NeedShared("the tests interrupt a call"))
                raise
            number = answer.get("id")
            if type(number) is not int or number != self.questions:
                raise self.stop(Forged("an answer to a question that was not asked"))
            return answer

    def _decode(self, encoder: Encoder, value: Any) -> Any:
        parts = self._checked(Decoder(encoder.objects), value)
        if type(parts) is not list or len(parts) != _PARTS:
            raise self.stop(Forged("not the arguments and a result"))
        return parts[-1]

    def _checked(self, decoder: Decoder, value: Any) -> Any:
        try:
            return decoder.decode(value)
        except CodecError as error:
            raise self.stop(Forged(f"not a value: {error}")) from None
        except MemoryError:
            raise self.stop(TooLarge("a result needs more memory than allowed")) from None
        except RecursionError:
            # The codec's own cap on depth is far below; the tests must have come near the limit.
            raise self.stop(NeedShared("a call from deep recursion of the tests")) from None

    def _exception(self, raised: Any) -> BaseException:
        """What stands for the candidate's exception; the tests get no signal that they may miss."""
        reason = wanted_itself(raised, self.named)
        if reason is not None:
            return self.stop(NeedShared(f"the tests get {reason}"))
        try:
            self.raised = stand_in(raised)
        except CodecError as error:
            return self.stop(Forged(f"not an exception: {error}"))
        return self.raised

    def stop(self, reason: Stop) -> Stop:
        """Note why the tests cannot go on, and give the first such reason, to be raised."""
        self.stopped = self.stopped or reason
        return self.stopped

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
                raise self.stop(Died("the program ended before it answered"))
            data += chunk
        return bytes(data)

    def close(self) -> None:
        """Close both descriptors."""
        self.sock.close()
        os.close(self.handle)
