"""Two sides that have arrays of numpy, the tests' and the program's, for tests of what crosses."""

from __future__ import annotations

from typing import Any

from sandbox.codec import CannotCross
from sandbox.inner.crossing.containers import Containers
from sandbox.inner.crossing.exchange import heard, told
from sandbox.inner.crossing.records import Records


def sides() -> tuple[Containers, Containers]:
    ours, theirs = Containers(), Containers()
    ours.arrays = theirs.arrays = True
    theirs.records = Records.beside({"fields": {}, "kept": []}, {})
    return ours, theirs


def refuse(value: Any) -> Any:
    raise CannotCross(type(value).__name__)


def cross(value: Any, out: Containers, into: Containers) -> Any:
    return heard(told(value, out, refuse), into, refuse)
