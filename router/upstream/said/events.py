"""Server-sent events, told from the bytes of a stream as they come.

Of what an event may hold, its name and its data are kept: nobody here comes back to a stream that
was lost. Lines end as the specification lets them, and may be cut anywhere. An event that never
ends cannot fill the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

LONGEST_EVENT: Final = 16 * 2**20
"""Bytes: far above the list of tokens of any usual prompt."""

_BOM: Final = b"\xef\xbb\xbf"


class EventTooLong(ValueError):
    """An event goes on and on."""

    def __init__(self) -> None:
        super().__init__(f"an event of over {LONGEST_EVENT} bytes")


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event: its name, empty where it has none, and its data."""

    name: str
    data: str


@dataclass(slots=True)
class EventDecoder:
    """What is known of a stream from the bytes before; one for each stream."""

    _rest: list[bytes] = field(default_factory=list)
    _size: int = 0
    _begun: bool = False
    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def events(self, piece: bytes) -> Iterator[StreamEvent]:
        """The events that a piece completes. Raises `EventTooLong`."""
        self._size += len(piece)  # of what belongs to no event yet, or of a little more
        for line in self._lines(piece):
            if line:
                self._field(line)
                continue
            if self._data:
                yield StreamEvent(self._name, "\n".join(self._data))
            self._name, self._data = "", []  # a name alone is no event
            self._size = len(piece)
        if self._size > LONGEST_EVENT:
            raise EventTooLong

    def _lines(self, piece: bytes) -> list[bytes]:
        """The lines that a piece completes. A last CR waits, for it may be half of a line's end."""
        within = b"\n" in piece or b"\r" in piece[:-1]
        if self._begun and not within and not (self._rest and self._rest[-1].endswith(b"\r")):
            self._rest.append(piece)
            return []
        text = b"".join([*self._rest, piece])
        if not self._begun:
            if len(text) < len(_BOM) and _BOM.startswith(text):
                self._rest = [text]
                return []
            self._begun, text = True, text.removeprefix(_BOM)
        end = max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1
        self._rest = [text[end:]]
        return text[:end].splitlines()

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        match name:
            case b"data":
                self._data.append(_text(value))
            case b"event":
                self._name = _text(value)
            case b"error":  # how llama.cpp told of one for long, and no field by the specification
                self._name = "error"
                self._data.append(_text(value))
            case _:  # comments, and what is for those who come back
                pass


def _text(value: bytes) -> str:
    return value.removeprefix(b" ").decode("utf-8", "replace")
