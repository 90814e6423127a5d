"""Which thread of the program may speak to the tests, and when.

The sides speak in turn: whoever is asked may ask back, until it answers. So a thread of the program
speaks while a question is open, one after another, and an answer waits until none is speaking.
While nothing is asked a thread can only knock, whereupon the tests' side asks what there is.

Whoever speaks, or closes a question, is alone on the channel: it sends, and hears what comes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Turns:
    """The question that is open, the thread that speaks (0: none), and who waits to."""

    def __init__(self, knock: Callable[[], None]) -> None:
        self._knock = knock
        self._knocked = False
        self._changed = threading.Condition()
        self._open = 0
        self._speaker = 0
        self._closing: dict[int, int] = {}
        self._waiting: dict[int, object] = {}

    @contextmanager
    def asked(self, number: int) -> Iterator[None]:
        """A question is open, and who is asked has the word. Others may speak until `closing`."""
        with self._changed:
            outer = self._open, self._speaker
            self._open, self._speaker = number, 0
            self._knocked = False
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._open, self._speaker = outer
                self._closing.pop(number, None)
                self._changed.notify_all()

    def closing(self, number: int) -> None:
        """Wait until nobody else speaks; nobody begins to, or threads might ask without end."""
        with self._changed:
            self._closing[number] = threading.get_ident()
            self._changed.wait_for(lambda: self._open == number and not self._speaker)

    @contextmanager
    def speaking(self) -> Iterator[int]:
        """Speak, once one may: the number of the question that is open."""
        own, ticket = threading.get_ident(), object()
        with self._changed:
            while not self._may_speak(own):
                self._waiting[own] = ticket
                if self._open == 0:
                    self._knock_once()
                self._changed.wait()
            self._waiting.pop(own, None)
            outer, self._speaker, number = self._speaker, own, self._open
            self._changed.notify_all()
        try:
            yield number
        finally:
            with self._changed:
                self._speaker = outer
                self._changed.notify_all()

    def silence(self) -> None:
        """Of a thread that has done what it was asked: it neither speaks nor waits to.

        A handler of a signal may have ended it anywhere, so that it could not say so itself.
        """
        own = threading.get_ident()
        if self._speaker == own or own in self._waiting:
            with self._changed:
                self._waiting.pop(own, None)
                if self._speaker == own:
                    self._speaker = 0
                self._changed.notify_all()

    def _may_speak(self, thread: int) -> bool:
        """To say something may take code of the program that has something to say itself."""
        free = self._speaker in (0, thread) and self._closing.get(self._open, thread) == thread
        return self._open != 0 and free

    def leave(self) -> None:
        """The question that is open was answered by a word that its answer comes later."""
        with self._changed:
            self._closing.pop(self._open, None)
            self._open = 0
            self._changed.notify_all()

    def next_after(self, number: int, seconds: float) -> None:
        """Wait until another question is open than that, but for so long at most."""
        with self._changed:
            self._changed.wait_for(lambda: self._open not in (0, number), seconds)

    def let_speak(self) -> None:
        """Wait for those who wait to speak now, and no others: there might be such without end."""
        with self._changed:
            waiting = set(self._waiting.values())
            self._changed.wait_for(lambda: waiting.isdisjoint(self._waiting.values()))

    def knock_on(self, news: Callable[[], bool]) -> None:
        """Knock, if nothing is asked and there is news."""
        with self._changed:
            if self._open == 0 and news():
                self._knock_once()

    def _knock_once(self) -> None:
        if not self._knocked:
            self._knocked = True
            self._knock()
