"""Answers as JSON: whole, or as the chunks of a stream, in the dialect of their endpoint."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from policies.values import Candidate
from router.gateway import Prepared
from router.http.dialect import Dialect
from router.http.envelope import AnswerHead
from router.http.partial import whole_lines
from router.plan.draws import RunningDraw, Sample
from router.plan.outcome import Outcome
from router.request import Prompt
from router.upstream.chunks import TokenLogprob


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
    """The head that every piece of one answer shares."""

    dialect: Dialect
    prepared: Prepared
    request_id: str
    created: int = field(default_factory=lambda: int(time.time()))

    def plain(self, outcome: Outcome) -> dict[str, Any]:
        """The whole answer as one object."""
        chosen, request = self._chosen(outcome), self.prepared.request
        choices = [
            {
                "index": index,
                **self.dialect.answer(request, each.text(request.prompt)),
                "logprobs": self._logprobs(each.sample.logprobs, offset=0),
                "finish_reason": each.candidate.finish_reason,
            }
            for index, each in enumerate(chosen)
        ]
        model = outcome.choice.candidates[0].model
        return self.dialect.whole_answer(self._head(model), choices, usage(chosen))

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

    def ending(self, model: str, finish_reason: str, index: int = 0) -> dict[str, Any]:
        """The end of a choice."""
        return self._chunk(model, index, self.dialect.ending(), finish_reason)

    def usage_chunk(self, outcome: Outcome) -> dict[str, Any]:
        """OpenAI's usage chunk, which has no choices."""
        chosen = self._chosen(outcome)
        return self.dialect.stream_chunk(self._head(chosen[0].draw.model), [], usage(chosen))

    def whole_stream(self, outcome: Outcome) -> Iterator[dict[str, Any]]:
        """The chosen answers as chunks, when they were only known at the end."""
        for index, each in enumerate(self._chosen(outcome)):
            model, text = each.draw.model, each.text(self.prepared.request.prompt)
            yield from self.opening(model, index)
            yield self.piece(model, text, each.sample.logprobs, index=index)
            yield self.ending(model, each.candidate.finish_reason, index)

    def _chosen(self, outcome: Outcome) -> list[Chosen]:
        """As many choices as were asked for; at temperature 0 one answer stands for all."""
        samples = {sample.id: (draw, sample) for draw in outcome.draws for sample in draw.samples}
        chosen = [Chosen(*samples[each.id], each) for each in outcome.choice.candidates]
        n = self.prepared.request.n
        if self.prepared.task.greedy and chosen:
            chosen += chosen[:1] * (n - len(chosen))
        return chosen[:n]

    def _head(self, model: str) -> AnswerHead:
        return AnswerHead(self.request_id, self.created, model)

    def _chunk(
        self, model: str, index: int, content: dict[str, Any], finish_reason: str | None = None
    ) -> dict[str, Any]:
        choice = {"index": index, "logprobs": None, **content, "finish_reason": finish_reason}
        return self.dialect.stream_chunk(self._head(model), [choice])

    def _logprobs(self, tokens: Sequence[TokenLogprob], offset: int) -> dict[str, Any] | None:
        wanted = self.prepared.request.sampling.logprobs
        if wanted is None:
            return None
        # Servers are asked for one alternative at least, or they leave log-probabilities out.
        shown = [replace(token, top=token.top[:wanted]) for token in tokens]
        return self.dialect.logprobs(shown, offset)


def usage(chosen: Sequence[Chosen]) -> dict[str, int]:
    """Tokens of the answers that are returned; what else was spent is in the `router` object."""
    prompt = max((each.draw.prompt_tokens for each in chosen), default=0)
    completion = sum(each.sample.tokens for each in chosen)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def event(data: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return (
        b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
    )
