"""What was measured of trees, as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evaluation.selection.tree.measuring import TreeRow

_HEAD: Final = (
    "| tree | chosen by | examples | right % | plus % | oracle % | large calls (least) "
    "| samples for these, by | right % | tree ahead, points | by plus "
    "| at the least FLOPs, samples |"
)


def to_markdown(rows: Sequence[TreeRow]) -> str:
    """A row for each tree, way to choose and rival."""
    lines = [_HEAD, "|---|---|---|---:|---:|---:|---:|---|---:|---:|---:|---:|"]
    for row in rows:
        plus = "-" if row.ahead_plus is None else f"{100 * row.ahead_plus:+.1f}"
        lines.append(
            f"| {row.tree} | {row.selector} | {row.examples} | "
            f"{_percent(row.selected)} ({_percent(row.low)} to {_percent(row.high)}) | "
            f"{_percent(row.selected_plus)} | {_percent(row.oracle)} | "
            f"{row.large_calls:.2f} ({row.least_calls:.2f}) | {row.k:.1f}, {row.rival} | "
            f"{_percent(row.rival_selected)} | "
            f"{_ahead(row.ahead, row.ahead_low, row.ahead_high)} | {plus} | "
            f"{_ahead(row.of_least, row.of_least_low, row.of_least_high)}, {row.least_k:.1f} |"
        )
    return "\n".join(lines) + "\n"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _ahead(value: float, low: float, high: float) -> str:
    return f"{100 * value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
