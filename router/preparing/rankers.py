"""The model that ranks the answers to a request, as that request sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policies.cost import CostModel, UnknownCost
from policies.policy import Policy
from policies.selection.ranked import RankedBy
from policies.values import Budget, ModelView, Task
from router.metrics import Metrics
from router.request import RouteRequest, TokenPrompt
from router.upstream.client import Upstream
from router.upstream.failures import UpstreamError, UpstreamUnreachable


@dataclass(frozen=True, slots=True)
class Rankers:
    """Finds the rankers of a task. One that cannot be asked is left out: see `RankedBy.of`."""

    upstreams: Mapping[str, Upstream]
    cost: CostModel
    metrics: Metrics

    async def of(
        self, request: RouteRequest, policy: Policy, task: Task, budget: Budget, within_s: float
    ) -> tuple[ModelView, ...]:
        """Those that only rank. Raises `UnknownCost` where a FLOPs budget could not bind on one."""
        model = _ranker(policy, task)
        if model is None:
            return ()
        if budget.flops is not None and not self.cost.knows(model):
            raise UnknownCost(model)
        there = any(model == each.id for each in task.models)
        if there or isinstance(request.prompt, TokenPrompt):
            return ()
        view = await self._view(model, request, within_s)
        return () if view is None else (view,)

    async def _view(self, model: str, request: RouteRequest, within_s: float) -> ModelView | None:
        """The model with the prompt's length under it; None if it is away, or has no room."""
        upstream = self.upstreams[model]
        try:
            length = await upstream.count_tokens(request.prompt, within_s, request.caller)
        except UpstreamUnreachable:
            self.metrics.upstream_failures.labels(model).inc()
            return None
        except UpstreamError:  # it does not fill in the middle
            return None
        if upstream.context is not None and length.tokens >= upstream.context:
            return None
        return ModelView(model, length.tokens, upstream.max_batch, length.bound)


def _ranker(policy: Policy, task: Task) -> str | None:
    """The model that a policy's selector ranks by, where there is more than one answer to rank."""
    match policy.selector:
        case RankedBy(model=model) if policy.most_samples(task) > 1:
            return model
        case _:
            return None
