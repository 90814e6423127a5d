"""Draws that wait for slots, on a simulated clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from fakes import ByHand, ScriptedSampler, answers
from hypothesis import given
from hypothesis import strategies as st
from simulated import simulated
from world import COST, task

from policies.forecast import Forecast, Trend
from policies.protocol import Cancel, Done, Draw, Plan, Started, Wait
from policies.values import Budget
from router.plan.outcome import Outcome
from router.plan.queues.fair import foretold
from router.plan.queues.gates import ANYWHERE, RequestGate
from router.plan.queues.lanes import KEPT_TIMES, Lane, SlotLane
from router.plan.run import Run
from router.upstream.failures import NotAdmitted
from router.upstream.priorities import PATIENT_S


@dataclass
class Watched:
    """A lane of `slots`, what it told, and in which order draws were let in."""

    slots: int = 4
    limit: int = 64
    lengths: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    entered: list[str] = field(default_factory=list)
    most: int = 0

    def __post_init__(self) -> None:
        self.lane = SlotLane(
            "large",
            lambda: self.slots,
            self.limit,
            on_length=self.lengths.append,
            on_wait=self.waits.append,
        )

    async def draw(
        self,
        n: int,
        seconds: float,
        caller: str = "me",
        deadline: float | None = None,
        *,
        first_s: float | None = None,
        name: str = "",
    ) -> None:
        """Hold room for so long; then all samples have ended."""
        async with self.lane.acquire(n, caller, deadline, first_s=first_s) as place:
            self.entered.append(name or caller)
            self.most = max(self.most, self.lane.busy)
            await asyncio.sleep(seconds)
            for _ in range(n):
                place.ended()

    def idle(self) -> bool:
        return self.lane.busy == 0 and len(self.lane) == 0 and not self.lane._waiting


def start(*works: object) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(work) for work in works]  # type: ignore[arg-type]


def now() -> float:
    return asyncio.get_running_loop().time()


@simulated
async def test_what_fits_does_not_wait() -> None:
    w = Watched(slots=4)
    await asyncio.gather(*(w.draw(1, 1.0) for _ in range(4)))
    assert (now(), w.most, w.waits) == (1.0, 4, [0.0] * 4)
    assert w.lengths == []
    assert w.idle()


@simulated
async def test_no_more_samples_than_slots_at_once() -> None:
    w = Watched(slots=4)
    await asyncio.gather(*(w.draw(n, 1.0) for n in (1, 2, 3, 4, 1, 2, 3, 4)))
    assert w.most <= 4
    assert w.idle()
    assert max(w.lengths) > 0
    assert w.lengths[-1] == 0
    assert max(w.waits) > 0


@simulated
async def test_one_wider_than_the_server_takes_all_of_it() -> None:
    w = Watched(slots=4)
    await asyncio.gather(w.draw(9, 1.0), w.draw(9, 1.0), w.draw(1, 1.0))
    assert (now(), w.most) == (3.0, 4)
    assert w.idle()


@simulated
async def test_a_wide_draw_does_not_starve_behind_small_ones() -> None:
    """Small ones come all the time, of others and of its own caller, and with deadlines."""
    w = Watched(slots=16, limit=1000)
    small = start(*(w.draw(1, 1.0 + at / 16, "them") for at in range(16)))
    await asyncio.sleep(0.5)
    wide = asyncio.create_task(w.draw(16, 1.0, "me", name="wide"))
    for at in range(100):
        await asyncio.sleep(0.05)
        small += start(w.draw(1, 1.0, "them", now() + 99), w.draw(1, 1.0, f"other {at}"))
        if wide.done():
            break
    assert wide.done()
    assert w.entered.index("wide") == 16  # when those that ran before had ended
    await asyncio.gather(*small)
    assert w.idle()


@simulated
async def test_slots_of_samples_that_ended_are_free_for_others() -> None:
    w = Watched(slots=4)

    async def long_tail() -> None:
        async with w.lane.acquire(4, "me", None) as place:
            await asyncio.sleep(1)
            for _ in range(3):
                place.ended()
            await asyncio.sleep(9)
            assert w.lane.busy == 4

    tail = asyncio.create_task(long_tail())
    await asyncio.sleep(0)
    await asyncio.gather(*(w.draw(1, 9.0) for _ in range(3)))
    assert now() == 10.0
    await tail
    assert w.idle()


@simulated
async def test_one_wider_than_the_server_gives_back_only_what_it_does_not_need() -> None:
    w = Watched(slots=4)
    async with w.lane.acquire(6, "me", None) as place:
        place.ended()
        place.ended()
        assert w.lane.busy == 4
        place.ended()
        assert w.lane.busy == 3
    assert w.idle()


@simulated
async def test_two_callers_of_different_rates_share_alike() -> None:
    w = Watched(slots=2, limit=1000)
    busy = start(*(w.draw(1, 1.0, "busy") for _ in range(40)))
    await asyncio.sleep(0.5)
    rare = start(*(w.draw(1, 1.0, "rare") for _ in range(6)))
    await asyncio.gather(*rare)
    assert w.entered.count("rare") == 6
    assert w.entered.count("busy") <= 2 + 6 + 2
    await asyncio.gather(*busy)
    assert w.idle()


@simulated
async def test_within_a_caller_the_earliest_deadline_is_first() -> None:
    w = Watched(slots=1)
    first = start(w.draw(1, 1.0), w.draw(1, 1.0))
    await asyncio.sleep(0.1)
    deadlines = {"none": None, "late": 99.0, "soon": 50.0, "later": 100.0}
    rest = start(*(w.draw(1, 1.0, "me", d, name=n) for n, d in deadlines.items()))
    await asyncio.gather(*first, *rest)
    assert w.entered == ["me", "me", "soon", "none", "late", "later"]


@simulated
async def test_one_without_a_deadline_is_due_all_the_same() -> None:
    """Of one caller others with deadlines come all the time, as many as there is room for."""
    w = Watched(slots=1)
    others = start(*(w.draw(1, 1.0, "me", now() + 30) for _ in range(3)))
    await asyncio.sleep(0.5)
    patient = asyncio.create_task(w.draw(1, 1.0))
    for _ in range(200):
        others += start(w.draw(1, 1.0, "me", now() + 30))
        await asyncio.sleep(1)
        if patient.done():
            break
    assert patient.done()
    assert PATIENT_S / 2 <= now() <= PATIENT_S
    await asyncio.gather(*others)
    assert w.idle()


@simulated
async def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    w = Watched(slots=1, limit=2)
    await w.draw(1, 10.0)
    held = start(*(w.draw(1, 10.0) for _ in range(3)))
    await asyncio.sleep(0)
    with pytest.raises(NotAdmitted) as refused:
        await w.draw(1, 10.0)
    assert refused.value.retry_after_s == 30
    assert len(w.lane) == 2
    await asyncio.gather(*held)
    assert w.idle()


@simulated
async def test_a_full_queue_of_which_nothing_was_seen_says_a_second() -> None:
    w = Watched(slots=1, limit=1)
    held = start(*(w.draw(1, 10.0) for _ in range(2)))
    await asyncio.sleep(0)
    with pytest.raises(NotAdmitted) as refused:
        await w.draw(1, 10.0)
    assert refused.value.retry_after_s == 1
    await asyncio.gather(*held)


@simulated
async def test_who_fills_the_queue_keeps_nobody_out() -> None:
    w = Watched(slots=1, limit=4)
    await w.draw(1, 10.0)
    flood = start(*(w.draw(1, 10.0, "flood") for _ in range(5)))
    await asyncio.sleep(0)
    mine = start(w.draw(1, 10.0))
    await asyncio.sleep(0)
    assert len(w.lane) == 4
    with pytest.raises(NotAdmitted, match="waiting") as refused:
        await flood.pop()
    assert (now(), refused.value.retry_after_s) == (10.0, 40)
    with pytest.raises(NotAdmitted, match="waiting"):
        await w.draw(1, 10.0, "flood")
    assert now() == 10.0
    await asyncio.gather(*flood, *mine)
    assert w.entered == ["me", "flood", "flood", "me", "flood", "flood"]
    assert w.idle()


@simulated
async def test_of_a_full_queue_all_callers_keep_their_share() -> None:
    w = Watched(slots=1, limit=4)
    held = start(*(w.draw(1, 1.0, caller) for caller in "xaabb"))
    await asyncio.sleep(0)
    for caller in "ab":
        with pytest.raises(NotAdmitted):
            await w.draw(1, 1.0, caller)
    more = start(w.draw(1, 1.0, "c"), w.draw(1, 1.0, "d"))
    await asyncio.sleep(0)
    with pytest.raises(NotAdmitted):  # all have one each
        await w.draw(1, 1.0, "e")
    ended = await asyncio.gather(*held, *more, return_exceptions=True)
    assert sorted(w.entered) == ["a", "b", "c", "d", "x"]
    assert sum(isinstance(each, NotAdmitted) for each in ended) == 2
    assert w.idle()


@simulated
async def test_whose_turn_it_is_gives_no_way_and_neither_does_what_has_begun() -> None:
    w = Watched(slots=1, limit=1)

    async def begun() -> None:
        async with w.lane.acquire(1, "flood", None, begun=True):
            w.entered.append("begun")

    held = start(w.draw(1, 1.0, "flood"), w.draw(1, 1.0, "flood"), begun(), begun())
    await asyncio.sleep(0)
    with pytest.raises(NotAdmitted):
        await w.draw(1, 1.0)
    await asyncio.gather(*held)
    assert w.entered == ["flood", "flood", "begun", "begun"]
    assert w.idle()


@simulated
async def test_what_has_begun_does_not_fill_the_queue() -> None:
    w = Watched(slots=1, limit=1)

    async def begun() -> None:
        async with w.lane.acquire(1, "them", None, begun=True):
            w.entered.append("begun")

    held = start(w.draw(1, 1.0), begun(), begun(), begun())
    await asyncio.sleep(0)
    held += start(w.draw(1, 1.0, name="counted"))
    await asyncio.sleep(0)
    with pytest.raises(NotAdmitted):
        await w.draw(1, 1.0)
    await asyncio.gather(*held)
    assert w.entered.index("counted") <= 2
    assert w.idle()


@pytest.mark.parametrize("cancelled_first", [True, False])
@simulated
async def test_one_that_gives_way_and_is_cancelled_at_once_leaves_no_trace(
    *, cancelled_first: bool
) -> None:
    w = Watched(slots=1, limit=2)
    held = start(*(w.draw(1, 1.0, "flood") for _ in range(3)))
    await asyncio.sleep(0)

    async def cancel() -> None:
        held[2].cancel()

    work = [cancel(), w.draw(1, 1.0)]
    coming = start(*(work if cancelled_first else reversed(work)))
    await asyncio.gather(*held, *coming, return_exceptions=True)
    assert held[2].cancelled()
    assert w.entered in (["flood", "flood", "me"], ["flood", "flood"])
    assert w.idle()


@pytest.mark.parametrize("moment", [0.5, 1.0])
@simulated
async def test_one_that_is_cancelled_while_it_waits_leaves_no_trace(moment: float) -> None:
    """Also at the very moment in which its turn comes."""
    w = Watched(slots=1)
    held = start(w.draw(1, 1.0))
    await asyncio.sleep(0)
    waiting = start(w.draw(1, 1.0, name="gone"), w.draw(1, 1.0, name="next"))
    await asyncio.sleep(moment)
    waiting[0].cancel()
    await asyncio.gather(*held, *waiting, return_exceptions=True)
    assert w.entered == ["me", "next"]
    assert now() <= 2.5
    assert w.idle()


@simulated
async def test_a_wide_one_that_leaves_lets_the_small_ones_behind_it_in() -> None:
    w = Watched(slots=2)
    held = start(w.draw(1, 5.0))
    await asyncio.sleep(0)
    wide, small = start(w.draw(2, 1.0), w.draw(1, 1.0, name="small"))
    await asyncio.sleep(1)
    assert w.entered == ["me"]
    wide.cancel()
    await asyncio.sleep(0.5)
    assert w.entered == ["me", "small"]
    await asyncio.gather(*held, wide, small, return_exceptions=True)
    assert w.idle()


@given(
    st.integers(1, 6),
    st.lists(
        st.tuples(
            st.integers(1, 8),
            st.floats(0, 3),
            st.floats(0, 3),
            st.sampled_from("abc"),
            st.none() | st.floats(0, 6),
        ),
        max_size=15,
    ),
)
@simulated
async def test_whatever_comes_and_goes_nothing_is_left(
    slots: int, draws: list[tuple[int, float, float, str, float | None]]
) -> None:
    w = Watched(slots=slots)

    async def one(n: int, at: float, seconds: float, caller: str, gives_up: float | None) -> None:
        await asyncio.sleep(at)
        async with asyncio.timeout(gives_up):
            await w.draw(n, seconds, caller)

    await asyncio.gather(*(one(*each) for each in draws), return_exceptions=True)
    assert w.most <= slots
    assert w.idle()


@simulated
async def test_what_would_begin_after_its_deadline_is_refused_at_once() -> None:
    w = Watched(slots=1)
    await w.draw(1, 10.0)
    held = start(w.draw(1, 10.0), w.draw(1, 10.0))
    await asyncio.sleep(0)
    with pytest.raises(NotAdmitted, match="after the deadline") as refused:
        await w.draw(1, 1.0, deadline=now() + 19.0, first_s=2.0)
    assert (now(), refused.value.retry_after_s) == (10.0, 3)
    waits = start(w.draw(1, 1.0, deadline=now() + 23.0, first_s=2.0))
    await asyncio.gather(*held, *waits)
    assert now() == 31.0
    assert w.idle()


@pytest.mark.parametrize("first_s", [None, 2.0])
@simulated
async def test_nothing_is_refused_on_a_guess(first_s: float | None) -> None:
    """Neither where no sample has ended yet, nor where nobody knows of the first token."""
    w = Watched(slots=1)
    if first_s is None:
        await w.draw(1, 10.0)
    held = start(w.draw(1, 10.0))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await w.draw(1, 1.0, deadline=now() + 1.0, first_s=first_s)
    await asyncio.gather(*held)
    assert w.idle()


@simulated
async def test_what_need_not_wait_is_never_refused() -> None:
    """Or a model that was slow once would never be seen to be fast again."""
    w = Watched(slots=1)
    await w.draw(1, 10.0)
    await w.draw(1, 10.0, deadline=now() + 1.0, first_s=60.0)
    assert now() == 20.0


@simulated
async def test_a_forecast_of_waiting_comes_true_where_all_take_as_long() -> None:
    w = Watched(slots=4)
    for _ in range(KEPT_TIMES):
        await w.draw(1, 2.0)
    held = start(*(w.draw(n, 2.0, caller) for n, caller in [(4, "a"), (2, "b"), (3, "a")]))
    await asyncio.sleep(0.5)
    began, expected = now(), w.lane.expected_s(2, "c", None)
    await w.draw(2, 0.0, "c", name="mine")
    assert now() - began == pytest.approx(expected)
    assert expected > 0
    await asyncio.gather(*held)
    assert w.lane.expected_s(4, "c", None) == 0.0


@simulated
async def test_what_failed_says_nothing_of_how_long_samples_take() -> None:
    w = Watched(slots=2)
    await asyncio.gather(w.draw(1, 10.0), w.draw(1, 10.0))
    for _ in range(KEPT_TIMES):
        with suppress(OSError):
            async with w.lane.acquire(2, "me", None):
                raise OSError
    held = start(w.draw(2, 10.0))
    await asyncio.sleep(0)
    assert w.lane.expected_s(2, "me", None) == 10.0
    await asyncio.gather(*held)
    assert w.idle()


@given(
    st.integers(1, 8),
    st.lists(st.tuples(st.floats(-1, 10), st.integers(1, 8)), max_size=6),
    st.lists(st.integers(1, 20), min_size=1, max_size=8),
    st.floats(0.1, 10),
)
def test_who_comes_later_never_has_slots_earlier(
    slots: int, running: list[tuple[float, int]], before: list[int], hold_s: float
) -> None:
    seconds = [foretold(slots, running, before[:to], hold_s) for to in range(1, len(before) + 1)]
    assert seconds == sorted(seconds)
    assert seconds[0] >= 0


@simulated
async def test_a_lane_that_lost_slots_still_lets_one_in() -> None:
    w = Watched(slots=8)
    held = start(w.draw(8, 1.0))
    await asyncio.sleep(0)
    waiting = start(w.draw(8, 1.0))
    await asyncio.sleep(0)
    w.slots = 1
    await asyncio.gather(*held, *waiting)
    assert now() == 2.0
    assert w.idle()


@simulated
async def test_slots_that_come_back_are_given_to_those_that_wait() -> None:
    w = Watched(slots=1)
    held = start(w.draw(1, 60.0), w.draw(1, 1.0), w.draw(1, 1.0))
    await asyncio.sleep(1)
    w.slots = 4
    await w.draw(1, 1.0)
    assert (now(), len(w.entered)) == (2.0, 4)
    await asyncio.gather(*held)
    w.slots = 1
    held = start(w.draw(1, 60.0), w.draw(1, 1.0), w.draw(1, 1.0))
    await asyncio.sleep(1)
    w.slots = 4
    w.lane.admit()
    assert (w.lane.busy, len(w.lane)) == (3, 0)
    await asyncio.gather(*held)
    assert w.idle()


@simulated
async def test_a_wide_one_that_came_when_there_were_few_slots_takes_what_it_needs() -> None:
    """Or it would compute beside others more than there is room for."""
    w = Watched(slots=1)
    held = start(w.draw(1, 1.0), w.draw(4, 1.0))
    await asyncio.sleep(0)
    w.slots = 4
    w.lane.admit()
    assert w.lane.busy == 1
    await asyncio.sleep(1.5)
    assert w.lane.busy == 4
    await asyncio.gather(*held)
    assert w.idle()


@given(
    st.integers(1, 3),
    st.lists(
        st.tuples(
            st.integers(1, 8),
            st.integers(0, 6),
            st.integers(0, 3),
            st.sampled_from("abc"),
            st.none() | st.integers(0, 6),
            st.integers(0, 8),
            st.booleans(),
        ),
        max_size=20,
    ),
    st.lists(st.tuples(st.integers(0, 6), st.integers(1, 6)), max_size=5),
)
@simulated
async def test_whatever_servers_come_and_go_no_slot_is_lost_and_nobody_waits_for_nothing(
    limit: int,
    draws: list[tuple[int, int, int, str, int | None, int, bool]],
    changes: list[tuple[int, int]],
) -> None:
    w = Watched(slots=4, limit=limit)

    async def one(
        n: int,
        at: int,
        seconds: int,
        caller: str,
        gives_up: int | None,
        ended: int,
        begun: bool,
    ) -> None:
        await asyncio.sleep(at)
        async with asyncio.timeout(gives_up):
            async with w.lane.acquire(n, caller, None, begun=begun) as place:
                await asyncio.sleep(seconds)
                for _ in range(min(n, ended)):
                    place.ended()
                await asyncio.sleep(seconds)

    async def change(at: int, slots: int) -> None:
        await asyncio.sleep(at)
        w.slots = slots
        w.lane.admit()

    async def watch() -> None:
        await asyncio.sleep(0.5)
        for _ in range(30):  # when nothing else happens
            await asyncio.sleep(1)
            head = w.lane._queue.head
            assert head is None or not w.lane._fits(head.samples)
            assert w.lane.busy == sum(stay.held for stay in w.lane._stays)
            assert sum(not stay.begun for stay, _ in w.lane._waiting.values()) <= limit

    watching = asyncio.create_task(watch())
    works = [*(one(*each) for each in draws), *(change(*each) for each in changes)]
    ended = await asyncio.gather(*works, return_exceptions=True)
    assert {type(each) for each in ended} <= {type(None), TimeoutError, NotAdmitted}
    await watching
    assert w.idle()
    assert w.lane._new == 0


# A run behind a gate.


def gated(lane: Lane, *, deadline: float | None = None, begun: bool = False) -> RequestGate:
    forecasts = {"large": Forecast(Trend(1.0))}
    return RequestGate({"large": lane}, "me", deadline, task(), forecasts, begun=begun)


def one_draw(n: int = 1) -> Callable[[], Plan]:
    def plan() -> Plan:
        assert isinstance((yield Draw("large", n, 16, 0.8, verify=False)), Started)
        while not isinstance((yield Wait()), Done):
            pass

    return plan


async def performed(
    plan: Plan, lane: Lane, deadline: float | None = None, *, steps: Any = None
) -> Outcome:
    sampler = ScriptedSampler(answers() if steps is None else lambda _: steps)
    run = Run(
        ByHand(plan), task(), Budget(), COST, sampler=sampler, gate=gated(lane, deadline=deadline)
    )
    return await run.perform(deadline)


@simulated
async def test_a_draw_that_waits_is_not_sent_and_costs_nothing_until_it_is() -> None:
    w = Watched(slots=1)
    held = start(w.draw(1, 5.0))
    await asyncio.sleep(0)
    outcome = await performed(one_draw()(), w.lane, deadline=3.0)
    (draw,) = outcome.draws
    assert (draw.sent, outcome.ledger.used, outcome.deadline_passed) == (False, 0.0, True)
    assert not outcome.choice.candidates
    assert len(w.lane) == 0
    later = await performed(one_draw()(), w.lane)
    (draw,) = later.draws
    assert (draw.sent, draw.sent_at) == (True, 5.0)
    assert later.ledger.used == draw.flops(COST) > 0
    await asyncio.gather(*held)
    assert w.idle()


@simulated
async def test_a_plan_that_cancels_a_draw_that_waits_goes_on() -> None:
    w = Watched(slots=1)
    held = start(w.draw(1, 5.0))
    await asyncio.sleep(0)

    def plan() -> Plan:
        started = yield Draw("large", 1, 16, 0.8, verify=False)
        assert isinstance(started, Started)
        assert isinstance((yield Cancel(started.ticket)), Done)

    outcome = await performed(plan(), w.lane)
    assert now() == 0.0
    assert outcome.ledger.used == 0.0
    assert len(w.lane) == 0
    await asyncio.gather(*held)
    assert w.idle()


@simulated
async def test_a_draw_that_is_not_admitted_is_a_failure_that_cost_nothing() -> None:
    w = Watched(slots=1)
    await w.draw(1, 10.0)
    held = start(w.draw(1, 10.0))
    await asyncio.sleep(0)
    outcome = await performed(one_draw()(), w.lane, deadline=now() + 5.0)
    assert now() == 10.0
    assert [type(each) for each in outcome.failures] == [NotAdmitted]
    assert (outcome.ledger.used, outcome.deadline_passed) == (0.0, False)
    await asyncio.gather(*held)
    assert w.idle()


@simulated
async def test_a_run_gives_slots_back_as_its_samples_end() -> None:
    """The last of four goes on until the deadline."""
    w = Watched(slots=4)
    steps = [("token", at) for at in range(4)] + [("finish", at) for at in range(3)] + ["hang"]
    running = asyncio.create_task(performed(one_draw(4)(), w.lane, 9.0, steps=steps))
    await asyncio.sleep(1)
    assert w.lane.busy == 1
    outcome = await running
    assert now() == 9.0
    assert len(outcome.choice.candidates) == 3
    assert w.idle()


@simulated
async def test_what_a_request_has_begun_it_may_go_on_with() -> None:
    """A full queue refuses requests that come, and not the next draw of one that is served."""
    w = Watched(slots=1, limit=1)
    draw = Draw("large", 1, 16, 0.8, verify=False)
    served, new = gated(w.lane), gated(w.lane)
    async with served.place(draw):
        pass
    held = start(w.draw(1, 1.0), w.draw(1, 1.0))
    await asyncio.sleep(0)
    with pytest.raises(NotAdmitted):
        async with new.place(draw):
            pass
    with pytest.raises(NotAdmitted):  # which has begun nothing
        async with new.place(draw):
            pass
    async with served.place(draw):
        assert now() == 2.0
    await asyncio.gather(*held)
    assert w.idle()


@simulated
async def test_one_of_several_prompts_waits_until_its_deadline() -> None:
    """Its first draw; a further one is no more than any other that comes too late."""
    w = Watched(slots=1)
    await w.draw(1, 10.0)
    draw = Draw("large", 1, 16, 0.8, verify=False)
    part, alone = (gated(w.lane, deadline=now() + 15.0, begun=begun) for begun in (True, False))
    held = start(w.draw(1, 10.0), w.draw(1, 10.0))
    await asyncio.sleep(0)
    with pytest.raises(NotAdmitted):
        async with alone.place(draw):
            pass
    async with part.place(draw):
        assert now() == 30.0
    await asyncio.gather(*held)
    held = start(w.draw(1, 10.0), w.draw(1, 10.0))
    await asyncio.sleep(0)
    with pytest.raises(NotAdmitted):
        async with part.place(draw):
            pass
    await asyncio.gather(*held)


def test_models_without_a_lane_go_anywhere() -> None:
    gate = RequestGate({}, "me", None, task(), {})
    assert gate.place(Draw("large", 1, 16, 0.8, verify=False)) is ANYWHERE
