"""The statements of a test module that run whenever its tests pass.

Soundness before reach: what is under a condition, in a `try`, in a `with` that may swallow
exceptions, in a function that nobody is seen to call, or behind something that may leave early
does not count. An exception from a statement that counts is one that the tests end with.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sandbox.mutate.collected import Collected, is_plain
from sandbox.mutate.places import Bound, Place, loop_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.mutate.names import Names

_TRANSPARENT = frozenset(
    {
        *("patch", "redirect_stdout", "redirect_stderr", "subTest", "open", "catch_warnings"),
        *("warns", "assertWarns", "assertLogs", "localcontext", "TemporaryDirectory"),
    }
)
"""Context managers that let exceptions through."""


class Step(NamedTuple):
    """A statement that certainly runs."""

    node: ast.stmt
    place: Place


@dataclass(frozen=True, slots=True)
class Walk:
    """Goes through a module as its run does. `collected`: pytest runs its test functions."""

    names: Names
    collected: bool

    def steps(self) -> Iterator[Step]:
        """Every statement that certainly runs, once for each way that leads to it."""
        yield from self._body(self.names.tree.body, Place(known={}))
        if self.collected:
            for function, place in Collected(self.names).functions():
                yield from self._body(function.body, place)

    def _body(self, body: list[ast.stmt], place: Place) -> Iterator[Step]:
        for node in body:
            match node:
                case ast.For():
                    inside = loop_of(node, self.names, place)
                    if inside is not None:
                        yield from self._body(node.body, inside)
                case ast.With(items=items) if all(self._is_transparent(i, place) for i in items):
                    yield from self._body(node.body, place)
                case ast.Expr(ast.Call(func=ast.Name(id=name)) as call) if name not in place.calls:
                    yield from self._called(call, name, place)
                case _:
                    yield Step(node, place)
            if _may_leave(node):
                return

    def _called(self, call: ast.Call, name: str, place: Place) -> Iterator[Step]:
        if self.names.bindings[name] != 1:
            return
        for node in self.names.tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == name and is_plain(node):
                known = self._arguments(node, call, place)
                inside = Place(known, node, times=place.times, calls=(*place.calls, name))
                yield from self._body(node.body, inside)

    def _arguments(
        self, function: ast.FunctionDef, call: ast.Call, place: Place
    ) -> dict[str, Bound | None]:
        """What the parameters of a function are bound to by one call of it."""
        given = function.args
        everything = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        known: dict[str, Bound | None] = {arg.arg: None for arg in everything if arg is not None}
        if any(isinstance(arg, ast.Starred) for arg in call.args):
            return known
        positional = [arg.arg for arg in (*given.posonlyargs, *given.args)]
        values = dict(zip(positional, call.args, strict=False))
        values |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg in known}
        for name, value in values.items():
            known[name] = Bound((value,), function, editable=True)
            if isinstance(value, ast.Name):  # what the caller knows of its own name
                outer = place.known.get(value.id)
                if outer is not None and self.names.bound_once(value.id, outer.scope):
                    known[name] = Bound(outer.values, function, editable=False)
        return known

    def _is_transparent(self, item: ast.withitem, place: Place) -> bool:
        match item.context_expr:
            case ast.Call(func=function):
                pass
            case _:
                return False
        match function:  # patch.object and its like
            case ast.Attribute(value=inner, attr="object" | "dict" | "multiple"):
                function = inner
        match function:
            case ast.Name(id=name):
                known = self.names.is_imported(name) or (
                    name == "open" and self.names.is_builtin(name)
                )
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                known = self.names.is_imported(owner) or owner == place.receiver
            case ast.Attribute(value=ast.Attribute(value=ast.Name(id=owner)), attr=name):
                known = self.names.is_imported(owner)
            case _:
                return False
        return known and name in _TRANSPARENT


def _may_leave(node: ast.AST, *, in_loop: bool = False) -> bool:
    """Whether a statement may end the function, or the round of the loop, that it is in."""
    match node:
        case ast.Return():
            return True
        case ast.Break() | ast.Continue():
            return not in_loop
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return False
        case ast.For(orelse=orelse) | ast.AsyncFor(orelse=orelse) | ast.While(orelse=orelse):
            parts = [
                (inner, inner not in orelse or in_loop) for inner in ast.iter_child_nodes(node)
            ]
        case _:
            parts = [(inner, in_loop) for inner in ast.iter_child_nodes(node)]
    return any(
        _may_leave(inner, in_loop=looped)
        for inner, looped in parts
        if not isinstance(inner, ast.expr)
    )
