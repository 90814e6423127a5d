"""The sessions with an interpreter that a text shows: statements, and what each prints.

What a session assigns can be put in place of names in later calls, as long as nothing else that it
says can have changed it: a list may be longer after `a.append(1)`, and after a loop a name is
anything. Nothing is run to find out; what is in doubt is forgotten.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from router.plan.programs.prompts.literals import (
    CallArguments,
    Literal,
    Literals,
    Named,
    identity,
    identity_of_call,
)

_PROMPTS: Final = re.compile(
    r"(?P<lead>[ \t]*(?:#+[ \t]*|[-*+][ \t]+|\d{1,4}[.)][ \t]+|>[ \t]+)?)>>>(?P<code>[^\r\n]*)"
)
_CONTINUES: Final = re.compile(r"[ \t]*(?:#+[ \t]*|>[ \t]+)?\.\.\.(?P<code>[^\r\n]*)")
_OUTPUT_ENDS: Final = re.compile(r"[ \t#>\r]*(?:$|>>>|'''|\"\"\"|```|~~~)")
_BUILT_IN: Final = frozenset(dir(builtins))
_WORD: Final = re.compile(r"\w+")
_ONLY_VALUE: Final = re.compile(
    r"[ \t`]*(?:\.[ \t]*)?(?:(?:\#|\(|-[ \t]|\u2013|\u2014)[^\r\n]*)?(?:\r?\n|$)"
    r"(?![ \t]*(?:[-+.]?\d|['\"\[({*]|True\b|False\b|None\b))"
)
_TAKES_BACK: Final = re.compile(
    r"(?:[ \t]*(?:```|~~~|\"\"\"|''')?[ \t]*\r?\n){0,4}[ \t]*(?:"
    r"(?:but|instead|however)\b[^.\r\n]{0,80}\b(?:expect|should|want|wrong|incorrect|need)"
    r"|(?:which|that|this|it)(?:'s|[ \t]+(?:is|looks))[ \t]+(?:wrong|incorrect|not)\b"
    r"|(?:it|this|that)[ \t]+should[ \t]+\w+[ \t`*]+[-\d'\"\[({]"
    r"|i(?:'d|[ \t]+would|[ \t]+had)?[ \t]+(?:have[ \t]+)?(?:expect|want)|expected\b)",
    re.IGNORECASE,
)


def begins_at(line: str) -> bool:
    """Whether a line has an interpreter's prompt."""
    return _PROMPTS.match(line) is not None


def is_all(output: str, end: int) -> bool:
    """Whether a value that ended there is all that was printed, but for what is said of it."""
    return _ONLY_VALUE.match(output, end) is not None


def is_taken_back(after: str) -> bool:
    """Whether the text after a session says that its values are not those that are wanted."""
    return _TAKES_BACK.match(after) is not None


class Session:
    """The statements of a session that begins at a line, each with what it prints."""

    def __init__(self, lines: list[str], at: int) -> None:
        self._lines = lines
        self.at = at

    def statements(self) -> Iterator[tuple[str, str, bool]]:
        """Source, output, and whether another statement follows; `at` then is after them."""
        while self.at < len(self._lines) and (begins := _PROMPTS.match(self._lines[self.at])):
            source = [begins["code"].removeprefix(" ")]
            self.at += 1
            while self.at < len(self._lines) and (more := _CONTINUES.match(self._lines[self.at])):
                source.append(more["code"].removeprefix(" "))
                self.at += 1
            lead = "#" if "#" in begins["lead"] else ""
            output = self._output(lead)
            after = self.at
            while after < len(self._lines) and not self._lines[after].strip(" \t\r\n#"):
                after += 1
            more_follows = after < len(self._lines) and begins_at(self._lines[after])
            self.at = after if more_follows else self.at
            yield "\n".join(source), output, more_follows

    def _output(self, lead: str) -> str:
        lines: list[str] = []
        while self.at < len(self._lines) and not _OUTPUT_ENDS.match(self._lines[self.at]):
            line = self._lines[self.at]
            lines.append(line.lstrip(" \t").removeprefix(lead) if lead else line)
            self.at += 1
        return "".join(lines)


@dataclass(slots=True)
class Known:
    """What names stand for in a session, as far as its statements tell."""

    literals: Literals
    values: dict[str, Named] = field(default_factory=dict)
    _gave: dict[str, str] = field(default_factory=dict)

    def take(self, source: str, own: Sequence[str]) -> bool:
        """Take a statement in; whether it shows something. `own` are the functions shown."""
        if not self.values and "=" not in source:
            return True
        body = self.literals.statements(source)
        if body is None:
            self.values.clear()
            return True
        taken = 0
        while taken < len(body) and (assigned := _assigned(body[taken])) is not None:
            self.values |= assigned
            taken += 1
        for statement in body[taken:]:
            for name in _changed(statement, own):
                self.values.pop(name, None)
        return taken < len(body)

    def agree(self, source: str, call: CallArguments, expected: object) -> bool:
        """Whether a call gave the same before, where it was handed what a call can change."""
        fixed = (ast.Constant, ast.UnaryOp, ast.BinOp)
        if not isinstance(expected, Literal):
            return True
        handed = (self.values.get(word) for word in _WORD.findall(source))
        if all(value is None or isinstance(value.node, fixed) for value in handed):
            return True
        value = identity(expected.value)
        return self._gave.setdefault(identity_of_call(call), value) == value


def _assigned(statement: ast.stmt) -> dict[str, Named] | None:
    """What a statement gives names to, where that is all that it does."""
    match statement:
        case ast.Assign(targets=targets, value=value):
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            return dict.fromkeys(names, Named.of(value)) if len(names) == len(targets) else None
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            return {name: Named.of(value)}
        case _:
            return None


def _changed(statement: ast.stmt, own: Sequence[str]) -> Iterator[str]:
    """The names that a statement binds, or whose values it may change, or has shown to differ.

    Python's own functions change nothing, nor do those that are shown, as far as anybody knows.
    """
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Attribute(value=ast.Name(id=name)):
                yield name
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                yield name
            case ast.Expr(value=ast.Name(id=name)):
                yield name
            case ast.Call(func=ast.Name(id=function)) if function in _BUILT_IN or function in own:
                pass
            case ast.Call(args=args):
                yield from (each.id for each in args if isinstance(each, ast.Name))
            case _:
                pass
