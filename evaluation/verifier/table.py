"""What was measured of a verifier, as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evaluation.selection.standings import GreedyRow
from evaluation.verifier.measuring import VERIFIER, LeverRow
from policies.selection.lever import LEVER

_HEAD: Final = (
    "| model | examples | k | large calls | lever % | agreement % | nll % | verifier alone % "
    "| oracle % | lever ahead of agreement | of nll |"
)


def to_markdown(rows: Sequence[LeverRow], greedy: Sequence[GreedyRow]) -> str:
    """A row for each model, sight and k: what was chosen well, and how far `lever` is ahead."""
    lines = [
        _HEAD,
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    found = {(row.model, row.examples, row.k, row.selector): row for row in rows}
    for model, examples, k in dict.fromkeys(key[:3] for key in found):
        of = {key[3]: row for key, row in found.items() if key[:3] == (model, examples, k)}
        lever, agreement, nll = of[LEVER], of["agreement"], of["nll"]
        lines.append(
            f"| {model} | {examples} | {k} | {lever.large_calls:.2f} | {_both(lever)} | "
            f"{_both(agreement)} | {_both(nll)} | {_both(of[VERIFIER])} | "
            f"{100 * lever.oracle:.1f} | {_ahead(agreement)} | {_ahead(nll)} |"
        )
    lines += ["", "| greedy | success % | large calls |", "|---|---:|---:|"]
    for row in greedy:
        told = f"{100 * row.success:.1f} ({100 * row.low:.1f} to {100 * row.high:.1f})"
        lines.append(f"| {row.model} | {told}{_plus(row.success_plus)} | {row.large_calls:.2f} |")
    return "\n".join(lines) + "\n"


def _both(row: LeverRow) -> str:
    return f"{100 * row.selected:.1f}{_plus(row.selected_plus)}"


def _plus(value: float | None) -> str:
    return "" if value is None else f" / {100 * value:.1f}"


def _ahead(row: LeverRow) -> str:
    return (
        f"{100 * row.lever_ahead:+.1f} ({100 * row.ahead_low:+.1f} to {100 * row.ahead_high:+.1f})"
    )
