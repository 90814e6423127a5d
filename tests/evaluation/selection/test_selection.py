"""Selectors and plans on recorded answers that are made up: what is right of each is known."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import COST

from evaluation.pools.errors import UnreadablePool
from evaluation.selection import courses
from evaluation.selection.believing import Told, area, curve, fitted
from evaluation.selection.courses import CAPS, by_length, calibrated, is_cut, uncapped
from evaluation.selection.measuring import Way, chosen, greedy_answers, greedy_flops, needed_answers
from evaluation.selection.plans import (
    Came,
    Route,
    Setting,
    ceiling,
    paper_cost,
    perform,
    shown_routes,
)
from evaluation.selection.recorded import Answers, SelectionProblem, Sight
from evaluation.selection.standings import (
    BASES,
    BUDGETS,
    best,
    bootstrapped,
    greedy_row,
    plan_rows,
    selector_row,
)
from policies.cost import Architecture, CostModel, FlatRate
from policies.ladder import CALL_TOKENS, Rung
from policies.values import NLL, Candidate, Example, ModelView, Output, Task
from router.plan.executing import Trials
from router.request import TextPrompt

INPUTS = ("f(1)", "f(2)", "f(3)")
EXAMPLES = (Example("f(1)", "1"),)
TRIALS = Trials("f", {}, EXAMPLES)
SINGLE = Rung("small", 1, 0.8)
LARGE = Rung("large", 1, 0.0)


def answers(
    model: str, first: int, rights: Sequence[bool], *, greedy: bool | None = None
) -> Answers:
    """Right programs agree on everything; wrong ones with nobody, and they fail the example."""

    def candidate(at: int, right: bool) -> Candidate:
        given = ("1", "4", "9") if right else tuple(f"{at}/{call}" for call in INPUTS)
        outputs = {call: Output(text) for call, text in zip(INPUTS, given, strict=True)}
        scores = {NLL: 0.5}
        return Candidate(first + at, model, f"#{first + at}", "stop", 20, scores, outputs)

    made = [candidate(at, right) for at, right in enumerate(rights)]
    alone = None if greedy is None else candidate(len(rights), greedy)
    passed = {each.id for each, right in zip(made, rights, strict=True) if right}
    passed |= {alone.id} if alone is not None and greedy else set()
    return Answers(100, tuple(made), alone, frozenset(passed), frozenset(passed))


def problem(
    at: int, small: Sequence[bool], large: Sequence[bool] = (True,) * 4, *, greedy: bool = True
) -> SelectionProblem:
    models = {
        "small": answers("small", 0, small, greedy=False),
        "large": answers("large", 100, large, greedy=greedy),
    }
    views = tuple(ModelView(model, 100, 64) for model in models)
    task = Task(views, CALL_TOKENS, inputs=INPUTS)
    shown = Task(views, CALL_TOKENS, inputs=INPUTS, examples=EXAMPLES)
    tasks = {Sight.USED: shown, Sight.NOT_USED: task, Sight.STRIPPED: task}
    seconds = {each.id: 0.01 for of in models.values() for each in of.all}
    return SelectionProblem(f"made/{at}", TextPrompt(""), TRIALS, tasks, models, seconds)


def mixed(count: int = 30) -> list[SelectionProblem]:
    draw = random.Random(0)
    return [
        problem(
            at,
            [draw.random() < 0.4 for _ in range(8)],
            [draw.random() < 0.6 for _ in range(8)],
            greedy=draw.random() < 0.6,
        )
        for at in range(count)
    ]


def nothing(_more: int) -> None:
    pass


@pytest.mark.parametrize("name", ["examples", "agreement", "majority"])
def test_who_looks_at_programs_finds_the_right_ones_where_they_agree(name: str) -> None:
    problems = [problem(at, [True, True, False, False]) for at in range(4)]
    way = Way("small", name, Sight.USED if name == "examples" else Sight.NOT_USED, 4)
    found = chosen(problems, COST, way)
    assert found is not None
    assert found.success.tolist() == found.oracle.tolist() == [1.0] * 4
    assert found.first.tolist() == [0.5] * 4
    row = selector_row(way, found, needed_answers(problems, COST, "large"), sees=True)
    assert (row.eta, row.selected, row.selected_plus) == (1.0, 1.0, 1.0)
    assert row.seconds == pytest.approx(0.04)
    prompt, own = COST.prefill("small", 100), COST.decode("small", 100, 20)
    assert row.flops == pytest.approx(prompt + 4 * own)


def test_a_row_says_how_far_it_is_ahead_of_greedy_answers_paired_by_problem() -> None:
    problems = [problem(at, [True, at > 0], greedy=at > 1) for at in range(4)]
    way = Way("small", "first", Sight.STRIPPED, 2)
    found, large = chosen(problems, COST, way), needed_answers(problems, COST, "large")
    assert found is not None
    row = selector_row(way, found, large, sees=False)
    assert (row.selected, row.ahead, row.ahead_plus) == (0.875, 0.375, 0.375)
    assert 0 <= row.ahead_low < row.ahead < row.ahead_high <= 1  # no problem is lost to greedy
    assert row.large_calls == pytest.approx(row.flops / greedy_flops(problems[0], COST, "large"))
    assert greedy_row(large, large).success == 0.5
    alone = replace(problems[0], models={"large": answers("large", 0, [True])})
    assert greedy_answers([alone], COST, "large") is None
    with pytest.raises(UnreadablePool, match="no greedy answer"):
        needed_answers([alone], COST, "large")


def test_where_there_is_nothing_to_gain_there_is_no_share_of_it() -> None:
    for rights in ([True] * 4, [False] * 4):
        problems = [problem(at, rights) for at in range(4)]
        found = chosen(problems, COST, Way("small", "first", Sight.STRIPPED, 3))
        assert found is not None
        way = Way("small", "first", Sight.STRIPPED, 3)
        row = selector_row(way, found, needed_answers(problems, COST, "large"), sees=False)
        assert (row.eta, row.eta_low, row.eta_high) == (None, None, None)
    # Nor is there of one sample, where rounding would have it.
    problems, way = [problem(0, [True, *[False] * 5])], Way("small", "nll", Sight.STRIPPED, 1)
    found = chosen(problems, COST, way)
    assert found is not None
    row = selector_row(way, found, needed_answers(problems, COST, "large"), sees=False)
    assert row.eta is None


def test_what_looks_at_nothing_has_the_mean_of_the_samples() -> None:
    found = chosen(mixed(), COST, Way("small", "first", Sight.STRIPPED, 3))
    assert found is not None
    assert found.success.mean() == pytest.approx(found.first.mean(), abs=0.1)
    assert chosen(mixed(), COST, Way("small", "first", Sight.STRIPPED, 9)) is None


def test_a_route_ends_where_an_answer_passes_every_example() -> None:
    right, wrong = problem(0, [True] * 4), problem(1, [False] * 4)
    route = Route((SINGLE, SINGLE, LARGE))
    came = perform([right, wrong], Setting(COST, Sight.USED), [route], nothing)[route]
    once = COST.draw("small", 100, [20])
    assert came.flops[0] == pytest.approx(once)
    both = once + COST.draw("small", 100, [20], 99) + COST.draw("large", 100, [20])
    assert came.flops[1] == pytest.approx(both)
    assert came.success.tolist() == [1.0, 1.0]


def test_without_examples_agreement_ends_it_or_the_large_model_answers() -> None:
    right, wrong = problem(0, [True] * 4), problem(1, [False] * 4)
    route = Route((Rung("small", 3, 0.8), LARGE), enough=0.5)
    came = perform([right, wrong], Setting(COST, Sight.STRIPPED), [route], nothing)[route]
    small = COST.draw("small", 100, [20] * 3)
    assert came.flops.tolist() == pytest.approx([small, small + COST.draw("large", 100, [20])])
    assert came.success.tolist() == [1.0, 1.0]


def test_what_is_drawn_is_the_route_under_every_cap_that_it_fits() -> None:
    """A greedy answer of the large model is one of it, also where only a part of a call fits."""
    models = problem(0, [True] * 4, greedy=False).models
    right = replace(models["small"], greedy=models["small"].samples[0])
    only = replace(problem(0, [True] * 4), models={"small": right, "large": models["large"]})
    route = Route((LARGE,))
    for sight in Sight:
        for cap in (0.7, 1.0, None):
            came = perform([only], Setting(COST, sight, cap), [route], nothing)[route]
            assert came.success.tolist() == [0.0]  # and that of the small model would be right
            assert came.flops.tolist() == pytest.approx([COST.draw("large", 100, [20])])


def test_with_examples_these_choose_among_many_as_in_the_gateway() -> None:
    """Most of the answers agree in what fails the example; where there is none they are taken."""
    wrong = {call: Output("0") for call in INPUTS}
    answered = answers("small", 0, [True, False, False, False], greedy=False)
    agreeing = tuple(replace(each, outputs=wrong) for each in answered.samples[1:])
    answered = replace(answered, samples=(answered.samples[0], *agreeing))
    only = replace(problem(0, []), models={"small": answered, "large": answers("large", 9, [True])})
    wide = Route((Rung("small", 4, 0.8),))
    found = {
        sight: perform([only], Setting(COST, sight), [wide], nothing)[wide].success.tolist()
        for sight in (Sight.USED, Sight.STRIPPED)
    }
    assert found == {Sight.USED: [1.0], Sight.STRIPPED: [0.0]}


def test_a_cap_binds_in_every_run() -> None:
    problems = mixed(3)
    routes = list(shown_routes("small", "large"))[::7]
    for cap in CAPS:
        came = perform(problems, Setting(COST, Sight.USED, cap), routes, nothing)
        most = cap * ceiling(problems[0], COST)
        assert all((each.flops <= most).all() for each in came.values())


def test_what_a_cap_cannot_touch_comes_to_the_same() -> None:
    problems, setting = mixed(6), Setting(COST, Sight.USED, 4.0)
    routes = list(shown_routes("small", "large"))[::3]
    whole = [r for r in routes if not any(is_cut(r, each, setting) for each in problems)]
    assert 0 < len(whole) < len(routes)
    under, free = (perform(problems, replace(setting, cap=c), whole, nothing) for c in (4.0, None))
    for route in whole:
        assert under[route].success.tolist() == free[route].success.tolist()
        assert under[route].flops.tolist() == free[route].flops.tolist()


def test_what_outruns_the_samples_is_left_out() -> None:
    problems = [problem(0, [False] * 2, [False] * 2, greedy=False)]
    long = Route((SINGLE,) * 3)
    assert perform(problems, Setting(COST, Sight.USED), [long], nothing) == {}


def test_a_route_that_outruns_under_a_cap_is_no_course_for_it() -> None:
    """Half a call does not read the prompt: then a greedy answer is asked that nobody has."""
    problems = [replace(each, models=_without_greedy(each)).after(4096) for each in mixed(6)]
    routes = [Route((Rung("large", 6, 0.8),)), Route((SINGLE,) * 3)]
    setting = Setting(COST, Sight.USED)
    found = calibrated(problems, setting, perform(problems, setting, routes, nothing), nothing)
    assert all(row["spent"][0] <= row["calls"] for row in found)
    alone = routes[:1]
    came = perform(problems, setting, alone, nothing)
    assert all(row["calls"] >= 1 for row in calibrated(problems, setting, came, nothing))


def _without_greedy(of: SelectionProblem) -> dict[str, Answers]:
    return {model: replace(each, greedy=None) for model, each in of.models.items()}


def test_courses_are_calibrated_so_that_more_buys_more() -> None:
    routes = [Route((LARGE,)), *list(shown_routes("small", "large"))[::5]]
    problems, setting = mixed(8), Setting(COST, Sight.USED)
    found = calibrated(problems, setting, perform(problems, setting, routes, nothing), nothing)
    calls, success = ([row[key] for row in found] for key in ("calls", "success"))
    assert calls == sorted(set(calls))
    assert [value for value, _, _ in success] == sorted({value for value, _, _ in success})
    assert all(low <= value <= high for value, low, high in success)


ROUTES = (
    Route((LARGE,)),
    Route((SINGLE, SINGLE, LARGE)),
    Route((SINGLE,) * 4),
    Route((Rung("large", 3, 0.8),)),
    Route((Rung("small", 3, 0.8), LARGE), enough=0.5),
)


@settings(max_examples=20)
@given(
    lengths=st.lists(st.integers(1, 6000), min_size=2, max_size=4, unique=True).map(sorted),
    rights=st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_what_a_course_spends_grows_with_the_prompt_and_what_it_achieves_does_not(
    lengths: list[int], rights: list[bool]
) -> None:
    problems = [problem(0, rights, rights[::-1], greedy=rights[0])]
    told = Setting(COST, Sight.USED, orders=2, lengths=(100, *lengths))
    came = perform(problems, told, ROUTES, nothing)
    for route, each in came.items():
        own, *costed = (float(flops[0]) for flops in each.costed)
        assert own == pytest.approx(each.flops[0])  # these prompts have 100 tokens
        assert costed == sorted(set(costed))
        for tokens, flops in zip(lengths, costed, strict=True):
            after = perform(
                [problems[0].after(tokens)], replace(told, lengths=()), [route], nothing
            )
            assert after[route].flops[0] == pytest.approx(flops)
            assert after[route].success.tolist() == each.success.tolist()


def test_courses_are_calibrated_after_prompts_of_every_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A long prompt is read by one model sooner than by two, and then each sample costs little."""
    monkeypatch.setattr(courses, "LENGTHS", (32, 4096))
    monkeypatch.setattr(courses, "CAPS", (1.0, 4.0))
    problems = mixed(8)
    came = {
        sight: perform(problems, uncapped(COST, sight), ROUTES, nothing)
        for sight in (Sight.USED, Sight.STRIPPED)
    }
    short, long = by_length(problems, COST, came, ROUTES[0], nothing)
    assert (short["prompt_tokens"], long["prompt_tokens"]) == (32, 4096)
    for at in (short, long):
        assert {"shown", "plain", "usual_shown", "usual_plain"} < at.keys()
        for row in (*at["shown"], *at["plain"]):
            assert row["spent"][0] <= row["calls"]
            assert "large" in {model for model, _, _ in row["rungs"]}  # at one large call and more
        for name in ("usual_shown", "usual_plain"):
            assert at[name]["rungs"][-1] == ["large", 1, 0.0]
    blind = {Sight.STRIPPED: came[Sight.STRIPPED]}
    assert all("shown" not in at for at in by_length(problems, COST, blind, ROUTES[0], nothing))


def test_plans_are_chosen_on_other_problems_and_compared_in_pairs() -> None:
    problems = mixed()
    greedy, other = Route((LARGE,)), Route((SINGLE, SINGLE, LARGE))
    came = perform(problems, Setting(COST, Sight.USED), [greedy, other], nothing)
    rows = plan_rows(problems, came, ("any", Sight.USED), came[greedy])
    assert [(row.basis, row.x) for row in rows] == list(itertools.product(BASES, BUDGETS))
    for row in rows:
        assert row.ahead_low <= row.ahead <= row.ahead_high
        assert row.ahead == pytest.approx(row.success - came[greedy].success.mean())
    alone = plan_rows(problems, {greedy: came[greedy]}, ("greedy", Sight.USED), came[greedy])
    assert {row.ahead for row in alone} == {0.0}
    everywhere = np.ones(len(problems), bool)
    assert best(came, came[greedy], 0.0, everywhere) == greedy
    assert came[greedy].paper.tolist() == [1.0] * len(problems)


def test_on_the_papers_basis_a_sample_is_of_as_many_tokens_whatever_is_known_of_its_model() -> None:
    sized = Architecture(body_params=4 * 10**8, head_params=10**8, layers=24, attention_width=896)
    flat = FlatRate(2.0 * 5 * 10**8)
    cost = CostModel({"sized": sized, "flat": flat})
    assert paper_cost(cost, "sized") == pytest.approx(paper_cost(cost, "flat"))


def _came(success: list[float], flops: float = 1.0, paper: float = 1.0) -> Came:
    return Came.of([(each, math.nan, flops, paper) for each in success])


def test_what_is_ahead_by_chance_gives_way_to_the_greedy_answer() -> None:
    greedy, other = Route((LARGE,)), Route((SINGLE, LARGE))
    everywhere = np.ones(20, bool)
    base = _came([0.0] * 20)
    for won, lost, taken in ((3, 2, greedy), (2, 0, other), (6, 4, greedy), (6, 2, other)):
        came = {other: _came([1.0] * won + [-1.0] * lost + [0.0] * (20 - won - lost)), greedy: base}
        assert best(came, base, 9.0, everywhere) == taken, (won, lost)
    alone = {other: _came([1.0] * 20)}
    one = np.arange(20) < 1
    assert best({**alone, greedy: base}, base, 9.0, one) == other


def test_a_budget_is_counted_by_its_basis() -> None:
    greedy, other = Route((LARGE,)), Route((SINGLE, LARGE))
    everywhere = np.ones(20, bool)
    base = _came([0.0] * 20)
    came = {other: _came([1.0] * 20, flops=1.5, paper=3.0), greedy: base}
    assert best(came, base, 2.0, everywhere) == other
    assert best(came, base, 2.0, everywhere, "paper") == greedy
    assert best(came, base, 3.0, everywhere, "paper") == other


def test_an_interval_holds_its_value_and_shrinks_with_problems() -> None:
    draw = np.random.default_rng(0)
    few, many = (bootstrapped(draw.random(n), lambda v: float(v.mean())) for n in (20, 2000))
    assert few.low < few.value < few.high
    assert many.high - many.low < few.high - few.low


def test_curves_find_what_tells_right_from_wrong() -> None:
    draw = random.Random(0)
    told = []
    for _ in range(4000):
        value = draw.random()
        chance = 1 / (1 + math.exp(-(-2 + 5 * value)))
        told.append(Told((value,), draw.random() < chance))
    weights = curve(told)
    assert weights == pytest.approx([-2, 5], abs=0.5)
    assert area(told, weights) > 0.8
    assert area(told, [0.0, -1.0]) < 0.2
    sure = fitted(mixed(), list(Sight))
    assert sure.agreed[1] > 0
    assert sure.shown is not None
    assert sure.auc["shown"] > 0.9
    assert fitted(mixed(), [Sight.STRIPPED]).shown is None
    assert fitted([problem(0, [True])], [Sight.STRIPPED]).agreed is not None
    few = replace(problem(0, []), models={"small": answers("small", 0, [True, False])})
    assert fitted([few], [Sight.STRIPPED]).agreed is None
