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
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from router.upstream.servers import ServerKind
from sandbox import Limits

Name: TypeAlias = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,256}$")]
"""Of a model or a policy: it appears in HTTP headers, so plain ASCII without spaces."""


class Strict(BaseModel):
    """A section in which a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PaceConfig(Strict):
    """How fast a model is, for latency budgets that come before it was seen at work.

    `tokens_per_second` by samples at once, all of them together, as `evaluate time` shows them.
    """

    tokens_per_second: dict[PositiveInt, PositiveFloat] = Field(default_factory=dict)
    prompt_tokens_per_second: PositiveFloat | None = None


class EmbeddedModel(Strict):
    """A catalogue model, run by the gateway itself.

    `slots` is how many samples it computes at once, `context` the tokens that each may use.
    """

    engine: Literal["embedded"] = "embedded"
    slots: PositiveInt = 8
    context: PositiveInt = 4096
    threads: PositiveInt | None = None
    pace: PaceConfig = PaceConfig()


class RemoteModel(Strict):
    """A model at any OpenAI-compatible server.

    FLOPs budgets need one of `config` (a transformers config.json), `gguf` or `flops_per_token`.
    `name` is what the server calls the model, by default what we call it. `fim` names a catalogue
    model whose fill-in-the-middle tokens this one shares.
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
    fim: str | None = None
    pace: PaceConfig = PaceConfig()


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
    default_budget: BudgetConfig = BudgetConfig()
    max_budget: BudgetConfig = BudgetConfig()
    default_max_tokens: PositiveInt = 512
    max_n: PositiveInt = 64
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
