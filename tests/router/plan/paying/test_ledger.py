import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from router.plan.paying.ledger import Ledger

flops = st.floats(0, 1e15)


@given(flops, st.lists(st.tuples(flops, flops, st.booleans()), max_size=12))
def test_settled_and_held_never_exceed_the_limit(
    limit: float, work: list[tuple[float, float, bool]]
) -> None:
    ledger = Ledger(limit)
    for ceiling, cost, settles in work:
        remaining = ledger.remaining
        hold = ledger.hold(ceiling)
        assert (hold is not None) == (ceiling <= remaining)
        if hold is not None and settles:
            hold.settle(cost)
            assert hold.settled == min(cost, ceiling)
        assert ledger.used + ledger.held <= limit * (1 + 1e-12)


@given(flops, st.lists(st.floats(0, 1), max_size=12))
@example(13.4, [0.3, 0.7])
def test_what_is_used_never_exceeds_the_limit_by_a_digit(limit: float, parts: list[float]) -> None:
    """Whatever is left, and whatever part of it, is reserved and used to the last digit."""
    ledger = Ledger(limit)
    for part in [*parts, 1.0]:
        hold = ledger.hold(ledger.remaining * part)
        assert hold is not None
        assert ledger.remaining >= 0
        hold.settle(math.inf)
        assert ledger.used <= limit


def test_a_hold_settles_once() -> None:
    ledger = Ledger(10)
    hold = ledger.hold(8)
    assert hold is not None
    assert ledger.hold(3) is None
    assert (ledger.held, ledger.remaining) == (8, 2)
    hold.settle(5)
    hold.settle(7)
    assert (ledger.used, ledger.held, ledger.remaining) == (5, 0, 5)


@pytest.mark.parametrize("ceiling", [math.nan, math.inf])
def test_a_ceiling_that_is_no_number_never_fits(ceiling: float) -> None:
    assert Ledger(10).hold(ceiling) is None


def test_without_a_limit_everything_fits() -> None:
    ledger = Ledger()
    assert ledger.hold(1e300) is not None
    assert ledger.remaining == math.inf
