"""What an attempt at a server tells of it, on a simulated clock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from simulated import simulated

from router.upstream.balancing.attempts import SILENT_S, Attempt, ReplicaEvents, Watch, clock
from router.upstream.balancing.balance import Replica
from router.upstream.balancing.breaker import BreakerRules, Closed, Open, Probing
from router.upstream.failures import UpstreamBusy, UpstreamError, UpstreamUnreachable
from router.upstream.said.chunks import Chunk, Usage

RULES = BreakerRules(failures=2, pause_s=1.0, longest_pause_s=8.0)


@dataclass
class Watched:
    """A server, what was told of its breaker, and when somebody was to look again."""

    told: list[tuple[str, bool]] = field(default_factory=list)
    looked: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.replica = Replica(cast("Any", SimpleNamespace(label="m at a")), "a")
        events = ReplicaEvents(on_breaker=lambda name, is_open: self.told.append((name, is_open)))
        events.listens.append(lambda: self.looked.append(now()))
        self.watch = Watch(RULES, events)

    def attempt(self, caller: str | None = None, n: int = 1) -> Attempt:
        return Attempt(self.replica, n, caller, self.watch)

    def fail(self, error: UpstreamError, caller: str | None = None) -> None:
        with self.attempt(caller) as attempt:
            attempt.failed(error)


def now() -> float:
    return asyncio.get_running_loop().time()


BROKEN = UpstreamError("m", "answered 500", status=500)
PIECE, END = Chunk(0, "x"), Chunk(0, "", finish_reason="stop")


@simulated
async def test_what_is_in_flight_is_counted_however_it_ends() -> None:
    w = Watched()

    async def draw() -> None:
        with w.attempt(n=3):
            await asyncio.sleep(9)

    task = asyncio.create_task(draw())
    await asyncio.sleep(1)
    assert (w.replica.load, w.replica.draws) == (3, 1)
    task.cancel()
    await asyncio.wait([task])
    assert (w.replica.load, w.replica.draws) == (0, 1)


@pytest.mark.parametrize(
    ("error", "breaker"),
    [
        (BROKEN, Closed(1, 0.0, "me", 1)),
        (UpstreamError("m", "failed: reset"), Closed(1, 0.0, "me", 1)),
        (UpstreamError("m", "answered 424", status=424), Closed(1, 0.0, "me", 1)),
        (UpstreamUnreachable("m", "nobody"), Closed(1)),
        (UpstreamError("m", "answered 404", status=404), Closed(1)),
        (UpstreamError("m", "answered 400", status=400, rejected=True), Closed()),
        (UpstreamError("m", "answered 429", status=429), Closed()),
        (UpstreamBusy("m", "answered 429", retry_after_s=9, status=429), Closed()),
    ],
)
@simulated
async def test_whose_fault_a_failure_may_be(error: UpstreamError, breaker: Closed) -> None:
    w = Watched()
    w.fail(error, "me")
    assert w.replica.breaker == breaker


@pytest.mark.parametrize("ended", [1, 2])
@simulated
async def test_what_fails_behind_a_whole_answer_is_no_failure(ended: int) -> None:
    w = Watched()
    with w.attempt("me", n=2) as attempt:
        for index in range(ended):
            attempt.heard(replace(END, index=index))
        attempt.failed(UpstreamError("m", "failed: reset"))
    assert w.replica.breaker == (Closed() if ended == 2 else Closed(1, 0.0, "me", 1))


@simulated
async def test_who_listens_looks_when_a_breaker_changes_and_when_its_pause_is_over() -> None:
    w = Watched()
    w.fail(BROKEN)
    assert (w.told, w.looked) == ([], [])
    w.fail(BROKEN)
    assert isinstance(w.replica.breaker, Open)
    assert (w.told, w.looked) == ([("a", True)], [0.0])
    await asyncio.sleep(1.5)
    assert w.looked[1:] == [pytest.approx(1.0, abs=0.1)]
    assert w.replica.may_find_out(None, w.looked[1])
    with w.attempt() as attempt:
        assert w.replica.breaker is attempt.probe
        attempt.heard(PIECE)
    assert w.told == [("a", True), ("a", False)]
    assert len(w.looked) == 3


@simulated
async def test_only_the_probe_itself_tells_that_it_told_nothing() -> None:
    w = Watched()
    w.replica.breaker = Open(0.0, 5.0, "it failed")
    with w.attempt() as probe:
        with w.attempt() as along:
            assert (probe.probe, along.probe) == (w.replica.breaker, None)
        assert isinstance(w.replica.breaker, Probing)
    assert w.replica.breaker == Open(0.0, 5.0, "it failed")


@simulated
async def test_a_probe_that_its_deadline_ended_leaves_the_server_alone_for_another_pause() -> None:
    """Or draws with short deadlines would find out one after another, and all in vain."""
    w = Watched()
    w.replica.breaker = Open(0.0, 5.0, "it failed")
    with w.attempt() as probe:
        now = clock()
        probe.given_up(now, 0.1)
    assert isinstance(w.replica.breaker, Open)
    assert now + 5.0 <= w.replica.breaker.until <= clock() + 5.0
    assert w.replica.breaker.pause_s == 5.0


@simulated
async def test_a_beginning_that_was_given_up_forgives_failures_but_opens_nothing() -> None:
    """A server may have died since, while its last streams hung."""
    w = Watched()
    w.fail(BROKEN)
    with w.attempt() as first, w.attempt() as second:
        first.heard(PIECE)
        second.heard(PIECE)
        first.given_up(None, None)
        assert w.replica.breaker == Closed()
        w.replica.breaker = left_alone = Open(9.0, 9.0, "it is silent")
        second.given_up(None, None)
        assert w.replica.breaker is left_alone
        second.heard(END)
        second.finished()
        assert w.replica.breaker == Closed()


@pytest.mark.parametrize(
    ("usual_s", "deadline", "counts"),
    [
        (0.0, SILENT_S, True),
        (0.0, None, False),
        (0.0, 9.0, False),
        (None, SILENT_S, False),
        (SILENT_S, SILENT_S, False),
    ],
    ids=["in time", "no deadline", "not due", "nobody else", "as usual"],
)
@simulated
async def test_only_its_own_deadline_says_that_a_server_is_silent(
    *, usual_s: float | None, deadline: float | None, counts: bool
) -> None:
    w = Watched()
    w.replica.heard_at = -1.0
    with w.attempt("me") as attempt:
        await asyncio.sleep(SILENT_S)
        attempt.given_up(deadline, usual_s)
    assert w.replica.breaker == (Closed(1, 0.0, "me", 1) if counts else Closed())


@pytest.mark.parametrize("later", [True, False], ids=["begins and hangs", "goes on"])
@simulated
async def test_a_server_that_begins_and_hangs_is_silent_too(*, later: bool) -> None:
    w = Watched()
    w.replica.heard_at = -1.0
    with w.attempt("me") as attempt:
        attempt.heard(PIECE)
        await asyncio.sleep(SILENT_S)
        if not later:
            attempt.heard(PIECE)
        attempt.given_up(clock(), 0.0)
    assert w.replica.breaker == (Closed(1, 0.0, "me", 1) if later else Closed())


@simulated
async def test_what_is_told_of_a_prompt_is_not_the_beginning_of_an_answer() -> None:
    w = Watched()
    told = Chunk(0, "", usage=Usage(100, None))
    with w.attempt() as attempt:
        attempt.heard(told)
        assert (attempt.begun, w.replica.first_s) == (False, 0)
        await asyncio.sleep(2)
        attempt.heard(PIECE)
        assert (attempt.begun, w.replica.first_s) == (True, 2)
