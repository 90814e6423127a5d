"""How courses, for tasks without tests, stand in a policy file."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Annotated, Any

from pydantic import Field, model_validator

from policies.plans.sift import Course, Courses, CoursesAt
from policies.selection.executions import Belief
from router.artifact.ladders import LadderJson, in_order
from router.artifact.part import Part


class CourseJson(LadderJson):
    """See `Course`; one without `enough` is not ended by agreement."""

    enough: Annotated[float, Field(gt=0)] | None = None

    def made(self, models: Collection[str]) -> Course:
        """As policies have it. Raises ValueError."""
        ladder = super().made(models)
        enough = math.inf if self.enough is None else self.enough
        return Course(ladder.calls, ladder.rungs, ladder.success, ladder.spent, enough)


class BeliefJson(Part):
    """See `Belief`."""

    agreed: tuple[float, float]
    shown: tuple[float, float, float]


class CoursesAtJson(Part):
    """See `CoursesAt`; those without `prompt_tokens` are for all prompts."""

    prompt_tokens: Annotated[int, Field(ge=1)] | None = None
    shown: tuple[CourseJson, ...] = ()
    plain: tuple[CourseJson, ...] = ()
    usual_shown: CourseJson | None = None
    usual_plain: CourseJson | None = None

    def made(self, models: Collection[str]) -> CoursesAt:
        """As policies have them. Raises ValueError."""
        return CoursesAt(
            self.prompt_tokens,
            usual_shown=_usual(self.usual_shown, models),
            usual_plain=_usual(self.usual_plain, models),
            shown=_made(self.shown, models),
            plain=_made(self.plain, models),
        )


class CoursesJson(Part):
    """See `Courses`.

    Files from before courses had lengths say in place of `lengths` what is in one of them: that is
    for all prompts.
    """

    lengths: tuple[CoursesAtJson, ...] = ()
    belief: BeliefJson | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_all_prompts(cls, told: Any) -> Any:
        if not isinstance(told, dict) or "lengths" in told:
            return told
        alone = {key: value for key, value in told.items() if key != "belief"}
        return {"lengths": [alone] if alone else [], "belief": told.get("belief")}

    def made(self, models: tuple[str, ...]) -> Courses | None:
        """As policies have them; None where none were calibrated. Raises ValueError."""
        if not any(each.shown or each.plain for each in self.lengths):
            return None
        tokens = [each.prompt_tokens for each in self.lengths]
        if len(tokens) > 1 and tokens != sorted({each for each in tokens if each is not None}):
            raise ValueError("courses: lengths are not in order")
        belief = None if self.belief is None else Belief(self.belief.agreed, self.belief.shown)
        return Courses(models, tuple(each.made(models) for each in self.lengths), belief)


def _made(courses: tuple[CourseJson, ...], models: Collection[str]) -> tuple[Course, ...]:
    return tuple(each.made(models) for each in in_order(courses))


def _usual(course: CourseJson | None, models: Collection[str]) -> Course | None:
    return None if course is None else _made((course,), models)[0]
