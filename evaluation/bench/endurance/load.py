"""What clients ask during a soak: a seeded mixture of everything that a gateway offers.

Every request is valid, so that an error is the gateway's own, an injected fault, or one of those
that its budget or its session may bring it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from evaluation.bench.endurance.scripted import mark

COMPLETIONS: Final = "/v1/completions"
CHAT: Final = "/v1/chat/completions"
INFILL: Final = "/infill"

ALWAYS: Final = frozenset({"overloaded"})
"""Codes that any request may be answered with: nobody is promised a place."""

_SESSIONS: Final = 3
_PROMPT: Final = '# {mark}\ndef add_{number}(a, b):\n    """Add two numbers."""\n'
_TESTS: Final = {
    "kind": "asserts",
    "code": "assert add_{number}(1, 2) == 3",
    "entry_point": "add_{number}",
}


class Kind(StrEnum):
    """What is asked for."""

    PLAIN = "plain"
    STREAM = "stream"
    CHAT = "chat"
    CHAT_STREAM = "chat stream"
    SEVERAL = "n above 1"
    PROMPTS = "several prompts"
    TESTS = "tests"
    FLOPS = "FLOPs budget"
    LATENCY = "latency budget"
    SESSION = "session"
    INFILL = "infill"


_STREAMS: Final = frozenset({Kind.STREAM, Kind.CHAT_STREAM})
_WHOLE: Final = frozenset({Kind.PLAIN, Kind.CHAT})


class Leaving(StrEnum):
    """When a client hangs up."""

    NEVER = "never"
    QUEUED = "while queued"
    BEFORE = "before the first token"
    MIDST = "in mid-stream"


@dataclass(frozen=True, slots=True)
class Wish:
    """One request of a client.

    It goes to `model`, may be answered with the codes in `allowed` where nothing is wrong, and
    its client leaves `after` so many seconds, or in mid-stream once so many chunks came.
    """

    number: int
    kind: Kind
    model: str
    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    allowed: frozenset[str] = ALWAYS
    leaving: Leaving = Leaving.NEVER
    after: float = 0.0
    chunks: int = 0

    @property
    def stream(self) -> bool:
        """Whether the answer is to come in pieces."""
        return bool(self.body.get("stream"))


def wishes(
    models: Sequence[str], filling: Sequence[str], seed: int, *, sandbox: bool
) -> Iterator[Wish]:
    """What is asked, one after the other, without end.

    Tests are sent only where there is a `sandbox`, and gaps only to the models that are `filling`
    them.
    """
    chance = random.Random(seed)  # noqa: S311 no secret
    able = {kind: models for kind in Kind if sandbox or kind is not Kind.TESTS}
    able[Kind.INFILL] = filling
    kinds = [kind for kind, some in able.items() if some]
    number = 0
    while True:
        number += 1
        kind = chance.choice(kinds)
        yield _leaving(_wish(number, kind, chance.choice(able[kind]), chance), chance)


def _wish(number: int, kind: Kind, model: str, chance: random.Random) -> Wish:
    path, body = _asked(number, kind, chance)
    headers, allowed = _limits(kind, chance)
    stream = kind in _STREAMS or (kind not in _WHOLE and chance.random() < 1 / 2)
    length = "n_predict" if kind is Kind.INFILL else "max_tokens"
    body |= {"model": model, "stream": stream, length: chance.randint(8, 64)}
    if chance.random() < 1 / 2:
        body |= {"explain": True}
    return Wish(number, kind, model, path, body, headers, ALWAYS | allowed)


def _asked(number: int, kind: Kind, chance: random.Random) -> tuple[str, dict[str, Any]]:
    """Where it goes, and what is in it."""
    prompt = _PROMPT.format(mark=mark(number), number=number)
    text = {"prompt": prompt}
    match kind:
        case Kind.CHAT | Kind.CHAT_STREAM:
            return CHAT, {"messages": [{"role": "user", "content": f"{prompt}Write its body."}]}
        case Kind.SEVERAL:
            return COMPLETIONS, text | {"n": chance.randint(2, 4), "temperature": 0.8}
        case Kind.PROMPTS:
            return COMPLETIONS, {"prompt": [f"{prompt}# {at}\n" for at in range(3)]}
        case Kind.TESTS:
            tests = {key: value.format(number=number) for key, value in _TESTS.items()}
            return COMPLETIONS, text | {"tests": tests}
        case Kind.INFILL:
            after = f"\n\nprint(add_{number}(1, 2))\n"
            return INFILL, {"input_prefix": prompt, "input_suffix": after}
        case _:
            return COMPLETIONS, text


def _limits(kind: Kind, chance: random.Random) -> tuple[dict[str, str], frozenset[str]]:
    """The headers that limit it, and what may come of that."""
    match kind:
        case Kind.FLOPS:
            flops = f"{chance.uniform(0.03, 0.3):.3f}T"
            return {"X-Budget-FLOPs": flops}, frozenset({"budget_too_small"})
        case Kind.LATENCY:
            milliseconds = str(chance.randint(200, 4000))
            return {"X-Budget-Latency-Ms": milliseconds}, frozenset({"deadline_exceeded"})
        case Kind.SESSION:
            name = f"session-{chance.randrange(_SESSIONS)}"
            return {"X-Session-Id": name}, frozenset({"superseded"})
        case _:
            return {}, frozenset()


def _leaving(wish: Wish, chance: random.Random) -> Wish:
    """Half of the clients stay."""
    if chance.random() < 1 / 2:
        return wish
    leaving = chance.choice((Leaving.QUEUED, Leaving.BEFORE, Leaving.MIDST))
    after = chance.uniform(0, 0.03) if leaving is Leaving.QUEUED else chance.uniform(0, 0.6)
    chunks = chance.randint(1, 12) if leaving is Leaving.MIDST and wish.stream else 0
    return replace(wish, leaving=leaving, after=after, chunks=chunks)
