"""`budget-router evaluate report`: the study as one page, with its figures and data beside it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from evaluation.commands.common.failing import failing_on
from evaluation.commands.common.options import Chosen, CostsConfig, Out, Times
from evaluation.commands.common.prices import rates_of, times_of
from evaluation.commands.common.progress import StepsProgress
from evaluation.commands.common.recorded import Pools
from evaluation.pools.errors import PoolError
from evaluation.study.chapters import (
    Chapter,
    model_looks,
    read_chapters,
    write_figures,
    write_untested,
)
from evaluation.study.evidence import TwoPools
from evaluation.study.page.render import render
from evaluation.study.reading import find_pools
from evaluation.study.untested.figures import untested_figure
from evaluation.study.untested.reading import UnreadableChoices, Untested, read_untested
from evaluation.writing import write_json, write_whole


def run(
    *,
    pools: Pools,
    out: Out,
    times: Times = None,
    chosen: Chosen = None,
    config: CostsConfig = None,
) -> None:
    """Write the study of all pools as one HTML page, with figures, tables and claims."""
    with failing_on(PoolError):
        paths = find_pools(pools)
    known, rates = times_of(times), rates_of(config)
    with failing_on(UnreadableChoices):
        untested = read_untested(chosen or ())
    with StepsProgress() as bars:
        with failing_on(PoolError, TwoPools):
            chapters = read_chapters(paths, known, rates, bars.counted)
        figures = [figure for chapter in chapters for figure in chapter.figures]
        looked = model_looks([chapter.evidence for chapter in chapters])
        with failing_on(OSError):
            write_figures(figures, looked, out / "figures", bars.counted)
            write_untested(untested, out / "figures")
    priced = _words({"--times": times, "--config": config})
    files = [word for path in chosen or () for word in ("--chosen", str(path))]
    words = ["budget-router", "evaluate", "report", "--pools", str(pools), *priced, *files]
    page = render(
        chapters,
        untested,
        commands=dict((*_commands(chapters, priced), *_chosen_commands(untested, files))),
        report_command=shlex.join([*words, "--out", "DIR"]),
        timed=known.engines,
    )
    with failing_on(OSError):
        write_json(out / "study.json", [_chapter_json(chapter) for chapter in chapters])
        write_whole(out / "index.html", page.encode())
    typer.echo(f"{out / 'index.html'}, study.json and {len(figures) + len(untested)} figures")


def _words(given: Mapping[str, Path | None]) -> list[str]:
    """Options as on a command line, those that were given."""
    return [word for name, path in given.items() if path for word in (name, str(path))]


def _commands(chapters: Sequence[Chapter], priced: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Per figure's name, the command that draws it from its dataset's pools."""
    for chapter in chapters:
        sources = [source for pool in chapter.evidence.pools for source in pool.sources]
        for figure in chapter.figures:
            words = ["budget-router", "evaluate", "curves", *sources, *priced]
            yield figure.name, shlex.join([*words, "--figure", figure.name, "--out", "DIR"])


def _chosen_commands(found: Sequence[Untested], files: Sequence[str]) -> Iterator[tuple[str, str]]:
    for each in found:
        name = untested_figure(each).name
        words = ["budget-router", "evaluate", "curves", *files, "--figure", name, "--out", "DIR"]
        yield name, shlex.join(words)


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
