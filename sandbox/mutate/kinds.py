"""Makes an expression unequal to itself, where its text tells what sort of value it has."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sandbox.mutate.literals import word

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from sandbox.mutate.names import Names

_BY_CALL = {
    **dict.fromkeys(("len", "int", "ord"), "int"),
    **dict.fromkeys(("str", "repr", "chr", "hex", "bin"), "str"),
    **dict.fromkeys(("list", "sorted"), "list"),
    "tuple": "tuple",
    **dict.fromkeys(("set", "frozenset"), "set"),
    "dict": "dict",
    **dict.fromkeys(("bool", "isinstance", "any", "all", "callable"), "bool"),
}
_BY_DISPLAY: dict[type, str] = {
    ast.JoinedStr: "str",
    ast.List: "list",
    ast.ListComp: "list",
    ast.Tuple: "tuple",
    ast.Set: "set",
    ast.SetComp: "set",
    ast.Dict: "dict",
    ast.DictComp: "dict",
}
_TEXT_METHODS = frozenset({"join", "upper", "lower", "strip", "title", "format", "capitalize"})
_AT_LEAST_PLUS = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)
_ATOMS = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.List, ast.Tuple, ast.ListComp)


def kind_of(  # noqa: PLR0911 - one match over the sorts of expressions
    node: ast.expr, names: Names, values: Mapping[str, ast.expr]
) -> str | None:
    """The sort of an expression's value, by the name of its type; None where it cannot be told.

    `values`: an expression for what each of the names that are known is bound to. A number is
    only known where it is an int: adding to a large float, or to infinity, leaves it as it was.
    """
    match node:
        case ast.Constant(value=value):
            found = type(value).__name__
            return found if found in {"int", "str", "bool"} else None
        case ast.Name(id=name) if name in values:
            return kind_of(values[name], names, {})
        case ast.Call(func=ast.Name(id=name)) if names.is_builtin(name):
            return _BY_CALL.get(name)
        case ast.Call(func=ast.Attribute(attr=attr)):
            return "str" if attr in _TEXT_METHODS else None
        case ast.UnaryOp(op=ast.Not()) | ast.Compare():
            return "bool"
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return "int" if kind_of(operand, names, values) == "int" else None
        case ast.BinOp(left=left, op=op, right=right):
            kinds = kind_of(left, names, values), kind_of(right, names, values)
            return _of_operation(op, *kinds)
        case _:
            return _BY_DISPLAY.get(type(node))


def _of_operation(op: ast.operator, left: str | None, right: str | None) -> str | None:
    match op:
        case ast.Add() | ast.Sub() | ast.Mult() | ast.FloorDiv() | ast.Mod() if left == right:
            return left if left == "int" or isinstance(op, ast.Add) else None
        case ast.Mult() if {left, right} in ({"int", "str"}, {"int", "list"}, {"int", "tuple"}):
            return left if right == "int" else right
        case ast.Mod():
            return "str" if left == "str" else None
        case _:
            return None


def extended(node: ast.expr, text: str, kind: str, random: Random, quote: str) -> str:
    """Source text for a value that differs from that of an expression of a known sort."""
    closer = isinstance(node, ast.BinOp) and isinstance(node.op, _AT_LEAST_PLUS)
    base = text if closer or isinstance(node, _ATOMS) else f"({text})"
    number = random.randrange(1, 10)
    forms = {
        "int": f"{base} {random.choice('+-')} {number}",
        "str": f"{base} + {quote}{word(random, random.randint(1, 3))}{quote}",
        "list": f"{base} + [{number}]",
        "tuple": f"{base} + ({number},)",
        "set": f"({text}) ^ {{{number}}}",
        "dict": f"{{**{base}, {quote}{word(random, 6)}{quote}: {number}}}",
        "bool": f"(not ({text}))",
    }
    return forms[kind]
