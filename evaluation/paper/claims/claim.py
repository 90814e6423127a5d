"""A claim of the paper, the rule that decides it, and the verdict.

Each claim is a sentence of the paper, a number measured on Tables 1 to 4, and a rule that the
number meets or not. Words that need a number, such as "comparable", are given one in the constants
below: a judgement of ours, the same for every claim. A tolerance is for such words, never for the
interpolation: a claim that the interpolation decides, and that other curves through the published
points would decide otherwise, is not `sure`. What the tables cannot decide at all is in
`UNDECIDED`, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, astuple, dataclass, field
from types import MappingProxyType
from typing import Any, Final

from evaluation.paper.bounded import Bounded

COMPARABLE: Final = 2.5
"""Points behind that still count as comparable or competitive: half of the 5 that section 4 calls
a consistent margin."""

SLIGHT: Final = 5.0
"""Points behind that still count as slight: less than that margin."""

ABOUT: Final = 1.25
"""Points away that still count as about 5: a quarter of them."""

ALMOST_ALL: Final = 0.9
"""The share of budgets that counts as almost all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim, decided. `figure` and `tolerance` are in `unit`; `detail` shows its parts.

    `holds` is by interpolation where the tables leave a gap. `sure` says that no curve through the
    published points would decide otherwise.
    """

    id: str
    where: str
    text: str
    figure: Bounded
    unit: str
    rule: str
    tolerance: float = 0.0
    holds: bool
    sure: bool
    note: str = ""
    detail: Mapping[str, Bounded] = field(default_factory=dict)

    @property
    def measured(self) -> float:
        """The number that decides."""
        return self.figure.value

    @property
    def verdict(self) -> str:
        """In words."""
        return ("yes" if self.holds else "no") + ("" if self.sure else ", by interpolation only")

    def cells(self) -> tuple[str, ...]:
        """Its row of a table with `COLUMNS`."""
        number, low, high = (f"{number:,.2f}" for number in astuple(self.figure))
        measured = number.removesuffix(".00") if low == high else f"{number} ({low} to {high})"
        return (
            self.text,
            self.where,
            f"{measured} {self.unit}",
            self.rule + (f", ± {self.tolerance:g}" if self.tolerance else ""),
            self.verdict + (f". {self.note}" if self.note else ""),
        )

    def to_json(self) -> dict[str, Any]:
        """As in claims.json: `measured` with its bounds, the parts of `detail` likewise."""
        plain = asdict(self)
        del plain["figure"]
        measured = self.figure.to_json()
        return plain | {
            "measured": measured["value"],
            "bounds": [measured["low"], measured["high"]],
            "detail": {name: part.to_json() for name, part in self.detail.items()},
        }

    @classmethod
    def at_least(cls, bound: float, *, tolerance: float = 0.0, **known: Any) -> Claim:
        """A claim whose rule is that the number is at least `bound`, less the tolerance."""
        return cls._by(lambda number: number >= bound - tolerance, tolerance=tolerance, **known)

    @classmethod
    def at_most(cls, bound: float, *, tolerance: float = 0.0, **known: Any) -> Claim:
        """A claim whose rule is that the number is at most `bound`, plus the tolerance."""
        return cls._by(lambda number: number <= bound + tolerance, tolerance=tolerance, **known)

    @classmethod
    def every_within(
        cls, low: float, high: float, *, tolerance: float = 0.0, **known: Any
    ) -> Claim:
        """A claim whose rule is that every part is within these, give or take the tolerance."""
        low, high = low - tolerance, high + tolerance
        parts = known["detail"].values()
        holds = all(low <= part.value <= high for part in parts)
        if holds:
            sure = all(low <= part.low and part.high <= high for part in parts)
        else:
            sure = any(part.high < low or high < part.low for part in parts)
        return cls(holds=holds, sure=sure, tolerance=tolerance, **known)

    @classmethod
    def _by(cls, meets: Callable[[float], bool], **known: Any) -> Claim:
        """By a rule that all numbers on one side of a bound meet."""
        holds, at_low, at_high = (meets(number) for number in astuple(known["figure"]))
        return cls(holds=holds, sure=holds == at_low == at_high, **known)


COLUMNS: Final = ("claim", "where", "measured", "rule", "holds")
"""Of a table of claims; see `Claim.cells`."""


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
