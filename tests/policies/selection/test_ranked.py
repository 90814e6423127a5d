"""Selectors that ask another model what it makes of the candidates."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from world import COST, World, task

from policies.plans.best_of_n import BestOfN
from policies.plans.single import Single
from policies.policy import Policy
from policies.protocol import Rank
from policies.selection.choosing import NAMES, SELECTORS, selectors
from policies.selection.ranked import RankedBy, Reviewer
from policies.selectors import LIKELIEST, First
from policies.values import NLL, Budget, Candidate, ModelView, Verdict
from router.plan.outcome import Outcome
from router.plan.ports import Book
from router.plan.run import Run

BY_LARGE, REVIEWER = RankedBy("large"), Reviewer("large")
EITHER = pytest.mark.parametrize("selector", [BY_LARGE, REVIEWER], ids=["nll", "reviewer"])


def candidate(
    at: int, large: float | None = None, *, nll: float = 0.5, **more: object
) -> Candidate:
    """One with its own model's score, and where it is given with the ranker's, of either kind."""
    scores = {NLL: nll}
    if large is not None:
        scores |= {"large": large, "large review": large}
    fields = {"text": f"#{at}", "finish_reason": "stop", "scores": scores, "tokens": 2} | more
    return Candidate(at, "small", **fields)  # type: ignore[arg-type]


def ids(selector: RankedBy, candidates: Sequence[Candidate]) -> list[int]:
    return [each.id for each in selector.order(candidates).candidates]


@EITHER
def test_the_rankers_score_comes_after_verdict_and_wholeness(selector: RankedBy) -> None:
    best_first = [
        candidate(3, 9.0, verdict=Verdict.PASSED),
        candidate(2, 0.1, nll=0.9),
        candidate(5, 0.2, nll=0.1),
        candidate(0, None, nll=0.2),
        candidate(4, math.nan, nll=0.3),
        candidate(1, 0.0, finish_reason="length"),
        candidate(6, 0.0, verdict=Verdict.FAILED),
    ]
    for shuffled in itertools.islice(itertools.permutations(best_first), 0, 5040, 97):
        assert ids(selector, shuffled) == [each.id for each in best_first]
    assert selector.order(best_first).selected_by == "tests"
    assert selector.order(best_first[1:-1]).selected_by == selector.name


@EITHER
def test_models_compare_where_one_ranker_has_scored_them(selector: RankedBy) -> None:
    own, other = candidate(0, 0.2), replace(candidate(1, 0.3, nll=0.0), model="large")
    assert ids(selector, [own, other]) == [0, 1]
    assert [each.id for each in LIKELIEST.of(task()).order([own, other]).candidates] == [1, 0]


@EITHER
def test_where_nothing_is_scored_the_other_decides(selector: RankedBy) -> None:
    candidates = [candidate(0, nll=0.5), candidate(1, nll=0.1)]
    assert selector.order(candidates) == LIKELIEST.order(candidates)
    by_first = replace(selector, otherwise=First())
    assert by_first.order(candidates) == First().order(candidates)
    assert not by_first.reads_logprobs
    assert selector.reads_logprobs
    assert selector.order([]).selected_by == "none"


def test_a_review_is_another_score_than_a_likelihood() -> None:
    one = replace(candidate(0), scores={"large": 0.9, "large review": 1})
    two = replace(candidate(1), scores={"large": 0.1, "large review": 2})
    assert ids(BY_LARGE, [one, two]) == [1, 0]
    assert ids(REVIEWER, [one, two]) == [0, 1]


@EITHER
def test_each_text_is_scored_once_and_all_who_say_it_have_the_score(selector: RankedBy) -> None:
    same = [candidate(0), candidate(1, text=""), candidate(2), candidate(3, text="#0")]
    (ranking,) = selector.wants(same)
    assert ranking == Rank("large", (same[0], same[2]), selector.reviews)
    scored = [candidate(0, 0.9), same[1], candidate(2, 0.1), same[3]]
    assert ids(selector, scored) == [2, 0, 3, 1]
    assert selector.wants([scored[0], scored[2]]) == ()


@EITHER
@pytest.mark.parametrize(
    "candidates",
    [
        [],
        [candidate(0)],
        [candidate(0), candidate(1, text="#0")],
        [candidate(0), candidate(1, text="")],
        [candidate(0), candidate(1, partial=True)],
        [candidate(0, 0.1), candidate(1, 0.2)],
    ],
    ids=["none", "one", "one text", "one empty", "a beginning", "all scored"],
)
def test_what_needs_no_ranker_asks_none(selector: RankedBy, candidates: list[Candidate]) -> None:
    assert selector.wants(candidates) == ()


def test_what_the_ranker_wrote_itself_it_has_ranked_already_but_not_reviewed() -> None:
    own = [replace(candidate(at, nll=0.3 - at / 10), model="large") for at in range(2)]
    assert BY_LARGE.wants(own) == ()
    assert ids(BY_LARGE, own) == [1, 0]
    assert REVIEWER.wants(own) == (Rank("large", tuple(own), reviews=True),)
    silent = [replace(each, scores={}) for each in own]  # a server that tells no log-probabilities
    assert BY_LARGE.wants(silent) == (Rank("large", tuple(silent)),)
    assert BY_LARGE.wants([own[0], candidate(2)]) != ()


@EITHER
def test_a_ranker_that_is_not_there_is_not_asked(selector: RankedBy) -> None:
    assert selector.of(task("small")) == LIKELIEST
    both = task("small", "large")
    assert selector.of(both) == replace(selector, otherwise=LIKELIEST.of(both))
    assert selector.of(task("small", rankers=(ModelView("large", 100, 16),))) == selector


def test_those_that_rank_are_there_where_a_ranker_is() -> None:
    assert selectors(None) == SELECTORS
    assert selectors("large") == {**SELECTORS, "nll": BY_LARGE, "reviewer": REVIEWER}
    assert set(selectors(None, verified=True)) == {*SELECTORS, "lever"}
    assert set(NAMES) == {*SELECTORS, "reviewer", "lever"}
    assert all(selector.name == name for name, selector in selectors("large").items())


# In a plan ---------------------------------------------------------------------------------------


@dataclass
class Preferring(World):
    """A world in which the ranker prefers later answers; it can be down."""

    down: bool = False
    ranked: list[Rank] = field(default_factory=list)

    async def rank(self, command: Rank, book: Book) -> Mapping[int, float]:
        self.ranked.append(command)
        for each in command.candidates:
            with book(100, len(each.text)):
                pass
            if command.reviews:
                with book(len(each.text), 100):
                    pass
        return {} if self.down else {each.id: -each.id for each in command.candidates}

    def outcome(self, policy: Policy, flops: float | None = None) -> Outcome:
        ranker = ModelView("large", 100, 16)
        asked = task("small", rankers=(ranker,), verifiable=False, n=3)
        run = Run(policy, asked, Budget(flops), COST, sampler=self, ranker=self)
        return asyncio.run(run.perform())


@EITHER
@pytest.mark.parametrize("policy", [BestOfN(n=3), Single()], ids=["best", "single"])
def test_a_plan_ranks_what_it_drew_and_pays_for_it(selector: RankedBy, policy: Policy) -> None:
    world = Preferring()
    outcome = world.outcome(replace(policy, selector=selector))  # type: ignore[type-var]
    assert [each.id for each in outcome.choice.candidates] == [2, 1, 0]
    assert outcome.choice.selected_by == selector.name
    assert len(world.ranked) == 1
    spent = COST.draw("small", 100, [60] * 3) + 3 * COST.score("large", 100, 2)
    if selector.reviews:
        spent += 3 * COST.score("large", 2, 100)
    assert outcome.ledger.used == pytest.approx(spent)


@EITHER
def test_a_ranking_that_says_nothing_leaves_the_choice_to_the_other(selector: RankedBy) -> None:
    choice = Preferring(down=True).outcome(BestOfN(n=3, selector=selector)).choice
    assert [each.id for each in choice.candidates] == [0, 1, 2]
    assert choice.selected_by == "nll"


@EITHER
def test_no_ranking_goes_over_the_budget(selector: RankedBy) -> None:
    drawn = COST.draw("small", 100, [60] * 3)
    ceiling = COST.ceiling("small", 100, 3, 256)
    for flops in (ceiling, drawn + 3e11, ceiling + 3e11, ceiling + 3e12):
        world = Preferring()
        outcome = world.outcome(BestOfN(n=3, selector=selector), flops=flops)
        assert outcome.ledger.used <= flops
        assert bool(world.ranked) == (outcome.choice.candidates[0].id == 2)
