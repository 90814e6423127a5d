"""What `evaluate selectors` and `evaluate lever` found, read from their files.

Scores are fractions of problems, costs are in large calls: the mean cost of a greedy answer of the
largest model. A file of either kind is told by what it holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from evaluation.statistics import Estimate

LEVER: Final = "lever"


class UnreadableChoices(ValueError):
    """A file is of neither command, or two say different things; the message says which."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Compared(_Row):
    """What is held against the greedy answers of the largest model, paired by problem."""

    ahead: float
    ahead_low: float
    ahead_high: float

    @property
    def lead(self) -> Estimate:
        """Over those."""
        return Estimate(self.ahead, self.ahead_low, self.ahead_high)


class ChosenRow(_Compared):
    """One selector on k samples. `examples` is what it sees of those in prompts, `-` if nothing."""

    model: str
    selector: str
    examples: str
    k: int
    selected: float
    low: float
    high: float
    selected_plus: float | None
    oracle: float
    large_calls: float
    eta: float | None = None

    @property
    def score(self) -> Estimate:
        """The share of problems for which it chooses a right answer."""
        return Estimate(self.selected, self.low, self.high)


class BestPlan(_Compared):
    """The best plan within `x` large calls, by problems other than those that it is reported on.

    Files from before there was another `basis` do not say it.
    """

    examples: str
    family: str
    basis: str = "exact"
    x: float
    plan: str
    success: float
    low: float
    high: float
    success_plus: float | None
    large_calls: float


class GreedyStar(_Row):
    """A model's greedy answers."""

    model: str
    success: float
    low: float
    high: float
    success_plus: float | None
    large_calls: float

    @property
    def score(self) -> Estimate:
        """The share of problems that they solve."""
        return Estimate(self.success, self.low, self.high)


class _LeverRow(ChosenRow):
    """One selector beside `lever`, by how much that leads it, and how far it is ahead itself."""

    ahead: float = Field(alias="ahead_of_greedy")
    ahead_low: float = Field(alias="of_greedy_low")
    ahead_high: float = Field(alias="of_greedy_high")
    lever_ahead: float
    lever_low: float = Field(alias="ahead_low")
    lever_high: float = Field(alias="ahead_high")

    @property
    def trailing(self) -> Estimate:
        """How far `lever` leads it, paired."""
        return Estimate(self.lever_ahead, self.lever_low, self.lever_high)


class _SelectorsFile(_Row):
    dataset: str
    problems: int
    models: tuple[str, ...]
    rows: tuple[ChosenRow, ...]
    greedy: tuple[GreedyStar, ...]
    plans: tuple[BestPlan, ...]


class _LeverFile(_Row):
    dataset: str
    problems: int
    trained_on: str | None
    rows: tuple[_LeverRow, ...]


@dataclass(frozen=True, slots=True)
class Untested:
    """All that is known of choosing without tests on one data set.

    `models` are from small to large. `over` is how far `lever`, trained on `trained_on`, leads
    another selector on the same draws, by (model, selector, examples, k).
    """

    dataset: str
    problems: int
    models: tuple[str, ...]
    rows: tuple[ChosenRow, ...]
    greedy: tuple[GreedyStar, ...]
    plans: tuple[BestPlan, ...]
    trained_on: str | None = None
    over: Mapping[tuple[str, str, str, int], Estimate] = field(default_factory=dict)

    @property
    def small(self) -> str:
        """The smallest model."""
        return self.models[0]

    @property
    def large(self) -> GreedyStar:
        """One call of the largest model: what all is held against."""
        return next(star for star in self.greedy if star.model == self.models[-1])


def read_untested(paths: Sequence[Path]) -> list[Untested]:
    """What the files say of each data set, by name. Raises `UnreadableChoices`."""
    found: dict[str, Untested] = {}
    levers: dict[str, tuple[Path, _LeverFile]] = {}
    for path in paths:
        match _read(path):
            case _SelectorsFile() as file if file.dataset not in found:
                found[file.dataset] = _untested(path, file)
            case _LeverFile() as file if file.dataset not in levers:
                levers[file.dataset] = path, file
            case file:
                raise UnreadableChoices(f"{path} is the second such file of {file.dataset}")
    for dataset, (path, file) in levers.items():
        if dataset not in found or found[dataset].problems != file.problems:
            raise UnreadableChoices(
                f"{path} needs what `budget-router evaluate selectors` found on the same "
                f"{file.problems} problems of {dataset} beside it"
            )
        found[dataset] = _with_lever(found[dataset], file)
    return [found[dataset] for dataset in sorted(found)]


def _read(path: Path) -> _SelectorsFile | _LeverFile:
    try:
        return _FILE.validate_json(path.read_bytes())
    except OSError as error:
        raise UnreadableChoices(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        raise UnreadableChoices(
            f"{path} is no file that `budget-router evaluate selectors` or `evaluate lever` writes "
            "now"
        ) from error


_FILE: Final = TypeAdapter[_SelectorsFile | _LeverFile](_SelectorsFile | _LeverFile)


def _untested(path: Path, file: _SelectorsFile) -> Untested:
    if not file.models or file.models[-1] not in {star.model for star in file.greedy}:
        raise UnreadableChoices(f"{path} has no greedy answers of its largest model")
    return Untested(*(file.dataset, file.problems, file.models, file.rows, file.greedy, file.plans))


def _with_lever(known: Untested, file: _LeverFile) -> Untested:
    """Its own row of each draw is added; the others are those of `evaluate selectors`."""
    return replace(
        known,
        rows=(*known.rows, *(row for row in file.rows if row.selector == LEVER)),
        trained_on=file.trained_on,
        over={(row.model, row.selector, row.examples, row.k): row.trailing for row in file.rows},
    )
