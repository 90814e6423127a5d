import inspect
import re

import pytest

from policies.cost import UnknownCost
from policies.plans.pinning import PolicyMismatch
from policies.values import BudgetTooSmall, InvalidBudget
from router import errors
from router.errors import APIError, translate
from router.upstream.failures import (
    PromptTooLong,
    UpstreamBusy,
    UpstreamError,
    UpstreamUnreachable,
)
from sandbox import InvalidProgram, InvalidTests, SandboxUnavailable

CONTRACT = {
    "invalid_request": 400,
    "invalid_budget": 400,
    "budget_too_small": 400,
    "invalid_tests": 400,
    "unknown_policy": 400,
    "context_length_exceeded": 400,
    "model_not_found": 404,
    "request_timeout": 408,
    "request_too_large": 413,
    "unsupported_encoding": 415,
    "overloaded": 429,
    "superseded": 499,
    "internal_error": 500,
    "upstream_unavailable": 502,
    "sandbox_unavailable": 503,
    "deadline_exceeded": 504,
}
FOREIGN = [
    (BudgetTooSmall(1.0, 2.0), "budget_too_small"),
    (InvalidBudget("x"), "invalid_budget"),
    (UnknownCost("m"), "invalid_budget"),
    (PolicyMismatch("x"), "invalid_request"),
    (InvalidTests("x"), "invalid_tests"),
    (InvalidProgram("x"), "invalid_request"),
    (SandboxUnavailable("x"), "sandbox_unavailable"),
    (UpstreamError("m", "is down"), "upstream_unavailable"),
    (UpstreamError("m", "says no", rejected=True), "invalid_request"),
    (UpstreamUnreachable("m", "is away"), "upstream_unavailable"),
    (PromptTooLong("m", "is full"), "context_length_exceeded"),
    (UpstreamBusy("m", "is busy", retry_after_s=7), "overloaded"),
]


def every_error() -> list[type[APIError]]:
    found = [value for value in vars(errors).values() if inspect.isclass(value)]
    return [value for value in found if issubclass(value, APIError) and value is not APIError]


def test_the_codes_are_those_of_the_contract() -> None:
    ours = {error.code: error.status for error in every_error()}
    theirs = {(shown := translate(error)).code: shown.status for error, _ in FOREIGN}
    assert ours | theirs == CONTRACT
    assert theirs | ours == CONTRACT


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = re.findall(r"── (\w+) +(\d{3}) (\w+)", errors.__doc__ or "")
    real = {(e.__name__, str(e.status), e.code) for e in every_error()}
    assert set(drawn) == real


@pytest.mark.parametrize("error", every_error())
def test_every_error_is_an_openai_error_object(error: type[APIError]) -> None:
    shown = translate(error("what", param="field"))
    assert shown.body() == {
        "error": {"message": "what", "type": shown.type, "param": "field", "code": error.code}
    }
    kinds = {429: "rate_limit_error", 500: "server_error", 504: "server_error"}
    assert shown.type == kinds.get(error.status, "invalid_request_error")
    never = {"x-should-retry": "false"}
    encodings = {"Accept-Encoding": "identity"}
    headers = {415: encodings, 429: {"Retry-After": "1"}, 499: never, 504: never}
    assert shown.headers == headers.get(error.status, {})


@pytest.mark.parametrize(
    ("foreign", "code"),
    FOREIGN,
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_foreign_errors_have_their_codes(foreign: Exception, code: str) -> None:
    assert translate(foreign).code == code


def test_how_long_an_upstream_wants_to_be_left_alone_is_told() -> None:
    shown = translate(UpstreamBusy("m", "is busy", retry_after_s=7))
    assert (shown.status, shown.headers) == (429, {"Retry-After": "7"})


def test_a_fault_of_ours_tells_nothing_of_its_insides() -> None:
    assert "secret" not in str(translate(KeyError("secret")).body())


def test_the_least_budget_is_told_to_the_last_digit() -> None:
    error = translate(BudgetTooSmall(1.0, 123456789012345.6))
    named = re.search(r"([0-9.]+) FLOPs", error.message)
    assert named is not None
    assert float(named[1]) == 123456789012345.6
