"""How a pull tells what it does: a small Protocol, and a bar for terminals."""

from __future__ import annotations

from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class PullProgress(Protocol):
    """What a pull tells. Calls come from the thread that pulls."""

    def begin(self, label: str, total_bytes: int) -> None:
        """A file of this size is about to come."""

    def at(self, done_bytes: int) -> None:
        """So many bytes are here; the number may fall when a source starts over."""

    def note(self, message: str) -> None:
        """One line for the user, such as a source that failed."""


class RichProgress(Progress):
    """A bar on the terminal while the `with` block runs; notes appear above it."""

    def __init__(self, console: Console | None = None) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console or Console(stderr=True),
        )
        self._task: TaskID | None = None

    def begin(self, label: str, total_bytes: int) -> None:
        """Show a bar of its own for the file."""
        self._task = self.add_task(label, total=total_bytes)

    def at(self, done_bytes: int) -> None:
        """Move the bar."""
        if self._task is not None:
            self.update(self._task, completed=done_bytes)

    def note(self, message: str) -> None:
        """Print the line above the bars."""
        self.console.print(message, markup=False, highlight=False)
