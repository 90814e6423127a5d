"""Answers what the candidate asks of objects of the tests, while its own answer is due."""

from __future__ import annotations

import _thread
import functools
from typing import TYPE_CHECKING, Any, Final, Protocol

from sandbox.codec import CodecError
from sandbox.inner.channel import Died, Forged, Stop
from sandbox.inner.deputies import MAIN, PAUSE_S, Deputies, Later
from sandbox.inner.exchange import by_name
from sandbox.inner.outcomes import is_failure

if TYPE_CHECKING:
    from sandbox.frames import Frame
    from sandbox.inner.accounts import Accounts
    from sandbox.inner.listening import Listener
    from sandbox.inner.mirrors import Mirrors

_DEEPEST: Final = 60
"""Questions that the two sides may have open at a time."""


class Says(Protocol):
    """The link, as replies are made for it."""

    mirrors: Mirrors
    accounts: Accounts
    listener: Listener

    def heard(self, answer: Frame) -> Any:
        """The payload of the other side. Raises `Stop`."""
        ...

    def told(self, value: Any) -> Frame:
        """A payload for the other side. Raises `Stop`."""
        ...

    def stop(self, reason: Stop) -> Stop:
        """Note why the tests cannot go on, to be raised."""
        ...


class Replies:
    """What the tests' side says to questions that come back."""

    def __init__(self, link: Says) -> None:
        self.deputies = Deputies()
        self._link = link
        self._open = 0
        self._main_thread = _thread.get_ident()
        self._many = False

    def thread(self) -> int:
        """The number of the thread of the tests that this is."""
        own = _thread.get_ident()
        return MAIN if own == self._main_thread else own

    def asker(self) -> Frame:
        """Which thread asks, where the tests have several; the first time is for good."""
        if not self._many:
            ours = self._link.listener.threads + self.deputies.threads
            self._many = _thread._count() > ours  # noqa: SLF001 - `threading` knows not all
            if not self._many:
                return {}
        thread = self.thread()
        self.deputies.adopt(-thread)
        return {"thread": thread}

    def pause(self) -> None:
        """Before this thread asks again: do what its deputy wants of it."""
        self.deputies.work_for(-self.thread(), PAUSE_S)

    def to(self, asked: Frame) -> Frame:
        """The reply, or that it comes later. Raises `Stop`."""
        self._open += 1
        if self._open > _DEEPEST:
            raise self._link.stop(Died("the program and the tests call each other without end"))
        try:
            return self._reply(asked)
        finally:
            self._open -= 1

    def _reply(self, asked: Frame) -> Frame:
        link = self._link
        match asked:
            case {"ask": ask, "on": on, "value": _, "changed": _, "classes": _}:
                parts, thread = link.heard(asked), asked.get("thread", 0)
            case _:
                raise link.stop(Forged("no question that a program could have"))
        match parts:
            case tuple([tuple(args), pairs]) if (
                type(thread) is int and (kwargs := by_name(pairs)) is not None
            ):
                work = functools.partial(link.mirrors.guests.perform, ask, on, args, kwargs)
            case _:
                raise link.stop(Forged("a question without arguments"))
        try:
            if ask == "await":
                given = self.deputies.result(thread, here=thread == -self.thread())
            elif thread in (0, -self.thread()):
                given = work()
            else:
                given = self.deputies.perform(thread, work)
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
                link.accounts.failures[raised["guest"]] = error
                raised["message"] = ""  # it says what was expected
            return {"do": "reply", **link.told(None), "raised": raised}
