"""Choices by tests that a model wrote, as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.selection.written.standing import Against, WrittenRow
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
                f"{100 * row.selected:.1f} ({100 * row.low:.1f} to {100 * row.high:.1f}) | "
                f"{percent(row.selected_plus)} | {row.large_calls:.2f} ({one.tests_calls:.2f}) | "
                f"{rival[0]} ({rival[1]}) | {_ahead(equal.get('samples'))} | "
                f"{_ahead(equal.get('flops'))} |"
            )
    return "\n".join(lines) + "\n"


def _ahead(one: Against | None) -> str:
    if one is None:
        return "-"
    interval = f"({100 * one.ahead_low:+.1f} to {100 * one.ahead_high:+.1f})"
    return f"{100 * one.ahead:+.1f} {interval}, k = {one.k:.3g}"
