"""What stands in the candidate's process for objects and exceptions of the tests."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.frames import Frame

GUEST: Final = "__stands_for_tests__"
"""Marks what stands for an exception of the tests, with its number."""


class Guest:
    """An object of the tests: calls, items and public attributes are asked there."""

    __slots__ = ("_ask", "_number")

    def __init__(self, number: int, ask: Callable[[str, int, list[Any], Any], Any]) -> None:
        object.__setattr__(self, "_number", number)
        object.__setattr__(self, "_ask", ask)

    def __getattr__(self, name: str) -> Any:
        return self._ask("get", self._number, [name], {})

    def __setattr__(self, name: str, value: object) -> None:
        self._ask("set", self._number, [name, value], {})

    def __getitem__(self, key: object) -> Any:
        return self._ask("item", self._number, [key], {})

    def __setitem__(self, key: object, value: object) -> None:
        self._ask("setitem", self._number, [key, value], {})

    def __contains__(self, key: object) -> bool:
        return bool(self._ask("contains", self._number, [key], {}))

    def __len__(self) -> int:
        return int(self._ask("len", self._number, [], {}))

    def __iter__(self) -> Any:
        return self._ask("iter", self._number, [], {})

    def __bool__(self) -> bool:
        return bool(self._ask("bool", self._number, [], {}))

    def __str__(self) -> str:
        return str(self._ask("str", self._number, [], {}))

    def __repr__(self) -> str:
        return str(self._ask("repr", self._number, [], {}))

    def __enter__(self) -> Any:
        return self._ask("enter", self._number, [], {})

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        return bool(self._ask("exit", self._number, [kind, error, None], {}))


class CallableGuest(Guest):
    """One that can be called."""

    __slots__ = ()

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:  # noqa: D102 - a call of the tests' object
        return self._ask("call", self._number, list(args), kwargs)


class IteratingGuest(Guest):
    """One that gives items until it ends."""

    __slots__ = ()

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return self._ask("next", self._number, [], {})


GUESTS: Final = {"plain": Guest, "call": CallableGuest, "next": IteratingGuest}
"""By what the object does: nothing of these, be called, give items."""


def error_of(told: Frame) -> BaseException:
    """What stands for an exception of the tests, made without code of its own."""
    found = (getattr(builtins, name, None) for name in told["bases"])
    kind: Any = next((kind for kind in found if kind is not None), Exception)
    if kind.__name__ != told["name"]:
        kind = type(told["name"], (kind,), {})
    error: BaseException = kind.__new__(kind)
    error.args = (told["message"],)
    vars(error)[GUEST] = told["guest"]
    return error
