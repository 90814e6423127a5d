"""The choice among what exists, valid at every moment of a plan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from policies.values import Candidate, Choice, Verdict

_VERDICT_ORDER: Final = (Verdict.PASSED, Verdict.UNVERIFIED, Verdict.FAILED)


def choose(candidates: Sequence[Candidate]) -> Choice:
    """Passed, then unverified, then failed; within these whole answers before cut ones.

    Then the model drawn last (a plan only ever escalates, so it is the strongest; log-likelihoods
    of different models do not compare), then the lower averaged NLL (Eq. 7 of the paper), then the
    earlier. An empty sequence gives an empty choice.
    """
    if not candidates:
        return Choice((), "none")
    strongest = max(candidates, key=lambda c: c.id).model

    def order(c: Candidate) -> tuple[int, bool, bool, float, int]:
        known = c.nll is not None and math.isfinite(c.nll)
        nll = c.nll if known and c.nll is not None else math.inf
        return _VERDICT_ORDER.index(c.verdict), c.cut, c.model != strongest, nll, c.id

    ordered = tuple(sorted(candidates, key=order))
    if any(c.verdict is not Verdict.UNVERIFIED for c in candidates):
        return Choice(ordered, "tests")
    if len(ordered) == 1:
        return Choice(ordered, "single")
    return Choice(ordered, "first" if all(c.nll is None for c in candidates) else "nll")
