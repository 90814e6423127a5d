"""Courses as `evaluate selectors` wrote them, for a policy that is made: read before any work."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from evaluation.commands.common.failing import fail, failing_on
from evaluation.datasets.sources import faults
from router.artifact.courses import CoursesJson


@dataclass(frozen=True, slots=True)
class MeasuredCourses:
    """The courses of a `selectors.json`, and the models that it is of."""

    path: Path
    models: list[str]
    courses: CoursesJson

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file, or end the command."""
        with failing_on(OSError, ValueError):
            measured = json.loads(path.read_bytes())
        found = measured if isinstance(measured, dict) else {}
        models, told = found.get("models"), found.get("courses")
        if not isinstance(models, list) or not isinstance(told, dict):
            fail(f"{path} is no `selectors.json` of `evaluate selectors`")
        try:
            courses = CoursesJson.model_validate(told)
        except ValidationError as error:
            fail(f"{path} is damaged: {faults(error)}")
        return cls(path, models, courses)

    def check(self, names: tuple[str, ...]) -> None:
        """End the command unless they are for these models."""
        if self.models != list(names):
            fail(f"{self.path} is no `selectors.json` of {', '.join(names)}")
        with failing_on(ValueError):
            self.courses.made(names)
