"""Which models a policy works with, where the caller may have named one."""

from __future__ import annotations

from collections.abc import Sequence


class PolicyMismatch(ValueError):
    """A policy cannot work with the models it was given."""


def pin(models: Sequence[str], own: str | None, pinned: str | None) -> tuple[str, ...]:
    """The one model that policy and caller agree on, else all models there are.

    Raises `PolicyMismatch` where the policy's model is another than the caller's, or is not there.
    """
    if own is not None and pinned not in (None, own):
        raise PolicyMismatch(f"this policy uses model {own!r}, and the request names {pinned!r}")
    wanted = own or pinned
    if wanted is None:
        return tuple(models)
    if wanted not in models:
        raise PolicyMismatch(f"this policy uses model {wanted!r}, which is not configured")
    return (wanted,)
