"""Where an HTTP answer ends: no more of HTTP than a load generator needs, which must be quick."""

from __future__ import annotations

import re
from typing import Final, Literal

_LONGEST_HEAD: Final = 2**16
_LONGEST_LINE: Final = 2**12
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]+)\s*(;|$)")


class BrokenAnswer(ValueError):
    """What came is no HTTP answer that says where it ends."""


class Answer:
    """One answer to one request, read as its bytes come, however they are split.

    `status` is 0 until the head is there; `body` is what came of it, without its framing.
    """

    __slots__ = ("_chunked", "_left", "_rest", "_stage", "body", "closes", "status")

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.closes = False
        self._rest = b""
        self._chunked = False
        self._left = 0  # bytes of the body, or of a chunk, that are to come
        self._stage: Literal["size", "line end", "trailers"] = "size"  # of the next line of chunks

    def feed(self, data: bytes) -> bool:
        """Read on; whether the answer is complete. Raises `BrokenAnswer`, also for what is over."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        if not self.status:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._keep(data, _LONGEST_HEAD)
                return False
            self._read_head(data[: end + 2])
            data = data[end + 4 :]
        return self._feed_chunks(data) if self._chunked else self._feed_counted(data)

    def _keep(self, data: bytes, most: int) -> None:
        if len(data) > most:
            raise BrokenAnswer("a line without an end")
        self._rest = data

    def _read_head(self, head: bytes) -> None:
        if not head.startswith(b"HTTP/1.") or not head[9:12].isdigit():
            raise BrokenAnswer(f"no answer of HTTP: {head[:40]!r}")
        self.status = int(head[9:12])
        head = head.lower()
        self.closes = _field(head, b"connection") == b"close"
        self._chunked = _field(head, b"transfer-encoding") == b"chunked"
        if not self._chunked:
            length = _field(head, b"content-length")
            if not length.isdigit():
                raise BrokenAnswer("neither a length nor chunks")
            self._left = int(length)

    def _feed_counted(self, data: bytes) -> bool:
        self._left -= len(data)
        if self._left < 0:
            raise BrokenAnswer("more bytes than were announced")
        self.body += data
        return not self._left

    def _feed_chunks(self, data: bytes) -> bool:
        at = 0
        while at < len(data):
            if self._left:
                text = data[at : at + self._left]
                self.body += text
                self._left -= len(text)
                at += len(text)
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                self._keep(data[at:], _LONGEST_LINE)
                return False
            if self._line(data[at:end]):
                if end + 2 < len(data):
                    raise BrokenAnswer("more bytes than chunks")
                return True
            at = end + 2
        return False

    def _line(self, line: bytes) -> bool:
        """Read a line between chunks; whether it is the last of all."""
        if self._stage == "trailers":
            return not line
        if self._stage == "line end":
            if line:
                raise BrokenAnswer(f"a chunk longer than its size: {line[:40]!r}")
            self._stage = "size"
            return False
        if not (size := _SIZE.match(line)):
            raise BrokenAnswer(f"no size of a chunk: {line[:40]!r}")
        self._left = int(size[1], 16)
        self._stage = "line end" if self._left else "trailers"
        return False


def _field(head: bytes, name: bytes) -> bytes:
    """A field of a head in lower case; empty where it is not there."""
    at = head.find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    begin = at + len(name) + 3
    return head[begin : head.find(b"\r\n", begin)].strip()
