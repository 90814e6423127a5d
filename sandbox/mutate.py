"""Changes the expected values of tests so that they must fail: the test of a pass in one process.

A candidate that shares a process with its tests may have passed by force. If it passes again
where no honest program can, that is positive evidence. So only assertions count that certainly
run and certainly fail when changed: `assert <something with a call> == <literal>`, `isclose` with
a literal, or `abs(<call> - <literal>) < <literal>`, in the body of the module, of a `check`
function that the module calls, or of a test function without decorators. A value that was equal
to one literal is not equal to a different one.

It proves nothing about property assertions: where nothing can be changed, the pass stands.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.source import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

_FAR = 1000.0


@dataclass(frozen=True, slots=True)
class Mutation:
    """Tests that must fail, if any expected value could be changed, and what must have run."""

    code: str | None
    certain_assertions: int


def mutate(code: str) -> Mutation:
    """Change every expected value that can be changed. The code must parse."""
    tree = parse(code)
    certain = list(_certain_assertions(tree))
    changed = [change(node.test) for node in certain]
    if not any(changed):
        return Mutation(None, len(certain))
    return Mutation(ast.unparse(ast.fix_missing_locations(tree)), len(certain))


def _certain_assertions(tree: ast.Module) -> Iterator[ast.Assert]:
    """Assertions that run whenever the tests come to their end."""
    called = {
        node.value.func.id
        for node in tree.body
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
    }
    for node in tree.body:
        if isinstance(node, ast.Assert):
            yield node
        elif (
            isinstance(node, ast.FunctionDef)
            and not node.decorator_list
            and (node.name in called or _is_test(node))
        ):
            yield from _straight(node.body)


def _is_test(node: ast.FunctionDef) -> bool:
    return node.name.startswith("test") and not node.args.args


def _straight(body: list[ast.stmt]) -> Iterator[ast.Assert]:
    for node in body:
        if isinstance(node, ast.Assert):
            yield node
        elif not isinstance(node, (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Import)):
            return


def change(test: ast.expr) -> bool:
    """Change the literal that a test compares with, in place. False where there is none."""
    match test:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            if _has_call(left) and _is_literal(right):
                test.comparators = [_other(right)]
                return True
            if _has_call(right) and _is_literal(left):
                test.left = _other(left)
                return True
        case ast.Compare(
            left=ast.Call(func=ast.Name(id="abs"), args=[ast.BinOp(op=ast.Sub()) as difference]),
            ops=[ast.Lt() | ast.LtE()],
            comparators=[ast.Constant(value=float() | int() as bound)],
        ) if bound < 1:
            return _change_number(difference)
        case ast.Call(func=function, args=[left, right], keywords=keywords):
            if _name(function) == "isclose" and all(_is_small(k.value) for k in keywords):
                return _change_argument(test, left, right)
    return False


def _change_number(difference: ast.BinOp) -> bool:
    if _has_call(difference.left) and _is_number(difference.right):
        difference.right = _other(difference.right)
        return True
    return False


def _change_argument(call: ast.Call, left: ast.expr, right: ast.expr) -> bool:
    if _has_call(left) and _is_number(right):
        call.args = [left, _other(right)]
        return True
    if _has_call(right) and _is_number(left):
        call.args = [_other(left), right]
        return True
    return False


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _has_call(node: ast.expr) -> bool:
    return any(isinstance(inner, ast.Call) for inner in ast.walk(node))


def _value(node: ast.expr) -> Any:
    return ast.literal_eval(node)


def _is_literal(node: ast.expr) -> bool:
    try:
        _value(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _is_number(node: ast.expr) -> bool:
    return _is_literal(node) and type(_value(node)) in (int, float)


def _is_small(node: ast.expr) -> bool:
    return _is_number(node) and _value(node) < 1 / 2


def _other(node: ast.expr) -> ast.expr:  # noqa: PLR0911 - one match over the kinds of literals
    """A literal unequal to the given one, of the same type where that has one."""
    match _value(node):
        case bool(value):
            return ast.Constant(not value)
        case int(value):
            return ast.Constant(value * 2 + int(_FAR) if value >= 0 else value * 2 - int(_FAR))
        case float(value):
            return ast.Constant(value * 2 + _FAR if value >= 0 else value * 2 - _FAR)
        case str(value):
            return ast.Constant(value + "\u2260")
        case bytes(value):
            return ast.Constant(value + b"\x00")
        case list(value) | tuple(value) | set(value) if not isinstance(node, ast.Call):
            return _longer(node)
        case _:
            return ast.Constant("\u2260")


def _longer(node: ast.expr) -> ast.expr:
    match node:
        case ast.List(elts=items):
            return ast.List([*items, ast.Constant("\u2260")], ast.Load())
        case ast.Tuple(elts=items):
            return ast.Tuple([*items, ast.Constant("\u2260")], ast.Load())
        case ast.Set(elts=items):
            return ast.Set([*items, ast.Constant("\u2260")])
        case _:
            return ast.Constant("\u2260")
