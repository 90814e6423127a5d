"""What the tests find in a thing of the program that they do not name, and may call as a method.

A method that is told what they expect may say yes to anything. The thing may be of any kind: an
object or a class, an exception, a namespace. And so may be what it has under the name: a function,
an object that can be called, or a class, of which any object is a yes.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from types import FrameType

    from sandbox.inner.remote.places import Places

WORD: Final = "\0word"
"""Where what may be a method keeps the name that it was found under."""

_CLASSES: Final = (type, types.BuiltinFunctionType, types.MethodDescriptorType)
"""What is called without a question where both sides have it, or has no place for a name.

So the word is the program's where it is found, and not where it is called."""


class Hears(Protocol):
    """The link, as far as it is told of methods."""

    places: Places

    def on_its_word(self) -> None:
        """The candidate's word decides something."""

    def is_probed(self) -> bool:
        """Whether it is a test runner that looks at everything, in search of tests."""
        ...


class Keeps:
    """Has a place for attributes, of which handles show nothing."""


_DICT: Final[Any] = vars(Keeps)["__dict__"]


def kept_by(handle: Any) -> dict[str, Any]:
    """What a handle itself holds, or an exception that stands for one of the candidate."""
    holds = vars(handle) if isinstance(handle, BaseException) else _DICT.__get__(handle)
    found: dict[str, Any] = holds
    return found


def note_method(asks: Hears, name: str, found: Any) -> None:
    """Something that the tests do not name has this under a name."""
    if isinstance(found, (Keeps, BaseException)):
        kept_by(found)[WORD] = name
    elif isinstance(found, _CLASSES):
        asks.on_its_word()


def had(asks: Hears, name: str, found: Any, caller: FrameType) -> Any:
    """What the tests found under a name in something that they do not name."""
    looks = isinstance(found, _CLASSES) and (
        asks.is_probed() or asks.places.only_looks(caller, name)
    )
    if not looks:
        note_method(asks, name, found)
    return found
