"""Choices by tests that a model wrote, as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.selection.written.standing import Against, WrittenRow
from evaluation.statistics import Estimate
from evaluation.writing import percent

_HEAD = (
    "| of | tests by | selector | examples | k | selected % | plus % | large calls (tests) "
    "| beside | at as many samples, points | at as many FLOPs, points |"
)


def to_markdown(rows: Sequence[WrittenRow]) -> str:
    """A line for each row and each that it is held against."""
    lines = [_HEAD, "|---|---|---|---|---:|---:|---:|---:|---|---:|---:|"]
    for one in rows:
        row = one.row
        for rival in dict.fromkeys((each.rival, each.examples) for each in one.against):
            equal = {e.equal: e for e in one.against if (e.rival, e.examples) == rival}
            lines.append(
                f"| {row.model} | {one.tests_by} | {row.selector} | {row.examples} | {row.k} | "
                f"{Estimate(row.selected, row.low, row.high).percent()} | "
                f"{percent(row.selected_plus)} | {row.large_calls:.2f} ({one.tests_calls:.2f}) | "
                f"{rival[0]} ({rival[1]}) | {_ahead(equal.get('samples'))} | "
                f"{_ahead(equal.get('flops'))} |"
            )
    return "\n".join(lines) + "\n"


def _ahead(one: Against | None) -> str:
    if one is None:
        return "-"
    ahead = Estimate(one.ahead, one.ahead_low, one.ahead_high)
    return f"{ahead.percent('+')}, k = {one.k:.3g}"
