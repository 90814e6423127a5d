"""The pieces of a streamed answer, read from whatever shape a server sends them in.

Completions answer in `choices[].text` with `logprobs` as parallel lists (vLLM) or in chat shape
(llama.cpp); chats answer in `choices[].delta.content` with `logprobs.content[]`. Usage may ride on
a choice's last chunk, or arrive in a chunk without choices. An answer that is told at once has the
shape of a chunk whose choices are whole (`text`, `message`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import from_json

from router.upstream.said.caches import cached_tokens, told_cached
from router.upstream.said.texts import Halves, joined, reason_of, text_of, written


class MalformedChunk(ValueError):
    """A chunk that is no OpenAI streaming object."""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token, its log-probability, and the most likely ones in its place.

    The first token of a prompt follows nothing, and has none.
    """

    token: str
    logprob: float | None
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counts them.

    `completion_tokens` is None where no choice's own are told: while the prompt is read, or where
    those of several choices are told `together`. `cached_tokens` of the prompt had not to be
    computed; None where the server does not say. A figure that cannot be is `misreported`; what
    stands here is the nearest that can.
    """

    prompt_tokens: int
    completion_tokens: int | None
    cached_tokens: int | None = None
    misreported: bool = False
    together: int | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of one choice.

    `tokens` is None where the server does not tell which tokens the text is made of. `usage` is
    the server's own count for this choice, where it gives one. `said` is whether it carries text
    at all, be it empty: llama.cpp sends a token that may begin a stop string as an empty text.
    `unsaid` is whether it carries what costs tokens and is no part of the answer's text, such as
    reasoning or a tool call. `whole` is whether the choice was told at once, so that its text is
    any number of tokens. The first `echoed` of its tokens are the prompt's own, repeated.
    `tool_calls` are pieces of calls, as they came; `thought` is what the model thinks, told apart.
    """

    index: int
    text: str = ""
    tokens: tuple[TokenLogprob, ...] | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    said: bool = False
    unsaid: bool = False
    whole: bool = False
    echoed: int = 0
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    thought: str = ""

    @property
    def of_prompt(self) -> bool:
        """Whether it tells of the prompt, and says nothing."""
        alone = self.usage is not None and self.usage.completion_tokens is None
        return alone and not self.said and self.finish_reason is None

    def moves(self, *, token_per_chunk: bool) -> bool:
        """Whether the server got any further with this: a ping or an empty text does not."""
        more = self.tokens or self.least_tokens(token_per_chunk=token_per_chunk)
        return bool(more or self.finish_reason or self.usage)

    def least_tokens(self, *, token_per_chunk: bool) -> int:
        """How many tokens it is made of; at least one where text came without its tokens."""
        if self.tokens is not None:
            return len(self.tokens) - self.echoed
        held_back = token_per_chunk and not self.whole and self.said and self.finish_reason is None
        return int(held_back or self.unsaid or bool(self.text))


def parse_json(text: str | bytes) -> Any:
    """JSON as a server sent it. Raises `MalformedChunk`, also for what is too deep or too long.

    The faster reader takes no half of a surrogate pair, and servers cut characters.
    """
    try:
        return from_json(text)
    except ValueError:
        pass
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedChunk(f"not JSON: {error}") from error


def parse_chunk(
    event: object,
    *,
    last_finished: int | None,
    halves: Halves | None = None,
    spoken: Collection[int] = (),
) -> Iterator[Chunk]:
    """The pieces in one server-sent event, or in a whole answer. Raises `MalformedChunk`.

    `last_finished` is the choice to which usage without a choice belongs; where it is None, that
    is of all choices together. `halves` keeps, from one event of a stream to the next, the first
    half of a character whose second half is still to come. Choices that have `spoken`
    may end without a word. What has neither choices nor usage is no piece.
    """
    if not isinstance(event, Mapping):
        raise MalformedChunk("a chunk is not a JSON object")
    try:
        if (progress := event.get("prompt_progress")) is not None:
            yield Chunk(0, usage=_prompt_only(progress))
            return
        usage, choices = _usage(event), event.get("choices") or ()
        if not choices and usage is not None and last_finished is not None:
            yield Chunk(last_finished, usage=usage)
        elif len(choices) != 1 and usage is not None:
            together = usage.completion_tokens
            yield Chunk(0, usage=replace(usage, completion_tokens=None, together=together))
        for choice in choices:
            yield _choice(choice, usage if len(choices) == 1 else None, halves, spoken)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise MalformedChunk(f"a chunk lacks what a chunk has: {error!r}") from error


def _usage(event: Mapping[str, Any]) -> Usage | None:
    """What is told of tokens; nothing where it is not all told, as Gemini does with no answer's."""
    usage = event.get("usage")
    if usage is None:
        return None
    told = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if None in told:
        return None
    prompt, completion = (int(count) for count in told)
    if min(prompt, completion) < 0:
        raise ValueError(f"less than no tokens: {usage}")
    return Usage(prompt, completion, *cached_tokens(told_cached(usage, event), prompt))


def _prompt_only(progress: Mapping[str, Any]) -> Usage:
    """How far llama.cpp has read a prompt: it says at the beginning what it need not read."""
    prompt = int(progress["total"])
    if prompt < 0:
        raise ValueError(f"less than no tokens: {progress}")
    return Usage(prompt, None, *cached_tokens(progress.get("cache"), prompt))


def _choice(
    choice: Mapping[str, Any],
    usage: Usage | None,
    halves: Halves | None,
    spoken: Collection[int],
) -> Chunk:
    delta = _delta(choice, spoken)
    content = delta.get("content")
    text = choice["text"] if "text" in choice else written(content)
    finish_reason = reason_of(choice.get("finish_reason"))
    index, last = int(choice.get("index") or 0), finish_reason is not None
    return Chunk(
        index=index,
        text=joined(text, index, halves, last=last),
        tokens=_tokens(choice.get("logprobs")) or None,
        finish_reason=finish_reason,
        usage=usage if last else None,
        said=text is not None,
        unsaid=bool(content and not text)
        or any(value for key, value in delta.items() if key not in {"role", "content"}),
        echoed=_echoed(choice, usage),
        tool_calls=_tool_calls(delta.get("tool_calls"), index, halves, last=last),
        thought=_thought(delta, index, halves, last=last),
    )


def _delta(choice: Mapping[str, Any], spoken: Collection[int]) -> Mapping[str, Any]:
    """What a choice of a chat says; of a text nothing.

    LiteLLM ends a text without its `text`, and Azure tells without one what its filters found.
    """
    if "text" in choice:
        return {}
    key = "message" if "message" in choice else "delta"
    ends = choice.get("finish_reason") and choice.get("index") in spoken
    if key not in choice and (ends or "content_filter_results" in choice):
        return {}
    delta: Mapping[str, Any] | None = choice[key]
    return {} if delta is None else delta


def _thought(delta: Mapping[str, Any], index: int, halves: Halves | None, *, last: bool) -> str:
    """What a model thinks before it speaks, by either name that servers have for it."""
    told = delta.get("reasoning_content") or delta.get("reasoning")
    return joined(told, (index, "thought"), halves, last=last) if isinstance(told, str) else ""


def _echoed(choice: Mapping[str, Any], usage: Usage | None) -> int:
    """How many of a choice's tokens are the prompt's, which a server was asked to repeat.

    vLLM puts them before the answer's own, the first with null for its log-probability. It tells in
    `prompt_token_ids` (or, where it does not stream, in `prompt_logprobs`) how many they are; of an
    older one the usage so far tells how many are not.
    """
    values = (choice.get("logprobs") or {}).get("token_logprobs")
    if values and None in values[1:]:
        raise ValueError("only the first token of a prompt has no log-probability")
    if not values or values[0] is not None:
        return 0
    for name in ("prompt_token_ids", "prompt_logprobs"):
        if (told := choice.get(name)) is not None:
            return min(len(told), len(values))
    if usage is None:
        raise ValueError("a prompt was repeated, but not said how far it goes")
    return max(0, len(values) - (usage.completion_tokens or 0))


def _tool_calls(
    calls: Any, choice: int, halves: Halves | None, *, last: bool
) -> tuple[Mapping[str, Any], ...]:
    """Pieces of calls: each names the place of its call, and may have a name and some arguments.

    With the name there always are arguments, though none yet: clients add to what came with it.
    Whole ones have no place but the order in which they are told.
    """
    found = []
    for position, call in enumerate(calls or ()):
        function, place = call.get("function") or {}, call.get("index")
        index = position if place is None else int(place)
        named = {
            key: joined(function[key], (choice, index, key), halves, last=last)
            for key in ("name", "arguments")
            if function.get(key)
        }
        if "name" in named:
            named.setdefault("arguments", "")
        told = {key: text_of(call[key]) for key in ("id", "type") if call.get(key)}
        found.append({"index": index, **told, "function": named})
    return tuple(found)


def _logprob(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"no log-probability: {value!r}")
    return number


def _tokens(logprobs: Mapping[str, Any] | None) -> tuple[TokenLogprob, ...] | None:
    if logprobs is None:
        return None
    if (content := logprobs.get("content")) is not None:
        return tuple(
            TokenLogprob(
                text_of(entry["token"]),
                _logprob(entry["logprob"]),
                tuple(
                    (text_of(top["token"]), _logprob(top["logprob"]))
                    for top in entry.get("top_logprobs") or ()
                ),
            )
            for entry in content
        )
    tokens, values = logprobs.get("tokens"), logprobs.get("token_logprobs")
    if tokens is None or values is None:
        return None
    tops = logprobs.get("top_logprobs") or [None] * len(tokens)
    return tuple(
        TokenLogprob(text_of(token), None if value is None else _logprob(value), _top(top))
        for token, value, top in zip(tokens, values, tops, strict=True)
    )


def _top(alternatives: Mapping[str, Any] | None) -> tuple[tuple[str, float], ...]:
    return tuple((text_of(name), _logprob(value)) for name, value in (alternatives or {}).items())
