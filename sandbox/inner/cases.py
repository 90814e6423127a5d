"""One call of kind `calls`, in the candidate's process, which may answer as it likes."""

from __future__ import annotations

import math
import resource
import time
import types
from typing import TYPE_CHECKING, Any

from sandbox.inner.execute import describe
from sandbox.plain import Teller, ValueTooLong, made_of

if TYPE_CHECKING:
    from sandbox.frames import Frame


def call(namespace: dict[str, Any], frame: Frame) -> Frame:
    """Call what the frame's `way` leads to: the result's form, or what it raised, or `long`.

    Of an iterator nothing is known before it is read, so that is part of the call; and so is a
    coroutine, which runs to its end.
    """
    _grant_cpu(frame["cpu_s"])
    args, kwargs = made_of(frame["value"])
    try:
        result = _awaited(_found(namespace, frame["way"])(*args, **kwargs))
        return {"value": Teller(frame["most"]).tell(result)}
    except ValueTooLong:
        return {"long": True}
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


def _found(namespace: dict[str, Any], way: str) -> Any:
    first, *steps = way.split(".")
    value = namespace[first.removesuffix("()")]
    value = value() if first.endswith("()") else value
    for step in steps:
        value = getattr(value, step.removesuffix("()"))
        value = value() if step.endswith("()") else value
    return value
