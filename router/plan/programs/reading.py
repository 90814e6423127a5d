"""Reads Python source without running it: what it defines, and which names it uses.

It guards the event loop: a `Reader` parses so many characters and no more, and what it did not read
is as if it did not parse.
"""

from __future__ import annotations

import ast
import re
import symtable
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
"""A line as Python counts them: `str.splitlines` knows more ends than its tokenizer."""
UNREADABLE: Final = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError)
"""What comes of reading a text that is no Python, is too deep, or writes no value."""
_COST_OF_A_CALL: Final = 200
"""Reading nothing at all takes as long as reading so many characters."""
_STAR: Final = "*"


@dataclass(frozen=True)
class Definition:
    """A top-level statement that binds `names` and is there for nothing else."""

    text: str
    names: frozenset[str]

    @property
    def star(self) -> bool:
        """Whether it binds names that only its import would tell."""
        return _STAR in self.names


@dataclass(frozen=True)
class Reading:
    """What a module says.

    `used` are the global names that it reads, `used_at_once` those outside of its functions.
    """

    source: str
    tree: ast.Module
    defined: frozenset[str]
    imported: frozenset[str]
    used: frozenset[str]
    used_at_once: frozenset[str]

    @property
    def bound(self) -> frozenset[str]:
        """The global names that it has of its own."""
        return self.defined | self.imported

    @property
    def acts(self) -> bool:
        """Whether anything is called when it runs, beyond what making definitions takes."""
        return any(
            isinstance(inner, ast.Call)
            for node in self.tree.body
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            for inner in ast.walk(node)
        )

    @cached_property
    def _lines(self) -> Sequence[bytes]:
        return [line.encode() for line in lines_of(self.source)]  # columns are counted in bytes

    @property
    def future(self) -> Iterator[str]:
        """Its future imports."""
        return (self.text_of(node) for node in self.tree.body if is_future(node))

    @property
    def definitions(self) -> Iterator[Definition]:
        """The statements that only bind names, future imports apart, in order."""
        for node in self.tree.body:
            names = frozenset() if is_future(node) else names_bound_by(node)
            if names:
                yield Definition(self.text_of(node), names)

    def text_of(self, node: ast.stmt) -> str:
        """A top-level statement as it is written, its decorators included.

        No more than that is copied: all statements of a long source may stand on one line.
        """
        first, last = node.lineno, node.end_lineno or node.lineno
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([first, *(decorator.lineno for decorator in node.decorator_list)])
        lines = self._lines
        if first == last:
            return lines[last - 1][node.col_offset : node.end_col_offset].decode()
        begins = lines[first - 1][node.col_offset :]
        ends = lines[last - 1][: node.end_col_offset]
        return b"".join([begins, *lines[first : last - 1], ends]).decode()


class Reader:
    """Reads source, so many characters of it in all; the same source again costs nothing."""

    def __init__(self, characters: int) -> None:
        self._left = characters
        self._known: dict[str, Reading | None] = {}

    def read(self, source: str) -> Reading | None:
        """What a source says; None if it does not parse, or there is too much to read."""
        if source not in self._known:
            self._left -= len(source) + _COST_OF_A_CALL
            self._known[source] = read(source) if self._left >= 0 else None
        return self._known[source]


def read(source: str) -> Reading | None:
    """What a source says; None if it does not parse."""
    tree = parse(source)
    if tree is None:
        return None
    try:
        table = symtable.symtable(source, "source", "exec")
    except UNREADABLE:
        return None
    symbols = table.get_symbols()
    imported = frozenset(name.get_name() for name in symbols if name.is_imported())
    defined = frozenset(name.get_name() for name in symbols if name.is_assigned()) - imported
    at_once = {name.get_name() for name in symbols if name.is_referenced()}
    later: set[str] = set()
    scopes = [(scope, False) for scope in table.get_children()]
    while scopes:
        scope, waits = scopes.pop()
        waits = waits or scope.get_type() == "function"
        names = {name.get_name() for name in scope.get_symbols() if name.is_global()}
        (later if waits else at_once).update(names)
        scopes.extend((inner, waits) for inner in scope.get_children())
    used = frozenset(at_once | later)
    return Reading(source, tree, defined, imported, used, frozenset(at_once))


def parse(source: str) -> ast.Module | None:
    """The syntax tree; None if there is none, or one too deep."""
    tree = _parsed(source, "exec")
    return tree if isinstance(tree, ast.Module) else None


def parse_expression(source: str) -> ast.expr | None:
    """The tree of an expression; None where a text is none, or one too deep."""
    tree = _parsed(source, "eval")
    return tree.body if isinstance(tree, ast.Expression) else None


def _parsed(source: str, mode: Literal["exec", "eval"]) -> ast.mod | None:
    with warnings.catch_warnings():  # what the compiler thinks of foreign code is nobody's news
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source, mode=mode)
        except UNREADABLE:
            return None


def lines_of(source: str) -> list[str]:
    """The lines of a source as Python counts them, each with its end."""
    return _LINE.findall(source)


def is_text(node: ast.stmt) -> bool:
    """Whether it is nothing but a text, as a docstring is."""
    match node:
        case ast.Expr(ast.Constant(str())):
            return True
        case _:
            return False


def is_future(node: ast.stmt) -> bool:
    """Whether it must stand before every other statement."""
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def names_bound_by(statement: ast.stmt) -> frozenset[str]:
    """The names that a statement binds, or changes a part of; none if it may do more than that.

    Definitions under a condition or in a `try` count, but not what only a main program has.
    """
    names: set[str] = set()
    waiting = [statement]
    while waiting:
        match waiting.pop():
            case ast.Import(names=found) | ast.ImportFrom(names=found):
                names.update(each.asname or each.name.partition(".")[0] for each in found)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=targets):
                names.update(bases_of(targets))
            case ast.AnnAssign(target=target):
                names.update(bases_of([target]))
            case ast.If(test=test, body=body, orelse=orelse) if not _asks_for_main(test):
                waiting += [*body, *orelse]
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
                waiting += [*body, *orelse, *final]
                waiting += [node for handler in handlers for node in handler.body]
            case ast.Pass():
                pass
            case _:
                return frozenset()
    return frozenset(names)


def bases_of(targets: Sequence[ast.expr]) -> Iterator[str]:
    """The names that targets of an assignment begin with: `a` in `a`, `a.b` and `a[0].b`."""
    waiting = list(targets)
    while waiting:
        match waiting.pop():
            case ast.Name(id=name):
                yield name
            case ast.Attribute(value=value) | ast.Subscript(value=value) | ast.Starred(value=value):
                waiting.append(value)
            case ast.Tuple(elts=inner) | ast.List(elts=inner):
                waiting += inner
            case _:
                pass


def _asks_for_main(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test))
