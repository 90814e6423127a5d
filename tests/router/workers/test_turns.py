"""Which request of a session is the newest, whichever process it came to, and who is told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from router.workers.messages import (
    Message,
    TurnBegan,
    TurnClear,
    TurnEnded,
    TurnSuperseded,
)
from router.workers.turns import Precedence, SharedSessions

pytestmark = pytest.mark.anyio


@dataclass(eq=False)
class Told:
    """A worker that remembers what it was told."""

    heard: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        self.heard.append(message)

    def since(self) -> list[Message]:
        heard, self.heard = self.heard, []
        return heard


def test_the_newest_of_all_workers_is_served() -> None:
    parent, a, b = Precedence(), Told(), Told()
    parent.began(a, TurnBegan(1, "s", 10.0))
    assert a.since() == [TurnClear(1)]
    parent.began(b, TurnBegan(1, "s", 11.0))
    assert a.since() == [TurnSuperseded(1)]
    assert b.since() == []  # the older one may still have its place
    parent.began(b, TurnBegan(2, "other", 11.5))
    assert b.since() == [TurnClear(2)]
    parent.ended(a, 1)
    assert b.since() == [TurnClear(1)]
    parent.ended(b, 1)
    parent.ended(b, 2)
    assert (a.since(), b.since(), len(parent)) == ([], [], 0)


def test_what_is_heard_of_late_is_the_older_all_the_same() -> None:
    parent, a, b = Precedence(), Told(), Told()
    parent.began(b, TurnBegan(1, "s", 11.0))
    parent.began(a, TurnBegan(1, "s", 10.0))
    assert a.since() == [TurnSuperseded(1)]
    assert b.since() == [TurnClear(1)]
    parent.began(a, TurnBegan(2, "s", 12.0))
    assert b.since() == [TurnSuperseded(1)]
    assert a.since() == []
    parent.ended(b, 1)
    assert a.since() == []
    parent.ended(a, 1)
    assert a.since() == [TurnClear(2)]


def test_a_lost_worker_holds_nobody_up() -> None:
    parent, a, b = Precedence(), Told(), Told()
    parent.began(a, TurnBegan(1, "s", 1.0))
    parent.began(a, TurnBegan(2, "t", 1.0))
    parent.began(b, TurnBegan(1, "s", 2.0))
    parent.lost(a)
    assert b.since() == [TurnClear(1)]
    assert len(parent) == 1


async def test_a_worker_ends_its_own_at_once_and_others_when_it_hears_of_them() -> None:
    told = Told()
    sessions = SharedSessions(told.send)
    with sessions.turn("s") as older:
        began = told.since()
        assert [type(each) for each in began] == [TurnBegan]
        assert began[0].began <= asyncio.get_running_loop().time()
        with sessions.turn("s") as newer:
            assert older.superseded.done()
            sessions.hear(TurnSuperseded(0))  # what the parent says of it comes later
            assert newer.before is not None
            assert not newer.before.done()
            sessions.hear(TurnClear(1))
            assert newer.before.done()
            sessions.hear(TurnSuperseded(1))
            assert newer.superseded.done()
        with sessions.turn("s") as newest:
            assert not newest.superseded.done()
    sessions.hear(TurnSuperseded(0))  # it has ended meanwhile
    kinds = [(type(each), each.number) for each in told.since()]
    assert kinds == [
        (TurnBegan, 1),
        (TurnEnded, 1),
        (TurnBegan, 2),
        (TurnEnded, 2),
        (TurnEnded, 0),
    ]
    assert not len(sessions)
