"""The claims of section 4 and its captions about the three splits of APPS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from statistics import fmean
from typing import Final

from evaluation.paper.bounded import Bounded
from evaluation.paper.claims.claim import ABOUT, ALMOST_ALL, COMPARABLE, SLIGHT, Claim
from evaluation.paper.contest import RESOURCES, Contest, Resource
from evaluation.paper.published import APPS, CODE_LLAMA

_7B, _13B, _34B, _70B = CODE_LLAMA
_INTRODUCTORY, _INTERVIEW, _COMPETITION = APPS
_SMALL_REGIME: Final = {Resource.FLOPS: 8.0, Resource.TIME: 16.0}
_TIME: Final = (Resource.TIME,)
_FLOPS: Final = (Resource.FLOPS,)


def apps_claims(contest: Contest) -> list[Claim]:
    """Every claim of this module, in the paper's order."""
    return [
        _best_almost_everywhere(contest),
        _above(contest, "introductory-13b-above-34b", "Figure 4", _INTRODUCTORY, RESOURCES,
               text="The 13B model is superior to the 34B model under fixed budget.",
               behind=[_34B]),
        _level(contest, "introductory-13b-comparable-to-70b", "Figure 4", _INTRODUCTORY, RESOURCES,
               text="The 13B model is comparable to the 70B under fixed budget."),
        _below(contest, "introductory-7b-below-larger", "Figure 4", _INTRODUCTORY, RESOURCES,
               text="The 7B model underperforms the larger models."),
        _above(contest, "interview-13b-above-34b", "Figure 5", _INTERVIEW, _TIME,
               text="The 13B model is superior to the 34B model under fixed wall-time.",
               behind=[_34B]),
        _level(contest, "interview-13b-comparable-to-70b", "Figure 5", _INTERVIEW, _TIME,
               text="The 13B model is comparable to the 70B model under fixed wall-time."),
        _below(contest, "interview-7b-below-larger", "Figure 5", _INTERVIEW, _TIME,
               text="The 7B model is inferior to the larger models."),
        _above(contest, "competition-13b-above-34b-and-70b", "Figure 6", _COMPETITION, _TIME,
               text="The 13B model is superior to both 34B and 70B models under fixed wall-time.",
               behind=[_34B, _70B]),
        _level(contest, "competition-13b-comparable-to-70b", "Figure 6", _COMPETITION, _FLOPS,
               text="The 13B model is comparable to the 70B under fixed number of FLOPs."),
        _above(contest, "competition-13b-best-at-all-budgets", "Figures 6b and 6c", _COMPETITION,
               RESOURCES, text="The 13B model outperforms all other models in all compute budgets.",
               behind=[_7B, _34B, _70B]),
        _margin_of_five(contest),
        _two_to_four_times(contest),
        _seven_b_competitive(contest),
        _seven_b_slightly_behind(contest),
    ]  # fmt: skip


def _all_leads(
    contest: Contest, benchmark: str, behind: Sequence[str], resources: Sequence[Resource]
) -> Mapping[str, list[Bounded]]:
    """The 13B model's."""
    return {
        f"{resource} over {model}": [
            lead.points for lead in contest.leads(benchmark, _13B, model, resource)
        ]
        for resource in resources
        for model in behind
    }


def _above(
    contest: Contest,
    name: str,
    where: str,
    benchmark: str,
    resources: Sequence[Resource],
    *,
    text: str,
    behind: Sequence[str],
) -> Claim:
    worst = _worst(_all_leads(contest, benchmark, behind, resources))
    return Claim.at_least(
        0,
        id=name,
        where=where,
        text=text,
        figure=Bounded.of(min, worst.values()),
        unit="points, the 13B model's least lead",
        rule="the lead is at least 0 at every budget that both tables reach",
        detail=worst,
    )


def _level(
    contest: Contest,
    name: str,
    where: str,
    benchmark: str,
    resources: Sequence[Resource],
    *,
    text: str,
) -> Claim:
    worst = _worst(_all_leads(contest, benchmark, [_70B], resources))
    return Claim.at_least(
        -COMPARABLE,
        id=name,
        where=where,
        text=text,
        figure=Bounded.of(min, worst.values()),
        unit="points, the 13B model's least lead over the 70B",
        rule=f"never more than {COMPARABLE} behind at a budget that both tables reach",
        detail=worst,
    )


def _below(
    contest: Contest,
    name: str,
    where: str,
    benchmark: str,
    resources: Sequence[Resource],
    *,
    text: str,
) -> Claim:
    means = {
        f"{resource} over {model}": Bounded.of(
            fmean, (lead.points for lead in contest.even_leads(benchmark, _7B, model, resource))
        )
        for resource in resources
        for model in (_13B, _34B, _70B)
    }
    return Claim.at_most(
        0,
        id=name,
        where=where,
        text=text,
        figure=Bounded.of(max, means.values()),
        unit="points, the 7B model's mean lead over the larger model it comes nearest to",
        rule="every mean over budgets, even on the log axis, is at most 0",
        note="On wall time the 34B trails it at the smallest budgets and leads at larger ones.",
        detail=means,
    )


def _best_almost_everywhere(contest: Contest) -> Claim:
    wins: dict[str, list[Bounded]] = {}
    for benchmark in APPS:
        for resource in RESOURCES:
            budgets = contest.even_budgets(
                benchmark, CODE_LLAMA, resource, low=contest.unit_cost(_34B, resource)
            )
            others = [_7B, _34B, _70B]
            wins[f"{benchmark} {resource}"] = [
                _won(_lead(contest, benchmark, _13B, others, resource, budget=budget))
                for budget in budgets
            ]
    shares = {panel: Bounded.of(fmean, found) for panel, found in wins.items()}
    pooled = fmean(won.value for found in wins.values() for won in found)
    return Claim.at_least(
        ALMOST_ALL,
        id="13b-best-at-almost-all-apps-budgets",
        where="section 4",
        text="This model [13B] achieves the best performance in almost all fixed compute budgets.",
        figure=Bounded.of(min, shares.values()),
        unit="share of budgets, even on the log axis, from one sample of the 34B model up; of the "
        "panel with the least",
        rule=f"at least {ALMOST_ALL} in every panel",
        note=f"On wall time it is all of them, and {pooled:.0%} over all panels; on FLOPs the 70B "
        "model leads at larger budgets on the introductory and interview splits.",
        detail=shares,
    )


def _margin_of_five(contest: Contest) -> Claim:
    (found,) = _all_leads(contest, _COMPETITION, [_70B], _TIME).values()
    return Claim.every_within(
        5,
        5,
        id="competition-13b-5-points-above-70b",
        where="section 4; Figure 6c",
        text="... with a consistent margin of about 5% from the 70B model when considering the "
        "wall-time budget.",
        figure=Bounded.of(fmean, found),
        unit="points, the 13B model's mean lead over the 70B",
        rule="every lead is 5",
        tolerance=ABOUT,
        note="The lead is consistent, but smaller.",
        detail={"least": Bounded.of(min, found), "largest": Bounded.of(max, found)},
    )


def _two_to_four_times(contest: Contest) -> Claim:
    ratios = {
        f"{benchmark} {resource} at {percent} %": ratio
        for benchmark in APPS
        for resource in RESOURCES
        for percent in contest.tables.curves[benchmark][_70B].points.values()
        if (ratio := contest.cost_ratio(benchmark, _70B, _13B, resource, percent)) is not None
    }
    return Claim.every_within(
        2,
        4,
        id="13b-2-to-4-times-as-efficient-as-70b",
        where="section 4",
        text="When fixing the performance, the 13B model is 2-4 times more efficient than the "
        "70B model (both for FLOPs and wall-time).",
        figure=Bounded.of(fmean, ratios.values()),
        unit="times the 13B model's cost, the mean over the 70B's published scores",
        rule="every ratio is within 2..4",
        tolerance=0.25,
        note="It falls as the score rises, and on FLOPs it ends below 1 on two splits.",
        detail=ratios,
    )


def _seven_b_competitive(contest: Contest) -> Claim:
    worst = {
        f"{benchmark} {resource} over {model}": Bounded.of(min, (lead.points for lead in found))
        for benchmark in APPS
        for resource in RESOURCES
        for model in (_34B, _70B)
        if (found := contest.leads(benchmark, _7B, model, resource, up_to=_SMALL_REGIME[resource]))
    }
    return Claim.at_least(
        -COMPARABLE,
        id="7b-competitive-at-small-budgets",
        where="section 4",
        text="The 7B model is also competitive with larger models in small budget regimes (up to "
        "8 normalized FLOPs units and 16 wall-time units).",
        figure=Bounded.of(min, worst.values()),
        unit="points, the 7B model's least lead over the 34B and 70B",
        rule=f"never more than {COMPARABLE} behind",
        note="Up to 8 FLOPs units the only larger model that affords a sample is the 34B. The 13B "
        "is well ahead of the 7B there.",
        detail=worst,
    )


def _seven_b_slightly_behind(contest: Contest) -> Claim:
    worst = {
        f"{benchmark} {resource}": Bounded.of(
            min,
            (
                _lead(contest, benchmark, _7B, [_13B, _34B, _70B], resource, budget=budget)
                for budget in contest.even_budgets(
                    benchmark, CODE_LLAMA, resource, low=_SMALL_REGIME[resource]
                )
            ),
        )
        for benchmark in APPS
        for resource in RESOURCES
    }
    return Claim.at_least(
        -SLIGHT,
        id="7b-slightly-behind-at-larger-budgets",
        where="section 4",
        text="Nonetheless, it slightly underperforms the other models on larger budgets.",
        figure=Bounded.of(min, worst.values()),
        unit="points, the 7B model's least lead over the best other",
        rule=f"never more than {SLIGHT} behind",
        detail=worst,
    )


def _worst(found: Mapping[str, Sequence[Bounded]]) -> dict[str, Bounded]:
    return {pair: Bounded.of(min, points) for pair, points in found.items()}


def _lead(
    contest: Contest,
    benchmark: str,
    ahead: str,
    others: Sequence[str],
    resource: Resource,
    *,
    budget: float,
) -> Bounded:
    """Points over the best of the others that afford a sample."""
    mine, *theirs = (
        contest.score(benchmark, model, resource, budget) or Bounded.exact(0)
        for model in (ahead, *others)
    )
    return mine - Bounded.of(max, theirs)


def _won(lead: Bounded) -> Bounded:
    """1 for a lead, 0 for none."""
    return Bounded(*(float(points >= 0) for points in astuple(lead)))
