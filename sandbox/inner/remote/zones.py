"""Zones of the program, which dates of the tests may have: objects of a real subclass of `tzinfo`.

A date asks its zone where it is compared, and hands itself over. So one that the tests expect is
told, and the answer is the program's word.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from sandbox.inner.crossing.clocks import ASKED
from sandbox.inner.remote.handles import ask, asks_of

if TYPE_CHECKING:
    from collections.abc import Callable

_METHODS: Final = ("utcoffset", "dst", "tzname", "fromutc")


def zone_methods(parents: list[type]) -> dict[str, Any]:
    """What a class has that is a zone by one of these above it."""
    if dt.tzinfo not in parents:
        return {}
    return {ASKED: True, **{name: _method(name) for name in _METHODS}}


def _method(name: str) -> Callable[..., Any]:
    def asked(handle: Any, moment: Any, /) -> Any:
        if isinstance(moment, (dt.datetime, dt.time)) and moment.tzinfo is handle:
            asks_of(handle).on_its_word()
        return ask(handle, "get", name)(moment)

    return asked
