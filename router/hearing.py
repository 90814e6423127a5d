"""For what tells of itself to whoever wants to hear it: the listener where nobody does."""

from __future__ import annotations


def unheard(*_: object) -> None:
    """Nobody listens."""
