"""The frames of the channel, at the program's end of it."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Final

from sandbox import frames
from sandbox.frames import FrameError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from sandbox.frames import Frame

_AT_ONCE, _MOST_AT_ONCE = 1 << 12, 1 << 20
_HEAD: Final = frames.HEADER.size


class Stream:
    """Sends and receives frames, one at a time. The end of the channel is the end of this."""

    channel: socket.socket

    def __init__(self) -> None:
        self._ahead = bytearray()

    def receive(self) -> Frame:
        """The next frame. After a reply that nobody waits for another may come along with it."""
        data = self._ahead
        while len(data) < (size := _HEAD + _length(data)):
            chunk = self.channel.recv(max(_AT_ONCE, min(size - len(data), _MOST_AT_ONCE)))
            if not chunk:
                os._exit(0)
            data += chunk
        body = bytes(data[_HEAD:size])
        del data[:size]
        return frames.unpack(body)

    def send(
        self,
        frame: Frame,
        most: int = frames.MAX_FRAME_BYTES,
        lesser: Callable[[Frame], Frame] | None = None,
    ) -> None:
        """Send an answer; above that many bytes a `lesser` one, or that it cannot be sent."""
        # The keeper may end this process at any time after an answer.
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        try:
            data = frames.pack(frame, most)
        except (FrameError, MemoryError):
            if lesser is not None:
                self.send({"id": frame["id"], **lesser(frame)}, most)
                return
            data = frames.pack({"id": frame["id"], "cannot": "a value too large to send"})
        self.channel.sendall(data)


def _length(data: bytearray) -> int:
    """Of the body of a frame, as far as its header is there."""
    return frames.body_length(bytes(data[:_HEAD])) if len(data) >= _HEAD else 0
