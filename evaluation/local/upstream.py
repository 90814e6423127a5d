"""A model in this process as an upstream: a thread decodes, and each sample comes out whole."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from evaluation.local.decoder import BatchDecoder, Finished, Job
from evaluation.local.loading import LanguageModel
from policies.protocol import Draw
from router.request import Prompt, PromptLength, SampleRequest, TextPrompt
from router.upstream.failures import UpstreamError
from router.upstream.said.chunks import Chunk, TokenLogprob, Usage


@dataclass(frozen=True, slots=True)
class LocalUpstream:
    """Draws samples of one model. Every token is reported, so that none has to be guessed."""

    id: str
    language_model: LanguageModel
    thread: _DecoderThread
    token_per_chunk: bool = field(default=False, init=False)

    @property
    def context(self) -> int | None:
        """Tokens that prompt and sample may have together, as the model's configuration says."""
        context: int | None = self.language_model.model.config.max_position_embeddings
        return context

    async def count_tokens(self, prompt: Prompt) -> PromptLength:
        """Tokens of a prompt. Raises `UpstreamError` for one that is no plain text."""
        return PromptLength(len(self._tokens(prompt)))

    async def sample(self, draw: Draw, request: SampleRequest) -> AsyncGenerator[Chunk, None]:
        """One chunk per sample as it ends; closing the generator drops the others.

        Raises `UpstreamError`, also once the thread has failed.
        """
        prompt = self._tokens(request.prompt)
        loop, ended = asyncio.get_running_loop(), asyncio.Queue[Finished | BaseException]()

        def tell(what: Finished | BaseException) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(ended.put_nowait, what)

        job = Job(
            prompt=prompt,
            n=draw.n,
            max_tokens=draw.max_tokens,
            temperature=draw.temperature,
            top_p=request.passed_on["top_p"],
            seed=request.passed_on["seed"],
            stop=tuple(request.passed_on["stop"]),
            on_finished=tell,
        )
        self.thread.add(job, tell)
        try:
            for _ in range(draw.n):
                match await ended.get():
                    case Finished() as finished:
                        yield _chunk(finished, len(prompt))
                    case BaseException() as error:
                        raise UpstreamError(self.id, f"failed: {error!r}") from error
        finally:
            job.cancelled = True

    def _tokens(self, prompt: Prompt) -> list[int]:
        if not isinstance(prompt, TextPrompt) or prompt.suffix:
            raise UpstreamError(self.id, "takes plain text only", rejected=True)
        if tokens := self.language_model.tokens(prompt.text, special=True):
            return tokens
        raise UpstreamError(self.id, "got an empty prompt", rejected=True)


@asynccontextmanager
async def running(
    name: str,
    load: Callable[[], LanguageModel],
    slots: int,
    *,
    decoder: Callable[[LanguageModel, int], BatchDecoder] = BatchDecoder,
) -> AsyncIterator[LocalUpstream]:
    """Load a model and decode for as long as the block runs. Raises `LoadFailed`."""
    language_model = await asyncio.to_thread(load)
    thread = _DecoderThread(decoder(language_model, slots))
    thread.start()
    try:
        yield LocalUpstream(name, language_model, thread)
    finally:
        thread.stop()
        await asyncio.to_thread(thread.join)


def _chunk(finished: Finished, prompt_tokens: int) -> Chunk:
    return Chunk(
        finished.index,
        finished.text,
        tuple(TokenLogprob("", logprob) for logprob in finished.logprobs),
        finish_reason=finished.finish_reason,
        usage=Usage(prompt_tokens, len(finished.logprobs)),
        said=True,
    )


_Fail = Callable[[BaseException], None]


class _DecoderThread(threading.Thread):
    """Steps a decoder while there is work; a failure is told to all draws, then and later."""

    def __init__(self, decoder: BatchDecoder) -> None:
        super().__init__(name="decoder", daemon=True)
        self._decoder = decoder
        self._inbox: queue.SimpleQueue[tuple[Job, _Fail] | None] = queue.SimpleQueue()
        self._open: list[tuple[Job, _Fail]] = []

    def add(self, job: Job, fail: _Fail) -> None:
        """Decode this; `fail` hears of what goes wrong."""
        self._inbox.put((job, fail))

    def stop(self) -> None:
        """End after the step that runs."""
        self._inbox.put(None)

    def run(self) -> None:
        """Until stopped."""
        try:
            while self._take():
                self._decoder.step()
        except Exception as error:  # noqa: BLE001 told to those who wait
            for _, fail in self._open:
                fail(error)
            while (item := self._inbox.get()) is not None:
                item[1](error)

    def _take(self) -> bool:
        """Hand what was added to the decoder; False once there is nothing more to come."""
        while self._decoder.idle or not self._inbox.empty():
            if (item := self._inbox.get()) is None:
                return False
            self._open = [(job, fail) for job, fail in self._open if not job.cancelled]
            self._open.append(item)
            self._decoder.add(item[0])
        return True
