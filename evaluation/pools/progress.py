"""The progress bar of work on a pool: counts, a note, and the time that is left."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_ESTIMATE_OVER_S: Final = 900.0  # samples come by the draw: a short look back would see none


class PoolProgress:
    """A bar on standard error while the `with` block runs; `done` of `total` came earlier."""

    def __init__(self, what: str, total: int, done: int) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            speed_estimate_period=_ESTIMATE_OVER_S,
        )
        self._task = self._bar.add_task(what, total=total, completed=done, note="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def advance(self, by: int, note: str) -> None:
        """So many more are done."""
        self._bar.update(self._task, advance=by, note=note)

    def say(self, message: str) -> None:
        """One line above the bar."""
        self._bar.console.print(message, markup=False, highlight=False, soft_wrap=True)
