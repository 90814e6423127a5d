"""The progress bar of work on a pool."""

from __future__ import annotations

from typing import Final

from evaluation.bars import Bars

_ESTIMATE_OVER_S: Final = 900.0  # samples come by the draw: a short look back would see none


class PoolProgress(Bars):
    """A bar on standard error while the `with` block runs; `done` of `total` came earlier."""

    def __init__(self, what: str, total: int, done: int) -> None:
        super().__init__(estimate_over_s=_ESTIMATE_OVER_S)
        self._task = self._bars.add_task(what, total=total, completed=done, note="")

    def advance(self, by: int, note: str) -> None:
        """So many more are done."""
        self._bars.update(self._task, advance=by, note=note)
