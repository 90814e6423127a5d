"""Answers as JSON: whole, or as the chunks of a stream, in the dialect of their endpoint."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic_core import to_json

from policies.values import Candidate
from router.http.answers.partial import whole_lines
from router.http.dialects.dialect import Dialect
from router.http.dialects.envelope import AnswerHead, Tally
from router.plan.draws import CUT, RunningDraw
from router.plan.outcome import Outcome
from router.plan.samples import Sample
from router.preparing.prepared import Prepared
from router.request import Prompt
from router.upstream.said.chunks import TokenLogprob


@dataclass(frozen=True, slots=True)
class Chosen:
    """A candidate that is returned, with the draw and the sample that it came from."""

    draw: RunningDraw
    sample: Sample
    candidate: Candidate

    def text(self, prompt: Prompt) -> str:
        """What it says; of an answer that the deadline cut, what goes out."""
        text = self.candidate.text
        return whole_lines(prompt, text) if self.candidate.partial else text


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one prompt: the head that every piece of it shares, and its choices.

    They are numbered from `first`: a request of several prompts has several of these. Then each is
    `padded` to as many choices as were asked for, with empty ones that are cut: clients tell by
    their numbers whose answers they are.
    """

    dialect: Dialect
    prepared: Prepared
    request_id: str
    created: int = field(default_factory=lambda: int(time.time()))
    first: int = 0
    padded: bool = False

    def plain(self, outcome: Outcome, details: dict[str, Any]) -> Any:
        """The whole answer as JSON."""
        return together([(self, outcome)], details)

    def choices(self, outcome: Outcome) -> list[dict[str, Any]]:
        """The chosen answers, whole; for those that are missing, some that are cut to nothing."""
        chosen = enumerate(self._chosen(outcome))
        told = [self._whole(index, each) for index, each in chosen]
        return told + [self._nothing(index) for index in self._missing(outcome)]

    def opening(self, model: str, index: int = 0) -> Iterator[dict[str, Any]]:
        """What comes before the first token of a choice."""
        if (content := self.dialect.opening(self.prepared.request)) is not None:
            yield self._chunk(model, index, content)

    def piece(
        self,
        model: str,
        text: str,
        tokens: Sequence[TokenLogprob],
        *,
        index: int = 0,
        offset: int = 0,
    ) -> dict[str, Any]:
        """Some text of a choice; `offset` is how much of it went before."""
        content = self.dialect.piece(text) | {"logprobs": self._logprobs(tokens, offset)}
        return self._chunk(model, index, content)

    def thinking(self, model: str, thought: str, index: int = 0) -> Iterator[dict[str, Any]]:
        """A piece of a thought, where the endpoint has a place for one."""
        if thought and (content := self.dialect.thinking(thought)) is not None:
            yield self._chunk(model, index, content)

    def calling(
        self, model: str, calls: Sequence[Mapping[str, Any]], index: int = 0
    ) -> dict[str, Any]:
        """Pieces of calls of tools."""
        return self._chunk(model, index, self.dialect.calling(calls))

    def ending(
        self, draw: RunningDraw, sample: Sample, text: str, finish_reason: str, index: int = 0
    ) -> dict[str, Any]:
        """The end of a choice that said this text."""
        content = self.dialect.ending() | self.dialect.tally(_tally(draw, sample, text))
        return self._chunk(draw.model, index, content, finish_reason)

    def usage(self, outcome: Outcome) -> dict[str, Any]:
        """Tokens of the answers that are returned; others are told of in the `router` object.

        Where nothing was chosen, the deadline came before the first token: the prompt counts, if
        it was sent.
        """
        sent = [(draw, draw.samples[0]) for draw in outcome.draws if draw.sent]
        return _usage([(each.draw, each.sample) for each in self._chosen(outcome)] or sent[-1:])

    def usage_chunk(self, model: str, told: dict[str, Any]) -> dict[str, Any]:
        """OpenAI's usage chunk, which has no choices."""
        return self.dialect.stream_chunk(self.head(model), [], told)

    def missing(self, outcome: Outcome) -> Iterator[dict[str, Any]]:
        """The chunks of the choices that are missing, each cut before its first token."""
        model, content = self.prepared.task.models[-1].id, self.dialect.ending()
        for index in self._missing(outcome):
            yield from self.opening(model, index)
            yield self._chunk(model, index, content | self.dialect.tally(_NOTHING), CUT)

    def whole_stream(self, outcome: Outcome) -> Iterator[dict[str, Any]]:
        """The chosen answers as chunks, when they were only known at the end."""
        for index, each in enumerate(self._chosen(outcome)):
            model, text, sample = (
                each.draw.model,
                each.text(self.prepared.request.prompt),
                each.sample,
            )
            yield from self.opening(model, index)
            yield from self.thinking(model, sample.thought, index)
            yield self.piece(model, text, sample.logprobs, index=index)
            if sample.tool_calls:
                placed = [{"index": at} | call for at, call in enumerate(sample.tool_calls)]
                yield self.calling(model, placed, index)
            yield self.ending(each.draw, sample, text, each.candidate.finish_reason, index)

    def _whole(self, index: int, chosen: Chosen) -> dict[str, Any]:
        request, sample = self.prepared.request, chosen.sample
        text = chosen.text(request.prompt)
        return {
            "index": self.first + index,
            **self.dialect.answer(request, text, sample.tool_calls, sample.thought),
            "logprobs": self._logprobs(sample.logprobs, offset=0),
            "finish_reason": chosen.candidate.finish_reason,
            **self.dialect.tally(_tally(chosen.draw, sample, text)),
        }

    def _chosen(self, outcome: Outcome) -> list[Chosen]:
        """As many choices as were asked for; at temperature 0 one answer stands for all."""
        samples = {sample.id: (draw, sample) for draw in outcome.draws for sample in draw.samples}
        chosen = [Chosen(*samples[each.id], each) for each in outcome.choice.candidates]
        n = self.prepared.request.n
        if self.prepared.task.greedy and chosen:
            chosen += chosen[:1] * (n - len(chosen))
        return chosen[:n]

    def _missing(self, outcome: Outcome) -> range:
        """The choices that there should be and are not: one at least, or all where it is padded."""
        return range(len(self._chosen(outcome)), self.prepared.request.n if self.padded else 1)

    def _nothing(self, index: int) -> dict[str, Any]:
        return {
            "index": self.first + index,
            **self.dialect.answer(self.prepared.request, "", (), ""),
            "logprobs": None,
            "finish_reason": CUT,
            **self.dialect.tally(_NOTHING),
        }

    def head(self, model: str) -> AnswerHead:
        """What every piece repeats."""
        return AnswerHead(self.request_id, self.created, model)

    def _chunk(
        self, model: str, index: int, content: dict[str, Any], finish_reason: str | None = None
    ) -> dict[str, Any]:
        numbered = {"index": self.first + index, "logprobs": None}
        choice = numbered | content | {"finish_reason": finish_reason}
        return self.dialect.stream_chunk(self.head(model), [choice])

    def _logprobs(self, tokens: Sequence[TokenLogprob], offset: int) -> dict[str, Any] | None:
        wanted = self.prepared.request.sampling.logprobs
        if wanted is None:
            return None
        # Servers are asked for one alternative at least, or they leave log-probabilities out; and
        # some list the token itself first, though others are likelier.
        shown = [
            replace(token, top=tuple(sorted(token.top, key=lambda top: -top[1])[:wanted]))
            for token in tokens
        ]
        return self.dialect.logprobs(shown, offset)


_NOTHING: Final = Tally("", 0, 0, 0, 0.0, 0.0)


def together(parts: Sequence[tuple[Answer, Outcome]], details: dict[str, Any]) -> Any:
    """One answer from those to each prompt: choices in order, usage summed up."""
    answer, outcome = parts[0]
    choices = [choice for each, its in parts for choice in each.choices(its)]
    best = outcome.choice.candidates[:1]
    head = answer.head(best[0].model if best else answer.prepared.task.models[-1].id)
    usages = [each.usage(its) for each, its in parts]
    usage = usages[0] if len(usages) == 1 else summed(usages)
    return answer.dialect.whole_answer(answer.prepared.request, head, choices, usage, details)


def summed(usages: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Usage of several answers."""
    total: Counter[str] = Counter()
    details: Counter[str] = Counter()
    for usage in usages:
        total.update({name: count for name, count in usage.items() if name != _DETAILS})
        details.update(usage.get(_DETAILS, {}))
    return {**total, **({_DETAILS: dict(details)} if details else {})}


_DETAILS: Final = "prompt_tokens_details"


def _tally(draw: RunningDraw, sample: Sample, text: str) -> Tally:
    return Tally(
        text,
        draw.prompt_tokens,
        draw.cached_tokens or 0,
        sample.tokens,
        prompt_ms=1000 * draw.prompt_s,
        predicted_ms=1000 * draw.predicted_s,
    )


def _usage(chosen: Sequence[tuple[RunningDraw, Sample]]) -> dict[str, Any]:
    """The prompt once. Of several draws of it the one counts that had to compute the most.

    Where a server does not say, nothing is told of a cache.
    """
    prompt = max((draw.prompt_tokens for draw, _ in chosen), default=0)
    completion = sum(sample.tokens for _, sample in chosen)
    usage: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    cached = [draw.cached_tokens for draw, _ in chosen if draw.prompt_tokens == prompt]
    known = [count for count in cached if count is not None]
    if known and len(known) == len(cached):
        usage[_DETAILS] = {"cached_tokens": min(known)}
    return usage


def event(data: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + to_json(data) + b"\n\n"
