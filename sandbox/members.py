"""Whether a set has the members that a list names, in any order; see `sandbox.compare`.

A member without a set in it is found by a key. The rest (sets of sets, numbers that need only be
close) is paired, and as pairing may take as many comparisons as there are pairs, it is given up
after so many: then the sets are different.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from sandbox.plain import Told
    from sandbox.program import JSONValue

_PAIRS: Final = 50_000

Same: TypeAlias = "Callable[[JSONValue, Told], bool]"


def same_members(
    expected: Sequence[JSONValue], found: Sequence[Told], same: Same, *, exact: bool
) -> bool:
    """Whether every member has one that is the `same`; `exact` where numbers must be equal."""
    if len(expected) != len(found):
        return False
    wanted = [(key_of_json(item), item) for item in expected]
    had = [(key_of_told(item), item) for item in found]
    keys = [key for key, _ in had if key is not None]
    if len(set(keys)) != len(keys):
        return False  # it is no set
    common = Counter(key for key, _ in wanted if key is not None) & Counter(
        key for key, _ in had if key is not None
    )
    left = _without(wanted, Counter(common))
    rest = _without(had, common)
    if exact and any(key is not None for key, _ in rest):
        return False  # it has no set inside, and is none of those expected
    return _paired([item for _, item in left], [item for _, item in rest], same, exact=exact)


def _without(keyed: list[tuple[Hashable, Any]], settled: Counter[Hashable]) -> list[Any]:
    rest = []
    for key, item in keyed:
        if key is not None and settled[key] > 0:
            settled[key] -= 1
        else:
            rest.append((key, item))
    return rest


def _paired(wanted: list[Any], had: list[Any], same: Same, *, exact: bool) -> bool:
    numbers = all(type(item) in (int, float) for item in (*wanted, *had))
    if numbers and not exact:
        return all(same(one, other) for one, other in zip(sorted(wanted), sorted(had), strict=True))
    steps = 0
    shelves: dict[Hashable, list[Any]] = {}
    for item in had:
        place = _shelf(_leaves_of_told(item)) if exact else None
        shelves.setdefault(place, []).append(item)
    for item in wanted:
        shelf = shelves.get(_shelf(_leaves_of_json(item)) if exact else None, [])
        for at, other in enumerate(shelf):
            steps += 1
            if steps > _PAIRS:
                return False
            if same(item, other):
                del shelf[at]
                break
        else:
            return False
    return True


def key_of_json(value: JSONValue) -> Hashable:
    """Equal for values that are equal but for the order within sets; None where there is none."""
    if isinstance(value, (str, bool)) or value is None:
        return (type(value), value)
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, Sequence):
        return _key_of_items([key_of_json(item) for item in value])
    return None


def key_of_told(told: Told) -> Hashable:
    """The same of a told value."""
    match told:
        case None | bool() | str():
            return (type(told), told)
        case int() | float():
            return told
        case ["i", str(digits)]:
            return int(digits, 16)
        case ["l", list(items)]:
            return _key_of_items([key_of_told(item) for item in items])
        case _:
            return None


def _key_of_items(keys: list[Hashable]) -> Hashable:
    return None if None in keys else tuple(keys)


def _leaves_of_json(value: JSONValue) -> Iterator[Hashable]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _leaves_of_json(item)
    else:
        yield key_of_json(value)


def _leaves_of_told(told: Told) -> Iterator[Hashable]:
    match told:
        case ["l" | "s", list(items)]:
            for item in items:
                yield from _leaves_of_told(item)
        case _:
            yield key_of_told(told)


def _shelf(leaves: Iterator[Hashable]) -> Hashable:
    """What is in a member at all depths, without its order: alike where two members are equal."""
    return frozenset(Counter(leaves).items())
