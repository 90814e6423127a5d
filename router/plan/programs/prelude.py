"""What of a completion's prompt stands, trusted, beside the tests: its imports and functions.

Tests may call a function that the prompt defines, and a copy on their side is one that the answer
cannot change. Classes, exceptions and variables are the program's: of each there is one, and the
tests see that one. So a function that uses one of these has no copy either, whatever the tests
name: beside them it would miss the class, or look into another cache than the program fills.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from typing import Final, TypeGuard

from router.plan.programs.reading import (
    bases_of,
    is_future,
    lines_of,
    names_bound_by,
    parse,
    read,
)
from router.request import Prompt, TextPrompt

_MOST_CUTS: Final = 64
_PARSED_CHARACTERS: Final = 500_000
"""How much is parsed in search of a prompt's longest sound beginning: this runs on the loop."""
_PART: Final = (ast.Attribute, ast.Subscript)
_MADE: Final = (ast.Call, ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
"""What makes an object that can change."""
_BUILT_IN: Final = frozenset(dir(builtins))


def with_prompt_prelude(prompt: Prompt, entry_point: str, prelude: str) -> str:
    """The caller's prelude, after the prompt's own imports and those functions that stand alone.

    Without the entry point: a prompt mostly ends in its head and docstring, which parse as a
    complete function that does nothing. A tail that does not parse is left out, and so is, at run
    time, each statement that fails: what we add must not decide a verdict.
    """
    if not isinstance(prompt, TextPrompt):
        return prelude
    future, guarded = _definitions(prompt.text, entry_point)
    theirs = read(prelude)
    if theirs and any(is_future(node) for node in theirs.tree.body):
        # They must stand first in the whole, so the caller's other statements are put after them.
        future += tuple(theirs.future)
        rest = (theirs.text_of(node) for node in theirs.tree.body if not is_future(node))
        prelude = "\n".join(rest)
    return "\n".join([*future, *guarded, prelude])


@lru_cache(maxsize=64)  # all candidates of a request ask the same
def _definitions(prompt: str, entry_point: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A prompt's future imports, and what else of it the tests have, each statement guarded."""
    body = _longest_module(prompt).body
    alone = _standing_alone(body, entry_point)
    future = (_written(node) for node in body if is_future(node))
    guarded = (_written(_guarded(node)) for node in body if _is_import(node) or node in alone)
    return tuple(future), tuple(text for text in guarded if text)


def _longest_module(source: str) -> ast.Module:
    """The source up to the last top-level statement at which it still parses."""
    lines = lines_of(source)
    starts = (at for at in range(len(lines) - 1, -1, -1) if lines[at][:1].strip())
    cuts = min(_MOST_CUTS, _PARSED_CHARACTERS // max(1, len(source)))
    for cut in (len(lines), *islice(starts, cuts)):
        if (found := parse("".join(lines[:cut]))) is not None:
            return found
    return ast.Module(body=[], type_ignores=[])


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom) and not is_future(node)


def _standing_alone(body: Sequence[ast.stmt], entry_point: str) -> frozenset[ast.stmt]:
    """The functions that need nothing but built-ins, imports, each other and the entry point."""
    theirs = _programs_own(body)
    imported = frozenset[str]().union(*(names_bound_by(node) for node in body if _is_import(node)))
    others = {*theirs, entry_point}
    plain = {node: node.name for node in body if _is_plain(node) and node.name not in others}
    known = ((imported | _BUILT_IN) - theirs) | {*plain.values(), entry_point}
    users: dict[str, set[str]] = {}
    waiting = set()
    for node, name in plain.items():
        found = read(_written(node))
        needed = found.used if found else frozenset({""})  # which nobody knows
        for each in needed:
            users.setdefault(each, set()).add(name)
        if any(each in theirs or (each not in known and "*" not in imported) for each in needed):
            waiting.add(name)
    lost = set[str]()
    while waiting:
        lost |= waiting
        waiting = set[str]().union(*(users.get(name, ()) for name in waiting)) - lost
    return frozenset(node for node, name in plain.items() if name not in lost)


def _programs_own(body: Sequence[ast.stmt]) -> frozenset[str]:
    """The names of classes and variables, and of whatever has items or attributes set."""
    names: set[str] = set()
    for statement in body:
        match statement:
            case ast.Import() | ast.ImportFrom():
                pass
            case ast.ClassDef(name=name):
                names.add(name)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                parts = (node for node in ast.walk(statement) if isinstance(node, _PART))
                names.update(bases_of([node for node in parts if _is_target(node)]))
            case _:
                names.update(names_bound_by(statement))
                names.update(bases_of([n for n in ast.walk(statement) if _is_target(n)]))
    return frozenset(names)


def _is_target(node: ast.AST) -> TypeGuard[ast.expr]:
    """Whether an expression is assigned to, or deleted."""
    return isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)


def _is_plain(node: ast.stmt) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Whether it is a function that keeps nothing between its calls, by decorator or default."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.decorator_list:
        return False
    defaults = [*node.args.defaults, *(each for each in node.args.kw_defaults if each)]
    return not any(isinstance(n, _MADE) for default in defaults for n in ast.walk(default))


def _guarded(node: ast.stmt) -> ast.stmt:
    """The statement, with its errors passed over."""
    handler = ast.ExceptHandler(ast.Name("Exception"), None, [ast.Pass()])
    return ast.Try(body=[node], handlers=[handler], orelse=[], finalbody=[])


def _written(node: ast.stmt) -> str:
    """The statement's source; empty where it cannot be written, as when it is nested too deep."""
    try:
        return ast.unparse(node)
    except (RecursionError, ValueError):
        return ""
