"""What a step of a server makes of a beginning: where its lines end, and whether it is an answer.

Servers look for stop sequences in what they generate and not in what they were given. So one that
began in a step before is looked for here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from evaluation.selection.tree.rebase import Beginning, Node
from router.upstream.said.chunks import TokenLogprob

AT_LIMIT: Final = "length"
STOPPED: Final = "stop"


@dataclass(frozen=True, slots=True)
class Step:
    """What a server said: its text, the tokens of it, and how it ended.

    A token without text was held back, since a stop sequence might begin there: the next token with
    text has its text as well. Behind such tokens at the end no text came: they are those of a stop,
    or lost at a limit.
    """

    text: str
    tokens: tuple[TokenLogprob, ...]
    ending: str


def node_after(start: Beginning, step: Step, stops: Sequence[str], most_tokens: int) -> Node:
    """The node that a step makes of a beginning, an answer of `most_tokens` at most."""
    text = start.text + step.text
    if (at := _crossing(start.text, text, stops)) is not None:
        found = next(stop for stop in stops if text.startswith(stop, at))
        said = _up_to(step.tokens, at + len(found) - len(start.text))
        answer = _longer(start, text[:at], said)
        return Node(answer, answer, STOPPED)
    if step.ending != AT_LIMIT:
        answer = _longer(start, text, step.tokens)
        return Node(answer, answer, step.ending)
    told = _with_text(step.tokens)
    whole = _longer(start, text, told)
    if whole.tokens >= most_tokens or not step.text:
        return Node(whole, whole, AT_LIMIT)
    lines = step.text.rfind("\n") + 1
    if not lines or not _aligned(step.text, told):
        return Node(whole, whole)
    return Node(whole, _longer(start, text[: len(start.text) + lines], _up_to(told, lines)))


def _crossing(before: str, text: str, stops: Sequence[str]) -> int | None:
    """Where the first stop sequence begins that begins before a step and ends in it."""
    found = (text.find(stop, max(0, len(before) - len(stop) + 1)) for stop in stops)
    return min((at for at in found if at >= 0), default=None)


def _longer(start: Beginning, text: str, tokens: Sequence[TokenLogprob]) -> Beginning:
    known = [token.logprob for token in tokens if token.logprob is not None]
    return Beginning(text, start.tokens + len(known), start.logprob + sum(known))


def _with_text(tokens: Sequence[TokenLogprob]) -> tuple[TokenLogprob, ...]:
    """Without those at the end whose text never came."""
    last = max((at for at, token in enumerate(tokens) if token.token), default=-1)
    return tuple(tokens[: last + 1])


def _aligned(text: str, tokens: Sequence[TokenLogprob]) -> bool:
    """Whether the tokens are those of the text: not where a character is made of several."""
    return "".join(token.token for token in tokens) == text


def _up_to(tokens: Sequence[TokenLogprob], end: int) -> Sequence[TokenLogprob]:
    """The tokens of the first `end` characters.

    A token that reaches further is one of them, unless a held-back one before it has the part.
    """
    length = 0
    for at, token in enumerate(tokens):
        if length >= end:
            return tokens[:at]
        length += len(token.token)
        if length > end and at and not tokens[at - 1].token:
            return tokens[:at]
    return tokens
