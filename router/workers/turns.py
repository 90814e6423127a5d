"""Editors' sessions where several processes serve: the newest request of each, wherever it landed.

A worker knows its own, and ends an older one of these at once; the parent knows all, and has the
others ended. Which one is newer is told by when they began, for they may be heard of in another
order. Requests without a session cost nothing of this.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from router.plan.queues.sessions import Sessions, Turn
from router.workers.messages import Message, TurnBegan, TurnClear, TurnEnded, TurnSuperseded
from router.workers.wire import Peer


class SharedSessions(Sessions):
    """Of one worker; `send` tells its parent."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        super().__init__()
        self._send = send
        self._numbers = itertools.count()
        self._told: dict[int, Turn] = {}

    @contextmanager
    def turn(self, session: str) -> Iterator[Turn]:
        """See `Sessions.turn`; what a turn has before itself may be anywhere."""
        with super().turn(session) as own:
            loop = asyncio.get_running_loop()
            turn = Turn(loop.create_future(), own.superseded, own.ended)
            number = next(self._numbers)
            self._told[number] = turn
            self._send(TurnBegan(number, session, loop.time()))
            try:
                yield turn
            finally:
                del self._told[number]
                self._send(TurnEnded(number))

    def hear(self, message: TurnSuperseded | TurnClear) -> None:
        """What the parent says of a turn, which may have ended meanwhile."""
        turn = self._told.get(message.number)
        if turn is None:
            return
        known = turn.superseded if isinstance(message, TurnSuperseded) else turn.before
        if known is not None and not known.done():
            known.set_result(None)


@dataclass(slots=True, eq=False)
class _Heard:
    """A turn of some worker."""

    peer: Peer
    began: float
    number: int
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class Precedence:
    """The parent's part: the turns of all workers that have not ended, by session."""

    _turns: dict[str, list[_Heard]] = field(default_factory=dict)
    _sessions: dict[tuple[Peer, int], str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._sessions)

    def began(self, peer: Peer, told: TurnBegan) -> None:
        """A request came; of its session all but the newest end."""
        self._sessions[peer, told.number] = told.session
        turns = self._turns.setdefault(told.session, [])
        turns.append(_Heard(peer, told.began, told.number))
        newest = max(reversed(turns), key=lambda turn: turn.began)
        for turn in turns:
            if turn is not newest and not turn.superseded:
                turn.superseded = True
                turn.peer.send(TurnSuperseded(turn.number))
        _clear(turns)

    def ended(self, peer: Peer, number: int) -> None:
        """A request has left nothing running."""
        session = self._sessions.pop((peer, number), None)
        if session is None:
            return
        turns = self._turns[session]
        turns[:] = [turn for turn in turns if (turn.peer, turn.number) != (peer, number)]
        if turns:
            _clear(turns)
        else:
            del self._turns[session]

    def lost(self, peer: Peer) -> None:
        """A worker is gone, and all that it served."""
        for owner, number in [each for each in self._sessions if each[0] is peer]:
            self.ended(owner, number)


def _clear(turns: list[_Heard]) -> None:
    if len(turns) == 1:
        turns[0].peer.send(TurnClear(turns[0].number))
