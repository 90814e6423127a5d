"""How a process sees to it that it does not outlive the one that started it, and no other it.

What is killed leaves its own children to others. A gateway that ends takes those, and waits for
their ends: whoever waits for the gateway has waited for all that it started, at whatever remove.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_GET_CHILD_SUBREAPER: Final = 37

_LOOK_S: Final = 0.01


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends, where it is Linux.

    Exits where that is too late.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel knew of our wish
        sys.exit("the gateway is gone")


def adopt() -> None:
    """Have orphans of our children become children of ours, where it is Linux.

    They must be reaped then, so it is for a process that is about to end.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def reap(within_s: float) -> None:
    """Wait until no child is left, for so long at most, where orphans were to be adopted.

    It reaps whatever ends: nobody else in this process may wait for a child any more.
    """
    until = time.monotonic() + within_s
    while _adopts():
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not ended and time.monotonic() > until:
            return
        if not ended:
            time.sleep(_LOOK_S)


def _adopts() -> bool:
    if sys.platform != "linux":
        return False
    does = ctypes.c_int()
    ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(does))
    return bool(does.value)
