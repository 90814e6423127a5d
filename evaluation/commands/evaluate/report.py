"""`budget-router evaluate report`: the study as one page, with its figures and data beside it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import Progress

from evaluation.commands.common.failing import failing_on
from evaluation.commands.evaluate import curves

if TYPE_CHECKING:
    from evaluation.study.page.render import Chapter


def run(pools: Path, out: Path, *, prices: curves.Prices) -> None:
    """Write `out`/index.html, study.json and figures/."""
    curves.needed()
    from evaluation.pools.errors import PoolError  # noqa: PLC0415
    from evaluation.study.page.render import model_looks, render  # noqa: PLC0415 an extra
    from evaluation.study.reading import find_pools  # noqa: PLC0415

    with failing_on(PoolError):
        paths = find_pools(pools)
    known, rates = curves.times_of(prices.times), curves.rates_of(prices.config)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        chapters = curves.measured(paths, known, rates, bar)
        figures = [figure for chapter in chapters for figure in chapter.figures]
        looked = model_looks([chapter.evidence for chapter in chapters])
        curves.write(figures, looked, out / "figures", bar)
    words = ["budget-router", "evaluate", "report", "--pools", str(pools), *prices.options()]
    page = render(
        chapters,
        commands=dict(curves.commands(chapters, prices)),
        report_command=shlex.join([*words, "--out", "DIR"]),
        timed=known.engines,
    )
    with failing_on(OSError):
        curves.write_json(out / "study.json", [_chapter_json(chapter) for chapter in chapters])
        (out / "index.html").write_text(page, encoding="utf-8")
    typer.echo(f"{out / 'index.html'}, study.json and {len(figures)} figures")


def _chapter_json(chapter: Chapter) -> dict[str, Any]:
    evidence = chapter.evidence
    return {
        "dataset": evidence.dataset,
        "pools": [
            {
                "model": pool.model,
                "problems": len(pool.draws),
                "of": pool.of,
                "samples": sum(draws.n for draws in pool.draws.values()),
                "greedy": len(pool.greedy),
                "sources": list(pool.sources),
                "hashes": list(pool.hashes),
            }
            for pool in evidence.pools
        ],
        "against_one_greedy_answer": [duel.to_json() for duel in evidence.duels],
        "claims": [finding.to_json() for finding in chapter.findings],
        "left_out": list(evidence.notes),
        "figures": [figure.name for figure in chapter.figures],
    }
