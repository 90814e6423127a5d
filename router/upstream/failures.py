"""What an upstream can do wrong."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

WHILE_COMPUTING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.FAILED_DEPENDENCY})
"""Client errors by which some servers say that they began, and did not come to an end."""

AS_SET_UP: Final = frozenset(
    {
        *range(HTTPStatus.MULTIPLE_CHOICES, HTTPStatus.BAD_REQUEST),  # no redirect is followed
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
    }
)
"""Statuses that are about how the gateway is set up: its key, its account, its URL."""


class UpstreamError(Exception):
    """An upstream did not do what it was asked.

    `rejected` says that it found fault with the client's request (a 4xx), so that another try is
    useless. `status` is that of its answer, where that is an error and not the beginning of one.
    """

    def __init__(
        self, model: str, reason: str, *, rejected: bool = False, status: int | None = None
    ) -> None:
        super().__init__(f"upstream of model {model!r} {reason}")
        self.reason = reason
        self.rejected = rejected
        self.status = status

    @property
    def computed(self) -> bool:
        """Whether anything may have been computed: not where a request was refused as it came.

        That is a redirect, a client error, or a 503; any other 5xx may come after the prompt was
        read.
        """
        status = self.status
        if status is None or status in WHILE_COMPUTING:
            return True
        refused = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.INTERNAL_SERVER_ERROR
        return not refused and status != HTTPStatus.SERVICE_UNAVAILABLE


class UpstreamUnreachable(UpstreamError):
    """Nobody listens there, so that nothing was spent and nothing else can be asked of it."""

    @property
    def computed(self) -> bool:
        """Nothing was."""
        return False


class UpstreamKeptFrom(UpstreamUnreachable):
    """It is not asked just now: its last draws failed."""


class UpstreamBusy(UpstreamError):
    """It takes no more requests just now, and says in how many seconds it may."""

    def __init__(
        self, model: str, reason: str, *, retry_after_s: int, status: int | None = None
    ) -> None:
        super().__init__(model, reason, status=status)
        self.retry_after_s = retry_after_s

    @property
    def computed(self) -> bool:
        """Nothing was."""
        return False


class NotAdmitted(UpstreamBusy):
    """We did not send it, as too much is waiting for that model."""


class PromptTooLong(UpstreamError):
    """Prompt and answer do not fit its context, by its own count."""

    def __init__(self, model: str, reason: str, *, status: int | None = None) -> None:
        super().__init__(model, reason, rejected=True, status=status)


def to_tell(failures: Sequence[Exception]) -> Exception:
    """Of the failures of several models, at least one, what helps the client most.

    That is what it can mend itself, or else when to come again, as soon as may be; else the last. A
    prompt that is too long for one model may fit another, which would have answered.
    """

    def helps(failure: Exception) -> tuple[int, int]:
        match failure:
            case UpstreamError(rejected=True) if not isinstance(failure, PromptTooLong):
                return 2, 0
            case UpstreamBusy(retry_after_s=seconds):
                return 1, -seconds
            case _:
                return 0, 0

    return max(reversed(failures), key=helps)
