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

DEEPEST: Final = 450
"""Calls within each other, about as many as fit into one process."""


@contextmanager
def deeper() -> Iterator[None]:
    """Have room for one more. What is done here may change the limit itself."""
    sys.setrecursionlimit(sys.getrecursionlimit() + FRAMES)
    try:
        yield
    finally:
        sys.setrecursionlimit(sys.getrecursionlimit() - FRAMES)
