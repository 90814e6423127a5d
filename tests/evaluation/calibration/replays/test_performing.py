"""Runs of plans on problems that are made up."""

from made_problems import COST, calibration, problem

from evaluation.calibration.replays.entrants import ladders
from evaluation.calibration.replays.performing import ProblemReplay
from policies.ladder import CALL_TOKENS
from policies.values import Budget


def test_a_target_that_no_ladder_within_the_budget_reaches_takes_what_there_is():
    found, cap = problem(), COST.ceiling("large", 100, 1, CALL_TOKENS)
    plans = ladders(calibration())[:1]
    for calls in (0.1, 0.3, 1.0):  # of which the first buys no ladder
        aimed, free = (
            ProblemReplay.of(found, COST, 2).replay(plans, [Budget(calls * cap, target=target)])
            for target in (0.99, None)
        )
        assert aimed == free
