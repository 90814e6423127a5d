"""What was measured of a verifier, as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evaluation.selection.standings import GreedyRow
from evaluation.statistics.intervals import Estimate
from evaluation.verifier.measuring import VERIFIER, LeverRow
from evaluation.writing import markdown
from policies.selection.lever import LEVER

_HEAD: Final = (
    *("model", "examples", "k", "large calls", "lever %", "agreement %", "nll %"),
    *("verifier alone %", "oracle %", "lever ahead of agreement", "of nll"),
)


def to_markdown(rows: Sequence[LeverRow], greedy: Sequence[GreedyRow]) -> str:
    """A row for each model, sight and k: what was chosen well, and how far `lever` is ahead."""
    found = {(row.model, row.examples, row.k, row.selector): row for row in rows}
    cells = []
    for model, examples, k in dict.fromkeys(key[:3] for key in found):
        of = {key[3]: row for key, row in found.items() if key[:3] == (model, examples, k)}
        lever, agreement, nll = of[LEVER], of["agreement"], of["nll"]
        chosen = map(_both, (lever, agreement, nll, of[VERIFIER]))
        leads = f"{100 * lever.oracle:.1f}", _ahead(agreement), _ahead(nll)
        cells.append([model, examples, k, f"{lever.large_calls:.2f}", *chosen, *leads])
    stars = [
        (row.model, _success(row) + _plus(row.success_plus), f"{row.large_calls:.2f}")
        for row in greedy
    ]
    alone = markdown(("greedy", "success %", "large calls"), stars)
    return "\n".join([*markdown(_HEAD, cells, words=2), "", *alone, ""])


def _success(row: GreedyRow) -> str:
    return Estimate(row.success, row.low, row.high).percent()


def _both(row: LeverRow) -> str:
    return f"{100 * row.selected:.1f}{_plus(row.selected_plus)}"


def _plus(value: float | None) -> str:
    return "" if value is None else f" / {100 * value:.1f}"


def _ahead(row: LeverRow) -> str:
    return Estimate(row.lever_ahead, row.ahead_low, row.ahead_high).percent("+")
