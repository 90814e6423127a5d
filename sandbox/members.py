"""Whether a set has the members that a list names, in any order; see `sandbox.compare`.

A member without a set in it is found by a key. The rest (sets of sets, numbers that need only be
close) is paired: with each the few that have the same texts and numbers as close, which are looked
up. What that comes to is counted, as members can be made so that none are few.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from sandbox.plain import Told
    from sandbox.program import JSONValue

_MOST: Final = 3_000_000
_LOOKED_AT: Final = 4
"""Numbers of a member that are looked at before all of it is compared."""

_WIDE: Final = 0.5
"""From this tolerance on, any number may be close to any."""

_SLACK: Final = 1 + 1e-9

Same: TypeAlias = "Callable[[JSONValue, Told], bool]"


class Undecided(Exception):
    """Whether two sets are equal takes longer to find out than they may take."""


@dataclass(slots=True)
class Work:
    """What pairing may still come to, in leaves that are looked at; the keys found so far, by id.

    One is for values that stay: for all results of a run.
    """

    left: int = field(default_factory=lambda: _MOST)
    keys: dict[int, Hashable] = field(default_factory=dict)

    def pay(self, leaves: int) -> None:
        """Count. Raises `Undecided`."""
        self.left -= leaves
        if self.left < 0:
            raise Undecided


@dataclass(frozen=True, slots=True)
class Closeness:
    """When members are the `same`, and when numbers are, absolute and relative."""

    same: Same
    exact: bool
    tolerance: float
    bools: bool
    work: Work


def same_members(
    expected: Sequence[JSONValue], found: Sequence[Told], closeness: Closeness
) -> bool:
    """Whether every member has one that is the same. Raises `Undecided`."""
    if len(expected) != len(found):
        return False
    work = closeness.work
    had = [(key_of_told(item, work), item) for item in found]
    keys = [key for key, _ in had if key is not None]
    if len(set(keys)) != len(keys):
        return False  # it is no set
    rest, left = [item for _, item in had], list(expected)
    if keys:
        wanted = [(key_of_json(item, work), item) for item in expected]
        common = Counter(key for key, _ in wanted if key is not None) & Counter(keys)
        left = _without(wanted, Counter(common))
        if closeness.exact and len(keys) > common.total():
            return False  # it has no set inside, and is none of those expected
        ordered = len(keys) == len(had)
        rest = _without(had, common)
    else:
        ordered = False
    if len(rest) == 1:
        return closeness.same(left[0], rest[0])
    return _paired(left, rest, closeness, ordered=ordered)


def _without(keyed: list[tuple[Hashable, Any]], settled: Counter[Hashable]) -> list[Any]:
    rest = []
    for key, item in keyed:
        if key is not None and settled[key] > 0:
            settled[key] -= 1
        else:
            rest.append(item)
    return rest


class _Shelf:
    """Members that have all but numbers in common, by the first of the numbers looked at."""

    def __init__(self, members: list[tuple[list[float], int, Told]]) -> None:
        members.sort(key=lambda member: member[0])
        self._members = members
        self._firsts = [numbers[0] if numbers else 0.0 for numbers, _, _ in members]
        self._taken = [False] * len(members)
        self._begin = 0  # all before it are taken

    def take(self, numbers: list[float], item: JSONValue, closeness: Closeness) -> bool:
        """Take one that is the same, if one is there."""
        work, are_close = closeness.work, _are_close(closeness.tolerance)
        while self._begin < len(self._taken) and self._taken[self._begin]:
            self._begin += 1
        for at in self._range(numbers[0] if numbers else 0.0, closeness.tolerance):
            work.pay(1)
            theirs, cost, other = self._members[at]
            if self._taken[at] or not all(map(are_close, numbers, theirs)):
                continue
            work.pay(cost)
            if closeness.same(item, other):
                self._taken[at] = True
                return True
        return False

    def _range(self, first: float, tolerance: float) -> range:
        if tolerance >= _WIDE or math.isinf(first):
            return range(self._begin, len(self._firsts))
        most = max(tolerance, tolerance * abs(first) / (1 - tolerance)) * _SLACK
        begin = bisect_left(self._firsts, first - most, self._begin)
        return range(begin, bisect_right(self._firsts, first + most, begin))


def _are_close(tolerance: float) -> Callable[[float, float], bool]:
    most = tolerance * _SLACK
    return lambda one, other: math.isclose(one, other, rel_tol=most, abs_tol=most)


def _paired(wanted: list[Any], had: list[Any], closeness: Closeness, *, ordered: bool) -> bool:
    shelves: dict[Hashable, list[tuple[list[float], int, Told]]] = {}
    for item in had:
        place, *member = _look(_leaves_of_told(item), closeness, ordered=ordered)
        shelves.setdefault(place, []).append((*member, item))
    sorted_ = {place: _Shelf(members) for place, members in shelves.items()}
    looks = [(*_look(_leaves_of_json(item), closeness, ordered=ordered), item) for item in wanted]
    looks.sort(key=lambda look: look[1])  # the least first: with each of a row goes the next
    return all(
        place in sorted_ and sorted_[place].take(numbers, item, closeness)
        for place, numbers, _, item in looks
    )


def _look(
    leaves: Iterator[Any], closeness: Closeness, *, ordered: bool
) -> tuple[Hashable, list[float], int]:
    """What members that are the same have in common, numbers that are close, and their leaves."""
    numbers: list[float] = []
    others: list[Hashable] = []
    for leaf in leaves:
        closeness.work.pay(1)
        if type(leaf) in (int, float) or (closeness.bools and type(leaf) is bool):
            if closeness.tolerance:
                numbers.append(_float(leaf))
            else:
                others.append(+leaf)
        else:
            others.append((type(leaf), leaf))
    cost = len(numbers) + len(others)
    if ordered:
        return (tuple(others), len(numbers)), numbers[:_LOOKED_AT], cost
    numbers.sort()
    if len(numbers) > _LOOKED_AT:
        at = (len(numbers) - 1) / (_LOOKED_AT - 1)
        numbers = [numbers[int(at * number)] for number in range(_LOOKED_AT)]
    # The least, the second least and so on are close, too, where all are in some order.
    return (frozenset(Counter(others).items()), cost), numbers, cost


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, number)


def key_of_json(value: JSONValue, work: Work) -> Hashable:
    """Equal for values that are equal but for the order within sets; None where there is none."""
    if isinstance(value, (str, bool)) or value is None:
        return (type(value), value)
    if isinstance(value, (int, float)):
        return value
    if not isinstance(value, Sequence):
        return None
    if id(value) not in work.keys:
        work.keys[id(value)] = _key_of_items([key_of_json(item, work) for item in value])
    return work.keys[id(value)]


def key_of_told(told: Told, work: Work) -> Hashable:
    """The same of a told value."""
    match told:
        case None | bool() | str():
            return (type(told), told)
        case int() | float():
            return told
        case ["i", str(digits)]:
            return int(digits, 16)
        case ["l", list(items)]:
            if id(told) not in work.keys:
                work.keys[id(told)] = _key_of_items([key_of_told(item, work) for item in items])
            return work.keys[id(told)]
        case _:
            return None


def _key_of_items(keys: list[Hashable]) -> Hashable:
    return None if None in keys else tuple(keys)


def _leaves_of_json(value: JSONValue) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves_of_json(item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _leaves_of_json(item)
    else:
        yield value


def _leaves_of_told(told: Told) -> Iterator[Any]:
    match told:
        case ["l" | "s", list(items)]:
            for item in items:
                yield from _leaves_of_told(item)
        case ["d", list(pairs)]:
            for _, item in pairs:
                yield from _leaves_of_told(item)
        case ["i", str(digits)]:
            yield int(digits, 16)
        case ["f", str(name)]:
            yield float(name)
        case ["?", *_]:
            yield b""  # which no JSON value is
        case _:
            yield told
