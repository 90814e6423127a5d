"""One call of a program, in the candidate's process, which may answer as it likes."""

from __future__ import annotations

import math
import resource
import time
import types
from typing import TYPE_CHECKING, Any

from sandbox.codec import Decoder
from sandbox.inner.program.execute import describe
from sandbox.plain import Teller, ValueTooLong, made_of
from sandbox.texts import Describer

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.frames import Frame


class _NothingThere(Exception):
    """The way leads to nothing that could be called."""


def call(namespace: dict[str, Any], frame: Frame) -> Frame:
    """Call what the frame's `way` leads to: the result's form, or what it raised, or `long`."""
    _grant_cpu(frame["cpu_s"])
    args, kwargs = made_of(frame["value"])
    return _answer(lambda: _found(namespace, frame["way"])(*args, **kwargs), Teller(frame["most"]))


def output(namespace: dict[str, Any], frame: Frame) -> Frame:
    """Likewise, or `missing`; the arguments keep their types, and more is told of the result."""
    _grant_cpu(frame["cpu_s"])
    args, kwargs = Decoder().decode(frame["arguments"])
    return _answer(
        lambda: _callable(namespace, frame["way"])(*args, **kwargs), Describer(frame["most"])
    )


def _answer(called: Callable[[], Any], teller: Teller) -> Frame:
    """What comes of a call.

    Of an iterator nothing is known before it is read, so that is part of the call; and so is a
    coroutine, which runs to its end.
    """
    try:
        return {"value": teller.tell(_awaited(called()))}
    except ValueTooLong:
        return {"long": True}
    except _NothingThere:
        return {"missing": True}
    except BaseException as error:  # noqa: BLE001 - the keeper decides what it means
        return {"raised": describe(error)}


def _awaited(result: Any) -> Any:
    if type(result) is not types.CoroutineType:
        return result
    import asyncio  # noqa: PLC0415 - slow to load, and few need it

    return asyncio.run(result)


def _grant_cpu(seconds: int) -> None:
    """Give this call its CPU time; the hard limit is that of all together.

    A program that takes more for itself has the wall clock against it, and the keeper's count.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(time.process_time()) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (min(hard, soft), hard))


def _callable(namespace: dict[str, Any], way: str) -> Any:
    """What a way leads to. Raises `_NothingThere`."""
    try:
        found = _found(namespace, way)
    except AttributeError as error:
        raise _NothingThere from error
    if not callable(found):
        raise _NothingThere
    return found


def _found(namespace: dict[str, Any], way: str) -> Any:
    first, *steps = way.split(".")
    value = namespace[first.removesuffix("()")]
    value = value() if first.endswith("()") else value
    for step in steps:
        value = getattr(value, step.removesuffix("()"))
        value = value() if step.endswith("()") else value
    return value
