"""Room for calls that go back and forth between the two processes, as a memoized recursion does.

In one process each would take a frame or two; over the link it takes many of ours, on either side.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

FRAMES: Final = 24
"""Those of ours around one that was called."""

READING: Final = 1_500
"""More than what reads and writes the deepest value takes, whoever does it at whatever depth.

Else a program would choose, by how deep its values are, where the tests run out of frames.
"""

DEEPEST: Final = 450
"""Calls within each other, about as many as fit into one process."""


@contextmanager
def deeper(frames: int = FRAMES) -> Iterator[None]:
    """Have room for one more. What is done here may change the limit itself."""
    sys.setrecursionlimit(sys.getrecursionlimit() + frames)
    try:
        yield
    finally:
        sys.setrecursionlimit(sys.getrecursionlimit() - frames)
