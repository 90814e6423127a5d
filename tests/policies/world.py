"""A world in which a plan is performed by hand: no clock, no I/O, every event as told."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from policies.cost import Architecture, CostModel
from policies.protocol import Cancel, Done, Draw, Event, Judged, Policy, Refused, Sampled, Started
from policies.values import Budget, Candidate, ModelView, Task, Verdict

SMALL = Architecture(
    body_params=350_000_000, head_params=140_000_000, layers=24, attention_width=896
)
LARGE = Architecture(
    body_params=1_300_000_000, head_params=230_000_000, layers=28, attention_width=1536
)
COST = CostModel({"small": SMALL, "large": LARGE})


def task(*models: str, prompt: int = 100, batch: int = 16, **fields: object) -> Task:
    """A task of 256 tokens over these models, the two of them by default."""
    views = tuple(ModelView(model, prompt, batch) for model in models or ("small", "large"))
    return Task(**{"models": views, "max_tokens": 256, "verifiable": True} | fields)


@dataclass
class World:
    """Performs a plan: each sample has `length(draw)` tokens and the verdict of `passes(n-th)`."""

    passes: Callable[[int, Draw], bool] = lambda _n, _draw: False
    length: Callable[[Draw], int] = lambda draw: min(60, draw.max_tokens)
    failing: frozenset[str] = frozenset()
    draws: list[Draw] = field(default_factory=list)
    refused: list[Draw] = field(default_factory=list)
    spent: float = 0.0

    def perform(self, policy: Policy, task: Task, flops: float | None = None) -> list[Candidate]:
        """Drive the plan to its end; the candidates as judged."""
        budget = Budget(flops)
        remaining = math.inf if flops is None else flops
        prompt = {view.id: view.prompt_tokens for view in task.models}
        tickets, ids = itertools.count(), itertools.count()
        queue: deque[Event] = deque()
        candidates: dict[int, Candidate] = {}
        plan = policy.plan(task, budget, COST)
        try:
            command = next(plan)
            while True:
                answer: Event
                match command:
                    case Draw(model=model, n=n, max_tokens=limit):
                        ceiling = COST.ceiling(model, prompt[model], n, limit)
                        if ceiling > remaining:
                            self.refused.append(command)
                            answer = Refused(remaining)
                        else:
                            self.draws.append(command)
                            ticket = next(tickets)
                            answer = Started(ticket, ceiling)
                            lengths = [self.length(command)] * n
                            if model in self.failing:
                                lengths = []
                                queue.append(Done(ticket, remaining, "it is down"))
                            else:
                                for _ in lengths:
                                    at = next(ids)
                                    c = Candidate(at, model, f"#{at}", "stop", nll=0.1)
                                    queue.append(Sampled(ticket, c))
                                    if command.verify:
                                        ok = self.passes(at, command)
                                        verdict = Verdict.PASSED if ok else Verdict.FAILED
                                        c = Candidate(
                                            at, model, c.text, "stop", nll=0.1, verdict=verdict
                                        )
                                        queue.append(Judged(c, verdict))
                                    candidates[at] = c
                                cost = COST.draw(model, prompt[model], lengths)
                                remaining -= cost
                                self.spent += cost
                                queue.append(Done(ticket, remaining))
                    case Cancel(ticket=ticket):
                        answer = Done(ticket, remaining)
                    case _:
                        answer = queue.popleft()
                command = plan.send(answer)
        except StopIteration:
            return list(candidates.values())
