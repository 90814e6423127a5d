"""Runs each of a program's asserts for itself, and tells which hold: a program for the sandbox.

It travels there as text. The asserts are in the program's own process and share its state, as in
the published procedure, so what is told here is the program's word: it may choose among programs,
and is no verdict.
"""

from __future__ import annotations

import contextlib
import io
import json
import signal
import sys
from collections.abc import Iterator, Mapping
from typing import Any

HOLDS, FAILS, SLOW = "1", "0", "t"


class OutOfTime(BaseException):
    """An assert takes too long. No `Exception`: a program may catch those."""


class Nowhere(io.TextIOBase):
    """What is printed is let go."""

    def write(self, text: str) -> int:
        """Nothing of it is kept."""
        return len(text)


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raises `OutOfTime` inside after so much CPU time, and again where a program caught it."""

    def stop(_signal: int, _frame: object) -> None:
        raise OutOfTime

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def held(code: str, names: dict[str, Any], seconds: float) -> str:
    """What comes of one assert: whether it holds, or takes too long."""
    try:
        compiled = compile(code, "assert", "exec")
        with at_most(seconds):
            exec(compiled, names)  # noqa: S102 in the sandbox
    except OutOfTime:
        return SLOW
    except BaseException:  # noqa: BLE001 whatever a program raises, also a wish to exit
        return FAILS
    return HOLDS


def told(asked: Mapping[str, Any]) -> str:
    """A letter for every one of the `asserts` of the `program`, of `seconds` each.

    After `most_slow` that took too long, the others are taken to be so as well.
    """
    names: dict[str, Any] = {"__name__": "solution"}
    compiled = compile(asked["program"], "solution", "exec")
    with at_most(asked["load_s"]):
        exec(compiled, names)  # noqa: S102 in the sandbox
    letters = ""
    for code in asked["asserts"]:
        spent = letters.count(SLOW) >= asked["most_slow"]
        letters += SLOW if spent else held(code, names, asked["seconds"])
    return letters


def write() -> None:
    """Read what is asked, and write the letters as a line behind the `mark` that was told.

    So a program that writes for itself, or ends too early, has not told what holds by accident.
    """
    asked, out = json.load(sys.stdin), sys.stdout
    sys.stdin, sys.stdout = io.StringIO(), Nowhere()
    letters = told(asked)
    print(f"\n{asked['mark']}{letters}", file=out, flush=True)
