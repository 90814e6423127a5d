"""Who may speak, where a handler of a signal raises in the midst of it."""

from __future__ import annotations

import dis
import functools
import sys
import threading
from typing import TYPE_CHECKING, Any

from sandbox.inner.wire import turns as module
from sandbox.inner.wire.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

WAIT_S = 60
HANDLED_AFTER = ("RESUME", "CALL", "JUMP_BACKWARD")
"""The instructions after which CPython runs handlers of signals."""


class RaisedByHandler(Exception):
    """What a handler of a signal raises."""


@functools.cache
def instructions(code: CodeType) -> dict[int, str]:
    return {each.offset: each.opname for each in dis.get_instructions(code)}


class Interrupted:
    """Raises where a handler may run for the `step`th time within `turns`."""

    def __init__(self, step: int) -> None:
        self.left = step
        self._last: dict[Any, str] = {}

    def __call__(self, frame: Any, event: str, _arg: object) -> Any:
        if frame.f_code.co_filename != module.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            last = self._last.get(frame)
            self._last[frame] = instructions(frame.f_code)[frame.f_lasti]
            self.left -= last in HANDLED_AFTER
            if self.left < 0:
                raise RaisedByHandler
        return self


def is_cut_short(step: int, work: Callable[[], object]) -> bool:
    sys.settrace(Interrupted(step))
    try:
        work()
    except RaisedByHandler:
        return True
    finally:
        sys.settrace(None)
    return False


def speak(turns: Turns) -> None:
    with turns.speaking():
        pass


def ends(work: Callable[[], object]) -> bool:
    """Whether another thread comes to an end of it."""
    other = threading.Thread(target=work, daemon=True)
    other.start()
    other.join(WAIT_S)
    return not other.is_alive()


def test_who_is_cut_short_keeps_nobody_from_answering() -> None:
    step, cut = 0, True
    while cut:
        turns = Turns(lambda: None)
        with turns.asked(1):
            cut = is_cut_short(step, functools.partial(speak, turns))
            turns.silence()
            assert ends(functools.partial(turns.closing, 1)), step
        step += 1
    assert step > 5


def test_who_is_cut_short_while_it_waits_is_waited_for_no_more() -> None:
    """Nothing is asked yet, so it knocks and waits."""

    def knock() -> None:
        raise RaisedByHandler

    turns = Turns(knock)
    assert is_cut_short(1000, functools.partial(speak, turns))
    turns.silence()
    with turns.asked(1):
        assert ends(turns.let_speak)
