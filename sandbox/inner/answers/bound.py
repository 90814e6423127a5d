"""Methods that a decorator of the candidate made of functions of the tests, given to the candidate.

Such a method is a function over there, bound to an object here. Over there it is one more function
of the tests: what it is called is known here already, so that giving it asks nothing.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from sandbox.inner.given.guests import Guests
from sandbox.inner.remote.handles import CALLED, number_of
from sandbox.inner.remote.methods import kept_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.codec import Wire


class BoundGuests(Guests):
    """The objects that were given, such methods among them."""

    def __init__(self) -> None:
        super().__init__()
        self._bound: dict[tuple[int, int], Callable[..., Any]] = {}
        self._methods_of: dict[int, types.MethodType] = {}

    def refer(self, value: Any) -> Wire:
        """What stands for a value of the tests over there. Raises `CannotCross`, and `Stop`."""
        if type(value) is types.MethodType:
            number = number_of(value.__func__)
            if number is not None:
                return super().refer(self._function(value, number))
        return super().refer(value)

    def __getitem__(self, number: int) -> Any:
        """The object itself, come back."""
        found = super().__getitem__(number)
        return self._methods_of.get(id(found), found)

    def _function(self, method: types.MethodType, number: int) -> Callable[..., Any]:
        """What stands for a method: the same for each that is equal to it."""
        key = (id(method.__self__), number)
        if key not in self._bound:
            made = _function_of(method)
            self._bound[key] = made
            self._methods_of[id(made)] = method
        return self._bound[key]


def _function_of(method: types.MethodType) -> Callable[..., Any]:
    def bound(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    told = kept_by(method.__func__).get(CALLED)
    match told:
        case tuple([str(name), str(qualname), str(module), doc]):
            bound.__name__, bound.__qualname__, bound.__module__ = name, qualname, module
            bound.__doc__ = doc if type(doc) is str else None
    return bound
