"""What was measured of signals, as Markdown and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evaluation.calibration.signals.prediction import CLASSES, Predicted
from evaluation.calibration.signals.revised import DRAWN, Revised
from evaluation.calibration.signals.use import Compared
from evaluation.metrics import Estimate


@dataclass(frozen=True, slots=True)
class Signals:
    """All that was measured."""

    prediction: Sequence[Predicted]
    use: Sequence[Compared]
    revised: Sequence[Revised]

    def to_json(self) -> dict[str, Any]:
        """As `signal.json` has it: what has no bound ends at null."""
        return {
            "prediction": [_told(each) for each in self.prediction],
            "use": [_told(each) | {"pays": each.pays} for each in self.use],
            "revised": [_told(each) | {"pays": each.pays} for each in self.revised],
        }

    def to_markdown(self) -> str:
        """Tables of what there is."""
        tables = []
        if self.prediction:
            tables.append("\n".join(_prediction(self.prediction)))
        if self.use:
            tables.append("\n".join(_use(self.use)))
        if self.revised:
            tables.append("\n".join(_revised(self.revised)))
        return "\n\n".join(tables) + "\n"


def _told(row: Predicted | Compared | Revised) -> dict[str, Any]:
    return asdict(row, dict_factory=_finite)


def _finite(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in items
    }


def _prediction(rows: Sequence[Predicted]) -> Iterator[str]:
    classes = " | ".join(f"{name} of the checks" for name in CLASSES)
    yield f"| data set | failed samples | next sample | {classes} | AUC |"
    yield "|---|---|---|" + "---:|" * (len(CLASSES) + 1)
    for row in rows:
        rates = " | ".join(
            f"{_percent(rate)}, of {n:.0f}" for rate, n in zip(row.rates, row.problems, strict=True)
        )
        yield (
            f"| {row.dataset} | {row.k} of {row.model} | {row.next_model} | {rates} "
            f"| {_plain(row.auc)} |"
        )


def _use(rows: Sequence[Compared]) -> Iterator[str]:
    yield (
        "| found on | tested on | budget | success, % | looking | FLOPs, large calls | looking "
        "| FLOPs at equal success |"
    )
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    for row in rows:
        where = f"| {row.found_on} | {row.tested_on}, n = {row.problems} |"
        for used in row.budgets:
            success = " | ".join(f"{100 * each:.1f}" for each in used.success)
            spent = " | ".join(f"{each:.3f}" for each in used.spent)
            yield f"{where} {used.calls:g} | {success} | {spent} | {_plain(used.ratio, 3)} |"
        yield f"{where} mean | | | | | {_plain(row.ratio, 3)} |"


def _revised(rows: Sequence[Revised]) -> Iterator[str]:
    yield (
        "| data set | model | problems | fresh passes, % | revised passes, % | ratio "
        f"| {DRAWN} fresh solve, % | {DRAWN} revised solve, % | FLOPs | passes per FLOP |"
    )
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for row in rows:
        solved = " | ".join(f"{100 * each:.1f}" for each in row.solved)
        rates = " | ".join(map(_percent, row.rates))
        yield (
            f"| {row.dataset} | {row.model} | {row.problems} of {row.of} | {rates} "
            f"| {_plain(row.ratio)} | {solved} | {row.flops[1] / row.flops[0]:.2f} times "
            f"| {_plain(row.worth)} |"
        )


def _percent(estimate: Estimate | None) -> str:
    return "none" if estimate is None else estimate.percent()


def _plain(estimate: Estimate | None, places: int = 2) -> str:
    if estimate is None:
        return "none"
    low, high = (f"{each:.{places}f}" for each in (estimate.low, estimate.high))
    return f"{estimate.value:.{places}f} ({low} to {high})"
