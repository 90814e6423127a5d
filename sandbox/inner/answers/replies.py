"""Answers what the candidate asks of objects of the tests, while its own answer is due."""

from __future__ import annotations

import _thread
import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from sandbox.codec import CodecError
from sandbox.inner.crossing.crossed import by_name
from sandbox.inner.remote.outcomes import is_failure
from sandbox.inner.wire.channel import Died, Forged, Stop
from sandbox.inner.wire.deputies import MAIN, PAUSE_S, Deputies, Later, Numbers
from sandbox.inner.wire.nesting import DEEPEST, FRAMES, READING, deeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.frames import Frame
    from sandbox.inner.answers.accounts import Accounts
    from sandbox.inner.answers.mirrors import Mirrors
    from sandbox.inner.wire.listening import Listener


class Says(Protocol):
    """The link, as replies are made for it."""

    mirrors: Mirrors
    accounts: Accounts
    listener: Listener
    questions: int

    def heard(self, answer: Frame) -> Any:
        """The payload of the other side. Raises `Stop`."""
        ...

    def told(self, value: Any) -> Frame:
        """A payload for the other side. Raises `Stop`."""
        ...

    def stop(self, reason: Stop) -> Stop:
        """Note why the tests cannot go on, to be raised."""
        ...


def _while_handling(error: Any, work: Callable[[], Any]) -> Any:
    """Do it where an exception is handled that the program handles: a logger notes it."""
    if not isinstance(error, Exception):
        raise CodecError("no exception that could be handled")
    context = error.__context__
    try:
        raise error  # noqa: TRY301 - so it is handled
    except Exception:  # noqa: BLE001 - whatever it is
        error.__context__ = context
        return work()


class Replies:
    """What the tests' side says to questions that come back."""

    def __init__(self, link: Says) -> None:
        self.deputies = Deputies()
        self._link = link
        self._open = self._room = 0
        self._main_thread = _thread.get_ident()
        self._numbers = Numbers()
        self._many = False

    def thread(self) -> int:
        """The number of the thread of the tests that this is."""
        return MAIN if _thread.get_ident() == self._main_thread else self._numbers.here()

    def many(self) -> bool:
        """Whether the tests have several threads; once they had, they count as having them."""
        if not self._many:
            ours = self._link.listener.threads + self.deputies.threads
            self._many = _thread._count() > ours  # noqa: SLF001 - `threading` knows not all
        return self._many

    def asker(self) -> Frame:
        """Which thread asks, where the tests have several."""
        if not self.many():
            return {}
        thread = self.thread()
        self.deputies.adopt(-thread)
        over = self._numbers.ended()
        self.deputies.end([-number for number in over])
        return {"thread": thread, "over": over}

    def pause(self) -> None:
        """Before this thread asks again: do what its deputy wants of it."""
        own = -self.thread()
        self.deputies.adopt(own)
        self.deputies.work_for(own, PAUSE_S)

    def to(self, asked: Frame) -> Frame:
        """The reply, or that it comes later. Raises `Stop`."""
        self._open += 1
        if self._open > DEEPEST:
            raise self._link.stop(Died("the program and the tests call each other without end"))
        try:
            with deeper():
                return self._reply(asked)
        finally:
            self._open -= 1

    @property
    def lifted(self) -> int:
        """By how much the limit of recursion is higher than the tests know."""
        return self._open * FRAMES + self._room

    @contextmanager
    def roomy(self) -> Iterator[None]:
        """Have room for the deepest value. Writing one may ask, of which class it is."""
        self._room += READING
        try:
            with deeper(READING):
                yield
        finally:
            self._room -= READING

    def _done(self, thread: int, ask: Any, work: Callable[[], Any]) -> Any:
        """Do what a thread of the program asks, or have it done. Raises what that raises.

        What it asks of the very thread that hears it is done by that once it has left the channel,
        or whatever it waits for could not come: other threads of the tests ask meanwhile.
        """
        own = -self.thread()
        if ask == "await":
            return self.deputies.result(thread, here=thread == own)
        if thread == own or (thread == 0 and self._open == 1 and self.many()):
            # A handler of a signal may have ended its wait for what it asked before.
            self.deputies.adopt(own).abandon()
            self.deputies.begin(own, work)
            raise Later
        return work() if thread == 0 else self.deputies.perform(thread, work)

    def perform(self, ask: Any, on: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Do it. That an assertion fails counts also where nobody asks what came of it."""
        try:
            return self._link.mirrors.guests.perform(ask, on, args, kwargs)
        except BaseException as error:
            if is_failure(error):
                self._link.accounts.fails(error, self._link.questions)
            raise

    def _reply(self, asked: Frame) -> Frame:
        link = self._link
        match asked:
            case {"ask": ask, "on": on, "value": _, "changed": _, "classes": _}:
                parts, thread = link.heard(asked), asked.get("thread", 0)
                self.deputies.end(asked.get("over"))
            case _:
                raise link.stop(Forged("no question that a program could have"))
        match parts:
            case tuple([tuple(args), pairs, *handled]) if (
                type(thread) is int and (kwargs := by_name(pairs)) is not None
            ):
                work = functools.partial(self.perform, ask, on, args, kwargs)
                for error in handled:
                    work = functools.partial(_while_handling, error, work)
            case _:
                raise link.stop(Forged("a question without arguments"))
        try:
            given = self._done(thread, ask, work)
            return {"do": "reply", **link.told(given)}
        except Stop:
            raise
        except Later:
            return {"do": "later"}
        except CodecError as error:
            raise link.stop(Forged(str(error))) from None
        except BaseException as error:  # noqa: BLE001 - the tests' own code may raise anything
            raised = link.accounts.told(error)
            if is_failure(error) and "guest" in raised:
                raised["message"] = ""  # it says what was expected
            return {"do": "reply", **link.told(None), "raised": raised}
