"""Which figures a study has, as values that the pen draws.

`pass-DATASET` is the paper's Figure 2 or 3 on our models, `pass-exact-DATASET` the same on the
exact bases, `rank-DATASET-MODEL-TREATMENT` its Figure 8 for one generator. FLOPs are in units of
10^12, time in seconds, scores in percent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from evaluation.architectures import TERA
from evaluation.paper.figure import Figure, Mark, Panel, Point, Series
from evaluation.paper.published import BENCHMARKS
from evaluation.statistics import Band, Estimate
from evaluation.study.comparisons import entry_of
from evaluation.study.contenders import Contender, curve_ks
from evaluation.study.costs import TITLES, Basis
from evaluation.study.evidence import Evidence

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
"""What a dataset or model may have in its name, and a file should not."""

DATASETS: Final = {**BENCHMARKS, "mbpp-sanitized": "MBPP sanitized"}


def figures(evidence: Evidence) -> Iterator[Figure]:
    """Every figure that one dataset's pools can draw; a figure without a curve is none."""
    title = DATASETS.get(evidence.dataset, evidence.dataset)
    tests = tuple(evidence.tests.values())
    if tests:
        yield _figure(
            f"pass-{evidence.dataset}",
            f"{title}: the tests choose",
            [None, Basis.PAPER, Basis.TIME],
            tests,
            evidence,
        )
        if any(Basis.EXACT_SHARED in contender.costs for contender in tests):
            yield _figure(
                f"pass-exact-{evidence.dataset}",
                f"{title}: the tests choose, exact costs",
                [Basis.EXACT_SHARED, Basis.EXACT_EACH],
                tests,
                evidence,
            )
    groups: dict[tuple[str, str], list[Contender]] = {}
    for contender in evidence.ranked:
        groups.setdefault((contender.model, str(contender.treatment)), []).append(contender)
    for (model, treatment), ranked in groups.items():
        yield _figure(
            f"rank-{evidence.dataset}-{model}-{treatment}",
            f"{title}: a ranker chooses among samples of {model}; cut generations: {treatment}",
            [None, *Basis],
            tuple(ranked),
            evidence,
        )


def _figure(
    name: str,
    title: str,
    bases: Sequence[Basis | None],
    contenders: tuple[Contender, ...],
    evidence: Evidence,
) -> Figure:
    bands = [contender.band(curve_ks(contender.k_max)) for contender in contenders]
    made = (_panel(basis, contenders, bands, evidence) for basis in bases)
    panels = tuple(panel for panel in made if panel.series)
    stars = dict.fromkeys(mark.model for panel in panels for mark in panel.greedy)
    notes = (*_notes(contenders), *_star_notes(evidence, stars))
    return Figure(_UNSAFE.sub("-", name), title, panels, notes)


def _panel(
    basis: Basis | None, contenders: Sequence[Contender], bands: Sequence[Band], evidence: Evidence
) -> Panel:
    ranked = contenders[0].ranker is not None
    drawn = [
        Series(
            model=contender.model,
            look=contender.ranker or contender.model,
            points=points,
            ranker=contender.ranker,
            problems=len(contender.tasks),
        )
        for contender, band in zip(contenders, bands, strict=True)
        if (points := _points(contender, band, basis))
    ]
    # What ranking has to beat are answers of its generator and of larger models.
    shown = evidence.models[evidence.models.index(contenders[0].model) :]
    metric = "rank-score" if ranked else "pass"
    match basis:
        case None:
            title, x_label = f"{metric}@k", "k"
        case Basis.TIME:
            title, x_label = f"{metric}_time@t", "seconds"
        case _:
            title, x_label = f"{metric}_flops@f: {TITLES[basis]}", "TFLOPs"
    return Panel(
        title=title,
        x_label=x_label,
        y_label="problems solved (%)",
        series=tuple(drawn),
        greedy=tuple(_greedy(evidence, basis, shown)),
        single=tuple(_single(evidence, basis, shown)) if ranked else (),
    )


def _unit(basis: Basis | None) -> float:
    return 1.0 if basis in (None, Basis.TIME) else TERA


def _points(contender: Contender, band: Band, basis: Basis | None) -> tuple[Point, ...]:
    ks = curve_ks(contender.k_max)
    cost = None if basis is None else contender.cost(basis)
    if basis is not None and cost is None:
        return ()
    xs = [float(k) if cost is None else cost(k) / _unit(basis) for k in ks]
    return tuple(
        _point(x, entry_of(band, at), k) for at, (x, k) in enumerate(zip(xs, ks, strict=True))
    )


def _point(x: float, score: Estimate, k: int = 1) -> Point:
    y, low, high = (round(100 * part, 3) for part in (score.value, score.low, score.high))
    return Point(float(f"{x:.6g}"), y, low, high, k, marked=k.bit_count() == 1)


def _greedy(evidence: Evidence, basis: Basis | None, models: Sequence[str]) -> Iterator[Mark]:
    for model, answers in evidence.greedy.items():
        cost = 1.0 if basis is None else answers.cost(basis)
        if cost is not None and model in models:
            yield Mark(model, _point(cost / _unit(basis), answers.rate()))


def _single(evidence: Evidence, basis: Basis | None, models: Sequence[str]) -> Iterator[Mark]:
    for model in (model for model in models if model in evidence.tests):
        contender = evidence.tests[model]
        cost = None if basis is None else contender.cost(basis)
        if basis is None or cost is not None:
            x = 1.0 if cost is None else cost(1) / _unit(basis)
            yield Mark(model, _point(x, evidence.single[model]))


def _notes(contenders: Iterable[Contender]) -> Iterator[str]:
    for contender in contenders:
        who = contender.model if contender.ranker is None else f"ranked by {contender.ranker}"
        problems = f"{who}: {len(contender.tasks)} problems, k to {contender.k_max}"
        if contender.draws_per_sample > 1:
            problems += f", {contender.draws_per_sample:.2f} generations drawn per one kept"
        left = "; ".join(str(omission) for omission in contender.left_out)
        yield f"{problems}; left out: {left}." if left else f"{problems}."


def _star_notes(evidence: Evidence, models: Iterable[str]) -> Iterator[str]:
    for model in models:
        yield f"greedy answers of {model}: {len(evidence.greedy[model].tasks)} problems."
