"""What a policy file holds, and which models it holds for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from policies.cost import CostModel, Rate
from policies.ladder import CALL_TOKENS, Calibration
from policies.plans.sift import Courses
from router.artifact.courses import CoursesJson
from router.artifact.ladders import DomainJson, domain_json
from router.artifact.part import Part
from router.artifact.rates import RateJson, cost_hash

FORMAT: Final = "budget-router policy"
SCHEMA: Final = 1
"""Version of everything here. A reader takes no other."""


class InvalidArtifact(ValueError):
    """A file that is no policy artifact, or not one for these models; the message says why."""


class Source(Part):
    """What a data set gave: by model, the hashes of its pools and the fewest samples a problem."""

    dataset: str
    problems: tuple[str, ...]
    pools: dict[str, tuple[str, ...]]
    samples: dict[str, int]


class Artifact(Part):
    """The file, checked: every value is one that can be.

    `basis` is what its ladders were costed on, `worth` what a large call more had to bring of
    success, `assumptions` what had to be taken for granted, in words. `without_tests` has the
    courses of tasks that have none.
    """

    format: Literal["budget-router policy"] = FORMAT
    schema_: Annotated[int, Field(alias="schema")] = SCHEMA
    call_tokens: Annotated[int, Field(ge=1)] = CALL_TOKENS
    basis: Literal["exact", "paper"]
    worth: Annotated[float, Field(ge=0)]
    models: Annotated[tuple[str, ...], Field(min_length=2)]
    rates: dict[str, RateJson]
    cost_sha256: str
    sources: tuple[Source, ...]
    assumptions: tuple[str, ...] = ()
    kinds: dict[str, str]
    domains: tuple[DomainJson, ...]
    pooled: DomainJson
    without_tests: CoursesJson = CoursesJson()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.schema_ != SCHEMA or self.call_tokens != CALL_TOKENS:
            raise ValueError(f"schema {SCHEMA} counts large calls of {CALL_TOKENS} tokens")
        if self.rates.keys() != set(self.models) or len(self.rates) != len(self.models):
            raise ValueError("rates and models are not of the same models, each once")
        names = [each.name for each in self.domains]
        if len(set(names)) < len(names) or not set(self.kinds.values()) <= set(names):
            raise ValueError("domains have one name each, and kinds name them")
        cost = self.cost()
        if self.cost_sha256 != cost_hash(cost.rates):
            raise ValueError("cost_sha256 is not that of the rates")
        if list(self.models) != sorted(self.models, key=lambda name: cost.prefill(name, 1)):
            raise ValueError("models are not in order, the cheapest first")
        self.calibration()
        self.courses()
        return self

    @classmethod
    def of(cls, calibration: Calibration, rates: Mapping[str, Rate], **told: Any) -> Artifact:
        """Of a calibration and what its models cost; `told` are the remaining fields."""
        own = {name: rates[name] for name in calibration.models}
        return cls.model_validate(
            {
                "models": calibration.models,
                "rates": {name: asdict(rate) for name, rate in own.items()},
                "cost_sha256": cost_hash(own),
                "kinds": dict(calibration.kinds),
                "worth": calibration.worth,
                "domains": [domain_json(each) for each in calibration.domains.values()],
                "pooled": domain_json(calibration.pooled),
                **told,
            }
        )

    def cost(self) -> CostModel:
        """What its models cost. Raises ValueError."""
        return CostModel({name: rate.made() for name, rate in self.rates.items()})

    def calibration(self) -> Calibration:
        """As policies have it. Raises ValueError for values that cannot be together."""
        domains = {each.name: each.made(self.models) for each in self.domains}
        pooled = self.pooled.made(self.models)
        return Calibration(self.models, domains, pooled, self.kinds, self.worth, self.basis)

    def courses(self) -> Courses | None:
        """Those for tasks without tests; None where none were calibrated.

        Raises ValueError for values that cannot be together.
        """
        return self.without_tests.made(self.models)

    def check(self, rates: Mapping[str, Rate]) -> None:
        """Raise `InvalidArtifact` unless its models are there, and of the sizes it was made for."""
        if missing := [name for name in self.models if name not in rates]:
            raise InvalidArtifact(
                f"the policy is for {', '.join(self.models)}, and {', '.join(missing)} is not "
                "configured here, or what it costs is not known"
            )
        for name, rate in self.cost().rates.items():
            if rates[name] != rate:
                raise InvalidArtifact(
                    f"the policy was made for a {name} of other sizes ({rate}) than the one "
                    f"that is configured ({rates[name]}): calibrate again"
                )
