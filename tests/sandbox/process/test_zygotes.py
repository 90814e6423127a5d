"""The server's side of one zygote."""

import socket

import psutil
import pytest

from sandbox import Limits
from sandbox.process.zygotes import open_channel


def test_a_worker_that_cannot_be_told_of_a_run_leaves_no_socket() -> None:
    control, gone = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    gone.close()
    before = psutil.Process().num_fds()
    with control, pytest.raises(BrokenPipeError) as raised:
        open_channel(control, Limits().disk_bytes)
    assert raised.tb is not None  # so that what the call held is still held
    assert psutil.Process().num_fds() == before - 1
