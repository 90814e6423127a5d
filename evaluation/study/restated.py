"""The paper's claims, restated for the models of the study, and what the samples say of them.

The paper compares models of one family, so a claim is decided on pairs of one family. Every rule
has one form: each of some differences, in points of percent, is at least a bound, and at most
another if the claim has one. The difference that comes nearest to its bound, or lies furthest
beyond it, decides, with its own paired interval: `sure` says that the interval does not reach over
a bound. An interval of the least of many is a little too narrow; it is for reading, not for a test.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from evaluation.paper.claims.claim import COMPARABLE
from evaluation.statistics import Estimate
from evaluation.study.comparisons import in_percent


@dataclass(frozen=True, slots=True)
class Restated:
    """A claim of the paper and the rule that stands for it here: all are within `bound`..`most`.

    Both are in points, and `needs` says what data decides it.
    """

    id: str
    where: str
    text: str
    rule: str
    bound: float
    needs: str
    most: float = math.inf


@dataclass(frozen=True, slots=True)
class Finding:
    """A restated claim on one dataset. `detail` holds every difference, as fractions.

    `measured`, `holds` and `sure` are None where there was nothing to decide on.
    """

    claim: Restated
    dataset: str
    detail: Mapping[str, Estimate]

    @property
    def measured(self) -> Estimate | None:
        """The difference that decides."""
        return min(self.detail.values(), key=lambda entry: self._room(entry.value), default=None)

    @property
    def holds(self) -> bool | None:
        """Whether the difference that decides is within the bounds."""
        found = self.measured
        return None if found is None else self._room(found.value) >= 0

    @property
    def sure(self) -> bool | None:
        """Whether its whole interval says the same."""
        found = self.measured
        if found is None:
            return None
        if self.holds:
            return min(self._room(found.low), self._room(found.high)) >= 0
        return 100 * found.high < self.claim.bound or 100 * found.low > self.claim.most

    def _room(self, value: float) -> float:
        """How many points a fraction lies within the bounds; negative beyond them."""
        return min(100 * value - self.claim.bound, self.claim.most - 100 * value)

    def to_json(self) -> dict[str, Any]:
        """As in study.json: differences in points."""
        found = self.measured
        return {
            "id": self.claim.id,
            "dataset": self.dataset,
            "where": self.claim.where,
            "text": self.claim.text,
            "rule": self.claim.rule,
            "bound": self.claim.bound,
            **({"most": self.claim.most} if math.isfinite(self.claim.most) else {}),
            "measured": None if found is None else in_percent(found),
            "holds": self.holds,
            "sure": self.sure,
            "detail": {name: in_percent(entry) for name, entry in self.detail.items()},
        }


SIZE: Final = Restated(
    "pass-at-k-grows-with-size",
    "section 4; sub-figures (a)",
    "The pass@k metric improves with model scale.",
    "the larger model is never behind at equal k",
    0.0,
    "samples of two models of one family",
)
AHEAD: Final = Restated(
    "small-ahead-at-all-budgets",
    "section 4; captions of Figures 2, 3, 10 and 11",
    "The smaller models outperform the larger ones across all compute budgets.",
    "the smaller model is never behind at equal cost, on every basis",
    0.0,
    "samples of two models of one family, and their costs",
)
GAP: Final = Restated(
    "gap-of-5-to-15-at-small-budgets",
    "section 4",
    "In the small budget regime (up to 32 FLOPs units and 64 wall-time units) the performance "
    "gap reaches 5-15%.",
    "on every basis the smaller model's largest lead there is within 5 to 15 points",
    5.0,
    "samples of two models of one family, and their costs",
    most=15.0,
)
GREEDY: Final = Restated(
    "small-samples-match-greedy-of-larger",
    "section 4",
    "Using the smaller models several times is equivalent or preferable in all cases to greedy "
    "decoding with larger models.",
    f"at the cost of one greedy answer the smaller is at most {COMPARABLE} points behind it, on "
    "every basis",
    -COMPARABLE,
    "samples of a model and greedy answers of a larger one of its family",
)
GAIN: Final = Restated(
    "gain-of-15-over-one-large-sample",
    "section 8; abstract",
    "Generating multiple outputs from a 13B model may lead to gains of up to 15% over a single "
    "generation from a 70B model.",
    "at the cost of one sample of the larger model the smaller one gains 15 points, on the basis "
    "that favours it most",
    15.0,
    "samples of two models of one family, and their costs",
)
QUARTER: Final = Restated(
    "sixty-percent-at-a-quarter-of-the-time",
    "section 4",
    "In HumanEval, the 7B and 13B models achieve a score of 60% using one quarter of the time it "
    "takes the larger models to reach that score.",
    "in a quarter of the time in which the larger model first reaches 60 %, the smaller one is not "
    "behind it",
    0.0,
    "wall times and samples of two models of one family on HumanEval, the larger of which reaches "
    "60 %",
)
RANKING: Final = Restated(
    "ranking-improves-with-k",
    "section 5.2; Figure 8",
    "Using LLMs as rankers over generations obtained from smaller models improves performance.",
    "rank-score at the largest k is not below that at k = 1, for any generator and ranker",
    0.0,
    "samples with log-probabilities",
)
RANKER_SIZE: Final = Restated(
    "larger-rankers-rank-better",
    "section 5.2; Figure 8",
    "Using larger models as rankers results in better performance.",
    "at the largest k that both have, the larger ranker of a family is not behind the smaller",
    0.0,
    "samples scored by two rankers of one family",
)
OWN_RANKER: Final = Restated(
    "own-ranking-beats-own-greedy",
    "section 5.2",
    "Using a 7B model as a ranker for itself can enhance its generation even further than the "
    "greedy approach.",
    "rank-score at the largest k, ranked by the generator, is not below its greedy answer",
    0.0,
    "samples with log-probabilities, and greedy answers of the same model",
)
GREEDY_WINS: Final = Restated(
    "greedy-of-larger-beats-ranking",
    "section 5.2",
    "The greedy approach [of larger models] consistently outperforms ranking multiple generations "
    "from a smaller model given a fixed compute budget.",
    "the larger model's greedy answer is not behind ranking at its cost, for any ranker, on every "
    "basis",
    0.0,
    "samples with log-probabilities, and greedy answers of a larger model of the family",
)
