"""What is done with an object of the tests where the program asks something of it."""

from __future__ import annotations

import copy
import functools
import operator
import types
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CodecError
from sandbox.inner.crossing.special import ARITHMETIC, PROTOCOLS, method_of
from sandbox.inner.given.mocks import is_mock
from sandbox.inner.given.protocols import protocols_of
from sandbox.inner.given.shown import (
    ATOMS,
    annotations_of,
    attributes_of,
    names_in,
    parameters_of,
    text_shown,
)

if TYPE_CHECKING:
    from collections.abc import Callable

COPIES: Final[dict[Any, Callable[..., Any]]] = {"copy": copy.copy, "deepcopy": copy.deepcopy}
ATTRIBUTE: Final = frozenset({"get", "set", "delattr"})
_ITEMS: Final[dict[str, Callable[..., Any]]] = {
    "signature": parameters_of,
    "annotations": annotations_of,
    "vars": attributes_of,
    "dir": names_in,
    "next": lambda value: _step(next, value),
    "iter": iter,
    "len": len,
    "item": operator.getitem,
    "setitem": operator.setitem,
    "contains": operator.contains,
    "bool": bool,
    "str": lambda value: text_shown(str, value),
    "repr": lambda value: text_shown(repr, value),
    "enter": lambda value: method_of(value, "__enter__")(),
    "exit": lambda value, *told: bool(method_of(value, "__exit__")(*told)),
}


def question_of(ask: str, value: Any) -> Callable[..., Any] | None:
    """What is done for a question; None for what is none."""
    if ask in _GENERATOR:
        return _GENERATOR[ask] if type(value) is types.GeneratorType else None
    if ask in ARITHMETIC and is_mock(type(value)):
        return functools.partial(_protocol, ask)
    if ask in PROTOCOLS:
        return functools.partial(_protocol, ask) if ask in protocols_of(type(value)) else None
    return _ITEMS.get(ask)


def _protocol(name: str, value: Any, *args: Any) -> Any:
    given = method_of(value, name)(*args)
    if given is NotImplemented:
        raise TypeError(f"{name} of an object of the tests")
    return given


def _thrown(value: Any, error: Any) -> tuple[bool, Any]:
    if not isinstance(error, BaseException):
        raise CodecError("nothing that can be thrown")
    if isinstance(error, StopIteration):  # one of the tests: it may end a loop in there
        raise RuntimeError("generator raised StopIteration")  # noqa: TRY004 - as Python does
    return _step(value.throw, error)


_GENERATOR: Final[dict[str, Callable[..., Any]]] = {
    "send": lambda value, given: _step(value.send, given),
    "throw": _thrown,
    "close": lambda value: value.close(),
}
"""What a generator is asked beside its items; it shows nothing."""


def role_of(value: Any) -> str:
    """What an object of the tests is over there: what it does beside its protocols."""
    if isinstance(value, ATOMS):
        return "function"
    if type(value) is types.GeneratorType:
        return "generator"
    if is_mock(type(value)):  # which has all special methods
        return "call" if callable(value) else "plain"
    return "next" if hasattr(type(value), "__next__") else "call" if callable(value) else "plain"


def _step(of: Callable[..., Any], *args: Any) -> tuple[bool, Any]:
    """What an iterator gives, or that it has ended, and what a generator returned."""
    try:
        return True, of(*args)
    except StopIteration as end:
        return False, end.value
