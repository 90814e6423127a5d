"""The page's sentences and tables: what they count, and that no number is fixed text."""

from dataclasses import replace

from study_pools import LARGE, RATES, SMALL, pool

from evaluation.study.evidence import gather
from evaluation.study.figures import figures
from evaluation.study.page import sentences, tables


def evidence_of(*pools):
    (evidence,) = gather(pools, RATES)
    return evidence


def partial(problems=10, greedy=7):
    """A small model with samples, and a larger one with greedy answers to some problems only."""
    large = pool(LARGE, n=4, problems=problems)
    some = dict(list(large.greedy.items())[:greedy])
    return evidence_of(pool(SMALL, n=16, problems=problems), replace(large, greedy=some))


def test_the_short_answer_is_a_tally_and_a_table_of_the_same_comparisons():
    evidence = partial()
    duels = tables.of_one_family(evidence.duels, ranked=False)
    first, second, *_ = sentences.in_short([evidence])
    more = sum(duel.difference.low > 0 for duel in duels)
    assert f"more in {more} of {len(duels)} comparisons" in first
    assert f"{min(duel.bought for duel in duels):.1f} to" in second
    table = tables.in_short([evidence])
    differences = [row[-1] for row in table.rows]
    assert differences == [duel.difference.percent("+") for duel in duels]


def test_there_is_no_short_answer_without_a_comparison():
    assert list(sentences.in_short([evidence_of(pool(SMALL, n=4))])) == []


def test_the_pools_table_counts_greedy_answers_of_all_problems():
    table = tables.pools([partial()])
    cells = [row[table.columns.index("greedy answers")] for row in table.rows]
    assert cells == ["10 of 10", "7 of 10"]


def test_curves_over_different_problems_say_so():
    evidence = evidence_of(
        pool(SMALL, n=8, problems=20), pool(LARGE, n=[8] * 15 + [0] * 5, problems=20)
    )
    (figure, *_) = figures(evidence)
    table = tables.pass_at_k(figure)
    assert [row[table.columns.index("problems")] for row in table.rows] == ["20", "15"]
    assert [series.to_json()["problems"] for series in figure.panels[0].series] == [20, 15]


def test_what_charging_the_prompt_does_is_measured():
    evidence = partial()
    (said,) = sentences.prompts([evidence])
    for duel in tables.of_one_family(evidence.duels, ranked=False):
        assert f"{duel.bought:.1f}" in said
    assert sentences.prompts([evidence_of(pool(SMALL, n=4))]) == []


def test_what_costs_nothing_is_bought_in_any_number():
    small = pool(SMALL, n=4)
    for draws in small.draws.values():
        draws.generations.tokens[:] = 0
    evidence = evidence_of(small, pool(LARGE, n=4))
    assert "to any number" in list(sentences.in_short([evidence]))[1]
    table = tables.duels(evidence.duels, "")
    assert "no end" in {row[table.columns.index("buys")] for row in table.rows}
