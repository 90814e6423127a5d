"""What becomes of the paper's claim where no tests choose, in sentences and in tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from evaluation.study.page.tables import PageTable, dataset_title
from evaluation.study.untested.reading import Untested
from evaluation.study.untested.standing import (
    BLIND,
    NOT_USED,
    STRIPPED,
    USED,
    Standing,
    Verdict,
    at_one_call,
    large_alone_at,
    plan_at,
    selectors_at_one_call,
)
from evaluation.writing import percent

BUDGETS: Final = (1.0, 2.0, 4.0, 8.0)
"""In large calls, of the table of plans."""

_MORE: Final = 2.0
"""Large calls of which a sentence says what they buy."""


def sentences(found: Sequence[Untested]) -> Iterator[str]:
    """Where the claim holds, where it does not, and why; nothing of what was not measured."""
    standings = [one for each in found for one in selectors_at_one_call(each)]
    if likely := [one for one in standings if one.selector == "nll"]:
        yield (
            "Where likelihood chooses, as the paper's rankers do, the claim that small samples "
            "fall short of one large call at its cost "
            f"{_verdicts(likely)}: {_each(likely)}."
        )
    if agreed := [one for one in standings if one.selector == "agreement"]:
        yield (
            "Where programs are run and the one with which most agree is taken, it "
            f"{_verdicts(agreed)}: {_each(agreed)}{_verifier(found)}."
        )
    if shown := [plan for each in found if (plan := plan_at(each, 1.0, USED)) is not None]:
        yield (
            "With the examples that prompts carry, run like tests, it "
            f"{_verdicts(shown)}: {_each(shown)}."
        )
    yield from _more(found)
    yield from _why(found)


def _verifier(found: Sequence[Untested]) -> str:
    """How far a trained one leads agreement."""
    leads = [
        f"{lead.percent('+')} points on {dataset_title(each.dataset)}"
        for each in found
        if (row := at_one_call(each, "agreement", NOT_USED)) is not None
        and (lead := each.over.get((row.model, row.selector, row.examples, row.k))) is not None
    ]
    return f"; a trained verifier instead changes that by {_and(leads)}" if leads else ""


def _more(found: Sequence[Untested]) -> Iterator[str]:
    """Whose samples are worth more compute, where examples do not tell."""
    plans = [plan for each in found if (plan := plan_at(each, _MORE, NOT_USED)) is not None]
    if not plans:
        return
    small = {each.dataset: each.small for each in found}
    mixed = any(small[plan.dataset] in plan.what for plan in plans)
    where = "takes small samples too" if mixed else "goes to the larger model"
    yield f"Where examples do not tell, compute beyond one call {where}: {_each(plans)}."


def _why(found: Sequence[Untested]) -> Iterator[str]:
    told = []
    for each in found:
        rows = [
            (name, row)
            for name, seen in (("nll", BLIND), ("agreement", NOT_USED), ("examples", USED))
            if (row := at_one_call(each, name, seen)) is not None and row.eta is not None
        ]
        if rows:
            _, first = rows[0]
            shares = _and(f"{100 * (row.eta or 0.0):.0f} % by {name}" for name, row in rows)
            told.append(
                f"on {dataset_title(each.dataset)} {first.k} small samples hold a right one for "
                f"{100 * first.oracle:.1f} % of problems, and of what that is above a single one "
                f"they gain {shares}"
            )
    if told:
        yield f"Why: right answers are drawn and not told from wrong ones; {'; '.join(told)}."


def _each(standings: Iterable[Standing]) -> str:
    return "; ".join(
        f"on {dataset_title(one.dataset)} {one.lead.percent('+')} points ({one.what}, at "
        f"{one.large_calls:.2f} large calls)"
        for one in standings
    )


def _verdicts(standings: Sequence[Standing]) -> str:
    """What the claim does, and where, if that is not the same everywhere."""
    said = {
        verdict: [dataset_title(one.dataset) for one in standings if one.verdict is verdict]
        for verdict in Verdict
    }
    where = [f"{verdict.value} on {_and(names)}" for verdict, names in said.items() if names]
    return _and(where)


def _and(parts: Iterable[str]) -> str:
    *before, last = parts
    return f"{', '.join(before)} and {last}" if before else last


_COLUMNS: Final = (
    "data set",
    "large calls",
    "solved, %",
    "by second tests, %",
    "ahead of one large call, points",
)


def claim(found: Iterable[Untested]) -> PageTable:
    """At the cost of one large call, by what chooses."""
    rows = list[tuple[str, ...]]()
    for each in found:
        star, title = each.large, dataset_title(each.dataset)
        alone = (f"1 greedy answer of {star.model}", title, f"{star.large_calls:.2f}")
        rows.append((*alone, star.score.percent(), percent(star.success_plus), "", ""))
        plan = plan_at(each, 1.0, USED)
        standings = (*selectors_at_one_call(each), *([plan] if plan else []))
        rows += [(*_row(one), one.verdict.value) for one in standings]
    return PageTable(
        "One large call, and what its cost buys", ("what", *_COLUMNS, "the claim"), tuple(rows)
    )


def best_plans(found: Iterable[Untested]) -> PageTable:
    """The best plan without tests at equal budgets, against the larger model's greedy answer.

    Beside it the larger model alone, whose samples the same selectors choose from.
    """
    rows = [
        (
            *(f"{x:g}, examples {examples}", plan.what, *_row(plan)[1:]),
            _alone(large_alone_at(each, x, examples)),
        )
        for each in found
        for examples in (USED, NOT_USED, STRIPPED)
        for x in BUDGETS
        if (plan := plan_at(each, x, examples)) is not None
    ]
    return PageTable(
        "The best plans at budgets of large calls, chosen on other problems",
        ("budget", "plan (all problems)", *_COLUMNS, "the larger model alone: solved, %, at calls"),
        tuple(rows),
    )


def _alone(one: Standing | None) -> str:
    return "" if one is None else f"{one.score.percent()} at {one.large_calls:.2f}"


def _row(one: Standing) -> tuple[str, ...]:
    return (
        one.what,
        dataset_title(one.dataset),
        f"{one.large_calls:.2f}",
        one.score.percent(),
        percent(one.plus),
        one.lead.percent("+"),
    )


def by_k(found: Untested) -> PageTable:
    """The numbers of a data set's figure, with their intervals."""
    ks = sorted({row.k for row in found.rows})
    told = {(row.model, row.selector, row.examples, row.k): row for row in found.rows}
    oracle = {(row.model, row.k): row.oracle for row in found.rows}
    rows: list[tuple[str, ...]] = [
        (
            f"{model}, {selector}" + ("" if seen == BLIND else f", examples {seen}"),
            *(
                told[model, selector, seen, k].score.percent()
                if (model, selector, seen, k) in told
                else ""
                for k in ks
            ),
        )
        for model, selector, seen in dict.fromkeys(key[:3] for key in told)
    ]
    rows += [
        (
            f"{model}, pass@k",
            *(f"{100 * oracle[model, k]:.1f}" if (model, k) in oracle else "" for k in ks),
        )
        for model in found.models
    ]
    return PageTable(
        f"{dataset_title(found.dataset)}: solved, in percent, with 95 % intervals",
        ("samples of, chosen by", *(f"k = {k}" for k in ks)),
        tuple(rows),
    )
