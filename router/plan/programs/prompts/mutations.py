"""Values near a value, of the same type: what a program may be tried on beside an example.

They stay small, so that programs end soon: what an example has that is larger is made no larger.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice, zip_longest
from typing import Final

from router.plan.programs.prompts.literals import CallArguments

_LARGEST: Final = 100
_LONGEST: Final = 8
_LONGEST_STRING: Final = 32
_MOST_PARTS: Final = 4
"""Of a value so many parts are changed one at a time."""
_MOST_ARGUMENTS: Final = 64
"""Of a call: each that is changed makes a call as long."""


def near(value: object, draw: random.Random) -> Iterator[object]:
    """Values of the same type, those that differ least in kind first; some may equal it."""
    match value:
        case bool():
            yield not value
        case int():
            yield from _numbers(value, (value + 1, value - 1, 0, -value, value * 2, value // 2))
        case float():
            yield from _numbers(
                value, (value + 1.0, value - 0.5, 0.0, -value, value * 2, value / 2)
            )
        case str():
            yield from _strings(value, draw)
        case list():
            yield from (list(each) for each in _sequences(value, draw))
        case tuple():
            yield from _tuples(value, draw)
        case dict():
            yield from _mappings(value, draw)
        case set():
            ordered = sorted(value, key=repr)
            yield from (set(each) for each in (ordered[1:], ordered[:-1], ordered[:1], ()))
        case _:
            pass


def near_call(call: CallArguments, draw: random.Random) -> Iterator[CallArguments]:
    """Calls that differ in one argument, each of the first arguments in turn."""
    ways: list[Iterator[CallArguments]] = []
    for at, value in enumerate(call.args[:_MOST_ARGUMENTS]):
        put = _put_argument(call, at)
        ways.append(map(put, near(value, draw)))
    for name, value in islice(call.kwargs.items(), _MOST_ARGUMENTS):
        ways.append(map(_put_keyword(call, name), near(value, draw)))
    yield from in_turn(ways)


def in_turn(ways: Sequence[Iterator[CallArguments]]) -> Iterator[CallArguments]:
    """One of each, then the next of each, until none has any more."""
    rounds = zip_longest(*ways)
    return (each for each in chain.from_iterable(rounds) if each is not None)


def _put_argument(call: CallArguments, at: int) -> Callable[[object], CallArguments]:
    return lambda value: replace(call, args=(*call.args[:at], value, *call.args[at + 1 :]))


def _put_keyword(call: CallArguments, name: str) -> Callable[[object], CallArguments]:
    return lambda value: replace(call, kwargs={**call.kwargs, name: value})


def _numbers(value: float, others: Sequence[float]) -> Iterator[float]:
    most = _LARGEST if abs(value) <= _LARGEST else abs(value) + 1
    return (each for each in others if abs(each) <= most)


def _strings(value: str, draw: random.Random) -> Iterator[str]:
    yield from (value[:-1], value[::-1], value.swapcase(), value[1:], "")
    if 2 * len(value) <= _LONGEST_STRING:
        yield value * 2
    if value:
        at = draw.randrange(len(value))
        if len(value) < _LONGEST_STRING:
            yield value[:at] + value[at] + value[at:]
        yield "".join(draw.sample(value, len(value)))
        yield value[at]


def _sequences(value: Sequence[object], draw: random.Random) -> Iterator[Sequence[object]]:
    yield from (value[:-1], value[::-1])
    yield from _with_a_part_changed(value, draw)
    if value:
        at = draw.randrange(len(value))
        if len(value) < _LONGEST:
            yield [*value[:at], value[at], *value[at:]]
        yield value[at : at + 1]
    yield value[1:]
    yield _in_order(value)
    yield ()
    yield draw.sample(value, len(value))


def _tuples(value: tuple[object, ...], draw: random.Random) -> Iterator[tuple[object, ...]]:
    """A tuple of one type is a sequence; of several types, a record, which keeps its length."""
    yield tuple(reversed(value)) if _alike(value) else value
    yield from (tuple(each) for each in _with_a_part_changed(value, draw))
    if _alike(value):
        yield from (tuple(each) for each in _sequences(value, draw))


def _mappings(
    value: Mapping[object, object], draw: random.Random
) -> Iterator[dict[object, object]]:
    items = list(value.items())
    yield dict(items[:-1])
    yield dict(items[1:])
    for key, old in islice(items, _MOST_PARTS):
        yield from ({**value, key: new} for new in islice(near(old, draw), 1))
    yield {}
    yield dict(items[:1])
    keys = [key for key, _ in items]
    values = draw.sample([old for _, old in items], len(items))
    yield dict(zip(keys, values, strict=True))


def _with_a_part_changed(
    value: Sequence[object], draw: random.Random
) -> Iterator[Sequence[object]]:
    places = draw.sample(range(len(value)), min(len(value), _MOST_PARTS))
    for at in places:
        for new in islice(near(value[at], draw), 2):
            yield [*value[:at], new, *value[at + 1 :]]


def _in_order(value: Sequence[object]) -> Sequence[object]:
    numbers = [each for each in value if isinstance(each, int | float)]
    if len(numbers) == len(value):
        return sorted(numbers)
    strings = [each for each in value if isinstance(each, str)]
    return sorted(strings) if len(strings) == len(value) else value


def _alike(value: Sequence[object]) -> bool:
    return len({type(each) for each in value}) <= 1
