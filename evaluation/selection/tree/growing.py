"""Searches the tree of a problem in a model that answers: each expansion is one request.

Expansions of a round are asked at once. Each is a run of its own (`router.plan.run`), as in the
filling of a pool, so that tokens, and what the server had cached of a prompt, are counted as the
gateway does it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from evaluation.datasets import Problem
from evaluation.pools.filling.collecting import PAUSES_S, OneDraw, Source, persisting
from evaluation.pools.filling.plan import seed_of
from evaluation.pools.schema import Identity, Row
from evaluation.pools.workers import for_each
from evaluation.selection.tree.grown import Expanded, Grown
from evaluation.selection.tree.rebase import Expansion, Node, Rules, Tree, score_of
from evaluation.selection.tree.steps import Step, node_after
from policies.cost import CostModel
from policies.protocol import Draw
from policies.values import NLL, Budget, ModelView, Task
from router.plan.draws import RunningDraw
from router.plan.run import Run
from router.request import SampleRequest, TextPrompt
from router.upstream.failures import UpstreamError
from router.upstream.said.chunks import Chunk


@dataclass(frozen=True, slots=True)
class Grower:
    """Searches trees in one upstream, sampled in the way that a pool's identity says."""

    upstream: Source
    identity: Identity
    rules: Rules
    pauses_s: tuple[float, ...] = PAUSES_S

    async def grow(self, problem: Problem) -> tuple[Grown, list[Row]]:
        """What the search of a problem was, and its answers as rows of a pool.

        Raises `CollectFailed`, and `UpstreamError` where the server finds fault with the problem.
        """
        tree, requests = Tree.planted(self.rules), list[Expanded]()
        while expansions := tree.expansions:
            drawn = await self._drawn(problem, expansions, len(requests))
            requests += (_expanded(each) for each in drawn)
            tree = tree.grown(
                [
                    self._node(problem, expansion, draw, at)
                    for expansion, draw in zip(expansions, drawn, strict=True)
                    for at in range(expansion.n)
                ]
            )
        grown = Grown(problem.task_id, tree.rounds, tuple(requests))
        return grown, [_row(grown, at, answer) for at, answer in enumerate(tree.answers)]

    async def _drawn(
        self, problem: Problem, expansions: tuple[Expansion, ...], before: int
    ) -> list[RunningDraw]:
        """The request of each expansion, all at once; `before` were made earlier."""
        found: dict[int, RunningDraw] = {}

        async def ask(at: int) -> None:
            seed = seed_of(self.identity.seed, problem.task_id, before + at)
            asked = _Expanding(self.upstream, problem, expansions[at], seed)
            found[at] = await persisting(lambda: asked.drawn(self.identity), self.pauses_s)

        await for_each(range(len(expansions)), ask, concurrency=len(expansions))
        return [found[at] for at in range(len(expansions))]

    def _node(self, problem: Problem, expansion: Expansion, draw: RunningDraw, at: int) -> Node:
        sample = draw.samples[at]
        step = Step(sample.text, tuple(sample.logprobs), sample.ending)
        return node_after(expansion.start, step, problem.stop, self.rules.most_tokens)


@dataclass(frozen=True, slots=True)
class _Expanding:
    """Asks the upstream to go on with a beginning, log-probabilities and all."""

    upstream: Source
    problem: Problem
    expansion: Expansion
    seed: int

    async def drawn(self, identity: Identity) -> RunningDraw:
        """The request, when it has ended. Raises `UpstreamError`."""
        length = await self.upstream.count_tokens(self._prompt)
        draw = Draw(
            model=self.upstream.id,
            n=self.expansion.n,
            max_tokens=self.expansion.most_tokens,
            temperature=identity.temperature,
            verify=False,
            top_p=identity.top_p,
            reason="a tree grows",
        )
        run = Run(
            OneDraw(draw),
            Task((ModelView(draw.model, length.tokens, draw.n, length.bound),), draw.max_tokens),
            Budget(),
            CostModel({}),
            sampler=self,
        )
        (drawn,) = (await run.perform()).draws
        if drawn.failure is not None:
            raise drawn.failure
        if any(sample.tokens and not sample.logprobs for sample in drawn.samples):
            raise UpstreamError(
                self.upstream.id,
                "tells no log-probabilities, which guide the search",
                rejected=True,
            )
        return drawn

    def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        """As a run asks its sampler."""
        passed_on = {"stop": list(self.problem.stop), "seed": self.seed, "top_p": draw.top_p}
        return self.upstream.sample(draw, SampleRequest(self._prompt, passed_on, logprobs=1))

    def token_per_chunk(self, model: str) -> bool:  # noqa: ARG002 there is only one
        """As a run asks its sampler."""
        return self.upstream.token_per_chunk

    @property
    def _prompt(self) -> TextPrompt:
        return TextPrompt(self.problem.prompt + self.expansion.start.text, self.problem.suffix)


def _expanded(draw: RunningDraw) -> Expanded:
    tokens = tuple(sample.tokens for sample in draw.samples)
    return Expanded(draw.prompt_tokens, draw.cached_tokens, tokens)


def _row(grown: Grown, at: int, answer: Node) -> Row:
    """An answer; no one request has drawn it, so it has no seed of its own."""
    return {
        "task_id": grown.task_id,
        "index": at,
        "draw": 0,
        "seed": None,
        "text": answer.whole.text,
        "tokens": answer.whole.tokens,
        "prompt_tokens": grown.requests[0].prompt_tokens,
        "nll": score_of(answer).get(NLL),
        "finish_reason": answer.ending,
    }
