"""Server-sent events, told from the bytes of a stream as they come.

Of what an event may hold, its name and its data are kept: nobody here comes back to a stream that
was lost. Lines end as the specification lets them, and may be cut anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event: its name, empty where it has none, and its data."""

    name: str
    data: str


@dataclass(slots=True)
class EventDecoder:
    """What is known of a stream from the bytes before; one for each stream."""

    _rest: bytes = b""
    _begun: bool = False
    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def events(self, piece: bytes) -> Iterator[StreamEvent]:
        """The events that a piece completes."""
        for line in self._lines(piece):
            if line:
                self._field(line)
            elif self._data:
                yield StreamEvent(self._name, "\n".join(self._data))
                self._name, self._data = "", []
            else:  # a name alone is no event
                self._name = ""

    def _lines(self, piece: bytes) -> list[bytes]:
        """The lines that a piece completes. A last CR waits, for it may be half of a line's end."""
        text = self._rest + piece
        if not self._begun:
            if len(text) < len(_BOM) and _BOM.startswith(text):
                self._rest = text
                return []
            self._begun, text = True, text.removeprefix(_BOM)
        end = max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1
        self._rest = text[end:]
        return text[:end].splitlines()

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        match name:
            case b"data":
                self._data.append(_text(value))
            case b"event":
                self._name = _text(value)
            case _:  # comments, and what is for those who come back
                pass


def _text(value: bytes) -> str:
    return value.removeprefix(b" ").decode("utf-8", "replace")
