"""Where the text of tests compares what a method gives, or makes nothing of it.

The answer of a method that was told something may be a yes to what the tests expect: then a pass
rests on it. It does not where the tests compare the answer with a value of their own, or drop it.
Any truthy object is a yes, so what counts is what the tests do with an answer, not what it is.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import itertools
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sandbox.inner.crossing.packages import is_of_both

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

    _Place: TypeAlias = tuple[int | None, int | None, int | None, int | None, str]

_TELLING: Final = (ast.Eq, ast.Is, ast.In, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
"""Comparisons that few values stand. Unequal to something is nearly every value."""


TESTS: Final = "tests.py"
PRELUDE: Final = "prelude.py"

BARE: Final = "bare"
_ANY: Final = "any"
"""What is left of a call whose value is dropped: an effect on nothing of the tests, or on any."""


_CLAUSES: Final = ("handlers", "cases")
"""Lists of what is no statement itself, and has blocks."""

_BLOCKS: Final = ("body", "orelse", "finalbody", *_CLAUSES)


def blocks_of(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements in a tree, outer ones first. What is in expressions is passed over.

    A few times as fast as going through all nodes, in a process that goes through them once.
    """
    for name in _BLOCKS:
        found = getattr(node, name, None)
        if type(found) is not list:  # as the body of a lambda
            continue
        if name not in _CLAUSES:
            yield found
        for each in tuple(found):
            yield from blocks_of(each)


def statements_of(node: ast.AST) -> Iterator[ast.stmt]:
    """Every statement in a tree."""
    for block in blocks_of(node):
        yield from block


def is_the_programs_wish(perform: CodeType) -> bool:
    """Whether code of the library alone runs, as `perform` does what the program asks."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - of who finds something
    while frame is not None and frame.f_code.co_filename not in (TESTS, PRELUDE):
        if frame.f_code is perform:
            return True
        frame = frame.f_back
    return False


@dataclass
class Places:
    """The calls of methods in tests, of which what they give is compared or dropped."""

    tree: ast.Module | None = None
    _compared: dict[_Place, bool] | None = None
    _looked_at: frozenset[tuple[int | None, ...]] | None = None
    _written: frozenset[str] | None = None
    _effects: dict[tuple[int | None, ...], str] | None = None

    def mention(self, text: str) -> bool:
        """Whether a text is in a text of the tests."""
        nodes = () if self.tree is None else ast.walk(self.tree)
        return any(isinstance(n, ast.Constant) and text in str(n.value) for n in nodes)

    def write(self, text: str) -> bool:
        """Whether a text stands in the tests just so, but for white space around it."""
        if self._written is None:
            nodes = () if self.tree is None else ast.walk(self.tree)
            texts = (n.value for n in nodes if isinstance(n, ast.Constant))
            self._written = frozenset(each.strip() for each in texts if isinstance(each, str))
        return text.strip() in self._written

    def load(self, found_at: Any) -> None:
        """Import the module of a class of the library, if the tests are to import what it is in."""
        match found_at:
            case [str(module), str()] if module not in sys.modules and self._import(module):
                with contextlib.suppress(ImportError):  # theirs to meet, if they come to it
                    importlib.import_module(module)

    def _import(self, module: str) -> bool:
        """Whether they import something of the package of the library that a module is in."""
        root = module.partition(".")[0]
        nodes = () if self.tree is None else ast.walk(self.tree)
        names = (name for node in nodes for name in _imported_in(node))
        return is_of_both(module) and root in (n.partition(".")[0] for n in names)

    def decides(self, caller: FrameType, name: str, given: Any) -> bool:
        """Whether a pass rests on what the method `name` gave to a caller in the tests."""
        if self._compared is None:
            self._compared = {} if self.tree is None else dict(_places_in(self.tree))
        file = caller.f_code.co_filename
        if file != TESTS:  # the library drops what means nothing, as where it starts a thread
            return file == PRELUDE or given is not None
        positions = caller.f_code.co_positions()
        line, last, start, end = next(itertools.islice(positions, caller.f_lasti // 2, None))
        place = (line, last, start, end)
        compared = self._compared.get((*place, name), self._compared.get((*place, "")))
        # Whether something is true or false says no more where it is written out.
        return compared is None or (compared and type(given) is bool)

    def effect_of_call(self) -> str:
        """Whether the tests now make a call of which nothing is left but its effect.

        `BARE` where it is given nothing of theirs as well.
        """
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - of who asks
        while frame is not None and frame.f_code.co_filename != TESTS:
            frame = frame.f_back
        if frame is None:
            return ""
        if self._effects is None:
            nodes = () if self.tree is None else statements_of(self.tree)
            calls = (n.value for n in nodes if isinstance(n, ast.Expr))
            self._effects = {_extent(c): _effect_of(c) for c in calls if isinstance(c, ast.Call)}
        positions = frame.f_code.co_positions()
        return self._effects.get(next(itertools.islice(positions, frame.f_lasti // 2, None)), "")

    def only_looks(self, caller: FrameType, name: str) -> bool:
        """Whether an attribute is not called with anything that may be expected: by its place.

        What the tests do with it elsewhere cannot be seen.
        """
        file = caller.f_code.co_filename
        if file not in (TESTS, PRELUDE):
            return name.startswith("__")
        if self._looked_at is None:
            nodes = () if self.tree is None else ast.walk(self.tree)
            looks = (each for node in nodes for each in _looks_in(node))
            self._looked_at = frozenset(place for each in looks for place in _places_of(each))
        positions = caller.f_code.co_positions()
        place = next(itertools.islice(positions, caller.f_lasti // 2, None))
        return file == TESTS and place in self._looked_at


def _effect_of(call: ast.Call) -> str:
    """A function that is given constants at most, or a method that is given nothing."""
    given = [*call.args, *(each.value for each in call.keywords)]
    constant = all(isinstance(each, ast.Constant) for each in given)
    bare = isinstance(call.func, ast.Name) and constant
    return BARE if bare or (isinstance(call.func, ast.Attribute) and not given) else _ANY


def _looks_in(node: ast.AST) -> Iterator[ast.expr]:
    """What is compared, or called with nothing, or looked into, as part of a node."""
    match node:
        case ast.Compare() if all(isinstance(each, _TELLING) for each in node.ops):
            yield from (node.left, *node.comparators)
        case ast.Call(func=called, args=[], keywords=[]) | ast.Expr(value=ast.Call(func=called)):
            yield called
        case ast.Attribute(value=looked_into):
            yield looked_into


def _places_of(node: ast.expr) -> Iterator[tuple[int | None, ...]]:
    if isinstance(node, ast.Attribute):
        line, last, start, end = _extent(node)
        yield line, last, start, end
        if last != line and end is not None:  # a method is looked up where its name is
            yield last, last, end - len(node.attr), end


def _imported_in(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module]
    return []


def _places_in(tree: ast.Module) -> Iterator[tuple[_Place, bool]]:
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=call):
                yield from _place_of(call, compared=False)
            case ast.Compare() if all(isinstance(each, _TELLING) for each in node.ops):
                for side in (node.left, *node.comparators):
                    yield from _place_of(side, compared=True)


def _place_of(node: ast.expr, *, compared: bool) -> Iterator[tuple[_Place, bool]]:
    match node:
        case ast.Await(value=awaited):
            yield from _place_of(awaited, compared=compared)
        case ast.Call(func=ast.Attribute(attr=name)):
            yield (*_extent(node), name), compared
        case ast.Call(func=ast.Name()) if not compared:  # which may stand for a method
            yield (*_extent(node), ""), compared


def _extent(node: ast.expr) -> tuple[int, int | None, int, int | None]:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset
