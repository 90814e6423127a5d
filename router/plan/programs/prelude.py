"""What of a completion's prompt stands, trusted, beside the tests: imports, functions and values.

Tests may call a function that the prompt defines, and a copy on their side is one that the answer
cannot change; they compare values of a class that the prompt defines, and with a class of their own
they compare them themselves. Other classes, exceptions and variables are the program's: of each
there is one, and the tests see that one. So what uses one of these has no copy either, whatever the
tests name: beside them it would miss the class, or look into another cache than the program fills.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Final, TypeGuard

from router.plan.programs.classes import Named, value_classes
from router.plan.programs.lexing import COMMENT, STRING, repeated
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
_LONGEST: Final = _PARSED_CHARACTERS // 2
"""How much of a prompt is read: mostly its end does not parse, and then there is a second try."""
_BEGINNING: Final = re.compile(repeated(rf"[\s();\\]++|{COMMENT}|[rRuU]?(?:{STRING})"))
"""What may stand before a future import: a docstring, however it is written."""
_NAMES: Final = repeated(r"[^()#;\\\r\n]++|\\\r?\n")
_FUTURE: Final = re.compile(
    r"(?P<statement>from[\s\\]+__future__[\s\\]+import\b"
    rf"(?:[\s\\]*\({repeated(rf'[^()#]++|{COMMENT}')}\)|[\s\\]+\w{_NAMES}))"
    + repeated(rf"[\s;\\]++|{COMMENT}")
)
"""One, up to what follows it."""
_PART: Final = (ast.Attribute, ast.Subscript)
_MADE: Final = (ast.Call, ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
"""What makes an object that can change."""
_BUILT_IN: Final = frozenset(dir(builtins))
_CLASS_HEAD: Final = re.compile(r"^class\b([^:]*)", re.MULTILINE)
"""What a class that is not yet whole is called, and what it derives from."""
_NAME: Final = re.compile(r"\w+")


def with_prompt_prelude(prompt: Prompt, entry_point: str, prelude: str) -> str:
    """The caller's prelude, after the prompt's imports and what of its definitions stands alone.

    Without the entry point: a prompt mostly ends in its head and docstring, which parse as a
    complete function that does nothing. A tail that does not parse is left out, and so is, at run
    time, each statement that fails: what we add must not decide a verdict.

    The caller's future imports must stand first in the whole, so they are moved there.
    """
    if not isinstance(prompt, TextPrompt):
        return prelude
    end = _end_of_what_is_read(prompt.text)
    later = frozenset(_derived_from_heads(prompt.text[end:]))
    future, guarded = _definitions(prompt.text[:end], later, entry_point)
    theirs, rest = _without_future(prelude)
    return "\n".join([*future, *theirs, *guarded, rest])


def _without_future(prelude: str) -> tuple[Sequence[str], str]:
    """The future imports of a prelude, and the rest of it.

    They are its first statements, so that no more of it is read, however long it is.
    """
    found = _BEGINNING.match(prelude)
    begins = at = found.end() if found else 0
    statements: list[str] = []
    while found := _FUTURE.match(prelude, at):
        statements.append(found["statement"])
        at = found.end()
    return statements, f"{prelude[:begins]}\n{prelude[at:]}" if statements else prelude


def _end_of_what_is_read(text: str) -> int:
    """All of it, or where the last line begins that is not too far off and stands at the margin."""
    if len(text) <= _LONGEST:
        return len(text)
    at = text.rfind("\n", 0, _LONGEST)
    while at >= 0 and not text[at + 1].strip():
        at = text.rfind("\n", 0, at)
    return at + 1


@lru_cache(maxsize=64)  # clients ask the same again
def _definitions(
    prompt: str, later: frozenset[str], entry_point: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A prompt's future imports, and what else of it the tests have, each statement guarded.

    `later` is what classes derive from after what is read of the prompt.
    """
    lines = lines_of(prompt)
    body, rest = _longest_module(prompt, lines)
    values = value_classes(body, lines, entry_point)
    derived_from = later.union(_derived_from(body, rest, values))
    alone = _standing_alone(body, values, derived_from, entry_point)
    future = (_written(node) for node in body if is_future(node))
    guarded = (_written(_guarded(node)) for node in body if _is_import(node) or node in alone)
    return tuple(future), tuple(text for text in guarded if text)


def _longest_module(source: str, lines: Sequence[str]) -> tuple[Sequence[ast.stmt], str]:
    """The source up to the last top-level statement at which it still parses, and the rest."""
    starts = (at for at in range(len(lines) - 1, -1, -1) if lines[at][:1].strip())
    cuts = min(_MOST_CUTS, _PARSED_CHARACTERS // max(1, len(source)) - 1)
    for cut in (len(lines), *islice(starts, cuts)):
        if (found := parse("".join(lines[:cut]))) is not None:
            return found.body, "".join(lines[cut:])
    return [], source


def _derived_from(
    body: Sequence[ast.stmt], rest: str, values: Mapping[str, Named]
) -> Iterator[str]:
    """What classes that are no plain values derive from: theirs are then the program's as well."""
    for node in body:
        if isinstance(node, ast.ClassDef) and values.get(node.name) is not node:
            yield from bases_of(node.bases)
    yield from _derived_from_heads(rest)


def _derived_from_heads(text: str) -> Iterator[str]:
    """What classes derive from, and what they are called, in what was not parsed."""
    for head in _CLASS_HEAD.findall(text):
        yield from _NAME.findall(head)


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom) and not is_future(node)


def _standing_alone(
    body: Sequence[ast.stmt],
    values: Mapping[str, Named],
    derived_from: frozenset[str],
    entry_point: str,
) -> frozenset[ast.stmt]:
    """What needs nothing but built-ins, imports, each other and the entry point.

    Functions, and those of the value classes `values` that are bound once and not derived from by
    others than these.
    """
    held = frozenset(values.values())
    rest = [node for node in body if node not in held]
    theirs = _programs_own(rest)
    bound = theirs.union(*(names_bound_by(node) for node in rest))
    imported = frozenset[str]().union(*(names_bound_by(node) for node in body if _is_import(node)))
    others = {*theirs, entry_point}
    plain: dict[ast.stmt, str] = {n: n.name for n in rest if _is_plain(n) and n.name not in others}
    plain |= {node: name for name, node in values.items() if name not in bound}
    theirs |= values.keys() - plain.values()
    known = ((imported | _BUILT_IN) - theirs) | {*plain.values(), entry_point}
    users: dict[str, set[str]] = {}
    waiting = set(derived_from & values.keys())
    for node, name in plain.items():
        if isinstance(node, ast.ClassDef):
            users.setdefault(name, set()).update(values.keys() & set(bases_of(node.bases)))
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
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                names |= {statement.name} if isinstance(statement, ast.ClassDef) else set()
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
