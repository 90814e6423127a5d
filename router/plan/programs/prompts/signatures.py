"""The heads of functions that stand in a text, whatever stands around them.

A text need not be Python: heads are found line by line, and each is parsed alone. Known of a place
is only whether it is inside a string (`lexing`).
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from router.plan.programs.lexing import Place, after
from router.plan.programs.prompts.literals import Literals
from router.plan.programs.reading import lines_of, parse

_HEAD: Final = re.compile(
    r"(?P<indent>[ \t]*)(?:(?P<function>(?:async[ \t]+)?def)|class)[ \t]+(?P<name>\w+)"
)
_RESULT: Final = re.compile(r"\s*(?:->[^:#\n]*)?:")
_ENDS_A_BODY: Final = re.compile(r"(?:return|raise)\b")
_FENCE: Final = re.compile(r"[ \t]*(?:```|~~~)")
_BLANK: Final = re.compile(r"\s*(?:#|$)")
_OPENING: Final = re.compile(r"[ \t]*\(")
_TEXT: Final = re.compile(r"[rRuUbB]{0,2}['\"]")
_MOST_HEADS: Final = 8
_STUB: Final = re.compile(
    r"(?:pass|\.\.\.|raise[ \t]+NotImplementedError\b.*|return[ \t]+NotImplemented)?[ \t]*"
    r"(?:\#.*)?$"
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter, with what its head says of it; None where that is nothing.

    A `variadic` one takes any number of arguments, each of its type.
    """

    name: str
    annotation: ast.expr | None = None
    default: ast.expr | None = None
    keyword_only: bool = False
    variadic: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """A function that a text defines, at the top or (`inside`) in a class or another function.

    `stub` says that its body does nothing, `open` that it may go on where the text ends.
    """

    name: str
    at: int
    inside: bool
    stub: bool
    open: bool


@dataclass(slots=True)
class _Body:
    """A function or class whose body is being read."""

    name: str
    at: int
    indent: int
    function: bool
    inside: bool
    body_indent: int | None = None
    stub: bool = True
    ended: bool = False

    def take(self, line: str, indent: int) -> None:
        """Take a line of the body that begins outside of every string."""
        if self.body_indent is None:
            self.body_indent = indent
        bare = line.strip()
        if not _TEXT.match(bare) and not _STUB.match(bare):
            self.stub = False
        self.ended = indent <= self.body_indent and _ENDS_A_BODY.match(bare) is not None

    def head(self, *, goes_on: bool) -> Head:
        return Head(self.name, self.at, self.inside, self.stub, goes_on and not self.ended)


@dataclass(slots=True)
class _HeadScanner:
    """Goes through a text once, line by line."""

    text: str
    literals: Literals
    found: list[Head] = field(default_factory=list)
    stack: list[_Body] = field(default_factory=list)
    place: Place = field(default_factory=Place)

    def scan(self) -> tuple[Head, ...]:
        at = goes_on_at = 0
        for line in lines_of(self.text):
            start, at = at, at + len(line)
            if start < goes_on_at:  # of a head of several lines
                continue
            if self.place.in_string:
                self.place = after(self.place, line)
            elif _FENCE.match(line):
                self._close(0)
            elif not _BLANK.match(line):
                goes_on_at = self._code(line, start)
        self.found += [body.head(goes_on=True) for body in self.stack if body.function]
        return tuple(self.found)

    def _close(self, indent: int) -> None:
        while self.stack and self.stack[-1].indent >= indent:
            body = self.stack.pop()
            if body.function:
                self.found.append(body.head(goes_on=False))

    def _code(self, line: str, start: int) -> int:
        """Take a line that is no string and no comment; where the lines go on after it."""
        indent = len(line) - len(line.lstrip(" \t"))
        self._close(indent)
        for body in self.stack:
            body.take(line, indent)
        head = _HEAD.match(line)
        end = self._end_of_head(start + head.end()) if head else None
        if head is None or end is None:
            self.place = after(self.place, line)
            return start
        function = head["function"] is not None
        body = _Body(head["name"], start + head.start(), indent, function, bool(self.stack))
        self.stack.append(body)
        line_end = self.text.find("\n", end)
        rest = self.text[end : line_end + 1 or len(self.text)]
        if not _BLANK.match(rest):
            body.take(rest, indent + 1)
            body.ended = not _TEXT.match(rest.strip())
        self.place = after(Place(), rest)
        return end

    def _end_of_head(self, at: int) -> int | None:
        """Where a head's colon has been passed; None where there is none."""
        opening = _OPENING.match(self.text, at)
        closed = self.literals.closing(self.text, opening.end() - 1) if opening else at
        found = _RESULT.match(self.text, closed) if closed is not None else None
        return found.end() if found else None


def heads_of(text: str, literals: Literals) -> tuple[Head, ...]:
    """The functions that a text defines, in the order in which their bodies end."""
    return _HeadScanner(text, literals).scan()


def parameters_of(text: str, name: str, literals: Literals) -> tuple[Parameter, ...] | None:
    """What a text says that a function takes, by its last head or else by how it writes it.

    None where nothing is said, or nothing of use: `f()` in prose names no parameters.
    """
    defines = rf"^[ \t]*(?:async[ \t]+)?def[ \t]+{name}[ \t]*(?=\()"
    heads = list(re.finditer(defines, text, re.MULTILINE))
    for head in reversed(heads[-_MOST_HEADS:]):
        if (found := _parameters(text, head.end(), literals)) is not None:
            return found
    for mention in islice(re.finditer(rf"(?<![\w.]){name}(?=\()", text), _MOST_HEADS):
        if found := _parameters(text, mention.end(), literals):
            return found
    return None


def _parameters(text: str, opening: int, literals: Literals) -> tuple[Parameter, ...] | None:
    end = literals.closing(text, opening)
    tree = None if end is None else parse(f"def f{text[opening:end]}: ...")
    if tree is None or not isinstance(head := tree.body[0], ast.FunctionDef):
        return None
    positional = [*head.args.posonlyargs, *head.args.args]
    defaults = [None] * (len(positional) - len(head.args.defaults)) + head.args.defaults
    rest = [] if head.args.vararg is None else [head.args.vararg]
    return (
        *(Parameter(a.arg, a.annotation, d) for a, d in zip(positional, defaults, strict=True)),
        *(Parameter(each.arg, each.annotation, variadic=True) for each in rest),
        *(
            Parameter(a.arg, a.annotation, d, keyword_only=True)
            for a, d in zip(head.args.kwonlyargs, head.args.kw_defaults, strict=True)
        ),
    )
