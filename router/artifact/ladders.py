"""How ladders by kind of task and length of prompt stand in a policy file."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import Field

from policies.ladder import Answers, Domain, Interval, Ladder, Length, Rung
from router.artifact.part import Part

ROUNDED: Final = 0.01
"""A ladder's expected cost is rounded, and may be by this part above its budget."""

_Probability: TypeAlias = Annotated[float, Field(ge=0, le=1)]
_Cost: TypeAlias = Annotated[float, Field(ge=0)]
_RungJson: TypeAlias = tuple[
    str, Annotated[int, Field(ge=1, le=4096)], Annotated[float, Field(ge=0, le=2)]
]


class LadderJson(Part):
    """See `Ladder`; an interval is the value, then its bounds."""

    calls: Annotated[float, Field(gt=0)]
    rungs: Annotated[tuple[_RungJson, ...], Field(min_length=1)]
    success: tuple[_Probability, _Probability, _Probability]
    spent: tuple[_Cost, _Cost, float]

    def made(self, models: Collection[str]) -> Ladder:
        """As policies have it. Raises ValueError, also for a model that is none of these."""
        rungs = tuple(_rung(rung, models) for rung in self.rungs)
        return Ladder(self.calls, rungs, Interval(*self.success), Interval(*self.spent))


_Some = TypeVar("_Some", bound=LadderJson)


def in_order(ladders: tuple[_Some, ...]) -> tuple[_Some, ...]:
    """Those of one task, the smallest budget first. Raises ValueError where they are not."""
    calls = [each.calls for each in ladders]
    if any(each.spent[0] > each.calls * (1 + ROUNDED) for each in ladders):
        raise ValueError("a ladder is expected to spend more than its budget")
    if calls != sorted(set(calls)):
        raise ValueError("budgets of ladders are not in order")
    return ladders


class LengthJson(Part):
    """See `Length`."""

    prompt_tokens: Annotated[int, Field(ge=1)]
    own: Annotated[tuple[LadderJson, ...], Field(min_length=1)]
    cached: Annotated[tuple[LadderJson, ...], Field(min_length=1)]

    def made(self, models: Collection[str]) -> Length:
        """As policies have it. Raises ValueError."""
        own, cached = (
            tuple(each.made(models) for each in in_order(ladders))
            for ladders in (self.own, self.cached)
        )
        return Length(self.prompt_tokens, own, cached)


class AnswersJson(Part):
    """See `Answers`."""

    half: Annotated[int, Field(ge=1)]
    most: Annotated[int, Field(ge=1)]


class DomainJson(Part):
    """See `Domain`."""

    name: Annotated[str, Field(min_length=1)]
    answers: dict[str, AnswersJson]
    lengths: Annotated[tuple[LengthJson, ...], Field(min_length=1)]

    def made(self, models: Collection[str]) -> Domain:
        """As policies have it. Raises ValueError."""
        lengths = tuple(each.made(models) for each in self.lengths)
        if [each.prompt_tokens for each in lengths] != sorted({e.prompt_tokens for e in lengths}):
            raise ValueError(f"domain {self.name!r}: lengths are not in order")
        if any(name not in models or a.half > a.most for name, a in self.answers.items()):
            raise ValueError(f"domain {self.name!r}: lengths of answers that cannot be")
        answers = {name: Answers(a.half, a.most) for name, a in self.answers.items()}
        return Domain(self.name, lengths, answers)


def domain_json(domain: Domain) -> dict[str, Any]:
    """What stands in the file of a domain."""
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


def _triple(interval: Interval) -> tuple[float, float, float]:
    """Rounded to what anyone reads."""
    return round(interval.value, 4), round(interval.low, 4), round(interval.high, 4)


def _rung(rung: _RungJson, models: Collection[str]) -> Rung:
    if rung[0] not in models:
        raise ValueError(f"a rung draws from {rung[0]!r}, which is none of the models")
    return Rung(*rung)
