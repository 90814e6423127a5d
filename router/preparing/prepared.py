"""A request that was settled on, before its plan runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from policies.forecast import Forecast
from policies.ladder import Found
from policies.policy import Policy
from policies.values import Budget, Task
from router.plan.executing import Trials
from router.plan.prefixes import NOTHING_READ, Blocks
from router.request import RouteRequest


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request with its policy, its models counted and its deadline set (event loop's clock).

    `forecasts` say, where time is short, what is expected of each model that was seen lately;
    `found` what calibration says of the plan, where it is one that was calibrated; `trials` how
    answers can be run where no tests judge them, `blocks` what of the prompt models have read
    before. It has `begun` where its request has with another
    prompt: it is not refused then because many wait, which would fail that as well.
    """

    request: RouteRequest
    policy: Policy
    task: Task
    budget: Budget
    deadline: float | None
    forecasts: Mapping[str, Forecast] = field(default_factory=dict)
    found: Found | None = None
    blocks: Blocks = NOTHING_READ
    trials: Trials | None = None
    begun: bool = False

    def left(self, now: float) -> Budget:
        """The budget as it is at this moment: some time went by since receipt."""
        if self.deadline is None:
            return self.budget
        # None of it left is no budget; the run finds the deadline passed all the same.
        left_ms = max(1000 * (self.deadline - now), sys.float_info.min)
        return replace(self.budget, latency_ms=left_ms)

    @property
    def streams_through(self) -> bool:
        """Whether tokens can be sent on as they come: one sample, for one choice."""
        one = self.request.n == 1 and self.policy.most_samples(self.task) == 1
        return self.request.stream and one
