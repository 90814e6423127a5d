"""What of their own process tests have changed when they ask something of the candidate.

The candidate is to see it then, or they want to see there what it does: their streams, filters of
warnings, environment, directory, limits and contexts of the interpreter. It is compared with what
was there before the tests began, whichever way they came to change it.
"""

from __future__ import annotations

import _locale
import decimal
import functools
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_RUNNERS: Final = "PYTEST_"
"""How variables begin in which pytest tells where it is."""

STREAMS: Final = ("stdin", "stdout", "stderr")
"""Names of the standard streams."""

TOLD: Final = frozenset({"os.putenv", "os.unsetenv", "os.chdir"})
"""Events after which environment and directory are looked at: doing so each time is slow."""


_LOOKS: Final = ("stat", "lstat", "access", "readlink")
"""What looks at a path without an event."""


class Surroundings:
    """The process as it was when tests began. Asking what changed takes about a microsecond."""

    def __init__(self) -> None:
        self._streams = tuple(getattr(sys, name) for name in STREAMS)
        self._warnings = _warnings()
        self._others = _others()
        self._environment = _variables(os.environ)
        self._directory = _directory()
        self._told = False
        self._between = False
        self._stand_ins: dict[str, Any] = {}
        self.collecting = self.elsewhere = False
        self._tells_of_looks = False

    def go(self, *, elsewhere: bool) -> None:
        """The program is in another directory than the tests are, or no more, where they act."""
        self.elsewhere = elsewhere
        if elsewhere and not self._tells_of_looks:
            self._tells_of_looks = True
            for name in _LOOKS:
                setattr(os, name, _with_an_event(name))

    def put(self, name: str, stand_in: Any) -> None:
        """Put something in the place of a standard stream, or back what was there.

        Not where the tests have put something there themselves.
        """
        mine = self._streams[STREAMS.index(name)]
        if getattr(sys, name) is self._stand_ins.get(name, mine):
            setattr(sys, name, mine if stand_in is None else stand_in)
            self._stand_ins[name] = mine if stand_in is None else stand_in

    def told(self) -> None:
        """Environment or directory may be others from now on."""
        self._told = True

    def renew(self, *, collecting: bool, between: bool = False) -> None:
        """What a test runner has changed around tests is none of their doing.

        Nor is what it changes `between` them, while a thread that one has left may go on asking.
        """
        self.collecting = collecting
        self._between = between
        for name in tuple(self._stand_ins):
            self.put(name, None)
        self._warnings = _warnings()

    def changed(self, lifted: int = 0) -> str | None:
        """What the tests have changed, if anything; `lifted`: the limit of recursion, by us."""
        for mine, name in zip(self._streams, STREAMS, strict=True):
            if getattr(sys, name) is not self._stand_ins.get(name, mine):
                return "a standard stream"
        if not self._between and self._warnings != _warnings():
            return "what becomes of warnings"
        if self._others != _others(lifted):
            return "a limit, a context or the locale"
        if not self._told:
            return None
        if self._environment != _variables(os.environ):
            return "the environment"
        return "the directory" if self._directory != _directory() else None


def _with_an_event(name: str) -> Callable[..., Any]:
    """A function of `os` of which audit hooks hear, as of those that open a file."""
    own: Callable[..., Any] = getattr(os, name)

    @functools.wraps(own)
    def told(path: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("dir_fd") is None:
            sys.audit(f"os.{name}", path)
        return own(path, *args, **kwargs)

    for takes in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        if own in takes:
            takes.add(told)
    return told


def _warnings() -> tuple[Any, ...]:
    """Who is told of a warning, and which ones are raised as errors.

    The other filters say what is printed: unittest's runner has its own.
    """
    raised = [each for each in warnings.filters if each[0] == "error"]
    shown = warnings._showwarnmsg_impl  # type: ignore[attr-defined] # noqa: SLF001 - what a record sets
    return raised, warnings.showwarning, shown


def _others(lifted: int = 0) -> tuple[Any, ...]:
    context = decimal.getcontext()
    return (
        sys.getrecursionlimit() - lifted,
        sys.get_int_max_str_digits(),
        context.prec,
        context.rounding,
        context.Emin,
        context.Emax,
        context.capitals,
        context.clamp,
        _locale.setlocale(_locale.LC_ALL, None),
    )


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(_RUNNERS)}


def _directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - may be gone
    except OSError:
        return None
