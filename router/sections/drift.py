"""What is kept of outcomes, beside what was expected of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from router.sections.section import MOST_BYTES, Strict


class DriftConfig(Strict):
    """Whether outcomes are held against what was expected; see `router.drift`.

    `file` keeps them, in at most twice `file_bytes`; without one there are figures alone.
    """

    enabled: bool = False
    file: Path | None = None
    file_bytes: Annotated[int, Field(ge=2**16, le=MOST_BYTES)] = 16 * 2**20

    @model_validator(mode="after")
    def _file_is_written(self) -> Self:
        if self.file is not None and not self.enabled:
            raise ValueError("file is named, and nothing is written to it: set enabled = true")
        return self
