"""What the shape of tests says of where they must run: decided before anything of a candidate runs.

Tests that change their own process for the candidate to see, or look there at what it did, need it
in that process. So do those that look inside its functions.
"""

from __future__ import annotations

import ast
import dis
from typing import TYPE_CHECKING

from sandbox.inner.remote.places import statements_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

_FIXTURES = frozenset({"caplog", "monkeypatch"})
"""What they do is seen nowhere: handlers, which pytest has too, and attributes of any object."""
_SEES_ITS_OWN_PROCESS = _FIXTURES | frozenset(
    {
        # They set attributes of any object: all modules and classes would have to be compared.
        *("patch", "modules", "builtins"),
        # Looked at once a question was answered: pytest itself looks there as well.
        *("environ", "getenv", "stdin", "stdout", "stderr", "getcontext"),
        *("tracemalloc", "process_time", "getrusage"),
        # A seed leaves the state that any other drawing of numbers may leave.
        *("seed", "setstate"),
        # A mask cannot be read without setting it; handlers pytest has as well; numpy may be slow.
        *("umask", "assertLogs", "addHandler", "errstate", "seterr", "set_printoptions"),
        # They ask of the object what it is, which is answered here, and never of the candidate.
        *("get_type_hints", "getsource", "isbuiltin", "doctest"),
    }
)
"""What tests look at or change their own process with, to judge what the candidate does there.

Or what they look at a function with that would see the proxy.
"""
_ANNOTATIONS = (".__annotations__", '"__annotations__"', "'__annotations__'")
"""As a name alone, any annotated variable has it."""


def names_in(code: CodeType) -> Iterator[str]:
    """Every global name and attribute that code and the functions in it mention."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from names_in(constant)


def bound_in(code: CodeType) -> Iterator[str]:
    """Every name that code and what is in it bind in their module."""
    for step in dis.get_instructions(code):
        if step.opname in ("STORE_NAME", "STORE_GLOBAL"):
            yield step.argval
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from bound_in(constant)


def wants_one_process(code: CodeType, tree: ast.Module, text: str) -> str | None:
    """Why tests cannot be kept apart from the candidate, if they cannot."""
    if (changed := changed_module(tree)) is not None:
        return f"the tests change {changed}"
    names = frozenset(names_in(code))
    found = names & _SEES_ITS_OWN_PROCESS
    found |= _FIXTURES & frozenset(_arguments_in(code))
    if found:
        return f"the tests use {min(found)}"
    return "the tests use __annotations__" if any(each in text for each in _ANNOTATIONS) else None


def changed_module(tree: ast.Module) -> str | None:
    """What of a library the tests assign to or delete, which the candidate is to see, if anything.

    A target that starts at an imported name: `time.time = …`, `os.environ["X"] = …`,
    `decimal.getcontext().prec = …`. What they import from the solution is no library.
    """
    imported, targets = _imports_and_targets(tree)
    for target in targets:
        root = _root_of(target)
        if root is not None and root is not target and root.id in imported:
            return ast.unparse(target)
    return None


def _imports_and_targets(tree: ast.Module) -> tuple[set[str], list[ast.expr]]:
    imported: set[str] = set()
    targets: list[ast.expr] = []
    for node in statements_of(tree):
        match node:
            case ast.Import(names=names):
                imported |= {(a.asname or a.name).partition(".")[0] for a in names}
            case ast.ImportFrom(module=module, names=names) if module != "solution":
                imported |= {a.asname or a.name for a in names}
            case ast.Assign(targets=several) | ast.Delete(targets=several):
                targets += several
            case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
                targets.append(target)
    return imported - {"solution"}, targets


def _root_of(target: ast.expr) -> ast.Name | None:
    """The name that an attribute or an item is reached from, through calls as well."""
    while True:
        match target:
            case ast.Name():
                return target
            case ast.Attribute(value=value) | ast.Subscript(value=value) | ast.Call(func=value):
                target = value
            case _:
                return None


def _arguments_in(code: CodeType) -> Iterator[str]:
    """The arguments of every function in code: pytest's fixtures are asked for by them."""
    yield from code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from _arguments_in(constant)
