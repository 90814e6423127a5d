"""Whether a program hangs together around lines that were put into it.

It guards against lines that parse and yet cannot be meant: that leave what stands after them out of
reach, that do not bind what it uses, or that end a function before it has done anything. It knows
nothing of types and values, and a name that is bound anywhere is bound.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from router.plan.programs.reading import is_text

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While)
_SURELY: Final = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom),
    *(ast.For, ast.While, ast.If, ast.With, ast.Try),
)
_LEAVING: Final = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_GIVEN: Final = frozenset(dir(builtins)) | {"__file__", "__class__"}
_STAR: Final = "*"


def compiles(tree: ast.Module) -> bool:
    """Whether all that leaves a function or a loop stands in one."""
    waiting: list[tuple[ast.AST, bool, bool]] = [(tree, False, False)]
    while waiting:
        node, in_function, in_loop = waiting.pop()
        match node:
            case ast.Return() | ast.Yield() | ast.YieldFrom() | ast.Await() if not in_function:
                return False
            case ast.Break() | ast.Continue() if not in_loop:
                return False
            case ast.ClassDef():
                in_function = in_loop = False
            case _ if isinstance(node, _FUNCTIONS):
                in_function, in_loop = True, False
            case _ if isinstance(node, _LOOPS):
                in_loop = True
        waiting += [(inner, in_function, in_loop) for inner in ast.iter_child_nodes(node)]
    return True


def is_python(tree: ast.Module) -> bool:
    """Whether a text that parses is surely Python: much else reads as values and assignments."""
    return any(isinstance(node, _SURELY) for node in tree.body)


def loose_ends(tree: ast.Module) -> int:
    """How many names are used and bound nowhere, and functions are nothing but a docstring."""
    nodes = list(ast.walk(tree))
    return len(_unbound(nodes)) + sum(map(_only_told, nodes))


def cuts_off(tree: ast.Module, first: int, last: int) -> bool:
    """Whether nothing reaches what comes after the lines from `first` to `last`, from 1 on."""
    return any(_cuts_off(block, first, last) for block in _blocks(ast.walk(tree)))


def _only_told(node: ast.AST) -> bool:
    """Whether it is a function that says what it does, and then does nothing."""
    match node:
        case ast.FunctionDef(body=body) | ast.AsyncFunctionDef(body=body):
            return all(is_text(statement) for statement in body)
        case _:
            return False


def _blocks(nodes: Iterable[ast.AST]) -> Iterator[list[ast.stmt]]:
    """Statements that follow one another."""
    for node in nodes:
        for name in ("body", "orelse", "finalbody"):
            if isinstance(block := getattr(node, name, None), list):
                yield block


def _cuts_off(block: Sequence[ast.stmt], first: int, last: int) -> bool:
    for statement, following in pairwise(block):
        if statement.lineno <= last < following.lineno:
            return (statement.end_lineno or statement.lineno) >= first and _leaves(statement)
    return False


def _leaves(statement: ast.stmt) -> bool:
    """Whether nothing after a statement is reached, whatever the values."""
    match statement:
        case ast.If():
            return _all_leave(statement)
        case _:
            return isinstance(statement, _LEAVING)


def _all_leave(branches: ast.If) -> bool:
    """Whether every branch leaves, the one for all other cases included; chains may be long."""
    while _leaves(branches.body[-1]):
        match branches.orelse:
            case [ast.If() as further]:
                branches = further
            case orelse:
                return bool(orelse) and _leaves(orelse[-1])
    return False


def _unbound(nodes: Sequence[ast.AST]) -> set[str]:
    """The names that are read, or added to, and bound nowhere; none where an import has a star."""
    added = {id(node.target) for node in nodes if isinstance(node, ast.AugAssign)}
    used: set[str] = set()
    bound: set[str] = set()
    for node in nodes:
        match node:
            case ast.Name(id=name):
                reads = isinstance(node.ctx, ast.Load) or id(node) in added
                (used if reads else bound).add(name)
            case ast.FunctionDef(name=str(name)) | ast.AsyncFunctionDef(name=str(name)):
                bound.add(name)
            case ast.ClassDef(name=str(name)) | ast.ExceptHandler(name=str(name)):
                bound.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.arg(arg=name):
                bound.add(name)
            case ast.MatchMapping(rest=str(name)):
                bound.add(name)
            case ast.alias(name=name, asname=asname):
                bound.add(asname or name.partition(".")[0])
            case _:
                pass
    return set() if _STAR in bound else used - bound - _GIVEN
