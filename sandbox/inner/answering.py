"""The candidate's end of the channel: it answers what is asked of what the source defined.

It runs beside foreign code, so nothing that it says can be relied on.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import sys
import threading
import time
import types
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from sandbox import frames
from sandbox.codec import MAX_BYTES, CannotCross
from sandbox.frames import FrameError
from sandbox.inner import cases, shared, whole
from sandbox.inner.confinement import limit
from sandbox.inner.containers import Containers
from sandbox.inner.exchange import heard, told
from sandbox.inner.execute import describe_fully, execute, name_of
from sandbox.inner.records import Records
from sandbox.inner.servant import Servant
from sandbox.inner.special import MODULE
from sandbox.inner.standins import GUEST, error_of
from sandbox.inner.turns import Turns

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from sandbox.frames import Frame

_MESSAGE = 200
_REFERENCE = 3  # tag, number and class: an exception's text and arguments are told beside it
_AT_ONCE, _MOST_AT_ONCE = 1 << 12, 1 << 20
_NEWS_S = 0.005
"""How often it is looked what threads have changed while nothing is asked."""

_sleep = time.sleep  # programs put something else in its place
_SOURCE = "/tmp/solution.py"  # noqa: S108 - where it would be: there is no such file


def _mute() -> None:
    """Have what the program prints go nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(null, descriptor)
    os.close(null)


class Answering:
    """Answers questions, one open at a time; while one is, the program may ask back."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._containers = Containers()
        self._servant = Servant(self.ask_back)
        self._servant.held = self._containers.held
        self._turns = Turns(lambda: self._send({"knock": True}))
        self._watchers = 0
        self._main_thread = threading.get_ident()
        self._names: list[str] = []
        self._told_of: dict[str, Any] = {}
        self._module = types.ModuleType("solution")
        self._module.__file__ = _SOURCE

    def run(self) -> None:
        """Until the keeper is done."""
        while True:
            match self._receive():
                case {"do": "load"} as frame:
                    self._answer(frame, partial(self._load, frame), frames.MAX_FRAME_BYTES)
                case {"do": "ask"} as frame:
                    self._ask(frame)
                case {"do": "listen"} as frame:
                    self._hear_out(frame)
                case {"do": "case" | "output" as what} as frame:
                    serve_call = cases.call if what == "case" else cases.output
                    self._answer(frame, partial(serve_call, self._module.__dict__, frame))
                case {"do": "mute"} as frame:
                    _mute()
                    self._send({"id": frame["id"]})
                case {"do": "main"} as frame:
                    self._main(frame)
                case {"do": "shared"} as frame:
                    limit(frame["limits"])
                    self._send({"id": frame["id"], **shared.run(frame, self._module)})
                    os._exit(0)
                case _:
                    return

    def _receive(self) -> Frame:
        """The next frame. The tests send one at a time, so nothing of another comes along."""
        data = bytearray()
        size = frames.HEADER.size
        while len(data) < size:
            chunk = self._channel.recv(max(_AT_ONCE, min(size - len(data), _MOST_AT_ONCE)))
            if not chunk:
                os._exit(0)
            data += chunk
            if len(data) >= frames.HEADER.size:
                header = bytes(data[: frames.HEADER.size])
                size = frames.HEADER.size + frames.body_length(header)
        return frames.unpack(bytes(data[frames.HEADER.size :]))

    def _send(self, frame: Frame, most: int = frames.MAX_FRAME_BYTES) -> None:
        """Send an answer, or that it cannot be sent for being above that many bytes."""
        # The keeper may end this process at any time after an answer.
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        try:
            data = frames.pack(frame, most)
        except (FrameError, MemoryError):
            data = frames.pack({"id": frame["id"], "cannot": "a value too large to send"})
        self._channel.sendall(data)

    def _load(self, frame: Frame) -> Frame:
        """Run the source as a module and say which of the names in question it defined."""
        limit(frame["limits"])
        sys.modules["solution"] = self._module
        failure = execute(frame["source"], self._module.__dict__)
        if failure is not None:
            return {"failure": failure}
        self._servant.objects[MODULE] = self._module
        self._servant.copies_arrays = frame["arrays"]
        self._names = frame["names"]
        known = self._module.__dict__
        self._containers.records = self._servant.records = Records.beside(frame["records"], known)
        self._servant.named = {
            value for name in self._names if isinstance(value := known.get(name), type)
        }
        return self._told(self._rebound())

    def _answer(self, frame: Frame, made: Callable[[], Frame], most: int = MAX_BYTES) -> None:
        """Answer a question for which none of our objects is asked."""
        with self._turns.asked(frame["id"]):
            answer = made()
            self._turns.closing(frame["id"])
            self._send({"id": frame["id"], **answer}, most)

    def _ask(self, frame: Frame) -> None:
        """Do what the tests ask of one of our objects."""
        args, pairs = self._heard(frame)
        number = frame["id"]
        with self._turns.asked(number):
            try:
                if "ended" in frame:
                    with self._servant.loops.entered(frame):
                        given = self._servant.perform(frame["ask"], frame["on"], args, dict(pairs))
                else:
                    given = self._servant.perform(frame["ask"], frame["on"], args, dict(pairs))
            except BaseException as error:  # noqa: BLE001 - the keeper decides what it means
                self._turns.closing(number)
                answer = self._raised(number, error)
            else:
                self._turns.closing(number)
                answer = self._given(number, given)
            self._send(answer, MAX_BYTES)

    def _hear_out(self, frame: Frame) -> None:
        """Let threads speak that wait to."""
        self._heard(frame)
        with self._turns.asked(frame["id"]):
            self._turns.let_speak()
            self._turns.closing(frame["id"])
            self._send(self._given(frame["id"], None), MAX_BYTES)

    def _rebound(self) -> tuple[tuple[str, Any], ...]:
        """Variables that the tests use and that are bound to something else than they know."""
        changed = self._changed_names()
        self._told_of |= changed
        return tuple(changed.items())

    def _changed_names(self) -> dict[str, Any]:
        found = self._module.__dict__
        return {
            name: found[name]
            for name in self._names
            if name in found and found[name] is not self._told_of.get(name, self)
        }

    def _given(self, number: int, given: Any) -> Frame:
        try:
            return {"id": number, **self._told((given, self._rebound()))}
        except (CannotCross, TypeError, ValueError, RecursionError, MemoryError) as error:
            # Not only the codec's own: keys that cannot be hashed once they are plain, and such.
            return {"id": number, "cannot": str(error)[:_MESSAGE] or type(error).__name__}

    def _told(self, value: Any) -> Frame:
        payload = told(value, self._containers, self._servant.refer)
        classes, self._servant.classes = self._servant.classes, []
        return {**payload, "classes": classes, "alive": self._goes_on()}

    def _goes_on(self) -> bool:
        """Whether the program has threads, which may do something while nothing is asked of it."""
        if _thread._count() == self._watchers:  # noqa: SLF001 - those that `threading` knows not, too
            return False
        if not self._watchers:
            with contextlib.suppress(RuntimeError):  # no thread can be had
                _thread.start_new_thread(self._watch, ())
                self._watchers = 1
        return True

    def _watch(self) -> None:
        """Have the tests asked to look at what threads have changed."""
        while True:
            _sleep(_NEWS_S)
            self._turns.knock_on(self._has_news)

    def _has_news(self) -> bool:
        try:
            return self._containers.has_news() or bool(self._changed_names())
        except RuntimeError:  # it changes while we look
            return False

    def _heard(self, frame: Frame) -> Any:
        """What the tests say, after which they do not hold some of our objects any more."""
        self._servant.forget(frame["drop"])
        value = heard(frame, self._containers, self._servant.resolve)
        self._containers.forget(frame["forget"])
        return value

    def _raised(self, number: int, error: BaseException) -> Frame:
        raised = describe_fully(error, self._own)
        told = self._given(number, None)
        return told if "cannot" in told else {"raised": raised, **told}

    def _own(self, error: BaseException) -> Frame:
        """What stands for an exception of the tests, and the class of one of the solution's."""
        if type(vars(error).get(GUEST)) is int:
            return {"guest": vars(error)[GUEST]}
        if name_of(type(error)) is None:
            return {"object": self._servant.refer(error)[:_REFERENCE]}
        return {}

    def ask_back(self, ask: str, on: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Ask something of an object of the tests, while a question of theirs is open."""
        thread = threading.get_ident()
        own = 0 if thread == self._main_thread else thread
        while True:
            with self._turns.speaking() as number:
                payload = self._told((args, tuple(kwargs.items())))
                asked = {"id": number, "ask": ask, "on": on, "thread": own, **payload}
                self._send(asked, MAX_BYTES)
                while (frame := self._receive())["do"] == "ask":
                    self._ask(frame)
                if frame["do"] == "reply":
                    given = self._heard(frame)
                    break
            _sleep(_NEWS_S)  # others may speak until that is done
            ask, on, args, kwargs = "await", 0, (), {}
        if (raised := frame.get("raised")) is None:
            return given
        if "own" in raised:
            raise self._servant.objects[raised["own"]]
        raise error_of(raised)

    def _main(self, frame: Frame) -> NoReturn:
        """Run the source as a whole program, and end as Python would."""
        directory = whole.fresh_directory(frame["case"])
        limit(frame["limits"])
        module = types.ModuleType("__main__")
        module.__file__ = f"{directory}/solution.py"
        sys.modules["__main__"] = module
        sys.set_int_max_str_digits(0)
        failure = execute(frame["source"], module.__dict__)
        code = 0
        if failure is not None:
            code = whole.exit_code(failure)
            if failure["detail"] != "early_exit":
                whole.complain(failure["traceback"])
                self._send({"failure": failure})
        whole.end(module)
        os._exit(code)
