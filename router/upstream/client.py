"""One client for any OpenAI-compatible server: samples as a stream of chunks, and token counts.

It always streams, also for clients that do not: so partial cost is known, each sample can be
judged the moment it ends, and closing the stream makes the server stop. Log-probabilities count
tokens (one entry each) and give the averaged NLL for free, but they slow llama.cpp by a tenth or
more; there every chunk is one token, and each choice ends with its own usage, so they are asked
for only where they are wanted.

It guards against servers that are down, slow, answer an error, garbage or half a body: all of
these become an `UpstreamError`. It retries nothing: a retry here would bill work twice. Only a
server that refuses a field which we sent of our own accord, and so has not begun, is asked again
without it (`asking`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog
from pydantic_core import to_json

from policies.protocol import Draw
from router.catalogue.fim import FimTemplate
from router.request import ChatPrompt, Prompt, PromptLength, SampleRequest, TextPrompt, TokenPrompt
from router.upstream import prompts
from router.upstream.asking import CHATS, COMPLETIONS, Asking, Habit, Habits
from router.upstream.failures import UpstreamError, UpstreamUnreachable
from router.upstream.forcing import forcing_of, with_forcing
from router.upstream.lengths import guessed
from router.upstream.priorities import priority
from router.upstream.said.answers import LONGEST_ANSWER, pieces
from router.upstream.said.chunks import Chunk, MalformedChunk, parse_json
from router.upstream.said.refusals import LONGEST_MESSAGE, Refusal, Refused, read_refusal
from router.upstream.servers import SERVERS, ServerDialect
from router.upstream.transport import Answer, Client, TransportError, Unreachable

_log = structlog.get_logger("router")

MOST_TRIES: Final = 5
"""How often one draw is sent, where every time another field of ours is refused."""

LONGEST_COUNT_S = 10.0
"""How long a server may take to count the tokens of a prompt."""

LONGEST_REFUSAL_S: Final = 5.0
"""How long the words of an error are waited for: its status is known without."""

PLAIN: Final = SERVERS["openai"]
"""What a server is taken for that is not said to be another."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """One model at one server.

    `base_url` is asked at every call, since an embedded engine may come back at another port.
    `name` is what the server calls the model, `server` what kind it is, `context` its context
    length in tokens (None if unknown), `fim` how its fill-in-the-middle prompts are written (None
    if it has none). A `patient` upstream may be silent for as long as it likes: draws wait unheard
    for the slots of an engine, and who watches the engine sees when it hangs. One that
    `prioritizes` serves first what is due first. `habits` are what it was seen not to take.
    `replica` names the server where there are several of the model.
    """

    id: str
    client: Client
    base_url: Callable[[], str]
    name: str
    max_batch: int
    context: int | None = None
    fim: FimTemplate | None = None
    server: ServerDialect = PLAIN
    api_key: str | None = None
    patient: bool = False
    prioritizes: bool = False
    replica: str | None = None
    habits: Habits = field(default_factory=Habits, compare=False)

    @property
    def label(self) -> str:
        """For people: the model, and which of its servers."""
        return self.id if self.replica is None else f"{self.id} at {self.replica}"

    async def count_tokens(
        self,
        prompt: Prompt,
        within_s: float = LONGEST_COUNT_S,
        caller: str | None = None,  # noqa: ARG002 of no matter to a lone server
    ) -> PromptLength:
        """Prompt tokens, by the server's tokenizer; a guess with a bound where none tells in time.

        Raises `UpstreamUnreachable`, and `UpstreamError` for a suffix that it cannot take.
        """
        rendered = self.render(prompt)
        if not self.server.forces_calls:
            rendered = with_forcing(rendered)
        if not self.server.counts_tokens:
            return guessed(rendered)
        try:
            async with asyncio.timeout(within_s):
                counted = await self.server.count_tokens(rendered, self.name, self.post)
        except UpstreamUnreachable:
            raise
        except (UpstreamError, TimeoutError, KeyError, TypeError, ValueError, OverflowError):
            counted = None
        return guessed(rendered) if counted is None else PromptLength(counted)

    async def sample(self, draw: Draw, request: SampleRequest) -> AsyncGenerator[Chunk, None]:
        """Stream the samples of one draw; closing the generator aborts them.

        Raises `UpstreamError`.
        """
        forces = self.server.forces_calls
        forcing = None if forces else forcing_of(request.prompt, request.passed_on)
        asking, known = self._asking(draw, request), self.habits.now
        habit = known
        if forcing is not None:
            asking = replace(asking, body={**asking.body, **forcing.fields})
        for _ in range(MOST_TRIES):
            begun = False
            try:
                async with aclosing(self._tried(asking, habit, draw.n)) as chunks:
                    async for chunk in chunks:
                        if not begun:
                            begun = True
                            if habit != known:
                                self._keep(habit)
                        told = chunk if forcing is None else forcing.read(chunk)
                        yield _undrawn(told, request) if draw.max_tokens == 0 else told
            except Refused as refused:
                refusal = refused.refusal
            else:
                return
            learned = None if begun else asking.learned(habit, refusal)
            if learned is None:
                break
            habit = learned
        raise asking.failure(self.id, refusal)

    async def get(self, path: str) -> Any:
        """What the server answers at a path, as JSON. Raises `UpstreamError`."""
        return await self._answer("GET", path, None)

    async def post(
        self,
        path: str,
        body: dict[str, Any],
        caller: str | None = None,  # noqa: ARG002 of no matter to a lone server
    ) -> dict[str, Any]:
        """What the server answers to JSON at a path, an object. Raises `UpstreamError`."""
        answer = await self._answer("POST", path, body)
        if not isinstance(answer, dict):
            raise UpstreamError(self.id, "answered garbage: not a JSON object")
        return answer

    @property
    def token_per_chunk(self) -> bool:
        """Whether every chunk with text is one token."""
        return self.server.token_per_chunk

    def render(self, prompt: Prompt) -> Prompt:
        """The prompt as it is written for the model. Raises `UpstreamError`: see `rendered`."""
        try:
            return prompts.rendered(prompt, self.fim)
        except prompts.NoMiddle as error:
            raise UpstreamError(self.id, str(error), rejected=True) from None

    def _asking(self, draw: Draw, request: SampleRequest) -> Asking:
        asked = request.prompt
        prompt = asked if draw.prompt is None else prompts.of_the_plan(draw.prompt, asked)
        body: dict[str, Any] = {
            **self.server.plain_sampling,
            **self.server.telling,
            **prompts.stopping(prompt, request, self.fim, self.server),
            "model": self.name,
            "n": draw.n,
            "max_tokens": draw.max_tokens,
            "temperature": draw.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self.server.echoes and (request.echo or draw.max_tokens == 0):
            body["echo"] = True
            body["stream_options"]["continuous_usage_stats"] = True
        if self.prioritizes:
            body.setdefault("priority", priority(request.deadline))
        logprobs = request.logprobs
        if logprobs is None and not self.token_per_chunk:
            logprobs = 0
        wanted = {} if logprobs is None else {"logprobs": max(1, logprobs)}
        match self.render(prompt):
            case TextPrompt(text=told) | TokenPrompt(tokens=told):
                own = {"prompt": told if isinstance(told, str) else list(told)} | wanted
                return Asking(COMPLETIONS, {**self.server.of_text(body), **own}, request)
            case ChatPrompt(messages=messages, tools=tools):
                if tools:
                    body["tools"] = list(tools)
                if logprobs is not None:
                    body |= {"logprobs": True, "top_logprobs": max(1, logprobs)}
                return Asking(CHATS, body | {"messages": list(messages)}, request)

    async def _tried(self, asking: Asking, habit: Habit, n: int) -> AsyncGenerator[Chunk, None]:
        """The pieces of an answer, if the server takes the request. Raises `Refused` as well."""
        body = asking.fitted(habit)
        answer = await self._asked("POST", asking.path, body, self.server.headers)
        told = pieces(
            answer,
            n=n,
            token_per_chunk=self.token_per_chunk,
            patience_s=None if self.patient else self.client.read_s,
        )
        try:
            if not answer.is_success:
                raise Refused(await _refusal(answer))
            async for chunk in told:
                yield chunk
        except MalformedChunk as error:
            raise UpstreamError(self.id, f"answered garbage: {error}") from error
        except TransportError as error:
            raise UpstreamError(self.id, str(error)) from error
        finally:
            await told.aclose()
            answer.close()

    def _keep(self, habit: Habit) -> None:
        """Remember what has worked, with what others have learned meanwhile."""
        if (habit := self.habits.now.joined(habit)) != self.habits.now:
            self.habits.now = habit
            _log.warning("a server does not take all fields", model=self.id, sends=habit.shown)

    async def _asked(
        self, method: str, path: str, body: dict[str, Any] | None, headers: Mapping[str, str]
    ) -> Answer:
        """The answer, whatever its status; it must be closed. Raises `UpstreamError`."""
        sent = None if body is None else to_json(body)
        given = {**headers, **self._own_headers}
        url = self.base_url() + path
        try:
            return await self.client.ask(method, url, sent, given, patient=self.patient)
        except Unreachable as error:
            raise UpstreamUnreachable(self.id, str(error)) from error
        except TransportError as error:
            raise UpstreamError(self.id, str(error)) from error

    @property
    def _own_headers(self) -> dict[str, str]:
        key = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return {"Content-Type": "application/json"} | key

    def _failure(self, refusal: Refusal) -> UpstreamError:
        """What a refusal is of what is no draw."""
        said, status = refusal.shown, refusal.answered
        return UpstreamError(self.id, said, rejected=refusal.of_the_request, status=status)

    async def _answer(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        answer = await self._asked(method, path, body, {})
        try:
            if not answer.is_success:
                refusal = await _refusal(answer)
                raise self._failure(refusal)
            told = await answer.read(LONGEST_ANSWER, None if self.patient else self.client.read_s)
            if len(told) > LONGEST_ANSWER:
                raise UpstreamError(self.id, f"answered over {LONGEST_ANSWER} bytes")
            return parse_json(told)
        except MalformedChunk as error:
            raise UpstreamError(self.id, f"answered garbage: {error}") from error
        except TransportError as error:
            raise UpstreamError(self.id, str(error)) from error
        finally:
            answer.close()


def _undrawn(chunk: Chunk, request: SampleRequest) -> Chunk:
    """A piece of an answer of which nothing is wanted but its prompt, where that is repeated.

    Every server draws a token where none is wanted: the pass over the prompt makes it, so it costs
    nothing and is passed over.
    """
    if chunk.of_prompt:
        return chunk
    told = chunk.usage
    usage = None if told is None else replace(told, completion_tokens=0, together=None)
    if not request.echo:
        return replace(chunk, usage=usage, text="", tokens=None, echoed=0, said=False)
    return replace(chunk, usage=usage, echoed=len(chunk.tokens or ()))


async def _refusal(answer: Answer) -> Refusal:
    """Why a request was refused; as much of the body is read as a message needs, and comes soon."""
    told = (await answer.beginning(LONGEST_MESSAGE, LONGEST_REFUSAL_S))[:LONGEST_MESSAGE]
    return read_refusal(answer.status, told, answer.headers.get("retry-after"))
