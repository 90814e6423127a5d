"""In which order draws that wait are served."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.plan.queues.fair import FairQueue, Waiter

WIDEST = 16
CALLERS = st.sampled_from("abcdef")
SAMPLES = st.integers(1, WIDEST)
DUE = st.just(math.inf) | st.integers(0, 50).map(float)
ARRIVALS = st.lists(st.tuples(CALLERS, SAMPLES, DUE), min_size=1, max_size=40)


def emptied(queue: FairQueue) -> list[Waiter]:
    served = []
    while queue.head is not None:
        served.append(queue.head)
        assert queue.pop() is served[-1]
    return served


def filled(arrivals: Sequence[tuple[str, int, float]]) -> tuple[FairQueue, list[Waiter]]:
    queue = FairQueue()
    return queue, [queue.push(*arrival) for arrival in arrivals]


def test_nobody_is_first_where_nobody_waits() -> None:
    queue = FairQueue()
    assert queue.head is None
    with pytest.raises(IndexError):
        queue.pop()


@given(ARRIVALS)
def test_everything_is_served_once(arrivals: list[tuple[str, int, float]]) -> None:
    queue, waiting = filled(arrivals)
    assert len(queue) == len(waiting)
    served = emptied(queue)
    assert sorted(served, key=id) == sorted(waiting, key=id)
    assert len(queue) == 0
    assert len(queue._callers) == 0


@given(ARRIVALS)
def test_within_a_caller_by_what_is_due_then_arrival(
    arrivals: list[tuple[str, int, float]],
) -> None:
    """But for the very first: it was its turn before the others came."""
    queue, _ = filled(arrivals)
    served = emptied(queue)[1:]
    for caller in {each.caller for each in served}:
        own = [each for each in served if each.caller == caller]
        assert own == sorted(own)


@given(st.lists(SAMPLES, min_size=1, max_size=4), st.lists(SAMPLES, min_size=1, max_size=4))
def test_two_callers_get_as_many_samples_whatever_their_draws_are(
    mine: list[int], theirs: list[int]
) -> None:
    """Each has always more to ask; at no moment is one ahead by more than two draws."""
    queue = FairQueue()
    sizes = {"a": mine, "b": theirs}
    asked: Counter[str] = Counter()

    def ask(caller: str) -> None:
        own = sizes[caller]
        queue.push(caller, own[asked[caller] % len(own)])
        asked[caller] += 1

    for caller in ("a", "a", "b", "b"):
        ask(caller)
    got: Counter[str] = Counter()
    for _ in range(60):
        served = queue.pop()
        got[served.caller] += served.samples
        ask(served.caller)
        assert abs(got["a"] - got["b"]) <= 2 * WIDEST


@given(SAMPLES, st.integers(1, 6), st.data())
def test_one_that_waits_is_passed_by_boundedly_many(
    samples: int, others: int, data: st.DataObject
) -> None:
    """Whoever comes, and however often: callers that were there and callers that nobody knew."""
    queue = FairQueue()
    for at in range(others):
        queue.push(f"old {at}", data.draw(SAMPLES))
    mine = queue.push("me", samples)
    passed = 0
    while queue.pop() is not mine:
        passed += 1
        assert passed <= (others + 1) * (WIDEST + 1)
        kind = data.draw(st.sampled_from(["new", "old"]))
        caller = f"new {passed}" if kind == "new" else f"old {data.draw(st.integers(0, 9))}"
        queue.push(caller, data.draw(SAMPLES), data.draw(DUE))


def test_a_caller_that_was_served_much_does_not_starve_behind_ever_new_ones() -> None:
    queue = FairQueue()
    queue.push("me", WIDEST)
    queue.push("other", 1)
    queue.pop()
    mine = queue.push("me", 1)
    for at in range(3 * WIDEST):
        queue.push(f"new {at}", 1)
        if queue.pop() is mine:
            return
    raise AssertionError("ever new callers were served before it")


@given(ARRIVALS, st.data())
def test_nobody_passes_the_first(
    arrivals: list[tuple[str, int, float]], data: st.DataObject
) -> None:
    queue, _ = filled(arrivals)
    first = queue.head
    for _ in range(5):
        queue.push(data.draw(CALLERS), 1, 0.0)
        assert queue.head is first


@given(ARRIVALS, st.data())
def test_who_leaves_is_not_served_and_has_paid_nothing(
    arrivals: list[tuple[str, int, float]], data: st.DataObject
) -> None:
    queue, waiting = filled(arrivals)
    left = data.draw(st.sets(st.sampled_from(range(len(waiting)))))
    for at in left:
        queue.remove(waiting[at])
    stayed = [each for at, each in enumerate(waiting) if at not in left]
    assert len(queue) == len(stayed)
    served = emptied(queue)
    assert sorted(served, key=id) == sorted(stayed, key=id)


@given(ARRIVALS, CALLERS, SAMPLES, DUE, st.integers(0, 20))
def test_what_is_foreseen_comes_true(
    arrivals: list[tuple[str, int, float]],
    caller: str,
    samples: int,
    due: float,
    served: int,
) -> None:
    """And to foresee it changes nothing."""
    queue, _ = filled(arrivals)
    for _ in range(min(served, len(queue) - 1)):
        queue.pop()
    before = queue.ahead(caller, samples, due)
    assert before == queue.ahead(caller, samples, due)
    mine = queue.push(caller, samples, due)
    order = emptied(queue)
    assert [each.samples for each in order[: order.index(mine)]] == before


@dataclass
class Naive:
    """The same order, looked for among all callers at every step; nobody is forgotten."""

    tags: dict[str, float] = field(default_factory=dict)
    waiting: list[Waiter] = field(default_factory=list)
    head: Waiter | None = None
    time: float = 0.0

    def push(self, waiter: Waiter) -> None:
        if all(each.caller != waiter.caller for each in [*self.waiting, self.head] if each):
            self.tags[waiter.caller] = max(self.time, self.tags.get(waiter.caller, 0.0))
        self.waiting.append(waiter)
        if self.head is None:
            self.choose()

    def choose(self) -> None:
        first = [min(w for w in self.waiting if w.caller == c) for c in self.callers]
        self.head = min(first, key=lambda w: (self.tags[w.caller], w.arrival), default=None)
        if self.head is None:
            self.tags.clear()
        else:
            self.waiting.remove(self.head)

    @property
    def callers(self) -> set[str]:
        return {each.caller for each in self.waiting}

    def pop(self) -> None:
        assert self.head is not None
        caller, samples = self.head.caller, self.head.samples
        share = samples / len(self.callers | {caller})
        self.time = max(self.time + share, self.tags[caller])
        self.tags[caller] += samples
        self.choose()

    def remove(self, waiter: Waiter) -> None:
        if waiter is self.head:
            self.choose()
        else:
            self.waiting.remove(waiter)


STEPS = st.lists(
    st.tuples(st.just("push"), CALLERS, SAMPLES, DUE)
    | st.tuples(st.just("pop"))
    | st.tuples(st.just("remove"), st.integers(0, 99)),
    max_size=60,
)


@given(STEPS)
def test_it_finds_the_same_as_one_who_looks_at_everybody(steps: list[Any]) -> None:
    queue, naive = FairQueue(), Naive()
    there: list[Waiter] = []
    for step in steps:
        match step:
            case ("push", caller, samples, due):
                before = queue.ahead(caller, samples, due)
                there.append(queue.push(caller, samples, due))
                naive.push(there[-1])
                assert sum(before) <= sum(each.samples for each in there[:-1])
            case ("pop",) if there:
                there.remove(queue.pop())
                naive.pop()
            case ("remove", at) if there:
                gone = there.pop(at % len(there))
                queue.remove(gone)
                naive.remove(gone)
        assert queue.head is naive.head
        assert len(queue) == len(there)
        held = Counter(each.caller for each in there)
        assert {caller: queue.waiting(caller) for caller in held} == held
        assert queue.most_waiting == max(held.values(), default=0)
        assert len(queue._callers) <= len("abcdef")


def test_who_does_not_wait_cannot_leave() -> None:
    queue, (_, second, _) = filled([("a", 1, 1.0), ("a", 1, 2.0), ("b", 1, 1.0)])
    queue.remove(second)
    for gone in (second, Waiter(1.0, 9, 1, "a"), Waiter(1.0, 9, 1, "nobody")):
        with pytest.raises(ValueError, match="does not wait"):
            queue.remove(gone)
    assert len(queue) == 2


def calls(work: Callable[[], object]) -> int:
    """How many functions are called in it, ours and Python's own."""
    seen = 0

    def count(_frame: object, event: str, _arg: object) -> None:
        nonlocal seen
        seen += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return seen


@pytest.mark.parametrize("work", [emptied, lambda queue: queue.ahead("new", 1, 0.0)])
def test_twice_as_many_callers_take_twice_as_long(work: Callable[[FairQueue], object]) -> None:
    """Whoever comes is foretold its turn on the event loop, where others wait."""
    few, many = (
        calls(lambda: work(filled([(str(at), 1, 0.0) for at in range(count)])[0]))  # noqa: B023
        for count in (100, 400)
    )
    assert many <= 5 * few


def test_what_is_remembered_of_callers_is_bounded() -> None:
    queue = FairQueue()
    queue.push("first", 1)
    for at in range(2000):
        queue.push(f"caller {at}", 1 + at % WIDEST)
        queue.pop()
        assert len(queue._callers) <= 3 * WIDEST


def test_alternation_is_even() -> None:
    queue, _ = filled([("a", 1, 1.0)] * 10 + [("b", 1, 1.0)] * 10)
    callers = [each.caller for each in emptied(queue)]
    assert max(len(list(run)) for run in _runs(callers)) <= 2


def _runs(callers: list[str]) -> list[list[str]]:
    runs = [[callers[0]]]
    for before, now in pairwise(callers):
        if now == before:
            runs[-1].append(now)
        else:
            runs.append([now])
    return runs
