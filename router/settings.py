"""What an operator may set: in a TOML file, or by environment variables, which win.

Variables are `BUDGET_ROUTER_` and the field's name, nested with two underscores, such as
`BUDGET_ROUTER_PORT=9000` or `BUDGET_ROUTER_MAX_BUDGET__LATENCY_MS=30000`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    HttpUrl,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    Tag,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from router.catalogue.entries import CATALOGUE
from router.catalogue.fim import FAMILIES, FimTemplate
from router.request import AUTO
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


class EmbeddedModel(Strict):
    """A catalogue model, run by the gateway itself.

    `slots` is how many samples it computes at once, `context` the tokens that each may use. `fim`
    is how it fills in the middle, where its file does not tell it rightly.
    """

    engine: Literal["embedded"] = "embedded"
    slots: PositiveInt = 8
    context: PositiveInt = 4096
    threads: PositiveInt | None = None
    pace: PaceConfig = PaceConfig()
    fim: Fim | None = None


class SendConfig(Strict):
    """What a server is sent beside the request itself.

    One that refuses such a field is not sent it again, so this spares the first request its second
    try. `max_tokens` is what the limit of a chat is called.
    """

    logprobs: bool = True
    stream_options: bool = True
    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"


class RemoteModel(Strict):
    """A model at any OpenAI-compatible server.

    FLOPs budgets need one of `config` (a transformers config.json), `gguf` or `flops_per_token`.
    `name` is what the server calls the model, by default what we call it. `fim` is how it fills in
    the middle, where neither its GGUF file nor the tokenizer beside its `config` tells it rightly.
    """

    engine: Literal["url"] = "url"
    url: HttpUrl
    name: str | None = None
    api_key: SecretStr | None = None
    config: Path | None = None
    gguf: Path | None = None
    flops_per_token: PositiveFloat | None = None
    max_batch: PositiveInt = 16
    context: PositiveInt | None = None
    server: ServerKind = "openai"
    send: SendConfig = SendConfig()
    pace: PaceConfig = PaceConfig()
    fim: Fim | None = None


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


PolicyConfig: TypeAlias = Annotated[
    SingleConfig | BestOfNConfig | CascadeConfig, Field(discriminator="kind")
]


class BudgetConfig(Strict):
    """FLOPs and milliseconds, each optional."""

    flops: PositiveFloat | None = None
    latency_ms: PositiveFloat | None = None


class AliasConfig(Strict):
    """What a name stands for that clients send as `model`: a model, an alias or `auto`.

    `policy` and `budget` hold where a request names none itself.
    """

    model: Name = AUTO
    policy: Name | None = None
    budget: BudgetConfig = BudgetConfig()


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


def _default_models() -> dict[str, ModelConfig]:
    return {
        "qwen2.5-coder-0.5b": EmbeddedModel(slots=16),
        "qwen2.5-coder-1.5b": EmbeddedModel(slots=8),
    }


ENVIRONMENT_PREFIX: Final = "BUDGET_ROUTER_"

POLICIES: Final = (AUTO, "single", "best_of_n", "cascade")
"""Those that are there without being configured."""


class Settings(BaseSettings):
    """The gateway's configuration."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    models: Annotated[dict[Name, ModelConfig], Field(min_length=1)] = Field(
        default_factory=_default_models
    )
    policies: dict[Name, PolicyConfig] = Field(default_factory=dict)
    aliases: dict[Name, AliasConfig] = Field(default_factory=dict)
    cors: CorsConfig = CorsConfig()
    default_budget: BudgetConfig = BudgetConfig()
    max_budget: BudgetConfig = BudgetConfig()
    default_max_tokens: PositiveInt = 512
    max_n: PositiveInt = 64
    max_prompts: PositiveInt = 256
    max_body_bytes: PositiveInt = 4 * 2**20
    max_concurrent_requests: PositiveInt = 64
    connect_timeout_s: PositiveFloat = 5.0
    read_timeout_s: PositiveFloat = 120.0
    keep_alive_s: PositiveInt = 75
    model_dir: Path = platformdirs.user_cache_path("budget-router") / "models"
    sandbox: SandboxConfig = SandboxConfig()

    @model_validator(mode="after")
    def _policies_name_models(self) -> Self:
        for name, policy in self.policies.items():
            if unknown := [model for model in policy.named if model not in self.models]:
                raise ValueError(
                    f"policy {name!r} names {', '.join(unknown)}, and there is no such model: "
                    f"there are {', '.join(self.models)}"
                )
        return self

    @model_validator(mode="after")
    def _aliases_end_at_models(self) -> Self:
        for name, alias in self.aliases.items():
            if name == AUTO or name in self.models:
                raise ValueError(f"alias {name!r} has the name of a model: call it something else")
            if alias.policy is not None and alias.policy not in (*POLICIES, *self.policies):
                known = ", ".join((*POLICIES, *self.policies))
                raise ValueError(
                    f"alias {name!r} names the policy {alias.policy!r}; there are {known}"
                )
            self._follow(name)
        return self

    def _follow(self, name: str) -> None:
        """Go from alias to alias until a model. Raises ValueError where there is none."""
        passed = [name]
        while (target := self.aliases[passed[-1]].model) in self.aliases:
            passed.append(target)
            if target in passed[:-1]:
                raise ValueError(f"aliases form a circle: {' -> '.join(passed)}")
        if target != AUTO and target not in self.models:
            raise ValueError(
                f"alias {passed[-1]!r} stands for {target!r}, and there is no such model: "
                f"there are {', '.join((AUTO, *self.models, *self.aliases))}"
            )

    @classmethod
    def load(cls, path: Path | None, **overrides: Any) -> Settings:
        """Read a TOML file, then the environment, then `overrides`, each over the one before.

        Raises OSError, tomllib.TOMLDecodeError, pydantic.ValidationError, and SettingsError
        for a variable with our prefix that names no setting.
        """
        if path is not None:
            path.open("rb").close()  # a file that is not there is otherwise passed over in silence
        _check_environment()

        class FromFile(cls):  # type: ignore[misc, valid-type]
            model_config = SettingsConfigDict(toml_file=path)

        return FromFile(**{name: value for name, value in overrides.items() if value is not None})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 the base class's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Overrides over environment over file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def _check_environment() -> None:
    """Misspelt variables would otherwise be passed over in silence."""
    for variable in os.environ:
        name = variable.upper().removeprefix(ENVIRONMENT_PREFIX).split("__")[0].lower()
        if variable.upper().startswith(ENVIRONMENT_PREFIX) and name not in Settings.model_fields:
            known = ", ".join(Settings.model_fields)
            raise SettingsError(f"{variable} names no setting; there are {known}")
