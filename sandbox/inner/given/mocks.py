"""What is said of mocks, by their classes alone: asked anything else, they remember it."""

from __future__ import annotations

from typing import Any, Final

from sandbox.inner.crossing.special import ASYNCHRONOUS, found_in

_MOCKS: Final = "unittest.mock"


def is_awaited(kind: type) -> bool:
    """Whether objects of a class of the tests are awaited, or what they give when called."""
    found = (found_in(kind, name) for name in ASYNCHRONOUS)
    return any(each is not None and not is_unasked(each[1]) for each in found) or any(
        each.__module__ == _MOCKS and each.__name__ == "AsyncMockMixin" for each in kind.__mro__
    )


def is_mock(kind: type) -> bool:
    """Whether it is a class of mocks."""
    return any(
        each.__module__ == _MOCKS and each.__name__ == "NonCallableMock" for each in kind.__mro__
    )


def is_unasked(found: Any) -> bool:
    """Whether it is what every mock has of a special method until the tests ask for that."""
    return type(found).__module__ == _MOCKS and type(found).__name__ == "MagicProxy"


def is_call(kind: type) -> bool:
    """Whether it is what a mock tells of its calls: nobody but the tests compares these."""
    return kind.__module__ == _MOCKS and kind.__name__ in {"_Call", "_CallList"}
