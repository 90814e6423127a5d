"""What a choice by generated tests is worth: pass rates of selectors on the same samples.

A selector that holds several samples for equally good takes any of them, so its rate on a problem
is the share of these that passes. *drawn* counts a solution or test as often as it was written, as
the released code of CodeT does, *distinct* once, as that of B4 does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import repeat
from typing import Any, Final, Literal, TypeAlias

from evaluation.metrics import Estimate, bootstrap_difference, bootstrap_mean
from evaluation.selection.codet.running import Matrix, slow
from policies.selection.dual_agreement import Passes, Priors, b4, codet, majority

Counted: TypeAlias = Literal["drawn", "distinct"]
Judged: TypeAlias = Literal["base", "plus"]
COUNTED: Final[tuple[Counted, ...]] = ("drawn", "distinct")
Scores: TypeAlias = Callable[[Passes], Sequence[float]]

CHOOSERS: Final[Mapping[str, Scores]] = {
    "majority": majority,
    "codet": codet,
    "b4": b4,
    "b4 (1e4)": partial(b4, priors=Priors(beta_0=1e4)),
    "b4 (1e6)": partial(b4, priors=Priors(beta_0=1e6)),
}
"""B4 by its authors' other values of `beta_0` as well: nobody chose the best of them afterwards."""


_OVER: Final = "over random | over codet"


@dataclass(frozen=True, slots=True)
class Rate:
    """The pass rate of a selector over problems, and how far it lies above those of others.

    These are a random choice, and CodeT's where the same is counted (as drawn, where nothing is).
    """

    selector: str
    counted: Counted | None
    tests: Judged
    problems: int
    rate: Estimate
    over_random: Estimate
    over_codet: Estimate


@dataclass(frozen=True, slots=True)
class Worth:
    """All rates, and what they are of."""

    sampled: Mapping[str, Any]
    rates: tuple[Rate, ...]

    def to_json(self) -> str:
        """As a file has it."""
        rows = [asdict(rate) for rate in self.rates]
        return json.dumps({"sampled": self.sampled, "rates": rows}, indent=1) + "\n"

    def to_markdown(self) -> str:
        """A table, in per cent, and a line of what it is of."""
        cells = {(one.selector, one.counted, one.tests): one for one in self.rates}
        keys = dict.fromkeys((one.selector, one.counted) for one in self.rates)
        lines = [
            f"| selector | counted | base | {_OVER} | plus | {_OVER} |",
            "|---|---|---:|---:|---:|---:|---:|---:|",
        ]
        for selector, counted in keys:
            both = [cells.get((selector, counted, tests)) for tests in ("base", "plus")]
            shown = " | ".join(map(_shown, both))
            lines.append(f"| {selector} | {counted or ''} | {shown} |")
        of = "; ".join(f"{name}: {value}" for name, value in self.sampled.items())
        return "\n".join([*lines, "", of, ""])


def _shown(rate: Rate | None) -> str:
    if rate is None:
        return " | | "
    others = {"random": rate.over_random, "codet": rate.over_codet}
    over = ("" if name == rate.selector else other.percent("+") for name, other in others.items())
    return " | ".join([f"{100 * rate.rate.value:.1f}", *over])


def worth_of(matrices: Sequence[Matrix], asked: Mapping[str, Any]) -> Worth:
    """The rates of all selectors over problems, at least one."""
    rates = [*_rates(matrices, "base")]
    if second := [matrix for matrix in matrices if matrix.plus is not None]:
        rates += _rates(second, "plus")
    return Worth({**asked, **_totals(matrices)}, tuple(rates))


def _rates(matrices: Sequence[Matrix], tests: Judged) -> Iterable[Rate]:
    random = [_mean(_verdicts(matrix, tests)) for matrix in matrices]
    chose = {
        (name, counted): [chosen(matrix, scores, tests, counted) for matrix in matrices]
        for name, scores in CHOOSERS.items()
        for counted in COUNTED
    }

    def rate(selector: str, counted: Counted | None, values: Sequence[float]) -> Rate:
        found = (
            bootstrap_mean(values),
            bootstrap_difference(values, random),
            bootstrap_difference(values, chose["codet", counted or "drawn"]),
        )
        told = (Estimate(float(one.value), float(one.low), float(one.high)) for one in found)
        return Rate(selector, counted, tests, len(matrices), *told)

    yield rate("first", None, [float(_verdicts(one, tests)[0]) for one in matrices])
    yield rate("random", None, random)
    for (name, counted), values in chose.items():
        yield rate(name, counted, values)
    yield rate("oracle", None, [float(any(_verdicts(one, tests))) for one in matrices])


def _mean(verdicts: Sequence[bool]) -> float:
    return sum(verdicts) / len(verdicts)


def _verdicts(matrix: Matrix, tests: Judged, counted: Counted = "drawn") -> list[bool]:
    passed = matrix.base if tests == "base" or matrix.plus is None else matrix.plus
    return list(passed) if counted == "distinct" else [passed[at] for at in matrix.solutions]


def chosen(matrix: Matrix, scores: Scores, tests: Judged, counted: Counted) -> float:
    """The chance that what a selector puts first on a problem passes."""
    rows = matrix.rows()
    if counted == "drawn":
        rows = [[*_repeated(rows[at], matrix.tests)] for at in matrix.solutions]
    found = scores(rows)
    best = max(found)
    verdicts = _verdicts(matrix, tests, counted)
    return _mean([right for right, own in zip(verdicts, found, strict=True) if own == best])


def _repeated(row: Sequence[bool], times: Sequence[int]) -> Iterable[bool]:
    for passed, count in zip(row, times, strict=True):
        yield from repeat(passed, count)


def _totals(matrices: Sequence[Matrix]) -> dict[str, int]:
    return {
        "problems": len(matrices),
        "problems without tests": sum(not one.tests for one in matrices),
        "all solutions": sum(len(one.solutions) for one in matrices),
        "distinct solutions": sum(len(one.passes) for one in matrices),
        "all tests": sum(sum(one.tests) for one in matrices),
        "distinct tests": sum(len(one.tests) for one in matrices),
        "pairs run": sum(len(one.tests) * len(one.passes) for one in matrices),
        "pairs too slow": sum(slow(one) for one in matrices),
        "solutions broken": sum(one.broken for one in matrices),
    }
