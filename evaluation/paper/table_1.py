"""Table 1 again: FLOPs from the models' sizes, and the normalised columns from the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluation.architectures import ARCHITECTURES, TERA
from evaluation.paper.published import CODE_LLAMA, published
from policies.cost import PAPER_SEQUENCE_LENGTH


def table_1(measured: Mapping[str, float]) -> dict[str, Any]:
    """As in table-1.json: a row per Code Llama size, each number beside the printed one.

    `tflops` follow from the architecture. Seconds were measured by the authors on eight A100 and
    cannot be computed: only their normalised column is. `measured` are seconds per sample found
    elsewhere, by model; a model that was not measured has None.
    """
    first = CODE_LLAMA[0]
    base = ARCHITECTURES[first].paper()
    rows = []
    for model in CODE_LLAMA:
        printed = published().costs[model]
        flops = ARCHITECTURES[model].paper()
        rows.append(
            {
                "model": model,
                "tflops": round(flops / TERA, 4),
                "tflops_printed": printed.tflops,
                "tflops_relative_error": round(flops / TERA / printed.tflops - 1, 5),
                "tflops_norm": round(flops / base, 4),
                "tflops_norm_printed": printed.tflops_norm,
                "seconds_printed": printed.seconds,
                "seconds_norm": round(printed.seconds / published().costs[first].seconds, 4),
                "seconds_norm_printed": printed.seconds_norm,
                "seconds_measured": measured.get(model),
                "seconds_measured_norm": _ratio(measured.get(model), measured.get(first)),
            }
        )
    return {
        "table": 1,
        "basis": f"linear layers and output head at {PAPER_SEQUENCE_LENGTH} tokens",
        "rows": rows,
    }


def _ratio(value: float | None, base: float | None) -> float | None:
    return None if value is None or base is None else round(value / base, 4)
