"""When a server is left alone, and when it is asked again."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from router.upstream.balancing.breaker import (
    Breaker,
    BreakerRules,
    Closed,
    Open,
    Probing,
    answered,
    failed,
    is_due,
    keeps_out,
    probed,
    succeeded,
    unanswered,
)

RULES = BreakerRules(failures=3, pause_s=1.0, longest_pause_s=5.0)


def after_failures(count: int, now: float = 0.0) -> Breaker:
    breaker: Breaker = Closed()
    for _ in range(count):
        breaker = failed(breaker, now, RULES, "500")
    return breaker


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    assert after_failures(2) == Closed(2)
    assert after_failures(3, now=7.0) == Open(8.0, 1.0, "500")


def test_one_that_ends_well_in_between_forgives() -> None:
    assert failed(succeeded(after_failures(2)), 0.0, RULES, "500") == Closed(1)


def test_a_first_piece_forgives_nothing() -> None:
    """A server that breaks off every answer is found out as well."""
    assert answered(after_failures(2), RULES) == Closed(2)


def test_what_was_sent_before_does_not_prolong_the_pause() -> None:
    assert failed(after_failures(3, now=1.0), 1.5, RULES, "502") == Open(2.0, 1.0, "500")


def test_one_that_is_not_even_there_when_its_pause_is_over_gets_a_longer_one() -> None:
    """As is seen when a prompt's tokens are to be counted, before any draw."""
    assert failed(after_failures(3), 1.0, RULES, "refused") == Open(3.0, 2.0, "refused")


def test_after_the_pause_one_draw_finds_out() -> None:
    opened = after_failures(3)
    assert not is_due(opened, 0.99)
    assert is_due(opened, 1.0)
    probing = probed(opened, 11.0)
    assert probing == Probing(12.0, 1.0, "500")
    assert not is_due(probing, 11.9)
    assert probed(probing, 11.9) is probing
    assert is_due(probing, 12.0)  # one that takes long keeps nobody out
    assert probed(probing, 12.0) == Probing(13.0, 1.0, "500")
    assert probed(Closed(1), 11.0) == Closed(1)


def test_pauses_grow_up_to_the_longest() -> None:
    breaker, now, pauses = after_failures(3), 0.0, []
    for _ in range(5):
        assert isinstance(breaker, Open)
        pauses.append(breaker.pause_s)
        now = breaker.until
        breaker = failed(probed(breaker, now), now, RULES, "500")
    assert pauses == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_one_that_came_back_is_trusted_when_a_draw_has_ended_well() -> None:
    back = answered(Probing(9.0, 2.0, "500"), RULES)
    assert back == Closed(2, 2.0)
    assert failed(back, 10.0, RULES, "again") == Open(14.0, 4.0, "again")
    assert succeeded(back) == Closed()


def test_a_probe_that_tells_nothing_leaves_the_next_to_find_out() -> None:
    breaker = unanswered(Probing(9.0, 2.0, "500"), 9.0)
    assert is_due(breaker, 9.0)
    assert failed(probed(breaker, 9.0), 9.0, RULES, "x") == Open(13.0, 4.0, "x")
    assert unanswered(Closed(1), 9.0) == Closed(1)


def failing_for(*callers: str | None) -> Breaker:
    breaker: Breaker = Closed()
    for caller in callers:
        breaker = failed(breaker, 0.0, RULES, "500", caller)
    return breaker


def test_failures_of_one_caller_leave_the_server_alone_for_that_caller() -> None:
    assert failing_for("a", "a") == Closed(1, 0.0, "a", 2)
    opened = failing_for("a", "a", "a")
    assert opened == Open(1.0, 1.0, "500", "a", 1)
    assert keeps_out(opened, "a")
    assert not keeps_out(opened, "b")
    assert not keeps_out(opened, None)
    assert failed(opened, 0.5, RULES, "500", "a") is opened
    assert probed(opened, 1.0, "b") is opened
    probing = probed(opened, 1.0, "a")
    assert probing == Probing(2.0, 1.0, "500", "a", 1)
    assert failed(probing, 1.5, RULES, "no", "a") == Open(3.5, 2.0, "no", "a", 1)
    assert unanswered(probing, 1.5) == Open(1.5, 1.0, "500", "a", 1)
    assert succeeded(opened) == Closed()  # of whomever


def test_one_caller_that_came_back_is_trusted_no_more_than_any() -> None:
    probing = probed(failing_for("a", "a", "a"), 1.0, "a")
    assert answered(probing, RULES, "b") is probing
    back = answered(probing, RULES, "a")
    assert back == Closed(1, 1.0, "a", 2)
    assert failed(back, 2.0, RULES, "again", "a") == Open(4.0, 2.0, "again", "a", 1)


def test_failures_of_several_callers_leave_it_alone_for_all() -> None:
    assert failing_for("a", "b", "a") == Open(1.0, 1.0, "500")
    assert failing_for("a", "a", "b", "b", "a") == Open(1.0, 1.0, "500")
    assert failing_for(*"aaabaaab") == Open(1.0, 1.0, "500")
    assert keeps_out(failing_for("a", "b", "a"), "c")


def test_a_failure_of_another_caller_does_not_bring_it_back_for_the_one() -> None:
    opened = failing_for(*"aaab")
    assert opened == Open(1.0, 1.0, "500", "a", 2, "b", 1)
    assert failing_for(*"aaabb") == Open(1.0, 1.0, "500", "a", 2, "b", 2)  # counted once
    assert failing_for(*"aaabbb") == Open(1.0, 1.0, "500")  # and for whom else it always fails
    assert keeps_out(opened, "a")
    assert not keeps_out(opened, "b")
    probing = probed(opened, 1.0, "a")
    assert failed(probing, 1.5, RULES, "500", "b") == replace(probing, own=2)
    assert failed(opened, 0.5, RULES, "500", "c") == Open(1.5, 1.0, "500")


def test_a_probe_whose_deadline_came_first_is_not_tried_again_at_once() -> None:
    probing = Probing(9.0, 2.0, "500")
    assert unanswered(probing, 9.0) == Open(9.0, 2.0, "500")
    assert unanswered(probing, 9.0, waited=True) == Open(11.0, 2.0, "500")


def test_what_cannot_be_the_requests_fault_always_counts() -> None:
    assert failing_for("a", None, None) == Open(1.0, 1.0, "500")
    assert failing_for(None, None) == Closed(2)
    assert failing_for("a", "a", "a", None, None) == Open(1.0, 1.0, "500")


@given(st.lists(st.sampled_from(["fail", "answer", "probe", "good", "wait"])), st.integers(1, 4))
def test_one_caller_alone_keeps_nobody_else_out(steps: list[str], most: int) -> None:
    """Nor is it kept out itself for ever. Where one failure is too many it is that for all."""
    rules = BreakerRules(failures=most + 1, pause_s=1.0, longest_pause_s=5.0)
    breaker: Breaker = Closed()
    now = 0.0
    for step in steps:
        match step:
            case "fail":
                breaker = failed(breaker, now, rules, "500", "bad")
            case "answer":
                breaker = answered(breaker, rules, "bad")
            case "probe":
                breaker = probed(breaker, now, "bad")
            case "good":
                breaker = succeeded(breaker)
            case _:
                now += 0.7
        assert not keeps_out(breaker, "good")
        assert is_due(breaker, now + rules.longest_pause_s) or not keeps_out(breaker, "bad")


@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=40, max_size=40))
def test_one_that_always_fails_is_left_alone_by_all_who_ask_it(callers: list[str | None]) -> None:
    breaker: Breaker = Closed()
    for caller in callers:
        breaker = failed(breaker, 0.0, RULES, "500", caller)
    assert all(keeps_out(breaker, caller) for caller in callers if callers.count(caller) >= 5)


@given(st.lists(st.sampled_from(["fail", "answer", "end", "probe", "give up", "wait"])))
def test_whatever_happens_it_is_asked_again_within_the_longest_pause(steps: list[str]) -> None:
    breaker: Breaker = Closed()
    now = 0.0
    for step in steps:
        match step:
            case "fail":
                breaker = failed(breaker, now, RULES, "500")
            case "answer":
                breaker = answered(breaker, RULES)
            case "end":
                breaker = succeeded(breaker)
            case "probe" if is_due(breaker, now):
                breaker = probed(breaker, now)
            case "give up":
                breaker = unanswered(breaker, now)
            case _:
                now += 0.7
        match breaker:
            case Closed(failures=failures):
                assert failures < RULES.failures
            case Open(until=until):
                assert until <= now + RULES.longest_pause_s
            case Probing(until=until):
                assert until <= now + RULES.longest_pause_s
                assert answered(breaker, RULES) == Closed(RULES.failures - 1, breaker.pause_s)
