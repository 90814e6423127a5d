import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from policies.values import Budget, InvalidBudget, InvalidTarget
from router.http.dialects.budgets import parse_flops, parse_latency, parse_target, read_budget

SCALES = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
positive = st.floats(min_value=1e-300, max_value=1e300, allow_nan=False, allow_infinity=False)
NONE = Budget()


@pytest.mark.parametrize(
    ("text", "flops"),
    [
        ("17.6T", 17.6e12),
        ("2.5P", 2.5e15),
        ("1e12", 1e12),
        ("1E3", 1e3),
        ("1E", 1e18),
        ("2e3K", 2e6),
        (".5G", 5e8),
        ("5.M", 5e6),
        ("+7", 7),
        (" 7 ", 7),
    ],
)
def test_flops_are_read_with_their_suffix(text: str, flops: float) -> None:
    assert parse_flops(text) == flops


@given(positive)
def test_a_number_reads_back_as_itself(flops: float) -> None:
    assert parse_flops(flops) == parse_flops(repr(flops)) == parse_flops(f"{flops:.17g}") == flops
    assert parse_latency(repr(flops)) == flops


@given(st.floats(1e-3, 1e6), st.sampled_from(sorted(SCALES)))
def test_a_suffix_scales(number: float, unit: str) -> None:
    assert parse_flops(f"{number!r}{unit}") == number * SCALES[unit]


@given(st.text(max_size=12) | st.none() | st.booleans() | st.floats() | st.integers())
def test_whatever_is_read_is_positive_and_finite(value: object) -> None:
    for parse in (parse_flops, parse_latency, parse_target):
        try:
            found = parse(value)
        except InvalidBudget:
            continue
        assert math.isfinite(found)
        assert found > 0


@pytest.mark.parametrize("value", [10**400, -1, 0, True, "5X", "1e999P", "NaN", "1_000", [], {}])
def test_what_is_no_budget_is_refused(value: object) -> None:
    with pytest.raises(InvalidBudget):
        parse_flops(value)


@pytest.mark.parametrize("parse", [parse_flops, parse_latency, parse_target])
@pytest.mark.parametrize("form", ["{}x", "{}.{}x", ".{}x", "1e{}x", "{}e{}x", "{}.x"])
def test_many_digits_that_are_no_number_are_looked_at_once(
    parse: Callable[[object], float], form: str
) -> None:
    """By pairs, these would take hours."""
    digits = "1" * 1_000_000
    with pytest.raises(InvalidBudget):
        parse(form.format(digits, digits))


def test_a_latency_has_no_suffix() -> None:
    assert parse_latency("250.5") == 250.5
    with pytest.raises(InvalidBudget):
        parse_latency("5K")


@pytest.mark.parametrize(
    ("value", "target"), [(0.8, 0.8), ("0.8", 0.8), (" .5 ", 0.5), ("5e-1", 0.5)]
)
def test_a_target_is_a_probability(value: object, target: float) -> None:
    assert parse_target(value) == target


@pytest.mark.parametrize(
    "value", [0, 1, 0.0, 1.0, -0.1, 1.5, 80, "80%", "1", "0.5K", True, None, []]
)
def test_what_is_no_probability_is_refused(value: object) -> None:
    with pytest.raises(InvalidTarget):
        parse_target(value)


@given(*(st.none() | st.floats(0, 1, exclude_min=True, exclude_max=True) for _ in range(3)))
def test_the_maximum_has_no_say_in_targets(
    header: float | None, body: float | None, default: float | None
) -> None:
    headers = {} if header is None else {"x-budget-target": repr(header)}
    found = read_budget(
        headers, {"target": body}, default=Budget(target=default), maximum=Budget(1.0, 1.0, 0.001)
    )
    given = [value for value in (header, body) if value is not None]
    assert found.budget.target == next(iter([*given, default]))
    assert found.given is bool(given)


def test_a_named_policy_alone_is_no_budget() -> None:
    found = read_budget({}, {"policy": "single"}, default=NONE, maximum=NONE)
    assert (found.policy, found.given, found.budget) == ("single", False, NONE)
    assert read_budget({}, None, default=NONE, maximum=NONE).policy == "auto"
    assert read_budget({}, {"flops": 1}, default=NONE, maximum=NONE).given


@pytest.mark.parametrize(
    ("header", "field", "good", "bad"),
    [
        ("x-budget-flops", "flops", "1", "0"),
        ("x-budget-latency-ms", "latency_ms", "1", "-1"),
        ("x-budget-target", "target", "0.5", "2"),
        ("x-budget-policy", "policy", "single", 3),
    ],
)
def test_a_bad_value_is_refused_wherever_it_stands(
    header: str, field: str, good: str, bad: Any
) -> None:
    read_budget({header: good}, {field: good}, default=NONE, maximum=NONE)
    with pytest.raises((InvalidBudget, InvalidTarget)):
        read_budget({header: good}, {field: bad}, default=NONE, maximum=NONE)
    if isinstance(bad, str):  # headers are text
        with pytest.raises((InvalidBudget, InvalidTarget)):
            read_budget({header: bad}, {field: good}, default=NONE, maximum=NONE)


def test_what_answers_say_of_a_budget_may_be_sent_back() -> None:
    said = {"X-Budget-FLOPs-Used": "1.5e12", "x-budget-latency-ms-used": "250"}
    assert read_budget(said, None, default=NONE, maximum=NONE).given is False


numbers = st.none() | st.floats(1, 1e18)


@given(numbers, numbers, numbers, numbers, numbers)
def test_header_over_body_over_default_under_the_maximum(
    header: float | None,
    body: float | None,
    default: float | None,
    maximum: float | None,
    proxy: float | None,
) -> None:
    headers = {} if header is None else {"x-budget-latency-ms": repr(header)}
    if proxy is not None:
        headers["x-envoy-expected-rq-timeout-ms"] = repr(proxy)
    found = read_budget(
        headers,
        {"latency_ms": body},
        default=Budget(latency_ms=default),
        maximum=Budget(latency_ms=maximum),
    )
    wanted = next((value for value in (header, body, default) if value is not None), None)
    bounds = [value for value in (wanted, maximum, proxy) if value is not None]
    assert found.budget.latency_ms == (min(bounds) if bounds else None)
    assert found.budget.flops is None


def test_a_budget_that_is_told_twice_is_no_budget() -> None:
    headers = Headers(raw=[(b"x-budget-flops", b"1T"), (b"x-budget-flops", b"2P")])
    with pytest.raises(InvalidBudget, match="X-Budget-FLOPs is there more than once"):
        read_budget(headers, None, default=NONE, maximum=NONE)


@pytest.mark.parametrize(
    "header", ["X-Budget", "X-Budgets-FLOPs", "X_Budget_FLOPs", "x-budget_flops", "X-BudgetFLOPs"]
)
def test_a_header_that_is_meant_as_a_budget_is_not_passed_over(header: str) -> None:
    with pytest.raises(InvalidBudget, match=f"there is no header {header.lower()}; there are"):
        read_budget(Headers({header: "2T"}), None, default=NONE, maximum=NONE)
