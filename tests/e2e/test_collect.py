"""A small pool of a real model, from its engine to its verdicts."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from serving import SMALL
from typer.testing import CliRunner, Result

from evaluation.cli import app
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.pools.view import read_view

pytestmark = pytest.mark.real_model

ENGINE = {SMALL: {"engine": "embedded", "slots": 4, "context": 512}}


def budget_router(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(pool: Pool, column: str) -> Sequence[str]:
    return [each for b in pool.batches(Table.SAMPLES) for each in b.column(column).to_pylist()]


def test_a_real_model_fills_a_pool_that_is_extended_and_judged(models, tmp_path, monkeypatch):
    monkeypatch.setenv("BUDGET_ROUTER_MODELS", json.dumps(ENGINE))
    collect = ["evaluate", "collect", "--model", SMALL, "--out", tmp_path, "--limit", "2"]
    collect += ["--batch", "2", "--max-tokens", "24"]
    for n in (2, 3):
        result = budget_router(*collect, "--n", n)
        assert result.exit_code == 0, result.output
    view = read_view(tmp_path)
    first, second, *others = view.problems
    assert (len(first.index), len(second.index), sum(len(p.index) for p in others)) == (3, 3, 0)
    for problem in (first, second):
        assert problem.prompt_tokens > 50
        assert all(1 <= tokens <= 24 for tokens in problem.tokens)
        assert all(0 < nll < 20 for nll in problem.nll[SMALL])
    pool = Pool.open(tmp_path)
    assert set(said(pool, "finish_reason")) <= {"stop", "length"}
    assert len(texts := said(pool, "text")) == view.samples
    assert len(set(texts)) > 1
    assert budget_router("evaluate", "judge", tmp_path).exit_code == 0
    assert read_view(tmp_path).unjudged == 0
