"""Values beside the true one, so that an object which is asked what it equals cannot tell it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import random

_DECOYS: Final = 3
_TRIES: Final = 20
_MIDDLE: Final = 5000
"""A year from which either way is far to the end."""


def decoys_of(value: Any, chance: random.Random) -> list[Any]:
    """Values of the same type that are not equal to this one."""
    found: list[Any] = []
    for _ in range(_TRIES):
        if len(found) == _DECOYS:
            break
        decoy = _other_than(value, chance)
        if decoy != value and all(decoy != each for each in found):
            found.append(decoy)
    return found or [object]


def _other_than(value: Any, chance: random.Random) -> Any:  # noqa: C901, PLR0911 - one for each type
    match value:
        case bool():
            return not value
        case int():
            return value + chance.choice((-1, 1)) * chance.randint(1, 1 + abs(value) % 1000 + 3)
        case float():
            return value + chance.choice((-1, 1)) * (chance.random() * 10 + 0.1)
        case complex() | Decimal() | Fraction():
            return value + chance.choice((-1, 1)) * chance.randint(1, 99)
        case date():
            days = chance.randint(1, 99)
            return value + timedelta(days if value.year < _MIDDLE else -days)
        case str():
            letter = chance.choice("abcdefghijklmnopqrstuvwxyz0123456789 ")
            at = chance.randrange(len(value) + 1)
            return value[:at] + letter + value[at + chance.randint(0, 1) :]
        case list() | tuple() if value:
            items = list(value)
            at = chance.randrange(len(items))
            items[at] = _other_than(items[at], chance)
            return type(value)(items) if type(value) in (list, tuple) else items
        case list() | tuple():
            return type(value)([chance.randint(0, 9)]) if type(value) in (list, tuple) else [0]
        case dict():
            return {**value, chance.randint(0, 10**6): chance.randint(0, 9)}
        case set() | frozenset():
            return value | {chance.randint(0, 10**6)}
        case None:
            return chance.choice((0, "", False, []))
        case _:
            return chance.choice((0, "", None, 1.5))
