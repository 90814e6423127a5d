"""The models as one request uses them: what each of its draws asks of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Final

from policies.protocol import Draw
from router.plan.programs import Gap
from router.plan.programs.prompts.asserts import SENT_STOPS
from router.request import RouteRequest, SampleRequest, TextPrompt
from router.upstream.client import Upstream
from router.upstream.said.chunks import Chunk

_SAMPLING: Final = frozenset({"top_p", "seed"})
"""Fields that tests have in common with answers; a client's others are about answers."""


@dataclass(slots=True)
class RequestSampler:
    """The upstreams as one request uses them: its prompt, fields, seed and deadline."""

    upstreams: Mapping[str, Upstream]
    request: RouteRequest
    wants_nll: bool
    deadline: float | None = None
    _drawn: int = field(default=0, init=False)

    def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        """Stream the samples of a draw."""
        sampling = self.request.sampling
        passed_on = {k: v for k, v in sampling.passed_on.items() if v is not None}
        if draw.top_p is not None:
            passed_on.setdefault("top_p", draw.top_p)
        if self.request.seed is not None:
            # One seed for every draw would draw the same samples again.
            passed_on["seed"] = _wrapped(self.request.seed + self._drawn)
        self._drawn += draw.n
        if draw.for_tests:
            own = {name: value for name, value in passed_on.items() if name in _SAMPLING}
            if isinstance(sampling.prompt, TextPrompt):
                own["stop"] = list(SENT_STOPS)
            tests = SampleRequest(
                sampling.prompt, own, deadline=self.deadline, caller=self.request.caller
            )
            return self.upstreams[draw.model].sample(draw, tests)
        logprobs = 0 if sampling.logprobs is None and self.wants_nll else sampling.logprobs
        until = None if (gap := gap_of(self.request)) is None else gap.until
        return self.upstreams[draw.model].sample(
            draw,
            SampleRequest(
                *(sampling.prompt, passed_on, logprobs, sampling.asked, sampling.echo),
                until=until,
                deadline=self.deadline,
                caller=self.request.caller,
                hints=sampling.hints,
            ),
        )

    def token_per_chunk(self, model: str) -> bool:
        """Whether every chunk with text from this model is one token."""
        return self.upstreams[model].token_per_chunk


def gap_of(request: RouteRequest) -> Gap | None:
    """The gap that answers go into, where they need not be as the model says them."""
    match request:
        case RouteRequest(tests=None, sampling=SampleRequest(prompt=TextPrompt(text, suffix))):
            return None if suffix is None else Gap(text, suffix)
        case _:
            return None


def _wrapped(seed: int) -> int:
    """A seed within 64 bits, as servers take them."""
    return (seed + 2**63) % 2**64 - 2**63
