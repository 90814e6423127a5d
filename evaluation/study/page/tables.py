"""The page's tables: rows of text, numbers rounded to what the samples can tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from evaluation.architectures import TERA
from evaluation.paper.claims.claim import COLUMNS, Claim
from evaluation.paper.figure import Figure
from evaluation.study.comparisons import Duel, family
from evaluation.study.costs import TITLES
from evaluation.study.evidence import Evidence
from evaluation.study.figures import DATASETS
from evaluation.study.restated import Finding
from evaluation.study.samples import StudyPool
from policies.cost import Architecture


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table: names of columns, rows of cells, and what it shows. The first column is a name."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def dataset_title(name: str) -> str:
    """A dataset's name as people write it."""
    return DATASETS.get(name, name)


def pools(evidence: Sequence[Evidence]) -> PageTable:
    """What was sampled, a row per model and dataset."""
    return PageTable(
        "Pools",
        (
            "model and dataset",
            "problems",
            "samples",
            "per problem",
            "greedy answers",
            "cut at the limit",
            "mean tokens",
            "TFLOPs per sample, as the paper counts",
            "seconds per sample",
            "content",
        ),
        tuple(_pool_row(pool) for entry in evidence for pool in entry.pools),
    )


def _pool_row(pool: StudyPool) -> tuple[str, ...]:
    sizes = [draws.n for draws in pool.draws.values()]
    every = [d.generations for d in pool.draws.values() if d.generations is not None]
    made = [one for one in every if one.counted]
    cut = sum(int(one.cut.sum()) for one in made)
    drawn = sum(len(one.cut) for one in made)
    few, most = min(sizes, default=0), max(sizes, default=0)
    return (
        f"{pool.model}, {dataset_title(pool.dataset)}",
        _of(len(sizes), pool.of),
        f"{sum(sizes):,}",
        str(most) if few == most else f"{few} to {most}",
        _of(len(pool.greedy), pool.of) if pool.greedy else "none",
        f"{cut / drawn:.1%}" if drawn else "not known",
        f"{fmean(float(one.tokens.mean()) for one in made):.0f}" if made else "not known",
        f"{pool.rate.paper() / TERA:.3f}" if isinstance(pool.rate, Architecture) else "not known",
        f"{pool.seconds:.2f}" if pool.seconds is not None else "not given",
        ", ".join(pool.hashes) or "counts",
    )


def _of(count: int, whole: int | None) -> str:
    return f"{count} of {whole}" if whole is not None else str(count)


def pass_at_k(figure: Figure) -> PageTable:
    """The marked points of a figure's first panel, a row per curve."""
    series = figure.panels[0].series
    ks = sorted({p.k for each in series for p in each.points if p.marked and p.k is not None})
    rows = []
    for each in series:
        told = {p.k: p for p in each.points}
        cells = [
            f"{told[k].y:.1f} ({told[k].low:.1f} to {told[k].high:.1f})" if k in told else ""
            for k in ks
        ]
        problems = "" if each.problems is None else str(each.problems)
        rows.append((each.ranker or each.model, problems, *cells))
    title = figure.panels[0].title
    return PageTable(
        f"{title} in percent, with 95 % intervals",
        ("ranked by" if series[0].ranker else "model", "problems", *(f"k = {k}" for k in ks)),
        tuple(rows),
    )


def duels(found: Iterable[Duel], caption: str) -> PageTable:
    """What the cost of one greedy answer buys."""
    return PageTable(
        caption,
        (
            "samples of",
            "greedy answer of",
            "cost counted as",
            "buys",
            "k",
            "solved, %",
            "greedy, %",
            "difference, points",
            "problems",
        ),
        tuple(_duel_row(entry) for entry in found),
    )


def in_short(evidence: Iterable[Evidence]) -> PageTable:
    """The main question by data set: what the cost of one greedy answer buys where tests choose."""
    return PageTable(
        "One greedy answer of the larger model, and as many samples of the smaller one as it costs",
        ("data set", "cost counted as", "samples", "solved, %", "greedy, %", "difference, points"),
        tuple(
            (
                dataset_title(entry.dataset),
                TITLES[duel.basis],
                f"{duel.k} of {duel.contender.model}",
                ("at least " if duel.capped else "") + duel.ours.percent(),
                f"{100 * duel.theirs.value:.1f}",
                duel.difference.percent("+"),
            )
            for entry in evidence
            for duel in of_one_family(entry.duels, ranked=False)
        ),
    )


def _duel_row(entry: Duel) -> tuple[str, ...]:
    contender = entry.contender
    who = contender.model
    if contender.ranker is not None:
        who += f", ranked by {contender.ranker} ({contender.treatment})"
    least = "at least " if entry.capped and contender.ranker is None else ""
    return (
        who,
        entry.rival,
        TITLES[entry.basis],
        f"{entry.bought:.2f}" if math.isfinite(entry.bought) else "no end",
        f"{entry.k}, all that the pool can tell" if entry.capped else str(entry.k),
        least + entry.ours.percent(),
        entry.theirs.percent(),
        least + entry.difference.percent("+"),
        str(entry.problems),
    )


def of_one_family(found: Iterable[Duel], *, ranked: bool) -> list[Duel]:
    """Duels that the paper's claims are about, by tests or by a ranker."""
    return [
        duel
        for duel in found
        if (duel.contender.ranker is not None) == ranked
        and family(duel.contender.model) == family(duel.rival)
    ]


def across_families(found: Iterable[Duel]) -> list[Duel]:
    """Duels by tests between models of different families."""
    return [
        duel
        for duel in found
        if duel.contender.ranker is None and family(duel.contender.model) != family(duel.rival)
    ]


def findings(found: Iterable[Finding]) -> PageTable:
    """The paper's claims on our samples."""
    return PageTable(
        "The paper's claims, restated for our models",
        ("claim", "where", "dataset", "rule here", "measured, points", "decided by", "holds"),
        tuple(_finding_row(entry) for entry in found),
    )


def _finding_row(entry: Finding) -> tuple[str, ...]:
    found = entry.measured
    name = next((name for name, value in entry.detail.items() if value is found), "")
    return (
        entry.claim.text,
        entry.claim.where,
        dataset_title(entry.dataset),
        entry.claim.rule,
        "-" if found is None else found.percent("+"),
        f"needs {entry.claim.needs}" if found is None else name,
        verdict(entry),
    )


def verdict(entry: Finding) -> str:
    """Yes or no, and whether the interval leaves it open."""
    match entry.holds, entry.sure:
        case None, _:
            return "not decided"
        case True, True:
            return "yes"
        case True, _:
            return "yes, but within the interval"
        case _, True:
            return "no"
        case _:
            return "no, but within the interval"


def published_claims(claims: Iterable[Claim]) -> PageTable:
    """The paper's claims on its own tables."""
    return PageTable(
        "The paper's claims on its own tables",
        COLUMNS,
        tuple(claim.cells() for claim in claims),
    )
