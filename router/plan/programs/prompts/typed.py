"""Small values of a type: of an annotation, of a default, or of one that a name suggests.

Their parts are counted as they are made (`Draws`), whatever holds them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Final, TypeAlias

from router.plan.programs.prompts.counted import Draws
from router.plan.programs.prompts.literals import value_of
from router.plan.programs.prompts.signatures import Parameter
from router.plan.programs.reading import UNREADABLE, parse

_CHARACTERS: Final = 4
"""So many characters of a literal count as a part."""
_DEEPEST: Final = 6
_LENGTHS: Final = (3, 0, 1, 5, 2, 4, 8)
_FIRST: Final = 10
"""Parts of a value are among so many of the fixed ones."""
_INTS: Final = (3, 1, 0, 5, 2, 10, -1, 7, 12, 4, -5, 25, 100)
_FLOATS: Final = (1.5, 0.0, 2.0, -1.0, 3.25, 0.5, 10.0, -2.75)
_STRINGS: Final = (
    *("abc", "", "Hello World", "a", "racecar", "1 2 3", "aAbBcC", "hello", "(()())"),
    *("12345", "one two three", "aabbcc", "x, y", "ABC", "a1b2"),
)


Values: TypeAlias = Callable[[Draws, int], object]
"""The value of a type for a try by number: the first are fixed and telling, later ones drawn.

Raises `TooManyParts`.
"""


def ints(draw: Draws, number: int) -> object:
    """Whole numbers."""
    return _INTS[number] if number < len(_INTS) else draw.randint(-20, 100)


def floats(draw: Draws, number: int) -> object:
    """Numbers with a fraction."""
    return _FLOATS[number] if number < len(_FLOATS) else draw.randint(-80, 80) / 4


def strings(draw: Draws, number: int) -> object:
    """Words, a sentence, digits, brackets."""
    if number < len(_STRINGS):
        return _STRINGS[number]
    return "".join(draw.choices("abcAB 1", k=draw.randint(1, 8)))


def bools(_: Draws, number: int) -> object:
    """True and False in turn."""
    return number % 2 == 0


def lists(of: Values) -> Values:
    """Lists, the first of three, the second empty."""
    return lambda draw, number: [
        of(draw, draw.randrange(_FIRST)) for _ in range(_length(draw, number))
    ]


def _length(draw: Draws, number: int) -> int:
    length = _LENGTHS[number] if number < len(_LENGTHS) else draw.randint(1, _LENGTHS[-1])
    draw.take(length)
    return length


def _tuples(of: Values) -> Values:
    return lambda draw, number: tuple(
        of(draw, draw.randrange(_FIRST)) for _ in range(_length(draw, number))
    )


def _records(of: Sequence[Values]) -> Values:
    def made(draw: Draws, number: int) -> object:
        draw.take(len(of))
        return tuple(each(draw, (number + at) % _FIRST) for at, each in enumerate(of))

    return made


def _hashable(value: object) -> object:
    """What stands for a value in a set or as a key: annotations name types that no set can hold."""
    match value:
        case list() | tuple():
            return tuple(map(_hashable, value))
        case set():
            return frozenset(map(_hashable, value))
        case dict():
            return frozenset(map(_hashable, value.items()))
        case _:
            return value


def _sets(of: Values) -> Values:
    return lambda draw, number: {
        _hashable(of(draw, draw.randrange(_FIRST))) for _ in range(_length(draw, number))
    }


def _mappings(keys: Values, values: Values) -> Values:
    return lambda draw, number: {
        _hashable(keys(draw, draw.randrange(_FIRST))): values(draw, draw.randrange(_FIRST))
        for _ in range(_length(draw, number))
    }


def _either(of: Sequence[Values]) -> Values:
    return lambda draw, number: of[number % len(of)](draw, number // len(of))


def _nothing(_draw: Draws, _number: int) -> object:
    return None


def _bytes(draw: Draws, number: int) -> object:
    return str(strings(draw, number)).encode()


_PLAIN: Final[Mapping[str, Values]] = MappingProxyType(
    {
        "int": ints,
        "float": floats,
        "str": strings,
        "bool": bools,
        "bytes": _bytes,
        "None": _nothing,
    }
)
_SEQUENCES: Final = frozenset(
    {"list", "List", "Sequence", "MutableSequence", "Iterable", "Collection", "Iterator"}
)
_SETS: Final = frozenset({"set", "Set", "AbstractSet", "MutableSet"})
_MAPPINGS: Final = frozenset({"dict", "Dict", "Mapping", "MutableMapping"})
_TUPLES: Final = frozenset({"tuple", "Tuple"})
_ITERABLES: Final[Mapping[str, Callable[[Values], Values]]] = MappingProxyType(
    {**dict.fromkeys(_SEQUENCES, lists), **dict.fromkeys(_SETS, _sets)}
)
GRID: Final[Mapping[str, Values]] = MappingProxyType(
    {"int": ints, "list": lists(ints), "str": strings, "strings": lists(strings)}
)
"""What is tried where nothing tells a type."""
_HINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("n", "k", "num", "number", "x", "y", "m", "a", "b"), "int"),
        **dict.fromkeys(("s", "text", "string", "word", "txt", "sentence"), "str"),
        **dict.fromkeys(("lst", "nums", "arr", "numbers", "array", "xs", "l"), "list"),
        **dict.fromkeys(("strings", "words"), "strings"),
    }
)
"""A weak hint: it says what is tried first, and no more."""


def values_for(parameter: Parameter) -> Values | None:
    """The values of a parameter by its annotation or else its default; None if neither tells."""
    if parameter.annotation is not None:
        return _of_annotation(parameter.annotation, 0)
    if parameter.default is None:
        return None
    try:
        return _of_value(value_of(parameter.default), 0)
    except UNREADABLE:
        return None


def kinds_for(parameter: Parameter) -> Sequence[Values]:
    """What is tried for a parameter of which nothing is known but the name."""
    hint = _HINTS.get(parameter.name)
    return [GRID[kind] for kind in sorted(GRID, key=lambda kind: kind != hint)]


def _of_value(value: object, depth: int) -> Values | None:
    if depth > _DEEPEST:
        return None
    match value:
        case bool() | int() | float() | str():
            return _PLAIN[type(value).__name__]
        case list():
            return lists((_of_value(value[0], depth + 1) if value else None) or ints)
        case tuple():
            parts = [found for each in value if (found := _of_value(each, depth + 1))]
            return _records(parts) if parts and len(parts) == len(value) else None
        case _:
            return None


def _of_annotation(node: ast.expr, depth: int) -> Values | None:
    """The values of a type; None where it is unknown, or a list of what is unknown.

    In other containers integers stand for what is unknown: no grid has such a container.
    """
    if depth > _DEEPEST:
        return None
    found: Values | None = None
    match node:
        case ast.Constant(value=None):
            found = _nothing
        case ast.Constant(value=str(text)):
            found = _of_text(text, depth)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            found = _bare(name)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            found = _of_choices([left, right], depth)
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=of):
            found = _generic(name, of.elts if isinstance(of, ast.Tuple) else [of], depth)
        case _:
            pass
    return found


def _of_text(text: str, depth: int) -> Values | None:
    tree = parse(text.strip())
    match tree.body if tree else []:
        case [ast.Expr(value=inner)]:
            return _of_annotation(inner, depth + 1)
        case _:
            return None


def _bare(name: str) -> Values | None:
    if name in _PLAIN:
        return _PLAIN[name]
    if name in _SEQUENCES:
        return lists(ints)
    if name in _TUPLES:
        return _tuples(ints)
    if name in _SETS:
        return _sets(ints)
    return _mappings(strings, ints) if name in _MAPPINGS else None


def _generic(name: str, of: Sequence[ast.expr], depth: int) -> Values | None:
    if (container := _container(name, of, depth)) is not None:
        return container
    match name, of:
        case (("Optional" | "Union"), _):
            nothing = [ast.Constant(None)] if name == "Optional" else []
            return _of_choices([*of, *nothing], depth)
        case "Annotated", [inner, *_]:
            return _of_annotation(inner, depth + 1)
        case "Literal", _:
            return _of_literals(of)
        case _:
            return None


def _container(name: str, of: Sequence[ast.expr], depth: int) -> Values | None:
    made: Values | None = None
    match of:
        case [inner, ast.Constant(value=value)] if name in _TUPLES and value is ...:
            made = _tuples(_part(inner, depth))
        case [inner] if name in _SEQUENCES and not depth:
            known = _of_annotation(inner, depth + 1)
            made = None if known is None else lists(known)
        case [inner] if name in _ITERABLES:
            made = _ITERABLES[name](_part(inner, depth))
        case [keys, values] if name in _MAPPINGS:
            made = _mappings(_part(keys, depth, strings), _part(values, depth))
        case _ if name in _TUPLES:
            made = _records([_part(inner, depth) for inner in of])
        case _:
            pass
    return made


def _part(node: ast.expr, depth: int, otherwise: Values = ints) -> Values:
    """The values of a part of a type, or what stands for them."""
    return _of_annotation(node, depth + 1) or otherwise


def _of_choices(nodes: Sequence[ast.expr], depth: int) -> Values | None:
    """The values of either type; the grid stands for those that are unknown, unless all are."""
    known = [_of_annotation(node, depth + 1) for node in nodes]
    if not any(known):
        return None
    unknown = [] if all(known) else [*GRID.values()]
    return _either([*unknown, *filter(None, known)])


def _of_literals(of: Sequence[ast.expr]) -> Values | None:
    values: list[tuple[object, int]] = []
    for node in of:
        with suppress(*UNREADABLE):
            value = value_of(node)
            values.append((value, len(repr(value)) // _CHARACTERS))

    def made(draw: Draws, number: int) -> object:
        value, parts = values[number % len(values)]
        draw.take(parts)
        return value

    return made if values else None
