"""A comparison as Markdown, for people: a row a budget, and FLOPs at equal success."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from evaluation.architectures import TERA
from evaluation.calibration.replays.entrants import LADDER, TUNED
from evaluation.calibration.replays.ratios import Ratios, Reach
from evaluation.calibration.replays.report import Measured, false_passes
from evaluation.calibration.replays.standings import Standing
from evaluation.statistics.intervals import Estimate
from evaluation.writing import percent

_END: Final = "†"


def to_markdown(measured: Measured) -> str:
    """The tables of a comparison, with notes on what they say."""
    compared = measured.comparison
    parts = [_budgets(measured), *_ratio_tables(measured), _deciles(measured)]
    covered = sum(problem.plus is not None for problem in compared.problems)
    said = (
        f"{len(compared.problems)} problems, and second tests for {covered}. Success in %, by the "
        "tests that choose and by the second tests, which only score; in brackets mean TFLOPs."
    )
    notes = [said]
    if any(map(compared.ends_with_pool, range(len(compared.xs)))):
        notes.append(f"{_END} Of its model no more samples were recorded: more might do better.")
    for at, x in enumerate(compared.xs):
        left_out = [f"{p.name} ({p.outran[at]} runs)" for p in _plans(measured) if p.outran[at]]
        if left_out:
            notes.append(f"At {x:g} more was drawn than recorded: {', '.join(left_out)}.")
    return "\n\n".join([*parts, *notes]) + "\n"


def _plans(measured: Measured) -> list[Standing]:
    return list(measured.comparison.plans.values())


def _budgets(measured: Measured) -> str:
    compared, shown = measured.comparison, measured.shown
    columns = ["x", "cap", *shown, "false passes of the ladder, %"]
    rows = [
        [
            f"{x:g}",
            f"{compared.caps[at].mean() / TERA:.3f}",
            *(_cell(plan, at) + _mark(measured, name, at) for name, plan in shown.items()),
            percent(false_passes(shown[LADDER], at)),
        ]
        for at, x in enumerate(compared.xs)
    ]
    return _table(columns, rows)


def _cell(plan: Standing, at: int) -> str:
    if plan.outran[at]:
        return "outran"
    known = not np.isnan(plan.plus[at]).all()
    plus = f" / {100 * np.nanmean(plan.plus[at]):.1f}" if known else ""
    return f"{100 * plan.success[at].mean():.1f}{plus} ({plan.flops[at].mean() / TERA:.3f})"


def _mark(measured: Measured, name: str, at: int) -> str:
    return _END if name == TUNED and measured.comparison.ends_with_pool(at) else ""


def _ratio_tables(measured: Measured) -> Iterator[str]:
    """FLOPs of the ladders at the success of others, by budget and as the geometric mean."""
    found = [
        (f"{ours} against {theirs}, {tests}", ratios)
        for ours, theirs, tests, ratios in measured.pairs
    ]
    if found:
        xs = measured.comparison.xs
        columns = ["FLOPs at equal success", *(f"{x:g}" for x in xs), "geometric mean (95 %)"]
        yield _table(columns, [[name, *_ratio_cells(ratios, xs)] for name, ratios in found])


def _ratio_cells(ratios: Ratios, xs: Sequence[float]) -> Iterator[str]:
    by_x = {each.x: each for each in ratios.each}
    for x in xs:
        match by_x.get(x):
            case None:
                yield "-"
            case each if each.ratio is None:
                yield "not reached"
            case each:
                mark = "*" if each.reach is Reach.CHEAPEST else ""
                yield f"{each.ratio.value:.2f}{mark}"
    yield _interval(ratios.mean)


def _deciles(measured: Measured) -> str:
    columns = ["predicted, %", "observed, % (95 %)", "within"]
    rows = [
        [
            percent(each.predicted),
            each.observed.percent(),
            "yes" if each.within else "no",
        ]
        for each in measured.deciles()
    ]
    return _table(columns, rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---:"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _interval(estimate: Estimate | None) -> str:
    return "-" if estimate is None else estimate.plain()
