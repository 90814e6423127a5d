"""Values that stand in prose: a Python literal, or a call of literals, that begins at a place.

A span is found by counting brackets and read by Python's own parser; nothing is ever evaluated. It
guards the event loop: a `Literals` reads so many characters, and what it did not read is no value.
"""

from __future__ import annotations

import ast
import cmath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from router.plan.programs.reading import UNREADABLE, parse, parse_expression

_LONGEST: Final = 8_192
_COST_OF_A_LOOK: Final = 20
_COST_OF_A_PARSE: Final = 200
"""Looking for a value, and parsing a short one, take as long as passing over so many characters."""
_COST_OF_A_NODE: Final = 3
"""So many characters a part of an expression has at least, with what stands around it."""
_BITS_OF_A_DIGIT: Final = 3
_MOST_BITS: Final = 8_192
_STRING: Final = r"""(?:'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")"""
_PART: Final = re.compile(rf"{_STRING}|[\[({{]|[\])}}]|['\"]|[^\[\](){{}}'\"]+")
_WORDS: Final[Mapping[str, bool | None]] = MappingProxyType(
    {
        **dict.fromkeys(("True", "true", "TRUE"), True),
        **dict.fromkeys(("False", "false", "FALSE"), False),
        **dict.fromkeys(("None", "none", "null")),
    }
)
"""How Python, and others, write what has no quotes and no digits."""
_SCALAR: Final = re.compile(
    rf"(?:[rRuUbB]{{0,2}}{_STRING})"
    r"|[-+]?(?:0[xX][\da-fA-F]+|0[bB][01]+|0[oO][0-7]+"
    r"|(?:\d[\d_]*(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?[jJ]?)"
    rf"|set\(\)|(?:{'|'.join(_WORDS)})\b"
)
_GOES_ON: Final = re.compile(r"[\w%\[]|\.\w|['\"](?=\w)|\.\.|\u2026|:\d|(?<=\d),\d{3}(?!\d)")
"""What makes a value only the beginning of something else."""


@dataclass(frozen=True, slots=True)
class CallArguments:
    """What a function is called with: plain values, as Python's literals write them."""

    args: tuple[object, ...] = ()
    kwargs: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Literal:
    """A value, and where the text goes on after it."""

    value: object
    end: int


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """The arguments of a call, and where the text goes on after it."""

    arguments: CallArguments
    end: int


@dataclass(frozen=True, slots=True)
class Named:
    """What a name stands for, and how many characters it has where it is written out."""

    node: ast.expr
    size: int

    @classmethod
    def of(cls, node: ast.expr) -> Named:
        """With its size, which is counted once: the name may stand in many places."""
        return cls(node, sum(_COST_OF_A_NODE + _length(part) for part in ast.walk(node)))


class Literals:
    """Reads values out of texts, so many characters in all."""

    def __init__(self, characters: int) -> None:
        self._left = characters

    @property
    def spent(self) -> bool:
        """Whether no more is read."""
        return self._left <= 0

    def at(self, text: str, at: int) -> Literal | None:
        """The longest literal that begins at a place, if what follows does not make it another."""
        if text[at : at + 1] in {"[", "(", "{"}:
            end = self.closing(text, at)
        else:
            found = _SCALAR.match(text, at, at + _LONGEST)
            end = found.end() if found else None
            self._left -= _COST_OF_A_LOOK
        if end is None or self.spent or _GOES_ON.match(text, end):
            return None
        source = text[at:end]
        if source in _WORDS:
            return Literal(_WORDS[source], end)
        tree = self._parsed(source)
        try:
            return None if tree is None else Literal(value_of(tree), end)
        except UNREADABLE:
            return None

    def call(
        self, text: str, opening: int, known: Mapping[str, Named] | None = None
    ) -> WrittenCall | None:
        """The call whose bracket opens there, if its arguments are literals or `known` names."""
        end = self.closing(text, opening)
        tree = None if end is None else self._parsed("f" + text[opening:end])
        if end is None or not isinstance(tree, ast.Call):
            return None
        try:
            args = tuple(value_of(self._put_in(node, known)) for node in tree.args)
            kwargs = {
                keyword.arg: value_of(self._put_in(keyword.value, known))
                for keyword in tree.keywords
                if keyword.arg is not None
            }
        except UNREADABLE:
            return None
        whole = len(kwargs) == len(tree.keywords)
        return WrittenCall(CallArguments(args, kwargs), end) if whole else None

    def closing(self, text: str, opening: int) -> int | None:
        """Where the bracket that opens there has been closed; None if it is not, or too far off."""
        depth, at, furthest = 0, opening, min(len(text), opening + _LONGEST)
        self._left -= _COST_OF_A_LOOK
        while at < furthest and not self.spent:
            found = _PART.match(text, at, furthest)
            if found is None:
                return None
            part = found[0]
            self._left -= len(part) + 1
            at = found.end()
            if part in {"[", "(", "{"}:
                depth += 1
            elif part in {"]", ")", "}"}:
                depth -= 1
                if depth == 0:
                    return at
        return None

    def statements(self, source: str) -> list[ast.stmt] | None:
        """The statements of a source; None where it does not parse."""
        self._left -= len(source) + _COST_OF_A_PARSE
        tree = None if self.spent else parse(source.strip())
        return tree.body if tree else None

    def _put_in(self, node: ast.expr, known: Mapping[str, Named] | None) -> ast.expr:
        """The node, or what its name stands for, which is read again in each place.

        Raises `ValueError` where no more is read.
        """
        if not known or not isinstance(node, ast.Name) or node.id not in known:
            return node
        found = known[node.id]
        self._left -= found.size
        if self.spent:
            raise ValueError("too much to read")
        return found.node

    def _parsed(self, source: str) -> ast.expr | None:
        self._left -= len(source) + _COST_OF_A_PARSE
        return None if self.spent else parse_expression(source.strip())


def value_of(node: ast.expr) -> object:
    """The value that an expression writes. Raises `ValueError` and its kin where it is none.

    An ellipsis is none: it stands for what was left out. Nor is a number that cannot be written
    again, since it is infinite or too long.
    """
    value: object = ast.literal_eval(_Words().visit(node))
    for part in _parts(value):
        if part is ... or (isinstance(part, float | complex) and not cmath.isfinite(part)):
            raise ValueError("no value that can be written")
        if isinstance(part, int) and part.bit_length() > _MOST_BITS:
            raise ValueError("no value that can be written")
    return value


def identity(value: object) -> str:
    """What two values have in common that are equal and of the same types."""
    match value:
        case dict():
            items = sorted(f"{identity(k)}: {identity(v)}" for k, v in value.items())
            return f"{{{', '.join(items)}}}"
        case set() | frozenset():
            members = sorted(identity(each) for each in value)
            return f"{type(value).__name__}({', '.join(members)})"
        case list() | tuple():
            return f"{type(value).__name__}({', '.join(identity(each) for each in value)})"
        case _:
            return repr(value)


def identity_of_call(call: CallArguments) -> str:
    """What two calls have in common that give a function the same."""
    return identity((call.args, dict(call.kwargs)))


def _length(node: ast.AST) -> int:
    """How many characters a constant has that may have many."""
    match node:
        case ast.Constant(value=str() | bytes() as text):
            return len(text)
        case ast.Constant(value=int() as number):
            return number.bit_length() // _BITS_OF_A_DIGIT
        case _:
            return 0


class _Words(ast.NodeTransformer):
    """Puts values for the words that other languages have for them."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(_WORDS[node.id]) if node.id in _WORDS else node


def _parts(value: object) -> Iterator[object]:
    waiting = [value]
    while waiting:
        part = waiting.pop()
        yield part
        match part:
            case dict():
                waiting += [*part.keys(), *part.values()]
            case list() | tuple() | set():
                waiting += part
            case _:
                pass
