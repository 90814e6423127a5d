"""Runs against others, all budgets together, by counts that can be checked by hand."""

import json

import pytest
from fake_gateway import COST, LARGE, SMALL
from written_runs import failed, record

from evaluation.gateway.pooling import NothingInCommon, pooled, to_markdown
from evaluation.gateway.results import read
from evaluation.gateway.second import SecondVerdicts, write_second

TASKS = "abcdefgh"


def flops(model, tokens, cached=0):
    return COST.draw(model, 100, [tokens], cached)


def judge(path, passing):
    results = read(path)
    passed = {one["task_id"]: one["task_id"] in passing for one in results.records}
    write_second(path, results, SecondVerdicts(passed))


@pytest.fixture
def sides(written):
    """Two budgets of a run that asks the small model, and of one that asks the large."""
    ours = [
        written("us-1", *(record(task, model=SMALL, seconds=1.0) for task in TASKS)),
        written("us-2", *(record(task, model=SMALL, tokens=60, seconds=2.0) for task in TASKS)),
    ]
    theirs = [
        written("them-1", *(record(task, "failed", seconds=4.0) for task in TASKS)),
        written("them-2", *(record(task, seconds=2.0) for task in reversed(TASKS))),
    ]
    return ours, theirs


def test_what_both_sides_have_is_summed_over_budgets_and_problems(sides):
    found = pooled(*sides)
    assert (found.problems, found.answers) == (8, 16)
    assert (found.passes.ours, found.passes.theirs) == (16, 8)
    assert found.passes.against.value == 0.5
    small, large = flops(SMALL, 50) + flops(SMALL, 60), 2 * flops(LARGE, 50)
    assert found.flops.ours == pytest.approx(small / 2)
    assert found.flops.theirs == pytest.approx(large / 2)
    assert found.flops.against.value == pytest.approx(small / large)
    assert (found.seconds.ours, found.seconds.theirs) == (1.5, 3.0)
    assert found.plus is None
    # Every problem is as every other here, so no resample can differ.
    for one in (found.passes.against, found.flops.against, found.seconds.against):
        assert one.low == pytest.approx(one.value) == one.high


def test_flops_are_of_problems_that_no_run_answered_too_late(written):
    missed = record("a", "failed", seconds=3.0) | {"commands": [], "flops_used": None}
    us = written("us", *(record(task, model=SMALL) for task in TASKS))
    them = written("them", missed, *(record(task) for task in TASKS[1:]))
    found = pooled([us], [them])
    assert (found.problems, found.passes.theirs) == (8, 7)
    assert found.flops.theirs == pytest.approx(flops(LARGE, 50))
    assert found.flops.against.value == pytest.approx(flops(SMALL, 50) / flops(LARGE, 50))
    assert found.seconds.theirs == pytest.approx((3.0 + 7) / 8)


def test_only_problems_that_all_have_count_and_a_problem_is_one_draw(written):
    us = written("us", *(record(task, "passed" if task < "e" else "failed") for task in TASKS))
    them = written("them", *(record(task, "failed") for task in TASKS[:6]), record("z"))
    found = pooled([us], [them])
    assert (found.problems, found.passes.ours, found.passes.theirs) == (6, 4, 0)
    assert 0 < found.passes.against.low < 4 / 6 < found.passes.against.high <= 1
    # Each answer named twice is no more evidence than once.
    twice = pooled([us, us], [them, them])
    assert twice.answers == 12
    assert twice.passes.against == found.passes.against


def test_an_error_is_no_pass_and_has_no_price(written):
    us = written("us", record("a"), failed("b"))
    them = written("them", record("a", "failed", seconds=2.0), record("b", seconds=9.0))
    found = pooled([us], [them])
    assert (found.passes.ours, found.passes.theirs) == (1, 1)
    assert (found.seconds.ours, found.seconds.theirs) == (1.0, 2.0)
    nobody = pooled([written("lost", failed("a"))], [them])
    assert (nobody.flops, nobody.seconds) == (None, None)


def test_cached_prompts_cost_nothing_and_what_they_would_have_cost_stands_beside_it(written):
    warm = record("a")
    warm["commands"][0]["cached_tokens"] = 90
    found = pooled([written("us", warm)], [written("them", record("a"))])
    assert found.flops.against.value == pytest.approx(flops(LARGE, 50, 90) / flops(LARGE, 50))
    assert found.flops_uncached.against.value == 1


def test_second_verdicts_are_told_where_every_answer_has_one(sides):
    ours, theirs = sides
    for path in (*ours, *theirs):
        assert pooled(*sides).plus is None
        judge(path, "abcd" if path in ours else "ab" if path.stem == "them-2" else "")
    plus = pooled(*sides).plus
    assert (plus.ours, plus.theirs) == (8, 2)
    assert plus.against.value == 6 / 16
    assert "| passes by second tests | 8 | 2 | +37.5 (" in to_markdown(pooled(*sides))


def test_flops_of_an_unknown_model_are_left_out(written):
    known = {SMALL: {"flops_per_token": 1.0}}
    us, them = written("us", record("a"), **known), written("them", record("a"))
    found = pooled([us], [them])
    assert (found.flops, found.flops_uncached) == (None, None)
    assert "TFLOPs" not in to_markdown(found)


def test_runs_must_pair_and_share_problems(written):
    one, other = written("one", record("a")), written("other", record("b"))
    with pytest.raises(NothingInCommon, match="1 runs cannot be paired with 2"):
        pooled([one], [other, other])
    with pytest.raises(NothingInCommon, match="no problem"):
        pooled([one], [other])


def test_the_command_tells_rows_and_then_all_together(cli, sides):
    ours, theirs = sides
    against = [word for path in theirs for word in ("--against", path)]
    result = cli("evaluate", "table", *ours, *against)
    assert result.exit_code == 0, result.output
    assert [line.split(" | ")[0] for line in result.stdout.splitlines()[2:6]] == [
        "| us-1",
        "| us-2",
        "| them-1",
        "| them-2",
    ]
    assert result.stdout.endswith(to_markdown(pooled(ours, theirs)))
    told = json.loads(cli("evaluate", "table", *ours, *against, "--json").stdout)
    assert len(told["runs"]) == 4
    assert told["pooled"]["passes"]["ours"] == 16
    lost = cli("evaluate", "table", ours[0], *against)
    assert lost.exit_code == 1
    assert "1 runs cannot be paired with 2" in lost.stderr
