import math
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.values import BudgetTooSmall
from router.plan.paying.ledger import Hold
from router.plan.paying.shares import Shares

needs = st.lists(st.floats(1e3, 1e15), min_size=1, max_size=20)
parts = st.floats(0, 1)


def least(needs: list[float]) -> float:
    """What is said to do."""
    with pytest.raises(BudgetTooSmall) as refused:
        Shares(1, needs)
    return refused.value.least_flops


@given(needs, st.floats(1, 50), st.data())
def test_every_plan_gets_its_need_and_all_together_no_more_than_the_budget(
    needs: list[float], ample: float, data: st.DataObject
) -> None:
    budget = least(needs) * ample
    shares = Shares(budget, needs)
    running: list[tuple[ExitStack, Hold]] = []
    spent = 0.0

    def end(at: int) -> float:
        stack, hold = running.pop(at)
        cost = hold.ceiling * data.draw(parts)
        hold.settle(cost)
        stack.close()
        return cost

    for plan in data.draw(st.permutations(range(len(needs)))):
        stack = ExitStack()
        hold = stack.enter_context(shares.of(plan))
        assert hold.ceiling >= needs[plan]
        running.append((stack, hold))
        held = math.fsum(hold.ceiling for _, hold in running)
        assert spent + held <= budget * (1 + 1e-12)
        while running and data.draw(st.booleans()):
            spent += end(data.draw(st.integers(0, len(running) - 1)))
    while running:
        spent += end(0)
    assert shares.used == pytest.approx(spent)
    assert shares.used <= budget


def test_shares_go_by_need_and_what_is_left_over_goes_on() -> None:
    shares = Shares(100, [10, 30, 10])
    with shares.of(0) as first:
        assert first.ceiling == pytest.approx(20)
        first.settle(5)
    with shares.of(1) as second:  # three quarters of what is left
        assert second.ceiling == pytest.approx(95 * 3 / 4)
        second.settle(25)
    with shares.of(2) as last:
        assert last.ceiling == 70


def test_what_is_not_settled_counts_as_spent() -> None:
    shares = Shares(100, [1, 1])

    def fail() -> None:
        with shares.of(1):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert shares.used == 50
    with shares.of(0) as last:
        assert last.ceiling == 50


def test_less_than_all_needs_is_too_little() -> None:
    with pytest.raises(BudgetTooSmall):
        Shares(59, [10, 20, 30])
    assert least([10, 20, 30]) == pytest.approx(60, rel=1e-8)
    assert Shares(least([10, 20, 30]), [10, 20, 30]).used == 0
