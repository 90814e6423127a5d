"""What every section is like, and the names and numbers that stand in them.

A number that cannot be used is an error where it is written: infinite, or larger than clocks, the
kernel's limits or the sums that are done with it can take. Later it would be a traceback at the
start, or in each request.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Name: TypeAlias = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,256}$")]
"""Of a model or a policy: it appears in HTTP headers, so plain ASCII without spaces."""

LONGEST_S: Final = 365 * 24 * 3600
MOST_BYTES: Final = 2**50
"""The kernel is told the double of some, in 63 bits."""

Number: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""Any that is above zero and finite."""

Seconds: TypeAlias = Annotated[float, Field(gt=0, le=LONGEST_S, allow_inf_nan=False)]
"""At most a year."""

Count: TypeAlias = Annotated[int, Field(gt=0, le=2**31 - 1)]
"""Of whatever there can be several: engines and servers take it in 32 bits."""

Bytes: TypeAlias = Annotated[int, Field(gt=0, le=MOST_BYTES)]


class Strict(BaseModel):
    """A section in which a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
