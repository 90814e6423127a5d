"""What a problem's published assertions say of its results: how they are compared, and with what.

An assertion that calls the entry point by itself takes any true result; one that wraps it in `set`
or `tuple` does not care for order or kind. The other inputs' results are compared in the same way.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

Compared: TypeAlias = Literal["value", "truth", "set", "tuple"]

SHOWN: Final[Mapping[Compared, str]] = {
    "value": "lambda result: result",
    "truth": "truth",
    "set": "set",
    "tuple": "tuple",
}
"""What makes of a result that which is compared, as a program has it that begins with `values`."""

_WRAPPERS: Final[dict[str, Compared]] = {"set": "set", "tuple": "tuple"}


@dataclass(frozen=True, slots=True)
class Assertions:
    """How results are compared, and the arguments that stand there, as far as they are literals."""

    compared: Compared
    arguments: tuple[list[Any], ...]


def read_assertions(source: str, called: str) -> Assertions:
    """Of a module that asserts things of the function `called`. Raises SyntaxError."""
    found: set[Compared] = set()
    arguments = []
    for test in _tests(source):
        compared = _compared(test, called)
        if compared is not None:
            found.add(compared)
        arguments += [args for call in _calls(test, called) if (args := _literals(call))]
    # One assertion by value makes the results values.
    compared = "value" if len(found) != 1 else found.pop()
    return Assertions(compared, tuple(arguments))


def _tests(source: str) -> Iterator[ast.expr]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assert):
            yield node.test


def _calls(node: ast.AST, called: str) -> Iterator[ast.Call]:
    for inner in ast.walk(node):
        match inner:
            case ast.Call(func=ast.Name(id=name)) if name == called:
                yield inner


def _compared(test: ast.expr, called: str) -> Compared | None:
    """How one assertion compares a result; None where it calls nothing."""
    match test:
        case ast.Call(func=ast.Name(id=name)) if name == called:
            return "truth"
        case ast.UnaryOp(op=ast.Not(), operand=ast.Call(func=ast.Name(id=name))) if name == called:
            return "truth"
        case ast.Compare(
            left=ast.Call(func=ast.Name(id=wrapper), args=[ast.Call(func=ast.Name(id=name))])
        ) if name == called and wrapper in _WRAPPERS:
            return _WRAPPERS[wrapper]
    return "value" if any(_calls(test, called)) else None


def _literals(call: ast.Call) -> list[Any] | None:
    try:
        return [ast.literal_eval(arg) for arg in call.args]
    except ValueError:
        return None
