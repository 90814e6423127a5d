"""The candidate's process, from its fork to its end.

From the first line of the source on, nothing in this process can be trusted, this code included.
So it decides nothing: it answers the keeper's questions over one socket, and the keeper treats
every answer as hostile. What is enforced here is enforced by the kernel
(`sandbox.inner.kernel.confinement`).
"""

from __future__ import annotations

import gc
import os
import signal
from typing import TYPE_CHECKING, NoReturn

from sandbox.inner.kernel.confinement import OPEN_FILES

if TYPE_CHECKING:
    import socket

    from sandbox.inner.program.answering import Answering


def serve(channel: socket.socket, streams: tuple[int, int, int], answering: Answering) -> NoReturn:
    """Run as the candidate until the keeper is done; never returns.

    The keeper is confined already, and so are we. Python's own streams were opened on descriptors
    0 to 2 by the zygote and go on working on what is put there now.
    """
    try:
        os.setsid()
        for target, descriptor in enumerate(streams):
            os.dup2(descriptor, target)
        os.closerange(3, channel.fileno())
        os.closerange(channel.fileno() + 1, OPEN_FILES)
        os.chdir("/tmp")  # noqa: S108 - the run's own
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        gc.enable()
        answering.stream.channel = channel
        answering.run()
    except BaseException:  # noqa: BLE001 - the outermost handler of the process
        os._exit(70)
    os._exit(0)
