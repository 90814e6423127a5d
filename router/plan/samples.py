"""One choice of a draw as it comes: what it has said so far, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from policies.estimators import averaged_nll
from policies.values import TOTAL_NLL
from router.request import Fit
from router.upstream.said.chunks import Chunk, TokenLogprob

CANCELLED: Final = "cancelled"


class Following(Protocol):
    """What hears an answer as it comes, and knows where it belongs. Costs little."""

    @property
    def sure(self) -> int:
        """So much of it is the answer's, whatever comes."""
        ...

    @property
    def fit(self) -> Fit:
        """What of it is the answer, where it has ended."""
        ...

    def hear(self, piece: str) -> bool:
        """Add a piece; whether the answer has ended, whatever comes."""
        ...


@dataclass(slots=True)
class Sample:
    """One choice of a draw.

    `thoughts` are what it thinks, where its server tells that apart. `calls` are the calls of tools
    that it asks for, by their place. `tokens` are those seen, or the server's own count once it
    came. `counted` is false where a piece came whose number of tokens is unknown. The first
    `echoed` of `logprobs` are the prompt's. `trimmed` is what it said after its answer's end.
    `following` hears it where it may end before its server ends it; `ended_early` says that it did,
    and was not heard out: from there on only its tokens count. It `is_over` when its server has
    said so.
    """

    id: int
    index: int
    parts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    echoed: int = 0
    tokens: int = 0
    counted: bool = True
    finish_reason: str | None = None
    trimmed: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    following: Following | None = None
    ended_early: bool = False
    is_over: bool = False

    @property
    def text(self) -> str:
        """What the sample says so far, verbatim but for what is `trimmed`."""
        return "".join(self.parts)

    @property
    def ending(self) -> str:
        """How the sample ended: its finish reason, or that it was cut off by us or a failure.

        What was cut only after the answer's end is whole.
        """
        if self.trimmed and self.finish_reason in {None, "length"}:
            return "stop"
        return self.finish_reason or CANCELLED

    @property
    def partial(self) -> bool:
        """Whether it ended neither by itself nor by its limit, and is not whole all the same."""
        return self.finish_reason is None and not self.trimmed

    @property
    def sure(self) -> int:
        """So much of its text is its own whatever comes, and can be sent."""
        if self.following is None or self.finish_reason is not None:
            return len(self.text)
        return self.following.sure

    @property
    def nll(self) -> float | None:
        """Averaged negative log-likelihood (Eq. 7 of the paper); None without log-probabilities."""
        if not (own := self._own_logprobs):
            return None
        mean = averaged_nll(own)
        return mean if math.isfinite(mean) else None

    @property
    def _own_logprobs(self) -> list[float]:
        return [t.logprob for t in self.logprobs[self.echoed :] if t.logprob is not None]

    def take(self, chunk: Chunk, tokens: int, *, counted: bool) -> None:
        """Add a piece, after which the sample has so many tokens."""
        self.tokens, self.counted = tokens, counted
        if self.ended_early:
            return
        self.parts.append(chunk.text)
        if chunk.thought:
            self.thoughts.append(chunk.thought)
        for piece in chunk.tool_calls:
            self._take_call(piece)
        self.logprobs.extend(chunk.tokens or ())
        self.echoed += chunk.echoed

    @property
    def thought(self) -> str:
        """All that it thinks; it is no part of what it says."""
        return "".join(self.thoughts)

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        """The calls that it asks for, whole, in order."""
        return [self.calls[index] for index in sorted(self.calls)]

    def _take_call(self, piece: Mapping[str, Any]) -> None:
        empty = {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
        call = self.calls.setdefault(piece["index"], empty)
        call |= {key: piece[key] for key in ("id", "type") if key in piece}
        for key, text in piece["function"].items():
            call["function"][key] += text

    def fit(self, fit: Fit) -> None:
        """Keep what is the answer, and how it fits; its tokens are spent all the same.

        Tokens without text at its end are those of a stop: they are not the answer's either.
        """
        text = self.text
        self.trimmed = text[fit.kept :]
        if self.trimmed:
            self._cut(text[: fit.kept])
        while self.logprobs and not self.logprobs[-1].token:
            self.logprobs.pop()
        total = -sum(self._own_logprobs) if self._own_logprobs else math.inf
        self.scores = {**fit.scores, TOTAL_NLL: total} if math.isfinite(total) else fit.scores

    def _cut(self, text: str) -> None:
        self.parts, left = [text], len(text)
        kept: list[TokenLogprob] = []
        for token in self.logprobs:
            if left <= 0:
                break
            left -= len(token.token)
            kept.append(token)
        self.logprobs = kept
