"""How seldom a process that serves looks for garbage.

Nearly everything that a request brings goes when nothing refers to it any more. What is left to
Python's collector are circles, as errors make them. It goes through all that is young whenever some
hundred objects are, which are those of a few requests at once, and at times through all there is.
"""

from __future__ import annotations

import gc
from typing import Final

YOUNG: Final = 20_000
"""So many objects more than went are there when it looks: those of a hundred requests."""


def collect_seldom() -> None:
    """What is there now stays, and is not looked at again; call it when all has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
