"""A policy artifact: the file in which a calibration travels from who made it to who serves it.

JSON, versioned. It says for which models it holds and what they cost, from which pools and problems
it was made, and what was assumed; the ladders are `policies.ladder`'s. What it promises holds only
for models of the same sizes, so a reader that serves it must `check` them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from policies.cost import Architecture, CostModel, FlatRate, Rate
from policies.executions import Belief
from policies.ladder import (
    CALL_TOKENS,
    Answers,
    Calibration,
    Domain,
    Interval,
    Ladder,
    Length,
    Rung,
)
from policies.sift import Course, Courses

FORMAT: Final = "budget-router policy"
SCHEMA: Final = 1
"""Version of everything here. A reader takes no other."""

MOST_BYTES: Final = 64 * 2**20
ROUNDED: Final = 0.01
"""A ladder's expected cost is rounded, and may be by this part above its budget."""

SHIPPED: Final = Path(__file__).parent / "qwen2.5-coder.policy.json"
"""The one for the embedded pair, which is what `auto` does."""


class InvalidArtifact(ValueError):
    """A file that is no policy artifact, or not one for these models; the message says why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


_Triple: TypeAlias = tuple[float, float, float]
_Probability: TypeAlias = Annotated[float, Field(ge=0, le=1)]
_Cost: TypeAlias = Annotated[float, Field(ge=0)]
_RungJson: TypeAlias = tuple[
    str, Annotated[int, Field(ge=1, le=4096)], Annotated[float, Field(ge=0, le=2)]
]


class _LadderJson(_Part):
    calls: Annotated[float, Field(gt=0)]
    rungs: Annotated[tuple[_RungJson, ...], Field(min_length=1)]
    success: tuple[_Probability, _Probability, _Probability]
    spent: tuple[_Cost, _Cost, float]


class _LengthJson(_Part):
    prompt_tokens: Annotated[int, Field(ge=1)]
    own: Annotated[tuple[_LadderJson, ...], Field(min_length=1)]
    cached: Annotated[tuple[_LadderJson, ...], Field(min_length=1)]


class _CourseJson(_LadderJson):
    enough: Annotated[float, Field(gt=0)] | None = None


class _BeliefJson(_Part):
    agreed: tuple[float, float]
    shown: tuple[float, float, float]


class _CoursesJson(_Part):
    shown: tuple[_CourseJson, ...] = ()
    plain: tuple[_CourseJson, ...] = ()
    usual_shown: _CourseJson | None = None
    usual_plain: _CourseJson | None = None
    belief: _BeliefJson | None = None


class _AnswersJson(_Part):
    half: Annotated[int, Field(ge=1)]
    most: Annotated[int, Field(ge=1)]


class _DomainJson(_Part):
    name: Annotated[str, Field(min_length=1)]
    answers: dict[str, _AnswersJson]
    lengths: Annotated[tuple[_LengthJson, ...], Field(min_length=1)]


class _RateJson(_Part):
    body_params: Annotated[int, Field(gt=0)] | None = None
    head_params: Annotated[int, Field(gt=0)] | None = None
    layers: Annotated[int, Field(gt=0)] | None = None
    attention_width: Annotated[int, Field(gt=0)] | None = None
    flops_per_token: Annotated[float, Field(gt=0)] | None = None

    def made(self) -> Rate:
        """As the cost model has it. Raises ValueError where neither form is whole."""
        if self.flops_per_token is not None:
            return FlatRate(self.flops_per_token)
        sizes = (self.body_params, self.head_params, self.layers, self.attention_width)
        if any(size is None for size in sizes):
            raise ValueError("the sizes of a model are not whole")
        return Architecture(*(size for size in sizes if size is not None))


class Source(_Part):
    """What a data set gave: by model, the hashes of its pools and the fewest samples a problem."""

    dataset: str
    problems: tuple[str, ...]
    pools: dict[str, tuple[str, ...]]
    samples: dict[str, int]


class Artifact(_Part):
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
    rates: dict[str, _RateJson]
    cost_sha256: str
    sources: tuple[Source, ...]
    assumptions: tuple[str, ...] = ()
    kinds: dict[str, str]
    domains: tuple[_DomainJson, ...]
    pooled: _DomainJson
    without_tests: _CoursesJson = _CoursesJson()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.schema_ != SCHEMA or self.call_tokens != CALL_TOKENS:
            raise ValueError(f"schema {SCHEMA} counts large calls of {CALL_TOKENS} tokens")
        if self.rates.keys() != set(self.models) or len(self.rates) != len(self.models):
            raise ValueError("rates and models are not of the same models, each once")
        names = [each.name for each in self.domains]
        if len(set(names)) < len(names) or not set(self.kinds.values()) <= set(names):
            raise ValueError("domains have one name each, and kinds name them")
        if self.cost_sha256 != cost_hash({name: rate.made() for name, rate in self.rates.items()}):
            raise ValueError("cost_sha256 is not that of the rates")
        cost = CostModel({name: rate.made() for name, rate in self.rates.items()})
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
                "domains": [_domain_json(each) for each in calibration.domains.values()],
                "pooled": _domain_json(calibration.pooled),
                **told,
            }
        )

    def calibration(self) -> Calibration:
        """As policies have it. Raises ValueError for values that cannot be together."""
        domains = {each.name: self._domain(each) for each in self.domains}
        pooled = self._domain(self.pooled)
        return Calibration(self.models, domains, pooled, self.kinds, self.worth, self.basis)

    def courses(self) -> Courses | None:
        """Those for tasks without tests; None where none were calibrated.

        Raises ValueError for values that cannot be together.
        """
        if not self.without_tests.shown and not self.without_tests.plain:
            return None
        sure = self.without_tests.belief
        belief = None if sure is None else Belief(sure.agreed, sure.shown)
        told = self.without_tests
        usual = [
            None if each is None else self._courses((each,))[0]
            for each in (told.usual_shown, told.usual_plain)
        ]
        return Courses(
            self.models,
            self._courses(told.shown),
            self._courses(told.plain),
            usual_shown=usual[0],
            usual_plain=usual[1],
            belief=belief,
        )

    def _courses(self, courses: tuple[_CourseJson, ...]) -> tuple[Course, ...]:
        return tuple(
            Course(
                *(each.calls, each.rungs, each.success, each.spent),
                math.inf if told.enough is None else told.enough,
            )
            for each, told in zip(self._ladders(courses), courses, strict=True)
        )

    def check(self, rates: Mapping[str, Rate]) -> None:
        """Raise `InvalidArtifact` unless its models are there, and of the sizes it was made for."""
        if missing := [name for name in self.models if name not in rates]:
            raise InvalidArtifact(
                f"the policy is for {', '.join(self.models)}, and {', '.join(missing)} is not "
                "configured here, or what it costs is not known"
            )
        for name, rate in self.rates.items():
            if rates[name] != rate.made():
                raise InvalidArtifact(
                    f"the policy was made for a {name} of other sizes ({rate.made()}) than the one "
                    f"that is configured ({rates[name]}): calibrate again"
                )

    def to_json(self) -> str:
        """As the file has it: a ladder a line."""
        whole = json.loads(self.model_dump_json(by_alias=True, exclude_none=True))
        return _lines(whole) + "\n"

    def _domain(self, domain: _DomainJson) -> Domain:
        lengths = tuple(
            Length(each.prompt_tokens, self._ladders(each.own), self._ladders(each.cached))
            for each in domain.lengths
        )
        if [each.prompt_tokens for each in lengths] != sorted({e.prompt_tokens for e in lengths}):
            raise ValueError(f"domain {domain.name!r}: lengths are not in order")
        if any(name not in self.models or a.half > a.most for name, a in domain.answers.items()):
            raise ValueError(f"domain {domain.name!r}: lengths of answers that cannot be")
        answers = {name: Answers(a.half, a.most) for name, a in domain.answers.items()}
        return Domain(domain.name, lengths, answers)

    def _ladders(self, ladders: tuple[_LadderJson, ...]) -> tuple[Ladder, ...]:
        calls = [each.calls for each in ladders]
        if any(each.spent[0] > each.calls * (1 + ROUNDED) for each in ladders):
            raise ValueError("a ladder is expected to spend more than its budget")
        if calls != sorted(set(calls)):
            raise ValueError("budgets of ladders are not in order")
        return tuple(
            Ladder(
                each.calls,
                tuple(self._rung(rung) for rung in each.rungs),
                Interval(*each.success),
                Interval(*each.spent),
            )
            for each in ladders
        )

    def _rung(self, rung: _RungJson) -> Rung:
        if rung[0] not in self.models:
            raise ValueError(f"a rung draws from {rung[0]!r}, which is none of the models")
        return Rung(*rung)


def read_artifact(path: Path) -> Artifact:
    """Read a policy file. Raises `InvalidArtifact`, which names the file, and OSError."""
    if path.stat().st_size > MOST_BYTES:
        raise InvalidArtifact(
            f"{path} is larger than any policy: {MOST_BYTES:,} bytes are the most"
        )
    text = path.read_bytes()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArtifact(f"{path} is damaged, or no JSON: {error}") from error
    match value:
        case {"format": format_, "schema": schema} if format_ == FORMAT and type(schema) is int:
            if schema != SCHEMA:
                newer = "a newer" if schema > SCHEMA else "an older"
                raise InvalidArtifact(
                    f"{path} has schema {schema}, of {newer} version of this program, which reads "
                    f"{SCHEMA}: calibrate again with this one"
                )
        case _:
            raise InvalidArtifact(f"{path} is no policy of `budget-router calibrate`")
    try:
        return TypeAdapter(Artifact).validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "whole"
        raise InvalidArtifact(f"{path} is damaged, at {place}: {first['msg']}") from error


def cost_hash(rates: Mapping[str, Rate]) -> str:
    """SHA-256 of what models cost, by name."""
    told = {name: asdict(rate) for name, rate in sorted(rates.items())}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _domain_json(domain: Domain) -> dict[str, Any]:
    return {
        "name": domain.name,
        "answers": {name: asdict(each) for name, each in domain.answers.items()},
        "lengths": [
            {
                "prompt_tokens": each.prompt_tokens,
                "own": [_ladder_json(ladder) for ladder in each.own],
                "cached": [_ladder_json(ladder) for ladder in each.cached],
            }
            for each in domain.lengths
        ],
    }


def _ladder_json(ladder: Ladder) -> dict[str, Any]:
    return {
        "calls": ladder.calls,
        "rungs": [(rung.model, rung.n, rung.temperature) for rung in ladder.rungs],
        "success": _triple(ladder.success),
        "spent": _triple(ladder.spent),
    }


def _triple(interval: Interval) -> _Triple:
    """Rounded to what anyone reads."""
    return round(interval.value, 4), round(interval.low, 4), round(interval.high, 4)


def _lines(value: Any, depth: int = 0) -> str:
    """JSON with what is deeper than a ladder on one line."""
    inner, outer = "\n" + "  " * (depth + 1), "\n" + "  " * depth
    match value:
        case {"calls": _}:
            return json.dumps(value)
        case dict() if value:
            parts = (f"{json.dumps(key)}: {_lines(each, depth + 1)}" for key, each in value.items())
            return "{" + inner + f",{inner}".join(parts) + outer + "}"
        case list() if any(isinstance(each, dict) for each in value):
            return (
                "["
                + inner
                + f",{inner}".join(_lines(each, depth + 1) for each in value)
                + outer
                + "]"
            )
        case _:
            return json.dumps(value)
