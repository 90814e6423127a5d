"""Whose fault it is that a draw failed, and whether its server can have read it."""

from __future__ import annotations

from http import HTTPStatus

import aiohttp

from router.upstream import stale
from router.upstream.failures import (
    AS_SET_UP,
    WHILE_COMPUTING,
    UpstreamBusy,
    UpstreamError,
    UpstreamUnreachable,
)


def is_servers_fault(error: UpstreamError) -> bool:
    """Not what the client asked for, not what we sent, and not load."""
    if error.rejected or isinstance(error, UpstreamBusy):
        return False
    status = error.status
    if status is None or status in AS_SET_UP or status in WHILE_COMPUTING:
        return True
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR


def may_be_the_requests(error: UpstreamError) -> bool:
    """Whether it may be for the request that a server fails, so that others may be served there.

    Not where nobody listened, and not where the server is not set up for us.
    """
    return not isinstance(error, UpstreamUnreachable) and error.status not in AS_SET_UP


def asked_rest_s(error: UpstreamError) -> float | None:
    """How long a server wants to be left alone because of its load; None where it is not that."""
    match error:
        case UpstreamBusy(retry_after_s=seconds):
            return seconds
        case UpstreamError(status=HTTPStatus.TOO_MANY_REQUESTS):
            return 1.0
        case _:
            return None


def was_reset(error: UpstreamError, after_s: float) -> bool:
    """Whether the connection was reset at once, and before any of an answer came.

    A server that has read a request closes its connection properly, even where it crashes, and
    that is aiohttp's `ServerDisconnectedError`. A reset is the answer to bytes that nobody read,
    on a connection that had been closed meanwhile. What ends within an answer's body is a
    `ClientPayloadError`.
    """
    reset = isinstance(_cause(error), aiohttp.ClientOSError) and not _had_no_listener(error)
    return reset and after_s <= stale.RESET_S


def _had_no_listener(error: UpstreamError) -> bool:
    return isinstance(_cause(error), aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)


def _cause(error: BaseException) -> aiohttp.ClientError | None:
    """What the connection broke of; None where it did not."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, aiohttp.ClientError):
        cause = cause.__cause__
    return cause
