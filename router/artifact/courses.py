"""How courses, for tasks without tests, stand in a policy file."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Annotated

from pydantic import Field

from policies.executions import Belief
from policies.sift import Course, Courses
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


class CoursesJson(Part):
    """See `Courses`."""

    shown: tuple[CourseJson, ...] = ()
    plain: tuple[CourseJson, ...] = ()
    usual_shown: CourseJson | None = None
    usual_plain: CourseJson | None = None
    belief: BeliefJson | None = None

    def made(self, models: tuple[str, ...]) -> Courses | None:
        """As policies have them; None where none were calibrated. Raises ValueError."""
        if not self.shown and not self.plain:
            return None
        return Courses(
            models,
            usual_shown=_usual(self.usual_shown, models),
            usual_plain=_usual(self.usual_plain, models),
            shown=_made(self.shown, models),
            plain=_made(self.plain, models),
            belief=None if self.belief is None else Belief(self.belief.agreed, self.belief.shown),
        )


def _made(courses: tuple[CourseJson, ...], models: tuple[str, ...]) -> tuple[Course, ...]:
    return tuple(each.made(models) for each in in_order(courses))


def _usual(course: CourseJson | None, models: tuple[str, ...]) -> Course | None:
    return None if course is None else _made((course,), models)[0]
