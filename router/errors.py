"""Every error that leaves the gateway, as OpenAI error objects with a stable code.

    APIError
    ├── InvalidRequest            400 invalid_request
    │   ├── UnknownPolicy         400 unknown_policy
    │   └── ContextLengthExceeded 400 context_length_exceeded
    ├── ModelNotFound             404 model_not_found
    ├── RequestTimeout            408 request_timeout
    ├── RequestTooLarge           413 request_too_large
    ├── UnsupportedEncoding       415 unsupported_encoding, with Accept-Encoding
    ├── Overloaded                429 overloaded, with Retry-After
    ├── Superseded                499 superseded, not to be tried again
    ├── InternalError             500 internal_error
    └── DeadlineExceeded          504 deadline_exceeded, not to be tried again

What goes wrong further in has an error there: `InvalidBudget`, `BudgetTooSmall`, `UnknownCost` and
`PolicyMismatch` of the policies, `InvalidTests`, `InvalidProgram` and `SandboxUnavailable` of the
sandbox, `UpstreamError`. They are raised as they are, and `translate` is the one place that maps
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, Final

from policies.cost import UnknownCost
from policies.plans.pinning import PolicyMismatch
from policies.values import BudgetTooSmall, InvalidBudget, InvalidTarget
from router.upstream.failures import PromptTooLong, UpstreamBusy, UpstreamError
from sandbox import InvalidProgram, InvalidTests, SandboxUnavailable

RETRY_AFTER_S: Final = 1


@dataclass(frozen=True, slots=True)
class ErrorObject:
    """What a client sees of an error.

    `param` is the field at fault, where there is one; `retry_after_s` is told with a 429.
    """

    status: int
    code: str
    message: str
    param: str | None = None
    retry_after_s: int = RETRY_AFTER_S

    @property
    def type(self) -> str:
        """OpenAI's coarse kind of it."""
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:
            return "rate_limit_error"
        server = self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return "server_error" if server else "invalid_request_error"

    @property
    def headers(self) -> dict[str, str]:
        """Response headers that go with it."""
        match self.status:
            case HTTPStatus.TOO_MANY_REQUESTS:
                return {"Retry-After": str(self.retry_after_s)}
            case HTTPStatus.GATEWAY_TIMEOUT | Superseded.status:
                # OpenAI's SDKs try a 504 again unless told, and each try is paid for.
                return {"x-should-retry": "false"}
            case HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
                return {"Accept-Encoding": "identity"}
            case _:
                return {}

    def body(self) -> dict[str, object]:
        """As JSON."""
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }


class APIError(Exception):
    """An error of the edge: an HTTP status, a stable code, and the field at fault, if one is."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class InvalidRequest(APIError):
    """The request cannot be understood or makes no sense."""

    status = 400
    code = "invalid_request"


class UnknownPolicy(InvalidRequest):
    """No policy of this name is configured."""

    code = "unknown_policy"


class ContextLengthExceeded(InvalidRequest):
    """Prompt and answer do not fit the context of any model that the plan may use."""

    code = "context_length_exceeded"


class ModelNotFound(APIError):
    """No model of this name is configured."""

    status = 404
    code = "model_not_found"


class RequestTimeout(APIError):
    """The client took too long to send its request."""

    status = 408
    code = "request_timeout"


class UnsupportedEncoding(APIError):
    """The body is compressed, and nothing here decompresses it."""

    status = 415
    code = "unsupported_encoding"


class RequestTooLarge(APIError):
    """The body exceeds the operator's limit."""

    status = 413
    code = "request_too_large"


class Overloaded(APIError):
    """The gateway serves as many requests as it may; try again."""

    status = 429
    code = "overloaded"


class Superseded(APIError):
    """A newer request of the same session has come.

    499 is what proxies log for a client that went away, which is what its editor has done in
    effect. A 409 would be sent again by common clients, and supersede the newer in turn.
    """

    status = 499
    code = "superseded"


class InternalError(APIError):
    """Our own fault."""


class DeadlineExceeded(APIError):
    """The latency budget ended before any token came."""

    status = 504
    code = "deadline_exceeded"


def translate(error: Exception) -> ErrorObject:  # noqa: PLR0911 one arm per foreign error
    """What the client sees: our errors as they are, those of the inner packages by their codes.

    Any other is a fault of ours, which leaks no insides.
    """
    message = str(error)
    match error:
        case APIError(status=status, code=code, param=param):
            return ErrorObject(status, code, message, param)
        case BudgetTooSmall(least_flops=least):
            # To the last digit, so that the number can be sent back as it stands.
            text = f"this budget is too small: the least that would do is {least:.17g} FLOPs"
            return ErrorObject(400, "budget_too_small", text, "budget.flops")
        case InvalidTarget():
            return ErrorObject(400, "invalid_budget", message, "budget.target")
        case InvalidBudget() | UnknownCost():
            return ErrorObject(400, "invalid_budget", message, "budget")
        case PolicyMismatch():
            return ErrorObject(400, "invalid_request", message, "model")
        case InvalidTests():
            return ErrorObject(400, "invalid_tests", message, "tests")
        case InvalidProgram():
            return ErrorObject(400, "invalid_request", message, "prompt")
        case SandboxUnavailable():
            return ErrorObject(503, "sandbox_unavailable", message)
        case UpstreamError():
            return _of_upstream(error)
        case _:
            return ErrorObject(500, InternalError.code, "internal error")


def _of_upstream(error: UpstreamError) -> ErrorObject:
    message = str(error)
    match error:
        case PromptTooLong():
            return ErrorObject(400, ContextLengthExceeded.code, message, "prompt")
        case UpstreamBusy(retry_after_s=seconds):
            return ErrorObject(429, Overloaded.code, message, retry_after_s=seconds)
        case UpstreamError(rejected=True):
            return ErrorObject(400, InvalidRequest.code, message)
        case _:
            return ErrorObject(502, "upstream_unavailable", message)
