"""The candidate's end of the channel: it answers what is asked of what the source defined.

It runs beside foreign code, so nothing that it says can be relied on.
"""

from __future__ import annotations

import _thread
import os
import sys
import types
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from sandbox.codec import MAX_BYTES
from sandbox.inner.crossing.containers import Containers
from sandbox.inner.crossing.exchange import heard, told
from sandbox.inner.crossing.records import Records
from sandbox.inner.crossing.special import MODULE
from sandbox.inner.given.thrown import GUEST, error_of
from sandbox.inner.kernel.confinement import limit
from sandbox.inner.program import cases, shared, whole
from sandbox.inner.program.execute import describe_fully, execute, name_of
from sandbox.inner.program.own_process import CALLS, OwnProcess
from sandbox.inner.program.servant import Servant
from sandbox.inner.program.stream import Stream
from sandbox.inner.program.variables import UNSENDABLE, sendable
from sandbox.inner.wire.deputies import MAIN, Later
from sandbox.inner.wire.nesting import deeper
from sandbox.inner.wire.threads import Threads
from sandbox.inner.wire.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.frames import Frame

_MESSAGE, _REFERENCE = 200, 3  # letters; tag, number and class: the rest is told beside these
_SOURCE = "/tmp/solution.py"  # noqa: S108 - where it would be: there is no such file


class Answering:
    """Answers questions, one open at a time; while one is, the program may ask back.

    It may be made before there is a channel for its `stream`, and a program.
    """

    def __init__(self) -> None:
        self.stream = Stream()
        self._send, self._receive = self.stream.send, self.stream.receive
        self._containers = Containers(of_tests=False)
        self._servant = Servant(self.ask_back)
        self._servant.held = self._containers.held
        self._turns = Turns(lambda: self._send({"knock": True}))
        self._threads = Threads(self._turns, self._has_news)
        self._asking = set[int]()
        self._unheard, self._ended = 0, list[Any]()
        self._process = OwnProcess([], [])
        self._names, self._told_of = list[str](), dict[str, Any]()
        self._module = types.ModuleType("solution")
        self._module.__file__ = _SOURCE

    def run(self) -> None:
        """Until the keeper is done."""
        while True:
            match self._next_frame():
                case {"do": "load"} as frame:
                    self._answer(frame, partial(self._load, frame), self._lesser)
                case {"do": "ask"} as frame:
                    self._next(frame)
                case {"do": "listen"} as frame:
                    self._hear_out(frame)
                case {"do": "case" | "output" as what} as frame:
                    serve_call = cases.call if what == "case" else cases.output
                    self._answer(frame, partial(serve_call, self._module.__dict__, frame))
                case {"do": "mute"} as frame:
                    whole.mute()
                    self._send({"id": frame["id"]})
                case {"do": "main"} as frame:
                    whole.run(frame, self._send)
                case {"do": "shared"} as frame:
                    limit(frame["limits"])
                    self._send({"id": frame["id"], **shared.run(frame, self._module)})
                    os._exit(0)
                case _:
                    return

    def _next(self, frame: Frame) -> None:
        if "thread" in frame:
            self._threads.step_aside(partial(self._go_on, partial(self._ask, frame, aside=True)))
        self._ask(frame, aside=self._threads.aside)
        if self._threads.may_be_interrupted():  # and could not hear what it asks for
            self._threads.step_aside(partial(self._go_on, nullcontext))

    def _load(self, frame: Frame) -> Frame:
        """Run the source as a module and say which of the names in question it defined."""
        limit(frame["limits"])
        sys.modules["solution"] = self._module
        failure = execute(frame["source"], self._module.__dict__)
        if failure is not None:
            return {"failure": failure}
        self._servant.objects[MODULE] = self._module
        self._names, self._containers.arrays = frame["names"], frame["arrays"]
        known = self._module.__dict__
        self._containers.records = self._servant.records = Records.beside(frame["records"], known)
        self._process = OwnProcess(frame["watched"], self._names)
        self._servant.named = {
            value for name in self._names if isinstance(value := known.get(name), type)
        }
        try:
            return self._told(self._rebound())
        except UNSENDABLE:
            return self._lesser({"classes": []})

    def _lesser(self, loaded: Frame) -> Frame:
        """In place of an answer to a load: without variables that cannot be sent, and their names.

        That the tests name them says not that they use them: they may have some of the same name.
        """
        self._containers.undo(0)
        self._servant.classes[:0] = loaded["classes"]
        found = sendable(self._told_of, self._containers, self._servant.refer)
        return {**self._told(tuple(found.items())), "unsent": [*self._told_of.keys() - found]}

    def _answer(
        self,
        frame: Frame,
        made: Callable[[], Frame],
        lesser: Callable[[Frame], Frame] | None = None,
    ) -> None:
        """Answer a question for which none of our objects is asked."""
        with self._turns.asked(frame["id"]):
            answer = made()
            self._turns.closing(frame["id"])
            self._send({"id": frame["id"], **answer}, MAX_BYTES, lesser)

    def _go_on(self, begin: Callable[[], object]) -> NoReturn:
        """In a thread of its own, instead of the main thread."""
        try:
            begin()
            self.run()
        except BaseException:  # noqa: BLE001 - the outermost handler of the thread
            os._exit(70)
        os._exit(0)

    def _leave(self, number: int) -> None:
        """Answer a question that is open here: its answer comes later."""
        self._turns.closing(number)
        self._send({"id": number, "later": True})
        self._turns.leave()

    def _ask(self, frame: Frame, *, aside: bool = False) -> None:
        """Do what the tests ask of an object of ours: here, or `aside` by their thread's deputy."""
        args, pairs = self._heard(frame)
        self._threads.deputies.end(frame.get("over"))
        number = frame["id"]
        work = partial(self._done, frame, args, dict(pairs))
        with self._turns.asked(number):
            self._let_go()
            try:
                if not aside:
                    given = self._threads.done_here(work).given()
                elif frame["ask"] == "await":
                    given = self._threads.deputies.result(frame.get("thread", MAIN))
                else:
                    given = self._threads.deputies.perform(frame.get("thread", MAIN), work)
            except Later:
                self._turns.closing(number)
                answer: Frame = {"id": number, "later": True}
            except BaseException as error:  # noqa: BLE001 - the keeper decides what it means
                self._turns.closing(number)
                answer = self._raised(number, error)
            else:
                self._turns.closing(number)
                answer = self._given(number, given)
            self._send(answer | self._process.told(frame["ask"]), MAX_BYTES)

    def _done(self, frame: Frame, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            with self._servant.loops.entered(frame):
                return self._servant.perform(frame["ask"], frame["on"], args, kwargs)
        finally:
            self._turns.silence()

    def _hear_out(self, frame: Frame) -> None:
        """Let threads speak that wait to."""
        self._heard(frame)
        with self._turns.asked(frame["id"]):
            self._let_go()
            self._turns.let_speak()
            self._turns.closing(frame["id"])
            self._send(self._given(frame["id"], None) | self._process.told(""), MAX_BYTES)

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
        except UNSENDABLE as error:
            return {"id": number, "cannot": str(error)[:_MESSAGE] or type(error).__name__}

    def _told(self, value: Any) -> Frame:
        with self._servant.gone() as gone:  # before: what is told now is there
            payload = told(value, self._containers, self._servant.refer)
        classes, self._servant.classes = self._servant.classes, []
        alive = {"alive": True} if self._threads.go_on() else {}
        return {**payload, "classes": classes, **alive, **({"gone": gone} if gone else {})}

    def _has_news(self) -> bool:
        try:
            return self._containers.has_news() or bool(self._changed_names())
        except RuntimeError:  # it changes while we look
            return False

    def _heard(self, frame: Frame) -> Any:
        """What the tests say, after which they do not hold some objects any more."""
        self._ended += self._servant.forget(frame["drop"])
        value = heard(frame, self._containers, self._servant.resolve)
        self._ended += self._containers.forget(frame["forget"])
        self._ended += self._servant.lifetimes(frame["loose"], frame["held"])
        return value

    def _let_go(self) -> None:
        """Let end what nobody holds any more: what is called then may have something to ask."""
        self._ended.clear()

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
        if _thread.get_ident() in self._asking:
            return None  # in a handler of a signal that interrupted this very thing
        while True:
            of = self._threads.told()
            with self._turns.speaking() as number:
                payload = self._process.calling(self._told, args, kwargs)
                asked = {"id": number, "ask": ask, "on": on, **payload}
                frame = self._exchanged(asked | of | self._process.told(CALLS))
                if frame["do"] == "reply":
                    given = self._heard(frame)
                    break
            self._threads.postpone(number, partial(self._go_on, partial(self._leave, number)))
            ask, on, args, kwargs = "await", 0, (), {}
        self._let_go()
        if (raised := frame.get("raised")) is None:
            return given
        if "own" in raised:
            raise self._servant.objects[raised["own"]]
        raise error_of(raised)

    def _exchanged(self, asked: Frame) -> Frame:
        """Ask, and do what is asked meanwhile, until the reply comes."""
        own, sent = _thread.get_ident(), False
        try:
            self._asking.add(own)
            self._send(asked, MAX_BYTES)
            sent = True
            while (frame := self._next_frame())["do"] == "ask":
                self._asking.discard(own)
                with deeper():
                    self._ask(frame)
                self._asking.add(own)
        except BaseException:  # of a handler of a signal: the reply comes all the same
            self._unheard += sent
            raise
        finally:
            self._asking.discard(own)
        return frame

    def _next_frame(self) -> Frame:
        """The next frame, but for replies that nobody waits for any more."""
        while (frame := self._receive())["do"] in ("reply", "later") and self._unheard:
            self._unheard -= 1
            if frame["do"] == "reply":
                self._heard(frame)
        return frame
