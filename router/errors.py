"""Every error that leaves the gateway, as OpenAI error objects with a stable code.

    APIError
    ├── InvalidRequest            400 invalid_request
    │   ├── InvalidBudgetError    400 invalid_budget
    │   ├── BudgetTooSmallError   400 budget_too_small
    │   ├── InvalidTestsError     400 invalid_tests
    │   ├── UnknownPolicy         400 unknown_policy
    │   └── ContextLengthExceeded 400 context_length_exceeded
    ├── ModelNotFound             404 model_not_found
    ├── RequestTooLarge           413 request_too_large
    ├── Overloaded                429 overloaded, with Retry-After
    ├── InternalError             500 internal_error
    ├── UpstreamUnavailable       502 upstream_unavailable
    ├── SandboxUnavailableError   503 sandbox_unavailable
    └── DeadlineExceeded          504 deadline_exceeded

The inner packages raise errors of their own; `translate` is the one place that maps them.
"""

from __future__ import annotations

from typing import ClassVar

from policies.cost import UnknownCost
from policies.pinning import PolicyMismatch
from policies.values import BudgetTooSmall, InvalidBudget
from router.upstream.client import UpstreamError
from sandbox import InvalidProgram, InvalidTests, SandboxUnavailable


class APIError(Exception):
    """An error with an HTTP status, a stable code and, where one is at fault, a field."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    type: ClassVar[str] = "server_error"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param

    @property
    def headers(self) -> dict[str, str]:
        """Response headers that go with the error."""
        return {}

    def body(self) -> dict[str, object]:
        """The OpenAI error object."""
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }


class InvalidRequest(APIError):
    """The request cannot be understood or makes no sense."""

    status = 400
    code = "invalid_request"
    type = "invalid_request_error"


class InvalidBudgetError(InvalidRequest):
    """A budget that is malformed, not positive, not finite, or cannot bind."""

    code = "invalid_budget"


class BudgetTooSmallError(InvalidRequest):
    """Not one draw of the plan fits the budget; the message says the least that would do."""

    code = "budget_too_small"


class InvalidTestsError(InvalidRequest):
    """The caller's tests cannot be used."""

    code = "invalid_tests"


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
    type = "invalid_request_error"


class RequestTooLarge(APIError):
    """The body exceeds the operator's limit."""

    status = 413
    code = "request_too_large"
    type = "invalid_request_error"


class Overloaded(APIError):
    """The gateway serves as many requests as it may; try again."""

    status = 429
    code = "overloaded"
    type = "rate_limit_error"
    retry_after_s: ClassVar[int] = 1

    @property
    def headers(self) -> dict[str, str]:
        """`Retry-After` in seconds."""
        return {"Retry-After": str(self.retry_after_s)}


class InternalError(APIError):
    """Our own fault."""


class UpstreamUnavailable(APIError):
    """No upstream finished an answer."""

    status = 502
    code = "upstream_unavailable"


class SandboxUnavailableError(APIError):
    """Tests came, and this host cannot run them safely."""

    status = 503
    code = "sandbox_unavailable"


class DeadlineExceeded(APIError):
    """The latency budget ended before any answer was finished."""

    status = 504
    code = "deadline_exceeded"


def translate(error: Exception) -> APIError:  # noqa: PLR0911 one arm per foreign error
    """The error that the client sees: ours as they are, those of the inner packages as ours.

    Any other is a fault of ours, which leaks no insides.
    """
    message = str(error)
    match error:
        case APIError():
            return error
        case BudgetTooSmall(least_flops=least):
            # To the last digit, so that the number can be sent back as it stands.
            text = f"this budget is too small: the least that would do is {least:.17g} FLOPs"
            return BudgetTooSmallError(text, param="budget.flops")
        case InvalidBudget() | UnknownCost():
            return InvalidBudgetError(message, param="budget")
        case PolicyMismatch():
            return InvalidRequest(message, param="model")
        case InvalidTests():
            return InvalidTestsError(message, param="tests")
        case InvalidProgram():
            return InvalidRequest(message, param="prompt")
        case SandboxUnavailable():
            return SandboxUnavailableError(message)
        case UpstreamError(rejected=True):
            return InvalidRequest(message)
        case UpstreamError():
            return UpstreamUnavailable(message)
        case _:
            return InternalError("internal error")
