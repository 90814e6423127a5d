"""What every part of a policy file is like."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """One in which nothing is unknown, and no number infinite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
