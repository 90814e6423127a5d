"""What every section is like, and the names that stand in them."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Name: TypeAlias = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,256}$")]
"""Of a model or a policy: it appears in HTTP headers, so plain ASCII without spaces."""


class Strict(BaseModel):
    """A section in which a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
