"""A request without its HTTP: settle on policy and models, and run the plan."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Final

from policies.cost import CostModel, UnknownCost
from policies.forecast import Forecast
from policies.ladder import Offer
from policies.policy import Policy
from policies.values import Task
from router.errors import DeadlineExceeded, InternalError, UnknownPolicy
from router.metrics import Metrics
from router.plan.draws import Space
from router.plan.executing import MOST, SandboxExecutor, Trials
from router.plan.outcome import Outcome
from router.plan.paces import Paces
from router.plan.ports import Observer, Ranker, Together
from router.plan.prefixes import Blocks
from router.plan.queues.gates import RequestGate
from router.plan.queues.lanes import Lane
from router.plan.ranking import UpstreamRanker
from router.plan.run import Run
from router.plan.verdicts import SandboxJudge
from router.preparing.eligible import check_tools, models_for
from router.preparing.foresight import foreseen, offered
from router.preparing.prepared import Prepared
from router.preparing.rankers import Rankers
from router.preparing.sampler import RequestSampler, gap_of
from router.preparing.selecting import examiner_of, looks_at_runs, named_selector, trials_of
from router.preparing.sizing import Sizing
from router.request import RouteRequest
from router.upstream.client import LONGEST_COUNT_S, Upstream
from router.upstream.failures import to_tell
from router.verifier.verified import VerifyingRanker
from router.verifier.verifying import Verifier
from sandbox import Backend, Limits, SandboxUnavailable

LATENCY_MARGIN: Final = 0.05
"""The part of a latency budget kept for stopping what runs and writing the answer."""

LARGEST_MARGIN_S: Final = 0.02

COUNTING_SHARE: Final = 0.25
"""The part of a latency budget in which the prompt's tokens are counted; after it, a guess stands
in."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Models (the cheapest first), their costs, the policies, and the sandbox if there is one.

    `ranker` is the model that ranks answers of others where requests name a selector that does,
    `tests_by` the one that writes tests for them, where it is not the cheapest. `verifier`, where
    there is one, tells how probably answers are right. `lanes` are where draws wait for the slots
    of a model, of the models whose slots are known. `reading` is held while a prompt is read for
    what its answers can be run on, which takes the loop: no two in one turn of it.
    """

    upstreams: Mapping[str, Upstream]
    cost: CostModel
    policies: Mapping[str, Policy]
    backend: Backend | None
    metrics: Metrics
    default_max_tokens: int = 512
    paces: Paces = field(default_factory=Paces)
    ranker: str | None = None
    tests_by: str | None = None
    verifier: Verifier | None = None
    execution_limits: Limits = MOST
    lanes: Mapping[str, Lane] = field(default_factory=dict)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def prepare(
        self, request: RouteRequest, received: float, *, reads: bool = True
    ) -> Prepared:
        """Settle on policy, models and deadline. `received` is on the event loop's clock.

        Unless it `reads`, nothing is known of what answers can be run on. Raises the errors of
        `router.errors` and those that `translate` maps.
        """
        budget = request.budget.budget
        deadline, within_s = None, LONGEST_COUNT_S
        if budget.latency_ms is not None:
            latency_s = budget.latency_ms / 1000
            within_s = min(within_s, COUNTING_SHARE * latency_s)
            deadline = received + latency_s - min(latency_s * LATENCY_MARGIN, LARGEST_MARGIN_S)
        policy = self._policy(request)
        if request.tests is not None and self.backend is None:
            raise SandboxUnavailable("tests were sent, and this gateway runs no sandbox")
        ids = models_for(request, policy, budget, self.upstreams, self.cost)
        try:
            async with nullcontext() if deadline is None else asyncio.timeout_at(deadline):
                request, task = await self._sizing.fitting(request, ids, within_s)
                trials = await self._read(request, policy, task) if reads else None
                if trials is not None:
                    task = self._with_trials(request, policy, task, trials)
                rankers = await self._rankers.of(request, policy, task, budget, within_s)
        except TimeoutError:
            raise DeadlineExceeded("the latency budget ended before the first draw") from None
        if rankers:
            task = replace(task, rankers=rankers)
        check_tools(request, policy, task)
        blocks = Blocks.of(request.prompt, request.sampling.passed_on)
        forecasts = {} if deadline is None else self._forecasts(request, blocks, deadline)
        prepared = Prepared(
            request, policy, task, budget, deadline, forecasts, blocks=blocks, trials=trials
        )
        left = prepared.left(asyncio.get_running_loop().time())
        found = foreseen(request, policy, task, left, self.cost_of(request, forecasts))
        return prepared if found is None else replace(prepared, found=found)

    async def quote(self, request: RouteRequest, received: float) -> tuple[Offer, ...]:
        """What budgets would buy for a request, the cheapest first; nothing is drawn.

        Their seconds are those that a budget must have. Raises what `prepare` raises.
        """
        prepared = await self.prepare(request, received)
        cost = self.cost_of(request, self.paces.forecasts(request.kind, prepared.blocks))
        now = asyncio.get_running_loop().time()
        offers = offered(request, prepared.policy, prepared.task, prepared.left(now), cost)
        return tuple(_with_margin(offer, now - received) for offer in offers)

    async def run(self, prepared: Prepared, observer: Observer | None = None) -> Outcome:
        """Run the plan; `observer` hears of it. Raises what `Run.perform` raises."""
        request, policy, task = prepared.request, prepared.policy, prepared.task
        judge = executor = None
        if request.tests is not None and self.backend is not None:
            judge = SandboxJudge(
                self.backend, request.prompt, request.tests, self.metrics.observe_report
            )
        if prepared.trials is not None and self.backend is not None:
            executor = SandboxExecutor(
                self.backend, request.prompt, prepared.trials, self.execution_limits
            )
        shows_nll = policy.most_samples(task) > 1 or request.explain
        wants_nll = shows_nll and judge is None and policy.selector.of(task).reads_logprobs
        paces = self.paces.watch(task, request.kind, prepared.deadline, prepared.blocks)
        left = prepared.left(asyncio.get_running_loop().time())
        run = Run(
            policy,
            task,
            left if prepared.found is None else prepared.found.within(left),
            self.cost_of(request, prepared.forecasts),
            sampler=RequestSampler(
                self.upstreams, request, wants_nll=wants_nll, deadline=prepared.deadline
            ),
            judge=judge,
            ranker=self._ranker(prepared),
            executor=executor,
            observer=paces if observer is None else Together(paces, observer),
            space=_space(prepared),
            gate=self._gate(prepared),
        )
        try:
            return await run.perform(prepared.deadline)
        finally:  # what a request has spent is counted also where its client has gone
            self.metrics.observe_work(run.work, self.cost)

    def cost_of(self, request: RouteRequest, forecasts: Mapping[str, Forecast]) -> CostModel:
        """What a request's draws cost, with what is expected of the models' time."""
        scored = request.sampling.scores_prompt
        if not forecasts and not scored:
            return self.cost
        return replace(self.cost, forecasts=forecasts, scores_prompts=scored)

    def _gate(self, prepared: Prepared) -> RequestGate | None:
        """What lets the request's draws through; None where everything goes."""
        if not self.lanes:
            return None
        caller, forecasts = prepared.request.caller, prepared.forecasts
        return RequestGate(
            self.lanes, caller, prepared.deadline, prepared.task, forecasts, begun=prepared.begun
        )

    def _forecasts(
        self, request: RouteRequest, blocks: Blocks, deadline: float
    ) -> dict[str, Forecast]:
        """What is expected of the models, with the time until one sample of it can be sent."""
        forecasts = self.paces.forecasts(request.kind, blocks)
        for model, lane in self.lanes.items():
            if model in forecasts and (waits := lane.expected_s(1, request.caller, deadline)):
                forecasts[model] = replace(forecasts[model], waits=waits)
        return forecasts

    async def _read(self, request: RouteRequest, policy: Policy, task: Task) -> Trials | None:
        """What its answers can be run on. Others, and the deadline, have their turn before it."""
        if self.backend is None or not looks_at_runs(request, policy, task):
            return None
        async with self.reading:
            await asyncio.sleep(0)
            return trials_of(request.prompt)

    def _with_trials(
        self, request: RouteRequest, policy: Policy, task: Task, trials: Trials
    ) -> Task:
        """The task with what its answers can be run on. Raises `UnknownCost`.

        A FLOPs budget could not bind on a writer of tests whose cost nobody knows.
        """
        examiner = examiner_of(
            *(request.prompt, policy, task, trials),
            by=self.tests_by,
            max_batch=lambda model: self.upstreams[model].max_batch,
        )
        budgeted = request.budget.budget.flops is not None
        if examiner is not None and budgeted and not self.cost.knows(examiner.model):
            raise UnknownCost(examiner.model)
        return replace(task, examples=trials.examples, inputs=trials.inputs, examiner=examiner)

    def _ranker(self, prepared: Prepared) -> Ranker:
        prompt = prepared.request.prompt
        models = UpstreamRanker(self.upstreams, prompt, prepared.request.caller)
        if self.verifier is None:
            return models
        return VerifyingRanker(self.verifier, prompt, prepared.task, prepared.trials, models)

    @property
    def _sizing(self) -> Sizing:
        return Sizing(self.upstreams, self.metrics, self.default_max_tokens)

    @property
    def _rankers(self) -> Rankers:
        return Rankers(self.upstreams, self.cost, self.metrics)

    def _policy(self, request: RouteRequest) -> Policy:
        try:
            policy = self.policies[request.budget.policy]
        except KeyError:
            raise UnknownPolicy(
                f"policy {request.budget.policy!r} is not known; there are {sorted(self.policies)}",
                param="budget.policy",
            ) from None
        if request.select is None:
            return policy
        selector = named_selector(
            request,
            self.ranker,
            sandboxed=self.backend is not None,
            verified=self.verifier is not None,
        )
        return replace(policy, selector=selector)


def _with_margin(offer: Offer, counting_s: float) -> Offer:
    """The offer with the time that goes by around a plan, which a budget has to cover as well."""
    if offer.seconds is None:
        return offer
    return replace(offer, seconds=(offer.seconds + counting_s) / (1 - LATENCY_MARGIN))


def _space(prepared: Prepared) -> Space | None:
    """What an answer between prompt and suffix has to fit into. Tests see answers as they are."""
    gap = gap_of(prepared.request)
    return None if gap is None else replace(gap, sent=prepared.streams_through)


def finished(outcome: Outcome) -> Outcome:
    """The outcome, if anything was finished; else raises the error that says why not."""
    if outcome.choice.candidates:
        return outcome
    if outcome.deadline_passed:
        raise DeadlineExceeded("the latency budget ended before any token came")
    if outcome.failures:
        raise to_tell(outcome.failures)
    raise InternalError("the plan ended without a draw")
