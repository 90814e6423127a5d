"""Tables 1 to 4 of the paper as values; the numbers themselves are in `published_tables.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from evaluation.paper.curves import Curve

CODE_LLAMA: Final = ("codellama-7b", "codellama-13b", "codellama-34b", "codellama-70b")
LLAMA_3: Final = ("llama3-8b", "llama3-70b")

LABELS: Final[Mapping[str, str]] = {
    "codellama-7b": "Code Llama 7B",
    "codellama-13b": "Code Llama 13B",
    "codellama-34b": "Code Llama 34B",
    "codellama-70b": "Code Llama 70B",
    "llama3-8b": "Llama-3 8B",
    "llama3-70b": "Llama-3 70B",
}
"""The models' names as people write them."""

STAND_INS: Final[Mapping[str, str]] = {
    "llama3-8b": "codellama-7b",
    "llama3-70b": "codellama-70b",
}
"""Llama-3 has no row in Table 1: by footnote 3 its cost is that of the Code Llama beside it."""

BENCHMARKS: Final[Mapping[str, str]] = {
    "humaneval": "HumanEval",
    "mbpp": "MBPP",
    "apps-introductory": "APPS introductory",
    "apps-interview": "APPS interview",
    "apps-competition": "APPS competition",
}
APPS: Final = ("apps-introductory", "apps-interview", "apps-competition")


@dataclass(frozen=True, slots=True)
class PublishedCost:
    """A row of Table 1. The `_norm` columns are in units of one sample of the 7B model.

    `tflops` are teraFLOPs of one sample; `seconds` the wall time of some 1,000 generations.
    """

    tflops: float
    tflops_norm: float
    seconds: float
    seconds_norm: float


@dataclass(frozen=True, slots=True)
class Published:
    """Table 1 by model, and Tables 2 to 4 as a curve by benchmark and model, in percent."""

    costs: Mapping[str, PublishedCost]
    curves: Mapping[str, Mapping[str, Curve]]

    def cost(self, model: str) -> PublishedCost:
        """A model's row of Table 1, or its stand-in's. Raises KeyError for other models."""
        return self.costs[STAND_INS.get(model, model)]


@cache
def published() -> Published:
    """The tables that the package ships."""
    tables = json.loads((files(__package__) / "published_tables.json").read_text())
    return Published(
        costs={model: PublishedCost(**row) for model, row in tables["table_1"].items()},
        curves={
            benchmark: {
                model: Curve({int(k): percent for k, percent in row.items()})
                for model, row in rows.items()
            }
            for benchmark, rows in tables["pass_at_k_percent"].items()
        },
    )
