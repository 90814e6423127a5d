"""How seldom a process that serves looks for garbage, and how it makes little.

Nearly everything that a request brings goes when nothing refers to it any more. What is left to
Python's collector are circles. It goes through all that is young whenever some hundred objects are,
which are those of a few requests at once, and at times through all there is. It counts objects and
not their size: a few in circles can hold gigabytes.

An error makes circles. By its traceback it holds whatever the functions held that it went through,
answers and prompts of megabytes among it, and one of these holds what keeps the error.
"""

from __future__ import annotations

import gc
from typing import Final, TypeVar

Error = TypeVar("Error", bound=BaseException)

YOUNG: Final = 20_000
"""So many objects more than went are there when it looks: those of a hundred requests."""


def collect_seldom() -> None:
    """What is there now stays, and is not looked at again; call it when all has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)


def without_traces(error: Error) -> Error:
    """An error that is dealt with, or kept: what it went through need not be there any more."""
    left: list[BaseException | None] = [error]
    seen = set[int]()
    while left:
        each = left.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            each.__traceback__ = None
            left += [each.__cause__, each.__context__]
            left += each.exceptions if isinstance(each, BaseExceptionGroup) else ()
    return error
