"""Keeps what a candidate wrote out of the imports of the process that judges it.

Tests and candidate share the run's own directories, and tests may put one of these on the import
path (`sys.path.insert(0, ".")` is a habit). A `heapq.py` that lies there must not run beside the
asserts.
"""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.inner.wire.channel import NeedShared

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from sandbox.inner.answers.link import Link


@functools.cache
def roots(path: tuple[str, ...]) -> tuple[str, ...]:
    """The directories that an import path leads to.

    Asked for once before the first fork: it takes a system call for each part of each entry.
    """
    return tuple(os.path.realpath(entry) for entry in path)


def guard(link: Link) -> None:
    """From now on an import finds modules only where they can be found now, or below.

    One that lies elsewhere stops the tests with `NeedShared`.
    """
    found = roots(tuple(sys.path))

    def hook(entry: str) -> _Elsewhere:
        place = os.path.realpath(entry)
        if any(os.path.commonpath((place, root)) == root for root in found):
            raise ImportError  # as a hook says that this is none of its business
        return _Elsewhere(link, place)

    sys.path_hooks.insert(0, hook)


class _Elsewhere:
    """The finder for a directory from which nothing may be imported."""

    def __init__(self, link: Link, place: str) -> None:
        self._link = link
        self._place = place

    def find_spec(self, name: str, _target: object = None) -> ModuleSpec | None:
        """None where there is no such module. Raises `NeedShared`."""
        try:
            found = {path.name.partition(".")[0] for path in Path(self._place).iterdir()}
        except OSError:
            return None
        if name.rpartition(".")[2] in found:
            raise self._link.stop(NeedShared(f"the tests import {name} from {self._place}"))
        return None
