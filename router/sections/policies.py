"""Which plans there are beside those that are built in, and what `auto` does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from router.sections.section import Count, Strict


class _OfOneModel(Strict):
    """A policy that may name a model."""

    kind: str
    model: str | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The models that it asks for by name."""
        return (self.model,) if self.model else ()


class SingleConfig(_OfOneModel):
    """See `policies.plans.single`."""

    kind: Literal["single"]


class BestOfNConfig(_OfOneModel):
    """See `policies.plans.best_of_n`."""

    kind: Literal["best_of_n"]
    n: Count | None = None


class CascadeConfig(Strict):
    """See `policies.plans.cascade`."""

    kind: Literal["cascade"]
    models: Annotated[tuple[str, ...], Field(min_length=2)] | None = None
    n: Count = 8
    n_last: Count = 4

    @property
    def named(self) -> tuple[str, ...]:
        """The models that it asks for by name."""
        return self.models or ()


class LadderConfig(Strict):
    """Ladders of `budget-router calibrate` (`policies.plans.climb`), and what requests are like."""

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
