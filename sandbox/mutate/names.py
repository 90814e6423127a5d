"""What the names in a test module stand for, as far as its text can tell."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef
_DEFERRED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.GeneratorExp)
_BY_TEXT = frozenset({"globals", "locals", "vars", "exec", "eval", "setattr", "delattr"})
"""Ways to bind a name that no name in the text shows."""

_HARMLESS = frozenset(
    {"math", "typing", "itertools", "functools", "collections", "re", "string", "heapq", "bisect"}
)


class Names:
    """The names that tests and their prelude bind and use, counted over all scopes."""

    def __init__(self, tree: ast.Module, prelude: ast.Module, entry_point: str = "") -> None:
        self.tree = tree
        self.prelude = prelude
        nodes = [*ast.walk(tree), *ast.walk(prelude)]
        self.loads = Counter(n.id for n in nodes if _is_load(n))
        self.bindings = Counter(name for node in nodes for name in bound_by(node))
        self.bindings[entry_point] += 1  # the candidate's, even where it is named like a builtin
        attributes = {n.attr for n in nodes if isinstance(n, ast.Attribute)}
        self.mentioned = frozenset({*self.loads, *self.bindings, *attributes})
        self._imported = Counter(
            name for node in nodes if _is_import(node) for name in bound_by(node)
        )
        self._starred = any(_is_star_import(node) for node in nodes)
        self._by_text = bool({*self.loads} & _BY_TEXT or attributes & {"__dict__", "f_locals"})
        self.asked_by_fixtures = frozenset(
            argument.arg
            for node in nodes
            if isinstance(node, ast.FunctionDef)
            and any("fixture" in ast.unparse(mark) for mark in node.decorator_list)
            for argument in (*node.args.args, *node.args.kwonlyargs)
        )
        self._assigned = dict(_assignments(tree))

    def is_builtin(self, name: str) -> bool:
        """Whether a name stands for what Python gives it."""
        return self.bindings[name] == 0 and not self._starred

    def is_imported(self, name: str) -> bool:
        """Whether imports bind a name, and nothing else does."""
        return 0 < self._imported[name] == self.bindings[name] and not self._starred

    def value_of(self, load: ast.Name, function: Function | None) -> ast.expr | None:
        """What is assigned to a name that is bound once only, as seen from a function's body."""
        name = load.id
        if self.bindings[name] != 1 or self._by_text or name not in self._assigned:
            return None
        value, scope = self._assigned[name]
        own = function or self.tree
        before = scope is not own or value.lineno < load.lineno
        return value if scope in (own, self.tree) and before else None

    def used_once(self, name: str, scope: ast.AST, function: Function | None) -> bool:
        """Whether one load within `scope` is all that sees a name bound there.

        Messages of assertions do not count: they are made when it is too late.
        """
        inside = list(ast.walk(scope))
        messages = [n.msg for n in inside if isinstance(n, ast.Assert) and n.msg is not None]
        late = sum(_is_load(n) and n.id == name for msg in messages for n in ast.walk(msg))
        if sum(_is_load(n) and n.id == name for n in inside) != 1 + late:
            return False
        known = {id(node) for node in inside}
        return not self._by_text and not any(
            _is_load(load) and load.id == name and id(load) not in known
            for later in ast.walk(function or self.tree)
            if isinstance(later, _DEFERRED) and later is not function
            for load in ast.walk(later)
        )

    def bound_once(self, name: str, scope: ast.AST) -> bool:
        """Whether one binding within `scope` is all that a name has there."""
        return sum(name in bound_by(node) for node in ast.walk(scope)) == 1 and not self._by_text

    def only_iterated(self, name: str) -> bool:
        """Whether a name is used for nothing but to iterate over its value."""
        places = [
            n.iter for n in ast.walk(self.tree) if isinstance(n, (ast.For, ast.comprehension))
        ]
        calls = [n for n in places if isinstance(n, ast.Call)]
        while calls:
            call = calls.pop()
            if isinstance(call.func, ast.Name) and call.func.id in {"zip", "enumerate"}:
                places += call.args
                calls += [arg for arg in call.args if isinstance(arg, ast.Call)]
        return self.loads[name] == sum(isinstance(n, ast.Name) and n.id == name for n in places)


def bound_by(node: ast.AST) -> list[str]:  # noqa: PLR0911 - one match over what binds names
    """The names that one node of a tree binds, without those of the nodes in it."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return [name]
        case ast.arg(arg=name):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Import(names=found) | ast.ImportFrom(names=found):
            return [alias.asname or alias.name.partition(".")[0] for alias in found]
        case ast.Global(names=found) | ast.Nonlocal(names=found):
            return [*found]
        case (
            ast.ExceptHandler(name=str(name))
            | ast.MatchAs(name=str(name))
            | ast.MatchStar(name=str(name))
            | ast.MatchMapping(rest=str(name))
        ):
            return [name]
        case _:
            return []


def _is_load(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)


def _is_star_import(node: ast.AST) -> bool:
    """Whether a node may bind any name: the modules that preludes import whole hide no builtin."""
    return (
        isinstance(node, ast.ImportFrom)
        and node.module not in _HARMLESS
        and any(alias.name == "*" for alias in node.names)
    )


def _is_import(node: ast.AST) -> bool:
    """Whether a node imports something, and not from the program under test."""
    match node:
        case ast.Import(names=found):
            return all(alias.name != "solution" for alias in found)
        case ast.ImportFrom(module=module):
            return module != "solution"
        case _:
            return False


def _assignments(tree: ast.Module) -> Iterator[tuple[str, tuple[ast.expr, ast.AST]]]:
    """Names assigned to by themselves, what is assigned, and the function or module it is in."""
    for scope in ast.walk(tree):
        if not isinstance(scope, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for node in scope.body:
            match node:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                ):
                    yield name, (value, scope)
