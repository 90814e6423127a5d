"""What requests may have: what they may spend, what names stand for, what chooses, who may ask."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from router.request import AUTO
from router.sections.section import Name, Number, Strict


class CapConfig(Strict):
    """FLOPs and milliseconds, each optional."""

    flops: Number | None = None
    latency_ms: Number | None = None


class BudgetConfig(CapConfig):
    """What may be spent, and the probability of success that is wanted."""

    target: Annotated[float, Field(gt=0, lt=1)] | None = None


class AliasConfig(Strict):
    """What a name stands for that clients send as `model`: a model, an alias or `auto`.

    `policy` and `budget` hold where a request names none itself.
    """

    model: Name = AUTO
    policy: Name | None = None
    budget: BudgetConfig = BudgetConfig()


class SelectConfig(Strict):
    """What may choose among answers that no tests judge.

    `ranker` is a model that scores what others wrote, at a server that scores prompts. `tests_by`
    is one that writes tests for `codet` and `b4`; else the cheapest of each request does. `lever`
    is a verifier: a file that `budget-router train lever` wrote, `shipped`, or a directory of a T5.
    """

    ranker: Name | None = None
    tests_by: Name | None = None
    lever: Path | None = None


class CorsConfig(Strict):
    """Which pages in a browser may call the gateway, by their origins; `*` is any."""

    allow_origins: tuple[str, ...] = ()
