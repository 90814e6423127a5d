"""Outcomes that a gateway kept: held against what was expected, and as counts to calibrate again.

A plan that stops at a pass draws more where problems are hard: what a dear model did is then known
of the problems alone that cheaper ones had failed, and a calibration on it would think it poor. So
only requests count that had drawn all they would have, whatever passed.
"""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from evaluation.statistics.intervals import Estimate, wilson
from evaluation.writing import write_whole
from router.observations import DECILES, Observation, decile_of

_READ: Final = TypeAdapter(Observation)


class NoOutcomes(ValueError):
    """Nothing here that a gateway kept, or nothing of use; the message says what."""


@dataclass(frozen=True, slots=True)
class Decile:
    """Requests of one domain with expectations in one tenth of what there can be.

    `expected` is their mean, `observed` the rate of those that passed, with its interval.
    """

    domain: str
    lowest: float
    requests: int
    expected: float
    observed: Estimate
    expected_within: bool


def read_outcomes(paths: Iterable[Path]) -> tuple[list[Observation], int]:
    """All outcomes in files, in order, and how many lines are none: a full disk cuts one.

    Raises `NoOutcomes` and OSError.
    """
    found, torn = list[Observation](), 0
    for path in paths:
        for line in path.read_bytes().splitlines():
            try:
                found.append(_READ.validate_json(line))
            except ValidationError:
                torn += 1
    if not found:
        raise NoOutcomes(
            f"there are no outcomes in these files, and {torn} lines of something else: name what "
            "a gateway wrote as [drift] says"
        )
    return found, torn


def deciles(outcomes: Iterable[Observation]) -> list[Decile]:
    """What was expected beside what came, where nothing was extrapolated, by domain."""
    groups = defaultdict[tuple[str, int], list[Observation]](list)
    for each in outcomes:
        if each.domain is not None and each.expected is not None and not each.extrapolated:
            groups[each.domain, decile_of(each.expected)].append(each)
    return [_decile(domain, at, group) for (domain, at), group in sorted(groups.items())]


def _decile(domain: str, at: int, group: Sequence[Observation]) -> Decile:
    expected = math.fsum(each.expected or 0.0 for each in group) / len(group)
    observed = wilson(sum(each.passed for each in group), len(group))
    within = observed.low <= expected <= observed.high
    return Decile(domain, at / DECILES, len(group), expected, observed, within)


Counted = Mapping[tuple[str, str], tuple[int, int]]
"""(samples judged, samples passed) by (problem, model)."""


def counts(
    outcomes: Iterable[Observation], *, greedy: bool = False, kind: str | None = None
) -> Counted:
    """Judged and passed samples by problem and model, of requests that drew all they would have.

    Requests of one id are of one problem. Samples at temperature 0 are all the same, so they stand
    alone: they are counted where `greedy`, others where not. Raises `NoOutcomes` where nothing is
    left.
    """
    found = defaultdict[tuple[str, str], tuple[int, int]](lambda: (0, 0))
    for each in outcomes:
        if each.stops_early or each.deadline_passed or kind not in (None, each.kind):
            continue
        if any(draw.judged < draw.n for draw in each.draws):
            continue
        for draw in each.draws:
            if (draw.temperature == 0) == greedy:
                n, c = found[each.id, draw.model]
                found[each.id, draw.model] = (n + draw.judged, c + draw.passed)
    if not found:
        raise NoOutcomes(
            "no request here drew all that it would have, whatever passed: ask each model for n "
            "samples of every problem, with the policy single, n in the request, and an "
            "X-Request-Id for each problem"
        )
    return found


def write_counts(found: Counted, out: Path) -> None:
    """As a pool of counts, `problem,model,n,c`."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("problem", "model", "n", "c"))
    writer.writerows((*where, *count) for where, count in found.items())
    write_whole(out, file.getvalue().encode())
