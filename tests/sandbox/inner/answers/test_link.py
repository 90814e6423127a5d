"""The keeper's end of the channel to the candidate."""

import os
import socket

import pytest

from sandbox import frames
from sandbox.inner.answers.link import Link
from sandbox.inner.wire.channel import TooLarge


def test_an_answer_that_cannot_be_held_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_body: bytes) -> None:
        raise MemoryError

    mine, theirs = socket.socketpair()
    with mine, theirs:
        theirs.sendall(frames.pack({"id": 1}))
        monkeypatch.setattr(frames, "unpack", fail)
        link = Link()
        link.connect(mine, 0, os.pidfd_open(os.getpid()))
        with pytest.raises(TooLarge):
            link.receive()
        assert isinstance(link.stopped, TooLarge)
        link.close()
