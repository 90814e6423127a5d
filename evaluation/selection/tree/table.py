"""What was measured of trees, as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evaluation.selection.tree.measuring import TreeRow
from evaluation.statistics import Estimate
from evaluation.writing import percent

_HEAD: Final = (
    "| tree | chosen by | examples | right % | plus % | oracle % | large calls (least) "
    "| samples for these, by | right % | tree ahead, points | by plus "
    "| at the least FLOPs, samples |"
)


def to_markdown(rows: Sequence[TreeRow]) -> str:
    """A row for each tree, way to choose and rival."""
    lines = [_HEAD, "|---|---|---|---:|---:|---:|---:|---|---:|---:|---:|---:|"]
    for row in rows:
        ahead = Estimate(row.ahead, row.ahead_low, row.ahead_high)
        of_least = Estimate(row.of_least, row.of_least_low, row.of_least_high)
        lines.append(
            f"| {row.tree} | {row.selector} | {row.examples} | "
            f"{Estimate(row.selected, row.low, row.high).percent()} | "
            f"{percent(row.selected_plus)} | {percent(row.oracle)} | "
            f"{row.large_calls:.2f} ({row.least_calls:.2f}) | {row.k:.1f}, {row.rival} | "
            f"{percent(row.rival_selected)} | "
            f"{ahead.percent('+')} | {percent(row.ahead_plus, '+')} | "
            f"{of_least.percent('+')}, {row.least_k:.1f} |"
        )
    return "\n".join(lines) + "\n"
