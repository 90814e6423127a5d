"""Progress bars of long work: counts, a note, the time it took and the time that is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")

_ESTIMATE_OVER_S: Final = 900.0  # samples come by the draw: a short look back would see none


class Bars:
    """Bars on standard error while the `with` block runs.

    Every task of `_bars` must be given a `note`. The time left is estimated over the last
    `estimate_over_s` seconds.
    """

    def __init__(self, *, estimate_over_s: float = 30.0) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            speed_estimate_period=estimate_over_s,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def say(self, message: str) -> None:
        """One line above the bars."""
        self._bars.console.print(message, markup=False, highlight=False, soft_wrap=True)


class PoolProgress(Bars):
    """One bar of work on a pool, or of anything that is counted; `done` of `total` came earlier."""

    def __init__(self, what: str, total: int, done: int = 0) -> None:
        super().__init__(estimate_over_s=_ESTIMATE_OVER_S)
        self._task = self._bars.add_task(what, total=total, completed=done, note="")

    def advance(self, by: int = 1, note: str = "") -> None:
        """So many more are done."""
        self._bars.update(self._task, advance=by, note=note)


class RunProgress(Bars):
    """The bar of a run over a benchmark, with the pass rate so far; `done` came earlier."""

    def __init__(self, total: int, *, done: int, passed: int) -> None:
        super().__init__()
        self._passed = passed
        self._answered = done
        self._errors = 0
        self._problems = self._bars.add_task(
            "problems", total=total, completed=done, note=self._note()
        )
        self._prompts = self._bars.add_task("prompt lengths", total=None, visible=False, note="")

    def prompts(self, known: int, total: int) -> None:
        """So many prompt lengths are known now."""
        self._bars.update(self._prompts, completed=known, total=total, visible=known < total)

    def record(self, record: Mapping[str, Any], *, passed: bool) -> None:
        """One more problem is done."""
        self._answered += 1
        self._passed += passed
        if (error := record.get("error")) is not None:
            self._errors += 1
            self.say(f"{record['task_id']}: {error['code']}: {error['message']}")
        self._bars.update(self._problems, advance=1, note=self._note())

    def _note(self) -> str:
        rate = f"{100 * self._passed / self._answered:.1f} % pass" if self._answered else ""
        return f"{rate}, {self._errors} errors" if self._errors else rate


class StepsProgress(Progress):
    """A bar for each step of some work, gone when the `with` block ends.

    What is counted is an iterable: the bar moves as its items are taken.
    """

    def __init__(self) -> None:
        super().__init__(console=Console(stderr=True), transient=True)

    def counted(self, items: Iterable[T], what: str, total: int) -> Iterable[T]:
        """The same items, each of them counted on a new bar."""
        return self.track(items, total=total, description=what)
