"""What of its process the program has changed since it was loaded, where tests may look at it.

A `with` of the program may catch what is printed in it, or seed random numbers; in one process the
tests would see that. It is told with each answer. What it says is taken as hostile: it counts where
the tests have what could see it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CannotCross
from sandbox.inner.wire.nesting import FRAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.frames import Frame

STREAMS: Final = ("stdin", "stdout", "stderr")
_FRESH: Final = 624
"""Where a generator of random numbers stands that was seeded, and has not been drawn from since."""

_PLAIN: Final = (tuple, list, dict, str, int)

ENTERED: Final = "__enter__"
CALLS: Final = "call"


def _numbers() -> set[Any]:
    """The states of generators that were seeded and that nobody has drawn from since."""
    states: set[Any] = set()
    if "random" in sys.modules:
        own = sys.modules["random"].getstate()[1]
        states |= {own} if own[-1] == _FRESH else set()
    if "numpy.random" in sys.modules:
        _, keys, position, *_ = sys.modules["numpy.random"].get_state()
        states |= {keys.tobytes()} if position == _FRESH else set()
    return states


def _loggers() -> dict[str, Any]:
    """How loggers are set up, but for those that only exist."""
    logging = sys.modules.get("logging")
    if logging is None:
        return {}
    found = {"": logging.root, **logging.root.manager.loggerDict}
    states = {
        name: (one.level, tuple(map(id, one.handlers)), one.propagate, one.disabled)
        for name, one in found.items()
        if isinstance(one, logging.Logger)
    }
    fresh = {
        name: (logging.NOTSET if name else logging.WARNING, (), True, False) for name in states
    }
    return {name: state for name, state in states.items() if state != fresh[name]}


def _decimal() -> Any:
    decimal = sys.modules.get("decimal")
    if decimal is None:
        return None
    now = decimal.getcontext()
    return now.prec, now.rounding, now.Emin, now.Emax, now.capitals, now.clamp


def _warnings() -> Any:
    warnings = sys.modules.get("warnings")
    if warnings is None:
        return None
    return list(warnings.filters), warnings.showwarning, warnings._showwarnmsg_impl  # noqa: SLF001 - what a record sets


_ALWAYS: Final[dict[str, Callable[[], Any]]] = {
    **{name: functools.partial(getattr, sys, name) for name in STREAMS},
    "directory": os.getcwd,
    "numbers": _numbers,
    "loggers": _loggers,
}
"""What stays as it is once a call has set it up, for the tests to look at."""

_WITHIN: Final[dict[str, Callable[[], Any]]] = {
    "environment": lambda: dict(os.environ),
    "decimal": _decimal,
    "warnings": _warnings,
    "recursion": lambda: sys.getrecursionlimit() % FRAMES,  # we may have lifted it
}
"""What matters to the tests in a `with` of the program, or in a function that it calls.

Elsewhere it is how a program works for itself, as with more digits.
"""


class OwnProcess:
    """The process as it was when the program was loaded."""

    def __init__(self, watched: list[str], names: list[str]) -> None:
        self._always = {kind: _ALWAYS[kind] for kind in watched if kind in _ALWAYS}
        self._within = {kind: _WITHIN[kind] for kind in watched if kind in _WITHIN}
        if "library" in watched:
            self._within["library"] = _library_by(names)
        self._timer, self._errors = "timer" in watched, "errors" in watched
        self._before = {kind: _look(look) for kind, look in (self._always | self._within).items()}

    def told(self, ask: str) -> Frame:
        """What is others now, to be told with an answer, or with what a `call` asks."""
        looks = self._always
        if ask in (ENTERED, CALLS):
            looks = looks | self._within
        before = self._before
        moved = [kind for kind, look in looks.items() if not _is_same(_look(look), before[kind])]
        if self._timer and ask == ENTERED and signal.getitimer(signal.ITIMER_REAL)[0]:
            moved.append("timer")
        return {"moved": moved} if moved else {}

    def calling(self, tell: Callable[[Any], Frame], args: tuple[Any, ...], kwargs: Any) -> Frame:
        """What the tests are told as the program calls them. Raises `CannotCross`.

        With what it handles, where they look for that, and that can cross.
        """
        parts = args, tuple(kwargs.items())
        error = sys.exc_info()[1] if self._errors else None
        if isinstance(error, Exception):
            with contextlib.suppress(CannotCross, RecursionError):
                return tell((*parts, error))
        return tell(parts)


def _is_same(now: Any, before: Any) -> bool:
    """By identity, for a stream; by what is in it, for what is made anew with each look."""
    if type(now) is set:  # of seeded generators, some have been drawn from, which is no news
        return type(before) is set and now <= before
    with contextlib.suppress(Exception):
        return now is before or (type(now) in _PLAIN and bool(now == before))
    return False


def _look(look: Callable[[], Any]) -> Any:
    """What there is. Programs put something else in the place of anything."""
    with contextlib.suppress(Exception):
        return look()
    return None


def _library_by(names: list[str]) -> Callable[[], Any]:
    """Looks at what modules of the library that the tests name have under names in the tests."""
    there = [sys.modules[n] for n in names if n in sys.modules and n in sys.stdlib_module_names]
    places = [(vars(module), name) for module in there for name in names if name in vars(module)]
    return lambda: [id(known.get(name)) for known, name in places]
