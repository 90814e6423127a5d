"""What stands in the sections of the configuration: models, policies, aliases, budgets, sandbox.

`router.settings` puts them together, and says where they are read from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    HttpUrl,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    Tag,
    TypeAdapter,
    model_validator,
)

from router.catalogue.entries import CATALOGUE
from router.catalogue.fim import FAMILIES, FimTemplate
from router.request import AUTO
from router.upstream.breaker import BreakerRules
from router.upstream.servers import ServerKind
from sandbox import Limits

Name: TypeAlias = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,256}$")]
"""Of a model or a policy: it appears in HTTP headers, so plain ASCII without spaces."""


class Strict(BaseModel):
    """A section in which a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FimConfig(Strict):
    """A fill-in-the-middle template of one's own; see `router.catalogue.fim.FimTemplate`."""

    template: str
    stop: tuple[str, ...] = ()
    opening: str = ""
    file: str = ""
    closing: str = ""

    def made(self) -> FimTemplate:
        """The template. Raises ValueError."""
        return FimTemplate(self.template, self.stop, self.opening, self.file, self.closing)

    @model_validator(mode="after")
    def _renders(self) -> Self:
        self.made()
        return self


NO_FIM: Final = "none"
"""The family of a model that was not trained to fill in, whatever its vocabulary has."""


def _family(name: str) -> str:
    known = [NO_FIM, *FAMILIES, *(entry.id for entry in CATALOGUE.values() if entry.fim)]
    if name not in known:
        raise ValueError(f"no family {name!r}; there are {', '.join(known)}, or a template")
    return name


_URL: Final = TypeAdapter(HttpUrl)
_URLS: Final[TypeAdapter[tuple[HttpUrl, ...]]] = TypeAdapter(
    Annotated[tuple[HttpUrl, ...], Field(min_length=1)]
)


def _urls(value: object) -> tuple[HttpUrl, ...]:
    """One URL or several; what is wrong is told as of what the operator wrote."""
    if isinstance(value, list | tuple):
        return _URLS.validate_python(value)
    return (_URL.validate_python(value),)


def _kind_of_fim(value: object) -> str:
    return "name" if isinstance(value, str) else "template"


Fim: TypeAlias = Annotated[
    Annotated[str, AfterValidator(_family), Tag("name")] | Annotated[FimConfig, Tag("template")],
    Discriminator(_kind_of_fim),
]
"""A family, a catalogue model of that family, or a template."""


class PaceConfig(Strict):
    """How fast a model is, for latency budgets that come before it was seen at work.

    `tokens_per_second` by samples at once, all of them together, as `evaluate time` shows them.
    """

    tokens_per_second: dict[PositiveInt, PositiveFloat] = Field(default_factory=dict)
    prompt_tokens_per_second: PositiveFloat | None = None


LONGEST_QUEUE: Final = 64
"""How many draws may wait for the slots of a model, unless it is said."""

MOST_WAITING: Final = 4096
"""More may not be allowed: to foretell when a draw has its turn takes a microsecond for each."""


class EmbeddedModel(Strict):
    """A catalogue model, run by the gateway itself.

    `slots` is how many samples it computes at once, `context` the tokens that each may use. `queue`
    is how many draws may wait for slots. `fim` is how it fills in the middle, where its file does
    not tell it rightly.
    """

    engine: Literal["embedded"] = "embedded"
    slots: PositiveInt = 8
    queue: Annotated[PositiveInt, Field(le=MOST_WAITING)] = LONGEST_QUEUE
    context: PositiveInt = 4096
    threads: PositiveInt | None = None
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
    """When a server is left alone, and how long; see `router.upstream.breaker`."""

    failures: PositiveInt = 5
    pause_s: PositiveFloat = 1.0
    longest_pause_s: PositiveFloat = 30.0

    def rules(self) -> BreakerRules:
        """As a breaker takes them."""
        return BreakerRules(**self.model_dump())


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
    flops_per_token: PositiveFloat | None = None
    max_batch: PositiveInt = 16
    context: PositiveInt | None = None
    server: ServerKind = "openai"
    slots: PositiveInt | None = None
    queue: Annotated[PositiveInt, Field(le=MOST_WAITING)] = LONGEST_QUEUE
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


class SingleConfig(Strict):
    """See `policies.single`."""

    kind: Literal["single"]
    model: str | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The models that it asks for by name."""
        return (self.model,) if self.model else ()


class BestOfNConfig(Strict):
    """See `policies.best_of_n`."""

    kind: Literal["best_of_n"]
    model: str | None = None
    n: PositiveInt | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The models that it asks for by name."""
        return (self.model,) if self.model else ()


class CascadeConfig(Strict):
    """See `policies.cascade`."""

    kind: Literal["cascade"]
    models: Annotated[tuple[str, ...], Field(min_length=2)] | None = None
    n: PositiveInt = 8
    n_last: PositiveInt = 4

    @property
    def named(self) -> tuple[str, ...]:
        """The models that it asks for by name."""
        return self.models or ()


class LadderConfig(Strict):
    """See `policies.climb`: ladders of `budget-router calibrate`, and what requests are like."""

    kind: Literal["ladder"]
    artifact: Path | None = None
    domain: str | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The models that it asks for are its artifact's, which is read when a gateway starts."""
        return ()


PolicyConfig: TypeAlias = Annotated[
    SingleConfig | BestOfNConfig | CascadeConfig | LadderConfig, Field(discriminator="kind")
]


class AutoConfig(Strict):
    """What `auto` does with tests: climb calibrated ladders, or the cascade of set widths.

    `artifact` is the ladders' file, the shipped one where none is named; `domain` the kind of task
    of all requests, where the operator knows it.
    """

    policy: Literal["ladder", "cascade"] = "ladder"
    artifact: Path | None = None
    domain: str | None = None

    @model_validator(mode="after")
    def _cascades_have_no_ladder(self) -> Self:
        if self.policy == "cascade" and (self.artifact or self.domain):
            raise ValueError('an artifact and a domain are for policy = "ladder"')
        return self


class CapConfig(Strict):
    """FLOPs and milliseconds, each optional."""

    flops: PositiveFloat | None = None
    latency_ms: PositiveFloat | None = None


class BudgetConfig(CapConfig):
    """What may be spent, and the probability of success that is wanted."""

    target: Annotated[float, Field(gt=0, lt=1)] | None = None


class AliasConfig(Strict):
    """What a name stands for that clients send as `model`: a model, an alias or `auto`.

    `policy` and `budget` hold where a request names none itself.
    """

    model: Name = AUTO
    policy: Name | None = None
    budget: BudgetConfig = BudgetConfig()


class SelectConfig(Strict):
    """What may choose among answers that no tests judge.

    `ranker` is a model that scores what others wrote, at a server that scores prompts. `tests_by`
    is one that writes tests for `codet` and `b4`; else the cheapest of each request does. `lever`
    is a verifier: a file that `budget-router train lever` wrote, `shipped`, or a directory of a T5.
    """

    ranker: Name | None = None
    tests_by: Name | None = None
    lever: Path | None = None


class DriftConfig(Strict):
    """Whether outcomes are held against what was expected; see `router.drift`.

    `file` keeps them, in at most twice `file_bytes`; without one there are figures alone.
    """

    enabled: bool = False
    file: Path | None = None
    file_bytes: Annotated[int, Field(ge=2**16)] = 16 * 2**20

    @model_validator(mode="after")
    def _file_is_written(self) -> Self:
        if self.file is not None and not self.enabled:
            raise ValueError("file is named, and nothing is written to it: set enabled = true")
        return self


class CorsConfig(Strict):
    """Which pages in a browser may call the gateway, by their origins; `*` is any."""

    allow_origins: tuple[str, ...] = ()


class LimitsConfig(Strict):
    """The most that a request's tests may use; see `sandbox.Limits`."""

    wall_s: PositiveFloat = 30.0
    cpu_s: PositiveFloat = 30.0
    memory_bytes: PositiveInt = 2 * 2**30
    output_bytes: PositiveInt = 4 * 2**20
    processes: PositiveInt = 128
    disk_bytes: PositiveInt = 256 * 2**20
    total_s: PositiveFloat = 120.0

    def caps(self) -> Limits:
        """As the sandbox takes them."""
        return Limits(**self.model_dump())


class DockerConfig(Strict):
    """Containers for the docker backend; see `sandbox.docker`.

    `runtime` is one that the daemon knows, such as `runsc`; `host` is its address, by default
    DOCKER_HOST.
    """

    image: str = "budget-router-sandbox"
    runtime: str = ""
    host: str | None = None


class SandboxConfig(Strict):
    """The sandbox that runs the callers' tests."""

    enabled: bool = True
    backend: Literal["process", "docker"] = "process"
    docker: DockerConfig = DockerConfig()
    workers: PositiveInt | None = None
    queue: PositiveInt = 256
    max_tests_bytes: PositiveInt = 2**20
    caps: LimitsConfig = LimitsConfig()
