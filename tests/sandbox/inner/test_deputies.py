"""Threads that stand for those of the other process: how they are counted and kept."""

import _thread
import threading

import pytest

from sandbox.inner import deputies
from sandbox.inner.deputies import Deputies


def test_one_counts_before_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, counted = Deputies(), list[int]()
    start = _thread.start_new_thread

    def starting(function: object, args: tuple[object, ...]) -> int:
        counted.append(ours.threads)
        return start(function, args)

    monkeypatch.setattr(_thread, "start_new_thread", starting)
    assert ours.perform(7, lambda: 42) == 42
    assert counted == [1]


def test_one_that_cannot_be_had_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Deputies()

    def none_left(_function: object, _args: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", none_left)
    assert ours.perform(7, threading.get_ident) == threading.get_ident()
    assert ours.threads == 0


def test_one_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Deputies()
    first = ours.adopt(7)

    def another(_thread: int) -> object:
        raise AssertionError("another one is made")

    monkeypatch.setattr(deputies, "Deputy", another)
    assert ours.adopt(7) is first
