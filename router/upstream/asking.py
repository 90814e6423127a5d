"""A request for samples: what is sent of it to a server that does not take all of OpenAI's fields.

Most servers that do not take a field say so with an error that names it. A field that we sent of
our own accord is then left out, or sent under its other name, and the server is asked again; what
has worked is remembered. It guards against blaming the client for what it did not send, and against
misreading an error: nothing is remembered that did not help, and what makes a draw the one that the
plan asked for is never left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Self

from router.request import SampleRequest
from router.upstream.failures import PromptTooLong, UpstreamBusy, UpstreamError
from router.upstream.lengths import kinds_of_parts
from router.upstream.said.refusals import Refusal

COMPLETIONS: Final = "/v1/completions"
CHATS: Final = "/v1/chat/completions"

_DECIDED: Final = frozenset({"model", "stream", "stream_options", "n"})
"""Ours whatever the client sent."""

_DECISIVE: Final = frozenset(
    {"model", "prompt", "messages", "stream", "n", "max_tokens", "temperature"}
)
"""What makes a draw: without one of these it would be another."""

_LIMIT, _CHATS_LIMIT = "max_tokens", "max_completion_tokens"

_WITHIN: Final[Mapping[str, str]] = {"top_logprobs": "logprobs"}
"""Fields that mean nothing without another."""


@dataclass(frozen=True, slots=True)
class Habit:
    """Fields that a server is spared, by endpoint ("" is any), and which limit its chats take."""

    spared: frozenset[tuple[str, str]] = frozenset()
    completion_limit: bool = False

    @classmethod
    def configured(cls, *, logprobs: bool, stream_options: bool, completion_limit: bool) -> Self:
        """What an operator says of a server; more may be learned."""
        sent = {"logprobs": logprobs, "stream_options": stream_options}
        spared = frozenset(("", name) for name, is_sent in sent.items() if not is_sent)
        return cls(spared, completion_limit)

    def spares(self, path: str, name: str) -> bool:
        """Whether a field, or the one that it needs, is left out."""
        names = {name, _WITHIN.get(name, name)}
        return any(at in {"", path} and spared in names for at, spared in self.spared)

    def joined(self, other: Habit) -> Habit:
        """What both know: of two draws at once each may have learned something."""
        return Habit(self.spared | other.spared, self.completion_limit or other.completion_limit)

    @property
    def shown(self) -> str:
        """For people."""
        without = sorted({name for _, name in self.spared})
        limit = [f"{_CHATS_LIMIT} for {_LIMIT}"] if self.completion_limit else []
        return ", ".join([f"no {name}" for name in without] + limit)


PLAIN: Final = Habit()
"""Of a server that takes everything."""


@dataclass(slots=True)
class Habits:
    """The habit of one server, as it is now."""

    now: Habit = PLAIN


@dataclass(frozen=True, slots=True)
class Asking:
    """A request for samples, with all that we like to send."""

    path: str
    body: Mapping[str, Any]
    request: SampleRequest

    def fitted(self, habit: Habit) -> dict[str, Any]:
        """The body as a server takes it. What the client asked for stays."""
        fit = dict(self.body)
        if habit.spared:
            asked = self.request.asked - _DECIDED
            fit = {n: v for n, v in fit.items() if n in asked or not habit.spares(self.path, n)}
        if habit.completion_limit and self.path == CHATS:
            fit[_CHATS_LIMIT] = fit.pop(_LIMIT)
        return fit

    def learned(self, habit: Habit, refusal: Refusal) -> Habit | None:
        """The habit that avoids a refusal; None where it is not about a field that we can spare."""
        if not refusal.of_the_request or refusal.of_the_length or self._unreadable(refusal):
            return None
        refused = self._at_fault(habit, refusal)
        may_rename = self.path == CHATS and not habit.completion_limit
        # One that tells a number finds fault with ours, and not with what it is called.
        if may_rename and (
            refusal.says(_CHATS_LIMIT) or (refused == _LIMIT and not refusal.tells_a_number)
        ):
            return Habit(habit.spared, completion_limit=True)
        if refused is None or refused not in self._spare(habit):
            return None
        return Habit(habit.spared | {(self.path, refused)}, habit.completion_limit)

    def failure(self, model: str, refusal: Refusal) -> UpstreamError:
        """What a refusal is to the client, whose fault it is only where it asked for it."""
        said, status = refusal.shown, refusal.answered
        if refusal.status == HTTPStatus.TOO_MANY_REQUESTS and refusal.retry_after_s is not None:
            return UpstreamBusy(model, said, retry_after_s=refusal.retry_after_s, status=status)
        if self._unreadable(refusal):
            return UpstreamError(model, said, rejected=True, status=status)
        if refusal.of_the_length:  # some call that a fault of their own
            return PromptTooLong(model, said, status=status)
        if not refusal.of_the_request:
            # Some call it a fault of their own that they cannot take an image.
            own_parts = any(kind in said.lower() for kind in kinds_of_parts(self.request.prompt))
            return UpstreamError(model, said, rejected=own_parts, status=status)
        refused = self._at_fault(PLAIN, refusal)  # also one that was left out in vain
        if refused is not None and refused not in self._clients:
            reason = f"does not take {refused!r}, which is not of the client's request: it {said}"
            return UpstreamError(model, reason, status=status)
        return UpstreamError(model, said, rejected=True, status=status)

    def _spare(self, habit: Habit) -> frozenset[str]:
        """What is sent to be told more, or to be sure of a default, and can be left out."""
        theirs = self.request.asked - _DECIDED | self.request.passed_on.keys()
        return frozenset(self.fitted(habit)) - _DECISIVE - {_CHATS_LIMIT} - theirs

    @property
    def _clients(self) -> frozenset[str]:
        asked = self.request.asked - _DECIDED
        limit = {_LIMIT, _CHATS_LIMIT} if asked & {_LIMIT, _CHATS_LIMIT} else set()
        return asked | limit | {"prompt", "messages"}

    def _unreadable(self, refusal: Refusal) -> bool:
        """Whether the server could not read something of the client's, and says what.

        Some call that a fault of their own, as they do all that they did not look at before.
        """
        if refusal.unparsed in self._clients:
            return True
        theirs = self.request.passed_on.items()
        return refusal.quotes_any((name, said) for name, said in theirs if isinstance(said, str))

    def _at_fault(self, habit: Habit, refusal: Refusal) -> str | None:
        return refusal.field(self.fitted(habit), jargon=self._spare(habit) | {_LIMIT, _CHATS_LIMIT})
