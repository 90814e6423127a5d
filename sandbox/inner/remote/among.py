"""What classes and objects of the program that nobody names answer to operators of the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_LISTED: Final = 10_000


class Books(Protocol):
    """The link, as far as it books errors."""

    def candidates_error(self, error: BaseException) -> BaseException:
        """An error that is booked as the candidate's."""
        ...


def contains(link: Books, what: str, ask: Callable[..., Any], value: Any) -> bool:
    """Whether a value is among the items of a thing, looked for here; it says so itself as well.

    The items come first: then it does not know what is looked for. Raises the candidate's error.
    """
    items = ask("first", _MOST_LISTED)
    is_there = type(items) is list and value in items
    if ask("operate", "__contains__", value) == (is_there,):
        return is_there
    raise unknown(link, what, "__contains__")


def unknown(link: Books, what: str, special: str) -> BaseException:
    """The candidate's error where an operator is used that nobody has."""
    text = f"a {what} is no value that the tests know: {special} of it"
    return link.candidates_error(TypeError(text))
