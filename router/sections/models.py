"""Where a model is, how it is run or asked, and how many draws may wait for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    HttpUrl,
    SecretStr,
    TypeAdapter,
    model_validator,
)

from router.sections.fim import Fim
from router.sections.section import Count, Seconds, Strict
from router.upstream.balancing.breaker import BreakerRules
from router.upstream.servers import ServerKind

LONGEST_QUEUE: Final = 64
"""How many draws may wait for the slots of a model, unless it is said."""

MOST_WAITING: Final = 4096
"""More may not be allowed: to foretell when a draw has its turn takes a microsecond for each."""

_Queue: TypeAlias = Annotated[int, Field(gt=0, le=MOST_WAITING)]
_Speed: TypeAlias = Annotated[float, Field(ge=1e-6, le=1e9, allow_inf_nan=False)]
"""Tokens in a second: forecasts are made with its inverse, and with its square."""


class PaceConfig(Strict):
    """How fast a model is, for latency budgets that come before it was seen at work.

    `tokens_per_second` by samples at once, all of them together, as `evaluate time` shows them.
    """

    tokens_per_second: dict[Count, _Speed] = Field(default_factory=dict)
    prompt_tokens_per_second: _Speed | None = None


class EmbeddedModel(Strict):
    """A catalogue model, run by the gateway itself.

    `slots` is how many samples it computes at once, `context` the tokens that each may use. `queue`
    is how many draws may wait for slots. `fim` is how it fills in the middle, where its file does
    not tell it rightly.
    """

    engine: Literal["embedded"] = "embedded"
    slots: Count = 8
    queue: _Queue = LONGEST_QUEUE
    context: Count = 4096
    threads: Count | None = None
    pace: PaceConfig = PaceConfig()
    fim: Fim | None = None

    @property
    def most_draws(self) -> int:
        """Of it at once, be they computed or waiting."""
        return self.slots + self.queue


class SendConfig(Strict):
    """What a server is sent beside the request itself.

    One that refuses such a field is not sent it again, so this spares the first request its second
    try. `max_tokens` is what the limit of a chat is called.
    """

    logprobs: bool = True
    stream_options: bool = True
    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"


class BreakerConfig(Strict):
    """When a server is left alone, and how long; see `router.upstream.balancing.breaker`."""

    failures: Count = 5
    pause_s: Seconds = 1.0
    longest_pause_s: Seconds = 30.0

    def rules(self) -> BreakerRules:
        """As a breaker takes them."""
        return BreakerRules(**self.model_dump())


_URL: Final = TypeAdapter(HttpUrl)
_URLS: Final[TypeAdapter[tuple[HttpUrl, ...]]] = TypeAdapter(
    Annotated[tuple[HttpUrl, ...], Field(min_length=1)]
)


def _urls(value: object) -> tuple[HttpUrl, ...]:
    """One URL or several; what is wrong is told as of what the operator wrote."""
    if isinstance(value, list | tuple):
        return _URLS.validate_python(value)
    return (_URL.validate_python(value),)


class RemoteModel(Strict):
    """A model at any OpenAI-compatible server, or at several that are alike.

    FLOPs budgets need one of `config` (a transformers config.json), `gguf` or `flops_per_token`.
    `name` is what the server calls the model, by default what we call it. `fim` is how it fills in
    the middle, where neither its GGUF file nor the tokenizer beside its `config` tells it rightly.
    Where `slots` says how many samples each server computes at once, further draws wait here, up to
    `queue` of them. With `priority`, vLLM is told what is due first: it must run with
    `--scheduling-policy priority`.
    """

    engine: Literal["url"] = "url"
    url: Annotated[HttpUrl | tuple[HttpUrl, ...], BeforeValidator(_urls)]
    name: str | None = None
    api_key: SecretStr | None = None
    config: Path | None = None
    gguf: Path | None = None
    flops_per_token: Annotated[float, Field(gt=0, le=1e24, allow_inf_nan=False)] | None = None
    max_batch: Count = 16
    context: Count | None = None
    server: ServerKind = "openai"
    slots: Count | None = None
    queue: _Queue = LONGEST_QUEUE
    priority: bool = False
    breaker: BreakerConfig = BreakerConfig()
    send: SendConfig = SendConfig()
    pace: PaceConfig = PaceConfig()
    fim: Fim | None = None

    @property
    def urls(self) -> tuple[str, ...]:
        """The servers, without the version in the path."""
        urls = self.url if isinstance(self.url, tuple) else (self.url,)
        return tuple(str(url).rstrip("/").removesuffix("/v1") for url in urls)

    @property
    def most_draws(self) -> int:
        """Of it at once, be they computed or waiting; none are counted where none wait here."""
        return 0 if self.slots is None else self.slots * len(self.urls) + self.queue

    @model_validator(mode="after")
    def _servers_are_several(self) -> Self:
        if len(set(self.urls)) < len(self.urls):
            raise ValueError("url names a server twice")
        return self

    @model_validator(mode="after")
    def _priority_is_vllms(self) -> Self:
        if self.priority and self.server != "vllm":
            raise ValueError('only vLLM knows priorities: priority needs server = "vllm"')
        return self


ModelConfig: TypeAlias = Annotated[EmbeddedModel | RemoteModel, Field(discriminator="engine")]
