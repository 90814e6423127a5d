"""Editors' sessions: of each, only the newest request is served.

An editor sends a request with every pause in typing and shows the last answer alone; not every one
hangs up on those before. A session is remembered while a request of it is being read or served, so
there are never more of them than connections. It guards against work that nobody will look at, not
against a client that names another's session: ids should be hard to guess.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


def _future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One request of a session.

    `superseded` is done when a newer one has come, `ended` when this one has left nothing running;
    `before` is the `ended` of the one that this one superseded, None where there was none.
    """

    before: asyncio.Future[None] | None = None
    superseded: asyncio.Future[None] = field(default_factory=_future)
    ended: asyncio.Future[None] = field(default_factory=_future)


class Sessions:
    """The newest request of each session that has one."""

    def __init__(self) -> None:
        self._newest: dict[str, Turn] = {}

    def __len__(self) -> int:
        return len(self._newest)

    @contextmanager
    def turn(self, session: str) -> Iterator[Turn]:
        """A request's turn, from now until it has ended; it supersedes the one before."""
        older = self._newest.get(session)
        turn = Turn() if older is None else Turn(older.ended)
        self._newest[session] = turn
        if older is not None and not older.superseded.done():
            older.superseded.set_result(None)
        try:
            yield turn
        finally:
            turn.ended.set_result(None)
            if self._newest.get(session) is turn:
                del self._newest[session]
