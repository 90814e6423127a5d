"""Domain values out, OpenAI JSON: plain answers and stream chunks of both endpoints."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from router.gateway import Prepared
from router.plan.draws import RunningDraw, Sample
from router.plan.run import Outcome
from router.request import TextPrompt
from router.upstream.chunks import TokenLogprob

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """The head that every piece of one answer shares."""

    prepared: Prepared
    request_id: str
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def chat(self) -> bool:
        """Whether this answers a chat request."""
        return self.prepared.request.kind == "chat"

    def plain(self, outcome: Outcome) -> dict[str, Any]:
        """The whole answer as one object."""
        chosen = self._chosen(outcome)
        choices = []
        for index, (_, sample) in enumerate(chosen):
            logprobs = self._logprobs(sample.logprobs, offset=0)
            if self.chat:
                content: dict[str, Any] = {"message": {"role": "assistant", "content": sample.text}}
            else:
                content = {"text": self._echo + sample.text}
            choices.append(
                {"index": index, **content, "logprobs": logprobs, "finish_reason": sample.ending}
            )
        name = "chat.completion" if self.chat else "text_completion"
        model = outcome.choice.candidates[0].model
        return self._head(name, model) | {"choices": choices, "usage": usage(chosen)}

    def opening(self, model: str, index: int = 0) -> Iterator[dict[str, Any]]:
        """What comes before the first token of a choice."""
        if self.chat:
            yield self._chunk(model, index, {"delta": {"role": "assistant", "content": ""}})
        elif self._echo:
            yield self._chunk(model, index, {"text": self._echo})

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
        content: dict[str, Any] = {"delta": {"content": text}} if self.chat else {"text": text}
        return self._chunk(model, index, content | {"logprobs": self._logprobs(tokens, offset)})

    def ending(self, model: str, finish_reason: str, index: int = 0) -> dict[str, Any]:
        """The end of a choice."""
        content: dict[str, Any] = {"delta": {}} if self.chat else {"text": ""}
        return self._chunk(model, index, content, finish_reason)

    def usage_chunk(self, outcome: Outcome) -> dict[str, Any]:
        """OpenAI's usage chunk, which has no choices.

        Where nothing was chosen, a stream was cut by its deadline: what was sent of it counts.
        """
        last = outcome.draws[-1]
        model = last.draw.model
        return self._head(self._chunk_name, model) | {
            "choices": [],
            "usage": usage(self._chosen(outcome) or [(last, last.samples[0])]),
        }

    def whole_stream(self, outcome: Outcome) -> Iterator[dict[str, Any]]:
        """The chosen answers as chunks, when they were only known at the end."""
        for index, (draw, sample) in enumerate(self._chosen(outcome)):
            model = draw.draw.model
            yield from self.opening(model, index)
            yield self.piece(model, sample.text, sample.logprobs, index=index)
            yield self.ending(model, sample.ending, index)

    def _chosen(self, outcome: Outcome) -> list[tuple[RunningDraw, Sample]]:
        """As many choices as were asked for; at temperature 0 one answer stands for all."""
        samples = {sample.id: (draw, sample) for draw in outcome.draws for sample in draw.samples}
        chosen = [samples[candidate.id] for candidate in outcome.choice.candidates]
        n = self.prepared.request.n
        if self.prepared.task.greedy and chosen:
            chosen += chosen[:1] * (n - len(chosen))
        return chosen[:n]

    @property
    def _echo(self) -> str:
        prompt = self.prepared.request.prompt
        return prompt.text if self.prepared.request.echo and isinstance(prompt, TextPrompt) else ""

    @property
    def _chunk_name(self) -> str:
        return "chat.completion.chunk" if self.chat else "text_completion"

    def _head(self, name: str, model: str) -> dict[str, Any]:
        prefix = "chatcmpl" if self.chat else "cmpl"
        return {
            "id": f"{prefix}-{self.request_id}",
            "object": name,
            "created": self.created,
            "model": model,
        }

    def _chunk(
        self, model: str, index: int, content: dict[str, Any], finish_reason: str | None = None
    ) -> dict[str, Any]:
        choice = {"index": index, "logprobs": None, **content, "finish_reason": finish_reason}
        return self._head(self._chunk_name, model) | {"choices": [choice]}

    def _logprobs(self, tokens: Sequence[TokenLogprob], offset: int) -> dict[str, Any] | None:
        wanted = self.prepared.request.sampling.logprobs
        if wanted is None:
            return None
        # Servers are asked for one alternative at least, or they leave log-probabilities out.
        tokens = [replace(token, top=token.top[:wanted]) for token in tokens]
        return _chat_logprobs(tokens) if self.chat else _completion_logprobs(tokens, offset)


def usage(chosen: Sequence[tuple[RunningDraw, Sample]]) -> dict[str, int]:
    """Tokens of the answers that are returned; what else was spent is in the `router` object."""
    prompt = max((draw.prompt_tokens for draw, _ in chosen), default=0)
    completion = sum(sample.tokens for _, sample in chosen)
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


def _chat_logprobs(tokens: Sequence[TokenLogprob]) -> dict[str, Any]:
    def entry(token: str, logprob: float) -> dict[str, Any]:
        return {"token": token, "logprob": logprob, "bytes": list(token.encode())}

    return {
        "content": [
            entry(token.token, token.logprob)
            | {"top_logprobs": [entry(*alternative) for alternative in token.top]}
            for token in tokens
        ]
    }


def _completion_logprobs(tokens: Sequence[TokenLogprob], offset: int) -> dict[str, Any]:
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.token)
    return {
        "tokens": [token.token for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [dict(token.top) for token in tokens],
        "text_offset": offsets,
    }
