"""The test functions of a module that pytest certainly runs, and what they are run with."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.mutate.names import bound_by
from sandbox.mutate.places import Bound, Place, bind_rows, items_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.mutate.names import Names

_MAY_SKIP = frozenset(
    {
        *("skip", "skipif", "skipIf", "skipUnless", "skipTest", "SkipTest", "importorskip", "exit"),
        *("xfail", "expectedFailure", "pytestmark", "__test__", "load_tests", "failureException"),
    }
)
"""What may keep tests other than the one that it marks from running, or from counting."""


@dataclass(frozen=True, slots=True)
class Collected:
    """The test functions and methods of a module."""

    names: Names

    def functions(self) -> Iterator[tuple[ast.FunctionDef, Place]]:
        """Those that run whenever all tests pass; none where the module may skip some of them."""
        if self._may_skip():
            return
        for node in self.names.tree.body:
            if self.names.bindings[getattr(node, "name", "")] != 1:
                continue
            match node:
                case ast.FunctionDef():
                    yield from self._function(node)
                case ast.ClassDef(bases=bases, keywords=[], decorator_list=[]):
                    is_case = any(self._is_test_case(base) for base in bases)
                    if is_case or (node.name.startswith("Test") and not bases):
                        yield from self._methods(node, is_case=is_case)

    def _may_skip(self) -> bool:
        used = {*_mentions(self.names.tree), *_mentions(self.names.prelude)}
        return not _MAY_SKIP.isdisjoint(used) or any(name.startswith("pytest_") for name in used)

    def _is_test_case(self, base: ast.expr) -> bool:
        match base:
            case ast.Name(id="TestCase" as name) | ast.Attribute(ast.Name(id=name), "TestCase"):
                return self.names.is_imported(name)
            case _:
                return False

    def _methods(
        self, node: ast.ClassDef, *, is_case: bool
    ) -> Iterator[tuple[ast.FunctionDef, Place]]:
        if is_case and len(node.bases) > 1:
            return
        defined = [name for inner in ast.walk(node) for name in bound_by(inner)]
        if any(name == "run" or name.startswith("__") for name in defined):
            return
        for inner in node.body:
            if isinstance(inner, ast.FunctionDef) and defined.count(inner.name) == 1:
                yield from self._function(inner, is_case=is_case)

    def _function(
        self, node: ast.FunctionDef, *, is_case: bool = False
    ) -> Iterator[tuple[ast.FunctionDef, Place]]:
        """`is_case`: whether it is a method of a `unittest.TestCase`."""
        if not node.name.startswith("test") or not is_plain(node, decorated=True):
            return
        args = node.args
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
        known: dict[str, Bound | None] = {arg.arg: None for arg in every if arg is not None}
        times = 1
        for decorator in node.decorator_list:
            found = None if is_case else self._parametrized(decorator, node)
            if found is None:
                return
            known |= found[0]
            times *= found[1]
        receiver = node.args.args[0].arg if is_case and node.args.args else None
        yield node, Place(known, node, receiver, times)

    def _parametrized(
        self, decorator: ast.expr, function: ast.FunctionDef
    ) -> tuple[dict[str, Bound | None], int] | None:
        """The arguments that `pytest.mark.parametrize` gives, and how many times."""
        match decorator:
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Attribute(value=ast.Name(id="pytest"), attr="mark"),
                    attr="parametrize",
                ),
                args=[names, values],
                keywords=keywords,
            ) if self.names.is_imported("pytest"):
                target = _target(names)
                rows = rows_of(values, self.names, Place(known={}))
            case _:
                return None
        if (
            target is None
            or rows is None
            or any(k.arg not in {"ids", "indirect"} for k in keywords)
        ):
            return None
        kept = [row for value in rows[0] if (row := _row(value, target)) is not None]
        if not kept:
            return None
        bound = bind_rows(target, kept, function, editable=rows[1])
        if any(keyword.arg == "indirect" for keyword in keywords):
            bound = dict.fromkeys(bound)
        shared = dict.fromkeys(self.names.asked_by_fixtures & bound.keys())
        return bound | shared, len(kept)


def is_plain(node: ast.FunctionDef, *, decorated: bool = False) -> bool:
    """Whether calling a function runs its body, which then ends with it."""
    yields = (ast.Yield, ast.YieldFrom)
    return (decorated or not node.decorator_list) and not any(
        isinstance(inner, yields) for inner in ast.walk(node)
    )


def _mentions(tree: ast.Module) -> Iterator[str]:
    """The names in a tree, without those in the decorators of functions: they mark these alone."""
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        yield from bound_by(node)
        if isinstance(node, (ast.Name, ast.Attribute)):
            yield node.id if isinstance(node, ast.Name) else node.attr
        marks = getattr(node, "decorator_list", [])
        nodes += [inner for inner in ast.iter_child_nodes(node) if inner not in marks]
        for mark in marks:
            # A fixture without parameters to choose from skips the tests that ask for it.
            given = mark.keywords if isinstance(mark, ast.Call) else []
            yield from ("skip" for k in given if k.arg == "params" and not items_of(k.value))


def _target(names: ast.expr) -> ast.expr | None:
    """The names of `parametrize` as a target of an assignment."""
    match names:
        case ast.Constant(value=str(text)):
            found = [name.strip() for name in text.split(",") if name.strip()]
            if len(found) == 1:
                return ast.Name(found[0], ast.Store())
        case ast.List(elts=items) | ast.Tuple(elts=items) if all(map(_is_text, items)):
            found = [ast.literal_eval(item) for item in items]
        case _:
            return None
    return ast.Tuple([ast.Name(name, ast.Store()) for name in found], ast.Store())


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _row(value: ast.expr, target: ast.expr) -> ast.expr | None:
    """A set of parameters; None for one that may be skipped."""
    match value:
        case ast.Call(func=ast.Attribute(attr="param") | ast.Name(id="param")):
            if any(keyword.arg != "id" for keyword in value.keywords):
                return None
            single = isinstance(target, ast.Name) and len(value.args) == 1
            return value.args[0] if single else ast.Tuple(value.args, ast.Load())
        case _:
            return value
