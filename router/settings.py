"""What an operator may set: in a TOML file, or by environment variables, which win.

Variables are `BUDGET_ROUTER_` and the field's name, nested with two underscores, such as
`BUDGET_ROUTER_PORT=9000` or `BUDGET_ROUTER_MAX_BUDGET__LATENCY_MS=30000`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Final, Self

import platformdirs
from pydantic import Field, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from router.request import AUTO
from router.sections.drift import DriftConfig
from router.sections.models import EmbeddedModel, ModelConfig, RemoteModel
from router.sections.policies import AutoConfig, PolicyConfig
from router.sections.requests import AliasConfig, BudgetConfig, CapConfig, CorsConfig, SelectConfig
from router.sections.sandbox import SandboxConfig
from router.sections.section import LONGEST_S, Bytes, Count, Name, Seconds
from router.upstream.servers import SERVERS


def _default_models() -> dict[str, ModelConfig]:
    return {
        "qwen2.5-coder-0.5b": EmbeddedModel(slots=16),
        "qwen2.5-coder-1.5b": EmbeddedModel(slots=8),
    }


ENVIRONMENT_PREFIX: Final = "BUDGET_ROUTER_"

POLICIES: Final = (AUTO, "single", "best_of_n", "cascade")
"""Those that are there without being configured."""

MOST_WORKERS: Final = 1024

SPARE_PLACES: Final = 64
"""For requests without slots that wait for none: in tests, or at servers that count none."""


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
    auto: AutoConfig = AutoConfig()
    policies: dict[Name, PolicyConfig] = Field(default_factory=dict)
    aliases: dict[Name, AliasConfig] = Field(default_factory=dict)
    cors: CorsConfig = CorsConfig()
    default_budget: BudgetConfig = BudgetConfig()
    max_budget: CapConfig = CapConfig()
    default_max_tokens: Count = 512
    max_n: Count = 64
    max_prompts: Count = 256
    max_body_bytes: Bytes = 4 * 2**20
    max_concurrent_requests: Count | None = None
    connect_timeout_s: Seconds = 5.0
    read_timeout_s: Seconds = 120.0
    keep_alive_s: Annotated[int, Field(gt=0, le=LONGEST_S)] = 75
    client_timeout_s: Seconds = 60.0
    workers: Annotated[int, Field(gt=0, le=MOST_WORKERS)] = 1
    model_dir: Path = platformdirs.user_cache_path("budget-router") / "models"
    sandbox: SandboxConfig = SandboxConfig()
    drift: DriftConfig = DriftConfig()
    select: SelectConfig = SelectConfig()

    @property
    def places(self) -> int:
        """How many requests are served at once.

        A request that waits for slots has a place. So, unless it is said, there is one for
        whatever may be computed or wait, and the queue of a model decides who is refused.
        """
        if self.max_concurrent_requests is not None:
            return self.max_concurrent_requests
        return SPARE_PLACES + sum(config.most_draws for config in self.models.values())

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

    @model_validator(mode="after")
    def _ranker_scores_prompts(self) -> Self:
        name = self.select.ranker
        if name is None:
            return self
        model = self.models.get(name)
        if model is None:
            raise ValueError(
                f"select.ranker is {name!r}, and there is no such model: "
                f"there are {', '.join(self.models)}"
            )
        kind = model.server if isinstance(model, RemoteModel) else "llama.cpp"
        if SERVERS[kind].scoring is None:
            able = " or ".join(each for each, server in SERVERS.items() if server.scoring)
            raise ValueError(
                f"select.ranker is {name!r}, whose server ({kind}) tells no log-probabilities of "
                f'what it reads: name a model whose server is {able} (server = "{able}")'
            )
        return self

    @model_validator(mode="after")
    def _tests_are_written_by_a_model(self) -> Self:
        name = self.select.tests_by
        if name is not None and name not in self.models:
            raise ValueError(
                f"select.tests_by is {name!r}, and there is no such model: "
                f"there are {', '.join(self.models)}"
            )
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
