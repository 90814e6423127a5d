"""Who is how far ahead of one large call: the paper's claim, asked of selectors and of plans.

The claim: without tests, choosing among samples of a smaller model falls short of one greedy answer
of the larger one at equal compute. So each selector spends what that answer costs, or a little more
where `ROOM` lets it, on samples of the smallest model; plans may mix models, and spend more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from evaluation.statistics import Estimate
from evaluation.study.untested.reading import LEVER, ChosenRow, Untested

ROOM: Final = 1.05
"""Large calls that count as one: k is whole, and the next smaller one would spend far less."""

NOT_USED: Final = "not used"
STRIPPED: Final = "stripped"
USED: Final = "used"
BLIND: Final = "-"
"""What a selector sees of the examples in prompts, as the files have it."""


class Verdict(Enum):
    """What a paired difference to one large call says of the claim."""

    HOLDS = "holds"
    TURNED = "is turned round"
    OPEN = "is not decided"

    @classmethod
    def of(cls, lead: Estimate) -> Verdict:
        """It is decided where chance alone could not make the difference."""
        if lead.high < 0:
            return cls.HOLDS
        return cls.TURNED if lead.low > 0 else cls.OPEN


@dataclass(frozen=True, slots=True)
class Standing:
    """One selector, or one plan, at a budget on one data set; `what` says which, for people.

    A plan has no `selector`: what chooses there is what usually does in the gateway. `lead` is over
    one large call, paired by problem.
    """

    dataset: str
    what: str
    selector: str | None
    large_calls: float
    score: Estimate
    plus: float | None
    lead: Estimate

    @property
    def verdict(self) -> Verdict:
        """What it says of the claim."""
        return Verdict.of(self.lead)


def at_one_call(found: Untested, selector: str, examples: str) -> ChosenRow | None:
    """The widest draw of the smallest model that one large call pays for."""
    fitting = [
        row
        for row in found.rows
        if (row.model, row.selector, row.examples) == (found.small, selector, examples)
        and row.large_calls <= ROOM
    ]
    return max(fitting, key=lambda row: row.k, default=None)


def large_alone_at(found: Untested, x: float, examples: str) -> Standing | None:
    """The best plan that draws from the largest model only, with the same selectors."""
    return plan_at(found, x, examples, f"{found.large.model} alone")


def selectors_at_one_call(found: Untested) -> Iterator[Standing]:
    """Each selector on what one large call pays for; only `examples` knows their outputs."""
    for selector, examples in _SELECTORS:
        if (row := at_one_call(found, selector, examples)) is not None:
            yield Standing(
                found.dataset,
                f"{row.k} samples of {row.model} by {selector}",
                selector,
                row.large_calls,
                row.score,
                row.selected_plus,
                row.lead,
            )


_SELECTORS: Final = (
    ("nll", BLIND),
    ("majority", NOT_USED),
    ("agreement", NOT_USED),
    (LEVER, NOT_USED),
    ("examples", USED),
)


def plan_at(found: Untested, x: float, examples: str, family: str = "any plan") -> Standing | None:
    """The best plan of a family within x large calls that sees examples so, by exact FLOPs."""
    for plan in found.plans:
        if (plan.basis, plan.x, plan.examples, plan.family) == ("exact", x, examples, family):
            return Standing(
                found.dataset,
                plan.plan,
                None,
                plan.large_calls,
                Estimate(plan.success, plan.low, plan.high),
                plan.success_plus,
                plan.lead,
            )
    return None
