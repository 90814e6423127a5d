"""Which variables of a program can be sent, where all that the tests name together cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox import frames
from sandbox.codec import MAX_BYTES, CannotCross
from sandbox.frames import FrameError
from sandbox.inner.crossing.exchange import told

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.inner.crossing.containers import Containers

UNSENDABLE: Final = (CannotCross, TypeError, ValueError, RecursionError, MemoryError)
"""Not only the codec's own: keys that cannot be hashed once they are plain, and such."""

_ROOM: Final = 1 << 20
"""Bytes of an answer for what is told beside the variables."""


def sendable(
    variables: dict[str, Any], containers: Containers, refer: Callable[[Any], Any]
) -> dict[str, Any]:
    """As many of them as go into one message, the smallest first.

    Nothing may have been said yet: each is told for a trial, and that undone.
    """

    def size(of: object) -> int | None:
        try:
            return len(frames.pack(told(of, containers, refer), MAX_BYTES - _ROOM))
        except (*UNSENDABLE, FrameError):
            return None
        finally:
            containers.undo(0)

    sizes = {name: found for name in variables if (found := size(variables[name])) is not None}
    names = sorted(sizes, key=sizes.__getitem__)
    while names and size([variables[name] for name in names]) is None:
        names.pop()
    return {name: variables[name] for name in names}
