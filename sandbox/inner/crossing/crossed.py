"""What came from the candidate as text or bytes, and must not run in the process of the tests."""

from __future__ import annotations

from typing import Any, Final

from sandbox.codec import Decoder

_TELLING: Final = 6
"""Characters of a text below which it can hardly do anything where it is run."""

_MOST_SHORT: Final = 10_000
"""Shorter ones that are kept."""

_MOST_CROSSED: Final = 8 * 2**20
"""Characters and bytes that are kept; where more came, anything may be of it."""


class Crossed:
    """The texts and bytes that came from the other side, long enough to say something.

    `came` counts all of them, the empty ones and the names of variables apart.
    """

    def __init__(self) -> None:
        self.came = 0
        self._texts: set[str] = set()
        self._short: set[str] = set()
        self._bytes: set[bytes] = set()
        self._room = _MOST_CROSSED

    def note(self, value: Any) -> None:
        """It came over."""
        self.came += bool(value)
        if type(value) is str and len(value) >= _TELLING and self._room > 0:
            self._texts.add(value)
            self._room -= len(value)
        elif type(value) is str and len(self._short) < _MOST_SHORT:
            self._short.add(value)
        elif type(value) is bytes and len(value) >= _TELLING and self._room > 0:
            self._bytes.add(value)
            self._room -= len(value)

    def by_name(self, pairs: Any) -> dict[str, Any] | None:
        """Values by the names of variables; None for all else."""
        found = by_name(pairs)
        self.came -= sum(map(bool, found or ()))
        return found

    def all_of_a_file(self) -> None:
        """What a file holds came over: it may be long, and may change while it is read."""
        self._room = 0

    @property
    def any(self) -> bool:
        """Whether anything came that could do something."""
        return bool(self._texts or self._bytes) or self._room <= 0

    def tell(self, name: str) -> bool:
        """Whether a name is in any of the texts, whatever it can do."""
        return any(name in text for text in (*self._texts, *self._short))

    def of_bytes(self, data: Any) -> bool:
        """Whether bytes that came are in these."""
        return self._room <= 0 or any(part in data for part in self._bytes)

    def within(self, text: str | bytes) -> bool:
        """Whether any of it is in a text; where more came than is kept, anything may be."""
        if self._room <= 0:
            return True
        if isinstance(text, bytes):
            return any(part in text for part in self._bytes) or any(
                part.encode(errors="replace") in text for part in self._texts
            )
        return any(part in text for part in self._texts)


class Noting(Decoder):
    """Notes every text and all bytes that come over."""

    def __init__(self, crossed: Crossed) -> None:
        super().__init__()
        self._crossed = crossed

    def _note(self, text: str) -> None:
        self._crossed.note(text)

    def _tagged(self, wire: list[Any], depth: int) -> Any:
        value = super()._tagged(wire, depth)
        if type(value) is bytes:
            self._crossed.note(value)
        return value


def by_name(pairs: Any) -> dict[str, Any] | None:
    """Values by their names, which cross as pairs; None for all else."""
    if type(pairs) is not tuple:
        return None
    found = {}
    for pair in pairs:
        match pair:
            case tuple([str(name), value]):
                found[name] = value
            case _:
                return None
    return found
