"""What calibration says of a request; and where it says nothing, why not."""

from __future__ import annotations

from policies.cost import CostModel
from policies.ladder import Found, Offer
from policies.policy import Policy
from policies.values import Budget, InvalidTarget, Task
from router.errors import InvalidRequest
from router.request import AUTO, RouteRequest


def foreseen(
    request: RouteRequest, policy: Policy, task: Task, budget: Budget, cost: CostModel
) -> Found | None:
    """What is expected of the request's plan; None where nothing was calibrated.

    Raises `InvalidTarget` where a probability is wanted that nobody can promise, for want of a
    calibration or because no plan within the budget reaches it.
    """
    found = policy.foresees(task, budget, cost) if task.verifiable else None
    if found is None and budget.target is not None:
        missing, _ = _missing(request)
        raise InvalidTarget(f"no probability can be promised here: {missing}")
    return found


def offered(
    request: RouteRequest, policy: Policy, task: Task, budget: Budget, cost: CostModel
) -> tuple[Offer, ...]:
    """What budgets up to this one would buy. Raises `InvalidRequest` where nobody can tell."""
    offers = policy.offers(task, budget, cost) if task.verifiable else None
    if offers is None:
        missing, param = _missing(request)
        raise InvalidRequest(f"nothing can be quoted here: {missing}", param=param)
    return offers


def _missing(request: RouteRequest) -> tuple[str, str]:
    """What a request lacks for a calibrated plan, and the field that it is about."""
    policy, model = request.budget.policy, request.model
    if request.tests is None:
        return "success is that tests pass, and the request has none", "tests"
    if model != AUTO:
        text = f"plans over several models were calibrated, and the request names {model!r}"
        return f'{text}: send "model": "auto"', "model"
    text = f"the policy {policy!r} has no calibration for the models that are there"
    return text, "budget.policy"
