"""One climb of a ladder: its rungs, as far as they fit, and what is made of the rest."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace

from policies.cost import CostModel
from policies.ladder import Answers, Found, Rung
from policies.moves import (
    SAMPLING_TEMPERATURE,
    Drawn,
    draw,
    draw_and_wait,
    draw_together,
    in_batches,
)
from policies.protocol import Command, Draw, Event
from policies.sizing import least_tokens, shortened
from policies.values import ModelView, Remaining, Task


@dataclass(slots=True)
class Climber:
    """One climb: what is left, what has passed, which models are still good for a draw.

    `limit` are FLOPs that it may spend, where these are less than the request's; `spent` is known
    only there. `short` says that a rung did not fit, `answered` that some draw came to its end.
    `drawn` are samples by model, `kept` the prompt tokens that its server has kept of this climb.
    """

    task: Task
    cost: CostModel
    models: dict[str, ModelView]
    found: Found
    left: Remaining
    limit: float = math.inf
    passed: int = 0
    spent: float = 0.0
    short: bool = False
    answered: bool = False
    drawn: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)

    def climb(self) -> Generator[Command, Event]:
        """Rung after rung; then, where the budget was too small for one, shortened answers."""
        for at, rung in enumerate(self.found.ladder.rungs):
            if (yield from self._climb_rung(at, rung)):
                return
        for _ in tuple(self.models) if self.short else ():
            if (asked := self._leftover()) is None:
                break
            if (yield from self._perform(asked)):
                return
        yield from self._in_any_case()

    def all_at_once(self, *, flops_bind: bool) -> Generator[Command, Event]:
        """Every model at once: at full width, or as the ladder shares the FLOPs out.

        What one draw reserves another cannot have, so all are sized before any is stretched.
        """
        sizes = {}
        for model in self.models.values():
            share = sum(rung.n for rung in self._rungs_of(model))
            n = max(share, self.task.wanted) if flops_bind else model.max_batch
            if (share or not flops_bind) and (n := self._fitting(model, self._wanted(n))):
                sizes[model] = n
                self._reserve(model, n, self._most(model), of=1)
        asked = []
        for model, n in sizes.items():
            self._reserve(model, n, self._most(model), of=-1)
            tokens = self._tokens(model, n)
            self._reserve(model, n, tokens, of=1)
            reason = "all at once: width costs no time here"
            temperature = self._temperature(model)
            asked.append(self._draw(model, n, tokens, reason=reason, temperature=temperature))
        if asked:
            yield from draw_together(asked, enough=self.task.wanted)
        else:
            yield from self.climb()

    def _climb_rung(self, at: int, rung: Rung) -> Generator[Command, Event, bool]:
        """Draw a rung, in as many draws as the server's batch makes of it; whether that is all."""
        model = self.models.get(rung.model)
        if model is None:
            return False

        def once(n: int) -> Generator[Command, Event, int | None]:
            asked = self._rung(at, rung, n)
            if asked is None:
                return 0
            return None if (yield from self._perform(asked)) else asked.n

        wanted = self._wanted(max(rung.n, self.task.wanted - self.passed))
        missing = yield from in_batches(wanted, model, once)
        self.short |= bool(missing) and rung.model in self.models
        return missing is None

    def _in_any_case(self) -> Generator[Command, Event]:
        """An answer of some model, though no ladder has one, where there was none at all.

        A short limit is enough where usual answers end within it: what `hurried` takes for whole.
        """
        for model in tuple(self._largest_first()):
            if self.answered:
                return
            tokens = self._shortened(model, least_tokens(self.task))
            if tokens is None and self._fitting(model, 1):
                tokens = self._tokens(model, 1)
            if tokens is not None:
                reason = "nothing of the ladder could be drawn"
                last = self._draw(model, 1, tokens, reason=reason, temperature=0.0)
                yield from self._perform(last)

    def _perform(self, asked: Draw) -> Generator[Command, Event, bool]:
        """Draw; whether the climb is over."""
        ended: Drawn = yield from draw_and_wait(asked, enough=self.task.wanted - self.passed)
        self.passed += ended.passed
        self.left = ended.left
        if not math.isinf(self.limit):
            self.spent += ended.flops
            self.left = replace(self.left, flops=min(self.left.flops, self.limit - self.spent))
        self.kept[asked.model] = ended.kept_tokens
        self.drawn[asked.model] = self.drawn.get(asked.model, 0) + asked.n
        self.answered |= ended.whole
        if not ended.whole:
            self.models.pop(asked.model, None)
        return self.passed >= self.task.wanted

    def _rung(self, at: int, rung: Rung, n: int) -> Draw | None:
        """The draw of a rung, narrower where it does not fit; None where no whole answer does."""
        model = self.models.get(rung.model)
        if model is None or (self.task.greedy and model.id in self.drawn):
            return None
        if not (n := self._fitting(model, n)):
            return None
        ladder = self.found.ladder
        reason = f"rung {at + 1} of {len(ladder.rungs)} for {ladder.calls:g} large calls"
        tokens = self._tokens(model, n)
        return self._draw(model, n, tokens, reason=reason, temperature=rung.temperature)

    def _wanted(self, n: int) -> int:
        return 1 if self.task.greedy else n

    def _rungs_of(self, model: ModelView) -> Iterator[Rung]:
        return (rung for rung in self.found.ladder.rungs if rung.model == model.id)

    def _temperature(self, model: ModelView) -> float:
        """That of a model's samples in this ladder."""
        found = (rung.temperature for rung in self._rungs_of(model) if not rung.greedy)
        return next(found, SAMPLING_TEMPERATURE)

    def _reserve(self, model: ModelView, n: int, tokens: int, *, of: int) -> None:
        """Take a draw's ceiling off what is left, or put it back."""
        if not math.isinf(self.left.flops):
            flops = self.cost.ceiling(model.id, model.reserved_tokens, n, tokens)
            self.left = self.left.without(Remaining(of * flops, 0.0))

    def _leftover(self) -> Draw | None:
        """A shortened answer for what is left, of the largest model that can say enough in it.

        Only of a model whose rungs were not all drawn in full: more was not worth it.
        """
        for model in self._largest_first():
            planned = self._wanted(sum(rung.n for rung in self._rungs_of(model)))
            if self.drawn.get(model.id, 0) >= planned:
                continue
            tokens = self._shortened(model, self._shortest(model))
            if tokens is not None:
                reason, temperature = "what is left buys a shorter answer", self._temperature(model)
                return self._draw(model, 1, tokens, reason=reason, temperature=temperature)
        return None

    def _largest_first(self) -> Iterator[ModelView]:
        return reversed(self.models.values())

    def _draw(
        self, model: ModelView, n: int, max_tokens: int, *, reason: str, temperature: float
    ) -> Draw:
        """At a rung's temperature, unless the caller has one; several are never greedy."""
        alone = temperature == 0 and n == 1
        asked = draw(self.task, model, n=n, max_tokens=max_tokens, alone=alone, reason=reason)
        asked = replace(asked, counts_on_cache=self.kept.get(model.id, 0) > 0)
        if self.task.temperature is not None or temperature == 0:
            return asked
        return replace(asked, temperature=temperature)

    def _fitting(self, model: ModelView, n: int) -> int:
        """As many samples as fit at the length that nearly all answers have, up to n.

        They may be longer then, as far as fits: what is reserved and not used is free again.
        """
        most, n, kept = self._most(model), min(n, model.max_batch), self.kept.get(model.id, 0)
        paid, likely = (model.id, model.reserved_tokens), (model.id, model.prompt_tokens)
        if not math.isinf(self.left.flops):
            n = self.cost.samples_within(*paid, most, self.left.flops, n, cached_tokens=kept)
        usual = self.cost.usual_tokens(model.id, most)
        return self.cost.samples_in_time(*likely, usual, self.left.seconds, n)

    def _tokens(self, model: ModelView, n: int) -> int:
        """The longest max_tokens of n samples that fits."""
        seconds, kept = self.left.seconds, self.kept.get(model.id, 0)
        tokens = self.cost.tokens_in_time(
            model.id, model.prompt_tokens, n, seconds, self.task.max_tokens
        )
        if math.isinf(self.left.flops):
            return tokens
        paid = (model.id, model.reserved_tokens, self.left.flops, tokens)
        return self.cost.tokens_within(*paid, n=n, cached_tokens=kept)

    def _shortened(self, model: ModelView, shortest: int) -> int | None:
        """The max_tokens of one answer in what is left; None where it says too little."""
        most, kept = self.task.max_tokens, self.kept.get(model.id, 0)
        if not math.isinf(self.left.flops):
            paid = (model.id, model.reserved_tokens, self.left.flops, most)
            most = self.cost.tokens_within(*paid, cached_tokens=kept)
        seconds = self.left.seconds
        return shortened(self.cost, model, most=most, seconds=seconds, shortest=shortest)

    def _most(self, model: ModelView) -> int:
        known = self._answers(model)
        return self.task.max_tokens if known is None else min(self.task.max_tokens, known.most)

    def _shortest(self, model: ModelView) -> int:
        least = least_tokens(self.task)
        if not self.drawn:
            return least
        known = self._answers(model)
        half = self.task.max_tokens // 2 if known is None else known.half
        return max(least, min(half, self.task.max_tokens))

    def _answers(self, model: ModelView) -> Answers | None:
        return self.found.domain.answers.get(model.id)
