"""Threads that stand for those of the other process: how they are counted and kept."""

import _thread
import contextlib
import threading
import time
from collections.abc import Callable

import pytest

from sandbox.inner.wire import deputies
from sandbox.inner.wire.deputies import Deputies, Later, Numbers


def done(of: Deputies, thread: int, work: Callable[[], object]) -> object:
    """What came of some work, however long it took."""
    try:
        return of.perform(thread, work)
    except Later:
        while True:
            with contextlib.suppress(Later):
                return of.result(thread)


def test_one_counts_before_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, counted = Deputies(), list[int]()
    start = _thread.start_new_thread

    def starting(function: object, args: tuple[object, ...]) -> int:
        counted.append(ours.threads)
        return start(function, args)

    monkeypatch.setattr(_thread, "start_new_thread", starting)
    assert done(ours, 7, lambda: 42) == 42
    assert counted == [1]


def test_one_that_cannot_be_had_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Deputies()

    def none_left(_function: object, _args: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", none_left)
    assert done(ours, 7, threading.get_ident) == threading.get_ident()
    assert ours.threads == 0


def test_one_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Deputies()
    first = ours.adopt(7)

    def another(_thread: int) -> object:
        raise AssertionError("another one is made")

    monkeypatch.setattr(deputies, "Deputy", another)
    assert ours.adopt(7) is first


def test_a_number_is_used_once() -> None:
    numbers, found = Numbers(), list[int]()

    def note() -> None:
        found.extend([numbers.here(), numbers.here()])

    for _ in range(3):
        thread = threading.Thread(target=note)
        thread.start()
        thread.join()
    assert found == [2, 2, 3, 3, 4, 4]
    assert (numbers.ended(), numbers.ended()) == ([2, 3, 4], [])


@pytest.mark.parametrize("threads", [None, 5, "2", [None], ["2"], [[2]], [3]])
def test_threads_that_are_made_up(threads: object) -> None:
    ours = Deputies()
    first = done(ours, 2, threading.get_ident)
    ours.end(threads)
    assert done(ours, 2, threading.get_ident) == first


def test_a_deputy_ends() -> None:
    ours, kept = Deputies(), threading.local()

    def keep() -> bool:
        before = hasattr(kept, "mine")
        kept.mine = True
        return before

    assert (done(ours, 2, keep), done(ours, 2, keep)) == (False, True)
    for _ in range(100):  # as only so many can be had
        ours.end([2])
        for _ in range(5_000):
            if not ours.threads:
                break
            time.sleep(0.001)
        assert done(ours, 2, keep) is False
