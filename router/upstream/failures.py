"""What an upstream can do wrong."""

from __future__ import annotations


class UpstreamError(Exception):
    """An upstream did not do what it was asked.

    `rejected` says that it found fault with the client's request (a 4xx), so that another try is
    useless.
    """

    def __init__(self, model: str, reason: str, *, rejected: bool = False) -> None:
        super().__init__(f"upstream of model {model!r} {reason}")
        self.model = model
        self.rejected = rejected


class UpstreamUnreachable(UpstreamError):
    """Nobody listens there, so that nothing was spent and nothing else can be asked of it."""


class UpstreamBusy(UpstreamError):
    """It takes no more requests just now, and says in how many seconds it may."""

    def __init__(self, model: str, reason: str, *, retry_after_s: int) -> None:
        super().__init__(model, reason)
        self.retry_after_s = retry_after_s


class PromptTooLong(UpstreamError):
    """Prompt and answer do not fit its context, by its own count."""

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(model, reason, rejected=True)
