"""What an object of a class that the tests name says to equal, and what it makes of a comparison.

An object that is made of one, as a condition of a query, is no answer to it. It has attributes and
methods, and makes others with objects of the program. Whether it is true, or which number it is,
is nobody's question: a pass would rest on it, and nothing was compared.
"""

from __future__ import annotations

import random
from typing import Any, Final

from sandbox.inner.remote.decoys import decoys_of
from sandbox.inner.remote.exceptions import MARK
from sandbox.inner.remote.handles import Handle, ask, asks_of, held_by, number_of
from sandbox.inner.remote.methods import kept_by
from sandbox.inner.remote.unnamed import no_operator

_CHANCE: Final = random.SystemRandom()
_MADE: Final = "\0made"
"""Where a handle keeps that it is one."""


def is_made(value: Any) -> bool:
    """Whether something was made of a comparison."""
    return isinstance(value, Handle) and _MADE in kept_by(value)


def _can_be_made(value: Any) -> bool:
    """Whether something can be made of a comparison: what holds a value could be an answer."""
    return isinstance(value, Handle) and held_by(type(value)) is None


def made(handle: Any, special: str, found: Any) -> Any:
    """What `special` makes of a comparison. Raises the candidate's error for what can be none."""
    if not _can_be_made(found):
        raise no_operator(handle, special)
    kept_by(found)[_MADE] = True
    return found


def combined(handle: Any, special: str, other: Any, *more: Any) -> Any:
    """What two objects make by an operator, one of which was made."""
    if number_of(other) is None:
        raise no_operator(handle, special)
    asks_of(handle).on_its_word()
    match ask(handle, "operate", special, other, *more):
        case tuple([given]):
            return made(handle, special, given)
    return NotImplemented


def plain_truth(handle: Any) -> bool:
    """Whether an object counts as true whose class does not say: any does that nothing made."""
    if is_made(handle):
        raise no_operator(handle, "__bool__")
    return True


def compared(handle: Any, special: str, true: Any) -> Any:
    """Whether an object says to equal this value, and none of the decoys around it.

    Or what it makes of the comparison, as a condition of a query: that counts as no answer.
    """
    values, yes = [true, *decoys_of(true, _CHANCE)], special == "__eq__"
    first, second = (_lineup(handle, special, values) for _ in range(2))
    if _can_be_made(second[0]):
        return made(handle, special, second[0])
    if isinstance(second[0], BaseException) and getattr(second[0], MARK, False) is True:
        raise second[0]
    # What it cannot be compared with, it does not equal.
    first, second = ([each is yes for each in answers] for answers in (first, second))
    return (first == second and first[0] and False in first) is yes


def _lineup(handle: Any, special: str, values: list[Any]) -> list[Any]:
    """What an object says of each value, asked in an order that it cannot know."""
    order = _CHANCE.sample(range(len(values)), len(values))
    answers = ask(handle, "lineup", special, [values[at] for at in order])
    if type(answers) is not list or len(answers) != len(values):
        return [False]
    return [answers[order.index(at)] for at in range(len(values))]
