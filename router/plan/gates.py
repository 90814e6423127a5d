"""Where nobody counts the slots of servers, every draw is let through at once."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

from policies.protocol import Draw
from router.plan.ports import Place


class _Anywhere:
    """A place of which there are as many as one likes."""

    def ended(self) -> None:
        """Nothing was taken."""


ANYWHERE: Final[AbstractAsyncContextManager[Place]] = nullcontext(_Anywhere())
"""Entered as often as one likes, also at the same time."""


class OpenGate:
    """Lets everything through."""

    def place(self, draw: Draw) -> AbstractAsyncContextManager[Place]:  # noqa: ARG002 whatever it is
        """Room for a draw."""
        return ANYWHERE
