"""The keeper's end of the channel to the candidate: every answer is taken as hostile.

An answer counts only if it is a well-formed frame, carries the number of the question that is
open, has the form of an answer to that very question, and decodes under the codec's caps. Anything
else that arrives is evidence of tampering with the verdict's channel: `Forged`.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.codec import CannotCross
from sandbox.inner.answers.accounts import Accounts
from sandbox.inner.answers.booked import Booked
from sandbox.inner.answers.followed import Followed
from sandbox.inner.answers.mirrors import Mirrors
from sandbox.inner.answers.replies import Replies
from sandbox.inner.answers.surroundings import Surroundings
from sandbox.inner.crossing import exchange
from sandbox.inner.crossing.arrays import are_wanted
from sandbox.inner.crossing.containers import Containers
from sandbox.inner.crossing.records import may_be_changed
from sandbox.inner.crossing.special import MODULE
from sandbox.inner.remote.awaits import LoopsOfTests
from sandbox.inner.remote.exceptions import raise_again, wanted_itself
from sandbox.inner.remote.handles import is_data, number_of, stands_for_itself
from sandbox.inner.remote.methods import note_method
from sandbox.inner.remote.places import Places
from sandbox.inner.wire.channel import (
    AMISS,
    Died,
    Forged,
    NeedShared,
    Stop,
    TooLarge,
    Unsendable,
)
from sandbox.inner.wire.deputies import Later
from sandbox.inner.wire.listening import Listener

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.frames import Frame

_FIELDS, _WHOLE = 2, 4  # the number, and one more or a payload
_KNOCK = {"knock": True}


@dataclass
class Link(Booked):
    """What the tests ask of the candidate. `named`: names in tests; `values`: if one is a value."""

    named: frozenset[str] = frozenset()
    questions: int = 0
    calls: int = 0
    values: bool = False
    loaded: frozenset[str] = frozenset()
    rebound: Callable[[Any], object] = bool  # before a source is loaded it has no variables
    interrupted: Stop | None = None
    places: Places = field(default_factory=Places)
    turn: Any = field(default_factory=threading.RLock)
    containers: Containers = field(default_factory=lambda: Containers(of_tests=True))
    surroundings: Surroundings = field(default_factory=Surroundings)
    mirrors: Mirrors = field(init=False)
    accounts: Accounts = field(init=False)
    loops: LoopsOfTests = field(init=False)
    replies: Replies = field(init=False)
    listener: Listener = field(init=False)
    followed: Followed = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.mirrors = Mirrors(self)
        self.held = self.mirrors.held = self.containers.held
        self.containers.adds = functools.partial(note_method, self)
        self.accounts = Accounts(self.mirrors, self.containers.crossed)
        self.loops = LoopsOfTests(self)
        self.replies = Replies(self)
        self.listener = Listener(self)
        self.followed = Followed(self)

    def load(self, source: str, names: list[str], limits: Frame) -> Frame:
        """Have the source run. `failure`, or under `names` what it defined of those `names`.

        What cannot be sent is not among them: it is asked for if the tests use it.
        """
        self.containers.arrays = are_wanted(self.named)
        ours = {"records": self.containers.records.told, "arrays": self.containers.arrays}
        watched = self.followed.watched(self.named, self.places.tree)
        question = {"source": source, "names": names, "limits": limits, "watched": watched, **ours}
        answer = self.numbered({"do": "load", **question})
        unsent = answer.pop("unsent", [])
        match answer:
            case {"failure": dict()} if len(answer) == _FIELDS and not unsent:
                return answer
            case {"value": _, "changed": _, "classes": _} if (
                len(answer) == _WHOLE and type(unsent) is list
            ):
                found = self.containers.crossed.by_name(self.heard(answer))
                if found is not None and found.keys() <= set(names):
                    self.loaded = frozenset(names)
                    if unsent:
                        self.loaded = frozenset(name for name in names if name not in unsent)
                    self.mirrors.name(found.values())
                    self.values = any(map(is_data, found.values()))
                    self.calls += any(map(stands_for_itself, found, found.values()))
                    return {"names": found}
            case {"cannot": str(kind)} if len(answer) == _FIELDS:
                raise self.stop(Unsendable(f"variables that cannot be sent: {kind[:200]}"))
        raise self.stop(Forged("no answer that a loaded source could give"))

    def ask_object(self, ask: str, on: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Ask something of an object of the candidate: what it gives, or its exception, raised."""
        question = functools.partial(self._asked, ask, on, args, kwargs)
        deputy = self.replies.deputies.here()
        return deputy.asks(question) if deputy is not None and deputy.works else question()

    def _asked(self, ask: str, on: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.stopped is not None:
            raise self.stopped
        if self.is_waiting():
            raise self.need_shared("the tests ask in a handler of a signal, while they wait")
        since = self.loops.began(on) if ask == "result" else self.questions
        while True:
            try:
                return self._ask_once(ask, on, args, kwargs)
            except Later:
                with self.waits():
                    self.replies.pause()
                ask, on, args, kwargs = "await", 0, (), {}
            except BaseException as error:
                self.accounts.let_through(error, since, self.named)
                raise
            finally:
                self.mirrors.guests.end()

    def _ask_once(self, ask: str, on: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What an object gives, at once. Raises `Later`, where the tests have several threads."""
        with self.turn:
            if (what := self.surroundings.changed(self.replies.lifted)) is not None:
                raise self.need_shared(f"the tests change {what}")
            frame = {"do": "ask", "ask": ask, "on": on, **self.told((args, tuple(kwargs.items())))}
            frame |= self.loops.told(ask) | self.replies.asker()
            answer = self.numbered(frame)
            match answer:
                case {"value": _, "changed": _, "classes": _} if len(answer) == _WHOLE:
                    self.calls += 1
                    return self._given(answer)
                case {"raised": raised, "value": _, "changed": _, "classes": _}:
                    self.calls += ask != "get"  # pytest looks for many attributes of its own
                    self._given(answer)
                    raise_again(self._exception(raised))
                case {"later": True} if len(answer) == _FIELDS and self._go_on():
                    self.listener.start()  # it may ask back before we ask again
                    raise Later
                case {"cannot": str(kind)} if len(answer) == _FIELDS:
                    raise self.stop(Unsendable(f"a result that cannot be sent: {kind[:200]}"))
        raise self.stop(Forged("no answer that an object could give"))

    def _go_on(self) -> bool:
        """Whether either side has threads, or is interrupted: one may speak while another works."""
        return self.listener.threads > 0 or self.replies.many()

    async def awaited(self, on: int, special: str, args: tuple[Any, ...]) -> Any:
        """What awaiting an object gives, or a special method of it."""
        return await self.followed.passing(special, self.loops.awaited(on, special, args))

    def _given(self, answer: Frame) -> Any:
        """What an object gave, after the variables of the solution that were bound anew."""
        by_name = self.containers.crossed.by_name
        match self.heard(answer):
            case tuple([given, pairs]) if (changed := by_name(pairs)) is not None:
                self.rebound({name: changed[name] for name in changed.keys() & self.loaded})
                return given
        raise self.stop(Forged("no result and variables"))

    def variable(self, name: str) -> Any:
        """What the solution has under a name that was not among those it was loaded with."""
        found = self.ask_object("get", MODULE, (name,), {})
        self.mirrors.name((found,))
        return found

    def holds_objects(self) -> bool:
        """Whether the candidate was given objects of the tests that are no mere functions."""
        return self.mirrors.guests.are_copied()

    def hear_out(self) -> None:
        """Let threads of the program say what they wait to say, between two questions."""
        if self.has_spoken() and self.receive() != _KNOCK:
            raise self.stop(Forged("a word that was not asked for"))
        answer = self.numbered({"do": "listen", **self.told(None)})
        match answer:
            case {"value": _, "changed": _, "classes": _} if len(answer) == _WHOLE:
                self._given(answer)
            case {"cannot": str(kind)} if len(answer) == _FIELDS:
                raise self.stop(Unsendable(f"a value that cannot be sent: {kind[:200]}"))
            case _:
                raise self.stop(Forged("no answer that a program could give"))

    def value_class(self, told: Any) -> type | None:
        """A value class of the prompt, told of as one that a class of the program derives from."""
        match told:
            case ["", str(name)]:
                return self.containers.records.classes.get(name)
        return None

    def is_probed(self) -> bool:
        """Whether it is a test runner that looks at everything, in search of tests."""
        return self.surroundings.collecting

    def is_reading(self) -> bool:
        """Whether a message is being read, so that nothing can be asked."""
        return self.containers.is_read_here()

    def told(self, value: Any) -> Frame:
        """A payload for the candidate. Raises `NeedShared` where it cannot be sent."""
        try:
            with self.replies.roomy():
                payload = exchange.told(value, self.containers, self._refer)
        except (CannotCross, RecursionError) as error:
            raise self.stop(NeedShared(f"a value that cannot be sent: {error}")) from None
        unheld = self.containers.unheld()  # only now: what they changed in these is told above
        self.containers.forget(unheld)
        return {**payload, **self.mirrors.lifetimes(), "forget": unheld}

    def heard(self, answer: Frame) -> Any:
        """The payload of an answer. Raises `Stop`."""
        try:
            self.mirrors.describe(answer["classes"])
            with self.replies.roomy():
                return exchange.heard(answer, self.containers, self._resolve)
        except MemoryError:
            raise self.stop(TooLarge("a result needs more memory than allowed")) from None
        except RecursionError:
            reason = Died if self.replies.lifted else NeedShared
            raise self.stop(reason("a call from deep recursion")) from None
        except AMISS as error:
            raise self.amiss(error) from None

    def _refer(self, value: Any) -> Any:
        """What stands for a value of the tests over there. Raises `CannotCross`."""
        if number_of(value) is None:
            record = self.containers.records.wire_of(value)
            if record is not None and not may_be_changed(value):
                return record
            if isinstance(value, BaseException):
                return ["e", self.accounts.told(value)]
        return self.mirrors.guests.refer(value)

    def _resolve(self, wire: list[Any]) -> Any:
        """What an answer stands for. Raises `CodecError`."""
        match wire:
            case ["t", int(number)] if 0 <= number < len(self.accounts.passing):
                return self.accounts.passing[number]
            case ["rk" | "re" | "rf" | "rv", *_]:
                return self.containers.records.read(wire)
        return self.mirrors.resolve(wire)

    def numbered(self, frame: Frame) -> Frame:
        """Ask, and accept only an answer that carries the question's number.

        Threads of the tests take turns; while an answer is due, the candidate may ask in its turn.
        """
        with self.turn:
            if (over := self.stopped or self.interrupted) is not None:
                raise self.stop(over)
            self.questions = number = self.questions + 1
            try:
                ask = frame.get("ask", "")
                answer = self._noted(self.ask({**frame, "id": number}), ask)
                while ("ask" in answer and answer.get("id") == number) or answer == _KNOCK:
                    if answer == _KNOCK:
                        answer = self._noted(self.receive(), ask)
                    else:
                        answer = self._noted(self.ask(self.replies.to(answer), TooLarge), ask)
            except Stop:
                raise
            except MemoryError:  # of what the candidate has the tests hold, or say
                raise self.stop(TooLarge("a reply needs more memory than allowed")) from None
            except BaseException:  # a timer of the tests: what is answered now is to no question
                self.interrupted = NeedShared("the tests interrupt a call and go on")
                self.calls += 1
                raise
            if type(answer.get("id")) is not int or answer["id"] != number:
                raise self.stop(Forged("an answer to a question that was not asked"))
            return answer

    def _noted(self, frame: Frame, question: str) -> Frame:
        """What came, without what it says of the program's threads, and of what it let go."""
        if frame.pop("alive", False) is True:
            self.listener.start()
        self.mirrors.guests.let_go(frame.pop("gone", None))
        self.followed.hear(frame, question)
        return frame

    def _exception(self, raised: Any) -> BaseException:
        """What stands for the candidate's exception; the tests get no signal that they may miss."""
        reason = wanted_itself(raised, self.named)
        if reason is not None:
            return self.stop(NeedShared(f"the tests get {reason}"))
        try:
            self.raised = self.accounts.read(raised)
        except AMISS as error:
            return self.stop(Forged(f"not an exception: {error}"))
        return self.raised
