"""What the program has changed of its own process, where the tests would see it in one process.

The program tells of it, and may lie. So its word alone changes nothing. Tests go to one process
where they act in what it may have changed for them: in a `with` of it, in a function of theirs
that it calls, or after a statement that calls it for its effect alone. And only where they print,
read or open a file there themselves, or say by a name that they look at it.
"""

from __future__ import annotations

import ast
import io
import sys
from typing import TYPE_CHECKING, Any, Final, Protocol

from sandbox.inner.answers.surroundings import STREAMS
from sandbox.inner.remote.places import BARE, statements_of
from sandbox.inner.wire.channel import Forged, Stop

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sandbox.frames import Frame
    from sandbox.inner.answers.surroundings import Surroundings
    from sandbox.inner.remote.places import Places

_SEEN_BY: Final = {
    # Random numbers that the tests draw, of the library or of numpy: once a call has seeded them.
    "numbers": frozenset({"random"}),
    # A logger that the tests find by its name, once a call has set it up.
    "loggers": frozenset({"getLogger"}),
    "directory": frozenset({"getcwd", "getcwdb", "cwd", "abspath", "absolute"}),
    "environment": frozenset({"expandvars", "expanduser", "localtime", "gettempdir"}),
    "decimal": frozenset({"decimal"}),
    "warnings": frozenset({"warn", "warn_explicit"}),
    "recursion": frozenset({"getrecursionlimit"}),
    "timer": frozenset({"sleep"}),
}
"""By which names in the tests they look at what leaves no trace."""

_HANDLED_SEEN_BY: Final = frozenset({"logging", "exc_info", "print_exc", "format_exc"})
"""By which names they look at what is handled: a logger of theirs may note it (`log.exception`)."""

_BY_NAME: Final = frozenset({"loggers"})
"""What tests find by name, however they have called what set it up."""

_ENTERED: Final = frozenset({"__enter__", "__aenter__"})
_LEFT: Final = frozenset({"leave", "__aexit__"})

_TEXTS: Final = {
    "numbers": "draw random numbers that the program has seeded",
    "loggers": "look at loggers that the program has set up",
    "directory": "look at the directory that the program has changed",
    "environment": "look at the environment that the program has changed",
    "decimal": "compute in a decimal context that the program has changed",
    "warnings": "warn where the program listens",
    "recursion": "look at the limit of recursion that the program has changed",
    "timer": "wait in a `with` of the program, whose timer runs",
    "library": "use what the program has put in the library",
}


class Stops(Protocol):
    """The link, as who hears of the program's process stops the tests by it."""

    places: Places
    surroundings: Surroundings

    def need_shared(self, why: str) -> BaseException:
        """What to raise where tests need the candidate in their own process."""
        ...

    def stop(self, reason: Stop) -> BaseException:
        """Note why the tests cannot go on, to be raised."""
        ...


class Followed:
    """What the program has told last.

    `_lasting`: what the tests act in by now; `_around`: what they did around each `with` of the
    program that is open.
    """

    def __init__(self, link: Stops) -> None:
        self._link = link
        self._seen: frozenset[str] = frozenset()
        self._moved: set[str] = set()
        self._lasting: set[str] = set()
        self._around: list[set[str]] = []
        self._streams = {name: Elsewhere(link) for name in STREAMS}

    def watched(self, named: frozenset[str], tree: ast.Module | None) -> list[str]:
        """What the program is to tell of, by what the tests could see."""
        seen = {kind for kind, names in _SEEN_BY.items() if names & named}
        if tree is not None and any(isinstance(node, ast.While) for node in statements_of(tree)):
            seen.add("timer")
        if named & sys.stdlib_module_names:
            seen.add("library")
        self._seen = frozenset(seen)
        errors = ["errors"] if named & _HANDLED_SEEN_BY else []
        return [*STREAMS, *sorted(seen | {"directory"}), *errors]

    def hear(self, frame: Frame, question: str) -> None:
        """What differs by now, told with an answer to a question, or with a call of the tests.

        Raises `Stop` where the tests look at it.
        """
        told = frame.pop("moved", [])
        called = "ask" in frame
        passes = not called and question in _ENTERED | _LEFT
        if "id" not in frame or (told == [] and not self._moved and not passes):
            return
        if type(told) is not list or not all(type(kind) is str for kind in told):
            raise self._link.stop(Forged("no list of what differs"))
        moved, before, self._moved = set(told), self._moved, set(told)
        if passes:
            self._passed(question, raised="raised" in frame)
            return
        self._lasting &= moved
        effect = "" if called else self._link.places.effect_of_call()
        if effect:
            self._lasting |= moved - before if effect == BARE else (moved - before) & _BY_NAME
        self._act_in(moved if called else self._lasting)

    async def passing(self, special: str, comes: Awaitable[Any]) -> Any:
        """What comes of a special method that is awaited. Raises what that does, and `Stop`."""
        raised = True
        try:
            given, raised = await comes, False
        finally:
            if special in _ENTERED | _LEFT:
                self._passed(special, raised=raised)
        return given

    def _passed(self, question: str, *, raised: bool) -> None:
        """The tests come into a `with` of the program, unless that `raised`, or out of one."""
        if question in _LEFT:
            self._lasting = self._around.pop() if self._around else set()
        elif not raised:
            self._around.append(self._lasting)
            self._lasting = self._lasting | self._moved
        self._lasting &= self._moved
        self._act_in(self._lasting)

    def _act_in(self, kinds: set[str]) -> None:
        surroundings = self._link.surroundings
        surroundings.go(elsewhere="directory" in kinds)
        for name in STREAMS:
            surroundings.put(name, self._streams[name] if name in kinds else None)
        if looked_at := self._seen & kinds:
            raise self._link.need_shared(f"the tests {_TEXTS[min(looked_at)]}")


class Elsewhere(io.TextIOBase):
    """Stands for a standard stream while the program has one of its own there."""

    def __init__(self, link: Stops) -> None:
        super().__init__()
        self._link = link

    def write(self, _text: str) -> int:
        """Nobody here knows what the program makes of it."""
        raise self._link.need_shared("the tests write to a stream of the program")

    def readline(self, _size: int | None = -1) -> str:  # type: ignore[override]
        """Nor what it has to be read."""
        raise self._link.need_shared("the tests read from a stream of the program")

    def read(self, _size: int | None = -1) -> str:
        """Nor what it has to be read."""
        return self.readline()
