"""Hears out a program that goes on while nothing is asked of it: threads of its own do that.

A timer that calls what the tests gave it, a worker that fills a list of theirs: in one process they
would see that. So once a program says that it has threads, a thread here waits for a knock and asks
what there is, between the questions of the tests; and it tells what the tests have changed. That
the program says so decides nothing else.
"""

from __future__ import annotations

import _thread
import contextlib
import select
from typing import TYPE_CHECKING, Any, Final, Protocol

from sandbox.inner.wire.channel import Stop

if TYPE_CHECKING:
    import socket

    from sandbox.inner.crossing.containers import Containers

_LOOK_MS: Final = 5
"""How often it is looked what the tests have changed."""


class Hears(Protocol):
    """The link, as it is listened on; who holds the `turn` is alone on it."""

    sock: socket.socket
    stopped: Stop | None
    interrupted: Stop | None
    turn: Any
    containers: Containers

    def has_spoken(self) -> bool:
        """Whether something came that was not read yet."""
        ...

    def hear_out(self) -> None:
        """Let threads of the program say what they wait to say. Raises `Stop`."""


class Listener:
    """Listens from the first `start` to the end of the run."""

    def __init__(self, link: Hears) -> None:
        self._link = link
        self.threads = 0

    def start(self) -> None:
        """Listen, if nobody does."""
        if not self.threads:
            with contextlib.suppress(RuntimeError):  # the program leaves no room for a thread
                _thread.start_new_thread(self._listen, ())
                self.threads = 1

    def _listen(self) -> None:
        link, poller = self._link, select.poll()
        poller.register(link.sock, select.POLLIN)
        while link.stopped is None:
            events = poller.poll(_LOOK_MS)
            if any(event & ~select.POLLIN for _, event in events):
                return  # it has ended; who asks it something will notice
            try:
                with link.turn:
                    if (link.stopped or link.interrupted) is not None:
                        return
                    if link.has_spoken() or link.containers.has_news():
                        link.hear_out()
            except Stop:
                return  # it is noted
