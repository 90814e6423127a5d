"""What the paper says, and whether its own tables bear it out.

Each claim is a sentence of the paper, a number measured on Tables 1 to 4, and a rule that the
number meets or not. Words that need a number, such as "comparable", are given one in the constants
below: a judgement of ours, the same for every claim. A tolerance always favours the paper.
What the tables cannot decide is in `UNDECIDED`, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Final

INTERPOLATION_ERROR: Final = 1.3
"""Points by which the interpolation may be off (see `evaluation.paper.curves`)."""

COMPARABLE: Final = 2.5
"""Points behind that still count as comparable or competitive: half of the 5 that section 4 calls
a consistent margin."""

SLIGHT: Final = 5.0
"""Points behind that still count as slight: less than that margin."""

ALMOST_ALL: Final = 0.9
"""The share of budgets that counts as almost all."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim, decided. `measured` and `tolerance` are in `unit`; `detail` shows its parts."""

    id: str
    where: str
    text: str
    measured: float
    unit: str
    rule: str
    tolerance: float
    holds: bool
    note: str = ""
    detail: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As in claims.json: numbers rounded to what the tables can tell."""
        plain = asdict(self) | {"measured": round(self.measured, 3)}
        plain["detail"] = {name: round(value, 3) for name, value in self.detail.items()}
        return plain

    @classmethod
    def at_least(cls, bound: float, **known: Any) -> Claim:
        """A claim whose rule is that the number is at least `bound`, less the tolerance."""
        return cls(holds=known["measured"] >= bound - known["tolerance"], **known)

    @classmethod
    def at_most(cls, bound: float, **known: Any) -> Claim:
        """A claim whose rule is that the number is at most `bound`, plus the tolerance."""
        return cls(holds=known["measured"] <= bound + known["tolerance"], **known)


UNDECIDED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Small models used several times are equivalent or preferable to the greedy answer of a "
        "larger one in all cases (section 4)": "the tables hold no greedy results",
        "On APPS the 13B model achieves similar or better performance as the greedy approach of "
        "all models (section 4)": "the tables hold no greedy results",
        "Ranking by a model improves results, and larger rankers improve them more (section 5.2)": (
            "Figure 8 is published as a picture only"
        ),
        "A 7B model as its own ranker beats its greedy answer (section 5.2)": (
            "Figure 8 is published as a picture only"
        ),
        "Greedy decoding of the larger model beats ranking at a fixed budget (section 5.2)": (
            "Figure 8 is published as a picture only"
        ),
        "The LEVER verifier does not improve the results (section 5.2)": (
            "Figure 9 is published as a picture only"
        ),
    }
)
