"""What of an object of the tests is shown to the program, and what is told of it."""

from __future__ import annotations

import abc
import builtins
import contextlib
import functools
import inspect
import re
import sys
import types
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol

from sandbox.codec import CannotCross, Encoder, copied
from sandbox.inner.crossing.packages import is_of_both
from sandbox.inner.crossing.special import ARITHMETIC, BINARY, found_in
from sandbox.inner.given.dataclassed import form_of
from sandbox.inner.given.marks import marks_of
from sandbox.inner.given.mocks import is_awaited, is_call, is_mock, is_unasked

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.codec import Wire

INNER: Final = (types.CodeType, types.FrameType, types.TracebackType, types.CellType)
"""Objects of the tests that are handed to none of their functions again: one may look into them."""

_CLOSED: Final = (
    *(*INNER, types.ModuleType, type),
    *(types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType),
)
"""Objects of the tests that show no attribute: theirs lead to code and globals.

Neither does what can only be called, as a partial: it says there what it holds. A function shows
what it was marked with; what else of the library can be called shows its methods.
"""

_DATABASE: Final = "sqlite3"
_OF_A_CONNECTION: Final = frozenset(
    {
        *("execute", "executemany", "executescript", "cursor", "commit", "rollback", "close"),
        *("total_changes", "in_transaction", "isolation_level", "row_factory"),
    }
)
"""Others load code, name files or have the program compute what the tests select."""

_PRIVATE: Final = re.compile("_[^_]")
_BASES: Final = (object, abc.ABC, Generic, Protocol)
"""Above classes of the tests, these add nothing to their objects."""

ATOMS: Final = (types.FunctionType, types.BuiltinFunctionType)
"""What a copy has itself, and no copy of it."""

FUNCTIONS: Final = (types.FunctionType, types.MethodType, types.BuiltinFunctionType)
_MOST_TEXT: Final = 10_000


def is_open(value: Any, name: str) -> bool:
    """Whether an attribute of that name is shown."""
    if name.startswith("_") or isinstance(value, _CLOSED):
        return False
    kind = type(value)
    call = found_in(kind, "__call__")
    if call is None or isinstance(call[1], types.FunctionType):
        return True
    found = found_in(kind, name)
    if call[0].__module__ == _DATABASE:
        return name in _OF_A_CONNECTION or not is_of_the_library(
            kind if found is None else found[0]
        )
    return found is not None and isinstance(found[1], types.MethodDescriptorType)


def text_shown(of: Callable[[Any], str], value: Any) -> str:
    """The text of an object; of what can only be called, no more than which kind it is.

    That of a partial says what it holds, and that of a method what its object says of itself.
    """
    kind = type(value)
    call = found_in(kind, "__call__")
    if call is None or isinstance(call[1], types.FunctionType) or kind in ATOMS:
        return of(value)
    if kind is types.MethodType:
        text = found_in(type(value.__self__), "__repr__")
        if text is not None and text[0] in (object, type):
            return of(value)
    return f"<{kind.__module__}.{kind.__qualname__} of the tests>"


def is_of_the_tests(kind: type) -> bool:
    """Whether a class and all above it are the tests' own."""
    return all(each in _BASES or not is_of_the_library(each) for each in kind.__mro__)


def is_private_data(value: Any, name: str, *, may_be_new: bool) -> bool:
    """Whether it is data that an object of a class of the tests itself has, or may get.

    What its class has under such a name is not shown, but what one of the library has.
    """
    kind, held = type(value), getattr(value, "__dict__", None)
    if not _PRIVATE.match(name):
        return False
    if _is_constant(kind, name) and not may_be_new:
        return type(held) is not dict or name not in held
    if type(held) is not dict or not is_of_the_tests(kind):
        return False
    if name in held:
        return not callable(held[name]) and not isinstance(held[name], _CLOSED)
    return may_be_new and found_in(kind, name) is None


def _is_constant(kind: type, name: str) -> bool:
    """Whether a class of the library has plain data there, as a node of a tree has `_fields`."""
    found = found_in(kind, name)
    return found is not None and is_of_the_library(found[0]) and copied(found[1]) is not None


def attributes_of(value: Any) -> dict[str, Any]:
    """What an object itself has, as far as it can cross; of one of the library what is public.

    Raises `AttributeError`.
    """
    if (marks := marks_of(value)) is not None:
        return marks
    held = getattr(value, "__dict__", None)
    if type(held) is not dict or isinstance(value, _CLOSED):
        raise AttributeError("__dict__ of an object of the tests")
    is_own = is_of_the_tests(type(value))
    return {
        name: each
        for name, each in held.items()
        if type(name) is str
        and (is_open(value, name) or (is_own and not name.startswith("__")))
        and _crosses(each)
    }


def names_in(value: Any) -> list[str]:
    """The names of what is shown of an object."""
    if (marks := marks_of(value)) is not None:
        return [*marks]
    own = [name for name in dir(value) if type(name) is str]
    return [n for n in own if is_open(value, n) or is_private_data(value, n, may_be_new=False)]


def _crosses(value: Any) -> bool:
    try:
        _Probe().encode(value)
    except (CannotCross, RecursionError):
        return False
    return True


class _Probe(Encoder):
    def _other(self, value: Any, depth: int) -> Wire:
        kind = type(value)
        if isinstance(value, _CLOSED) or callable(value):
            raise CannotCross(kind.__name__)
        if has_operators(kind) and form_of(kind) is None:
            raise CannotCross(kind.__name__)
        if is_awaited(kind):
            raise CannotCross(kind.__name__)
        return depth


def close_files(value: Any) -> None:
    """Have a database of the tests open no file, which a statement of the program may name."""
    library = sys.modules.get(_DATABASE)
    if library is None:
        return
    connection = value.connection if isinstance(value, library.Cursor) else value
    if isinstance(connection, library.Connection):
        with contextlib.suppress(library.Error):
            connection.setlimit(library.SQLITE_LIMIT_ATTACHED, 0)


def is_of_the_library(kind: type) -> bool:
    """Whether a class came by an import: the module of the tests has no specification."""
    return getattr(sys.modules.get(kind.__module__), "__spec__", None) is not None


def is_method(found: Any) -> bool:
    """Whether what a class has is a method."""
    return callable(found) or isinstance(found, classmethod)


def own_methods(value: Any) -> dict[str, Any]:
    """What an object itself has in place of methods of its class."""
    kind, held = type(value), getattr(value, "__dict__", None)
    if type(held) is not dict:
        return {}
    return {
        name: own
        for name, own in held.items()
        # The program puts nothing in place of a special method; a mock does, once it is asked.
        if callable(own)
        and name[:2] != "__"
        and (found := found_in(kind, name)) is not None
        and is_method(found[1])
    }


def hash_of(value: Any) -> int | None:
    """The hash of an object of a class that computes it: a key's is needed before it is asked."""
    found = found_in(type(value), "__hash__")
    if found is None or not isinstance(found[1], types.FunctionType):
        return None
    try:
        return hash(value)
    except Exception:  # noqa: BLE001 - the tests' own code, which nobody asked for yet
        return None


def called(value: Any) -> list[str | None]:
    """What a function or a class is called, and its own text."""
    found = (getattr(value, name, None) for name in ("__name__", "__qualname__", "__module__"))
    names = [text[:_MOST_TEXT] if type(text) is str else "" for text in found]
    doc = getattr(value, "__doc__", None)
    of_library = names[-1].partition(".")[0] in sys.stdlib_module_names
    return [*names, doc[:_MOST_TEXT] if type(doc) is str and not of_library else None]


def parameters_of(value: Any) -> list[tuple[str, int, bool, tuple[type, ...]]]:
    """Names, kinds and classes of a function's parameters, and whether there is a default.

    Which one is not told: it may be what a test expects. Of annotations only classes of the library
    are, which are the program's own over there.
    """
    if isinstance(value, (types.FunctionType, types.MethodType)):
        return [
            (each.name, int(each.kind), each.default is not each.empty, _class_in(each.annotation))
            for each in inspect.signature(value).parameters.values()
        ]
    raise AttributeError("parameters of an object of the tests")


def annotations_of(value: Any) -> dict[str, type | None]:
    """The annotations of a function, where all but that of its result are classes of the library.

    Raises `AttributeError`: who goes by the first of them would go by another.
    """
    if not isinstance(value, (types.FunctionType, types.MethodType)):
        raise AttributeError("annotations of an object of the tests")  # noqa: TRY004 - it has none
    found = {name: _class_named(each) for name, each in value.__annotations__.items()}
    if found.get("return") == ():
        del found["return"]
    if () in found.values():
        raise AttributeError("annotations of an object of the tests")
    return {name: told[0] for name, told in found.items()}


def _class_named(annotation: Any) -> tuple[type | None, ...]:
    """A class of the library, or the built-in one that a text names; alone in a tuple."""
    if type(annotation) is str:
        annotation = None if annotation == "None" else getattr(builtins, annotation, "")
    return (None,) if annotation is None else _class_in(annotation)


def _class_in(annotation: Any) -> tuple[type, ...]:
    is_told = annotation is not inspect.Parameter.empty and library_name(annotation) is not None
    return (annotation,) if is_told and isinstance(annotation, type) else ()


_NAMED: Final = (type, types.FunctionType, types.BuiltinFunctionType)


def library_name(value: Any) -> Wire | None:
    """Built-ins and library callables cross by name: they are the candidate's own over there."""
    of_numpy = type(value).__module__ == "numpy" and callable(value)
    if not of_numpy and not isinstance(value, _NAMED):
        return None
    module: Any = getattr(value, "__module__", None)
    name = getattr(value, "__qualname__", "")
    owner = getattr(value, "__self__", None)
    if module is None and isinstance(owner, types.ModuleType):
        module = owner.__name__
    if not is_of_both(module) or type(name) is not str:
        return None
    try:
        found = functools.reduce(getattr, name.split("."), sys.modules[module])
    except (KeyError, AttributeError):
        return None
    return ["g", module, name] if found is value else None


def has_operators(kind: type) -> bool:
    """Whether a class of the tests has operators: the candidate could not use them over there.

    Those that a mock has unasked compare nothing, and its arithmetic is asked for.
    """
    return any(
        (found := vars(each).get(name)) is not None and not is_unasked(found)
        for each in kind.__mro__
        if each.__module__ not in sys.stdlib_module_names and not is_call(each)
        for name in (BINARY - ARITHMETIC if is_mock(kind) else BINARY)
    )
