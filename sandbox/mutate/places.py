"""Where statements of a test module are, and the rounds of its loops that certainly run."""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from sandbox.mutate.literals import evaluate, is_literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.mutate.names import Function, Names

_ROUNDS = 100
"""Of a `range`, as many are looked at."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The values that a name takes one after another, of which the first is certain to be used."""

    values: tuple[ast.expr, ...]
    scope: ast.AST
    editable: bool


Known: TypeAlias = "Mapping[str, Bound | None]"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a statement is: in which function, and what the names around it are bound to."""

    known: Known
    function: Function | None = None
    receiver: str | None = None
    """The first argument of a method of a `unittest.TestCase`."""
    times: int = 1
    """How often the statement is run at least."""
    calls: tuple[str, ...] = ()


def loop_of(node: ast.For, names: Names, place: Place) -> Place | None:
    """The place of a loop's body in the rounds that certainly run; None where none does."""
    found = rows_of(node.iter, names, place)
    if not found or not found[0]:
        return None
    rows, editable = found
    if any(isinstance(inner, (ast.Return, ast.Break)) for inner in ast.walk(node)):
        rows = rows[:1]
    bound = bind_rows(node.target, rows, node, editable=editable)
    return replace(place, known={**place.known, **bound}, times=place.times * len(rows))


def rounds_of(node: ast.GeneratorExp | ast.ListComp, names: Names, place: Place) -> Place | None:
    """The place of what a comprehension does in each round; None where it may do nothing."""
    match node.generators:
        case [ast.comprehension(target=target, iter=iterated, ifs=[], is_async=0)]:
            found = rows_of(iterated, names, place)
            if found and found[0]:
                bound = bind_rows(target, found[0], node, editable=found[1])
                return replace(place, known={**place.known, **bound})
    return None


def bind_rows(
    target: ast.expr, rows: list[ast.expr], scope: ast.AST, *, editable: bool = True
) -> dict[str, Bound | None]:
    """The values that the names in a target take, row by row; None for what cannot be told."""
    match target:
        case ast.Name(id=name):
            return {name: Bound(tuple(rows), scope, editable)}
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            columns = _columns(rows, len(parts))
            found: dict[str, Bound | None] = {}
            for at, part in enumerate(parts):
                if columns is not None:
                    found |= bind_rows(part, columns[at], scope, editable=editable)
                else:
                    found |= _unknown(part)
            return found
        case _:
            return _unknown(target)


def _unknown(target: ast.expr) -> dict[str, Bound | None]:
    return {node.id: None for node in ast.walk(target) if isinstance(node, ast.Name)}


def _columns(rows: list[ast.expr], width: int) -> list[list[ast.expr]] | None:
    found = [items for row in rows if (items := items_of(row)) is not None and len(items) == width]
    return (
        [list(column) for column in zip(*found, strict=True)] if len(found) == len(rows) else None
    )


def items_of(node: ast.expr) -> list[ast.expr] | None:
    """The items of a list or tuple as it is written."""
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return None if any(isinstance(item, ast.Starred) for item in items) else items
        case _:
            return None


def rows_of(node: ast.expr, names: Names, place: Place) -> tuple[list[ast.expr], bool] | None:
    """What an expression gives when iterated over, and whether only this loop can tell."""
    match node:
        case ast.List() | ast.Tuple():
            items = items_of(node)
            return None if items is None else (items, True)
        case ast.Name(id=name) if name not in place.known and (
            names.loads[name] == 1 or names.only_iterated(name)
        ):
            value = names.value_of(node, place.function)
            items = None if value is None else items_of(value)
            return None if items is None else (items, names.loads[name] == 1)
        case ast.Call(func=ast.Attribute(value=ast.Dict() as table, attr="items"), args=[]):
            return _rows_of_items(table)
        case ast.Call(func=ast.Name(id=name)) as call if names.is_builtin(name):
            return _rows_of_call(name, call, names, place)
        case _:
            return None


def _rows_of_items(table: ast.Dict) -> tuple[list[ast.expr], bool] | None:
    """Keys stay as they are: a changed one may be that of another item, which it would replace."""
    keys = [key for key in table.keys if key is not None and is_literal(key)]
    same = ast.Set([*keys])  # 1 and 1.0 are one key
    if len(keys) < len(table.keys) or not is_literal(same) or _size(same) < len(keys):
        return None
    pairs = zip(keys, table.values, strict=True)
    return [_tuple([_without_position(key), value]) for key, value in pairs], True


def _size(literal: ast.Set) -> int:
    return len(ast.literal_eval(literal)) if literal.elts else 0


def _without_position(node: ast.expr) -> ast.expr:
    copied = copy.deepcopy(node)
    for inner in ast.walk(copied):
        vars(inner).pop("lineno", None)
    return copied


def _rows_of_call(
    name: str, call: ast.Call, names: Names, place: Place
) -> tuple[list[ast.expr], bool] | None:
    if name == "range":
        try:
            bounds = [evaluate(ast.unparse(arg)) for arg in call.args]
            values = list(range(*bounds)[:_ROUNDS])
        except (ValueError, TypeError):
            return None
        return [ast.Constant(value) for value in values], False
    if name not in {"enumerate", "zip"} or not call.args:
        return None
    columns = [rows_of(arg, names, place) for arg in call.args[: None if name == "zip" else 1]]
    known = [column for column in columns if column is not None]
    if len(known) < len(columns):
        return None
    lists = [column[0] for column in known]
    if name == "enumerate":  # the number may begin anywhere
        lists = [[ast.Name("_", ast.Load())] * len(lists[0]), lists[0]]
    rows: list[ast.expr] = [_tuple(list(row)) for row in zip(*lists, strict=False)]
    return rows, all(column[1] for column in known)


def _tuple(items: list[ast.expr]) -> ast.Tuple:
    return ast.Tuple(items, ast.Load())
