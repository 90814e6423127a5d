"""The progress bar of a run, with the pass rate so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.bars import Bars
from evaluation.gateway.comparison import passed


class RunProgress(Bars):
    """A bar on standard error while the `with` block runs. `done` are records of earlier runs."""

    def __init__(self, total: int, done: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        self._passed = sum(passed(record) for record in done)
        self._answered = len(done)
        self._errors = 0
        self._problems = self._bars.add_task(
            "problems", total=total, completed=len(done), note=self._note()
        )
        self._prompts = self._bars.add_task("prompt lengths", total=None, visible=False, note="")

    def prompts(self, known: int, total: int) -> None:
        """So many prompt lengths are known now."""
        self._bars.update(self._prompts, completed=known, total=total, visible=known < total)

    def record(self, record: Mapping[str, Any]) -> None:
        """One more problem is done."""
        self._answered += 1
        self._passed += passed(record)
        if (error := record.get("error")) is not None:
            self._errors += 1
            self.say(f"{record['task_id']}: {error['code']}: {error['message']}")
        self._bars.update(self._problems, advance=1, note=self._note())

    def _note(self) -> str:
        rate = f"{100 * self._passed / self._answered:.1f} % pass" if self._answered else ""
        return f"{rate}, {self._errors} errors" if self._errors else rate
