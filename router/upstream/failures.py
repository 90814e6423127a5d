"""What an upstream can do wrong."""

from __future__ import annotations

from typing import ClassVar


class UpstreamError(Exception):
    """An upstream did not do what it was asked.

    `rejected` says that it found fault with the client's request (a 4xx), so that another try is
    useless. `status` is that of its answer, where it refused the request before it began one.
    """

    computed: ClassVar[bool] = True
    """Whether something may have been computed for the draw that failed."""

    def __init__(
        self, model: str, reason: str, *, rejected: bool = False, status: int | None = None
    ) -> None:
        super().__init__(f"upstream of model {model!r} {reason}")
        self.model = model
        self.reason = reason
        self.rejected = rejected
        self.status = status


class UpstreamUnreachable(UpstreamError):
    """Nobody listens there, so that nothing was spent and nothing else can be asked of it."""

    computed = False


class UpstreamKeptFrom(UpstreamUnreachable):
    """It is not asked just now: its last draws failed."""


class UpstreamBusy(UpstreamError):
    """It takes no more requests just now, and says in how many seconds it may."""

    computed = False

    def __init__(
        self, model: str, reason: str, *, retry_after_s: int, status: int | None = None
    ) -> None:
        super().__init__(model, reason, status=status)
        self.retry_after_s = retry_after_s


class NotAdmitted(UpstreamBusy):
    """We did not send it, as too much is waiting for that model."""


class PromptTooLong(UpstreamError):
    """Prompt and answer do not fit its context, by its own count."""

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(model, reason, rejected=True)
