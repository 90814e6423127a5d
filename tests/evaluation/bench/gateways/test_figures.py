"""What rounds come to, and the table of it."""

import json

import pytest

from evaluation.bench.gateways.figures import figures, to_json
from evaluation.bench.gateways.load import Loaded
from evaluation.bench.gateways.measuring import Go, Plan
from evaluation.bench.gateways.processes import Cores
from evaluation.bench.gateways.table import to_markdown

PLAN = Plan(connections=(2, 8), streams=4, rate=10.0, seconds=1.0, rounds=3)
CORES = Cores(frozenset([0]), frozenset([1]))


def loaded(answered, latency, *, first=0.0, cpu=None, errors=None, others=0.1, asked=None):
    """Every request took the same."""
    errors = errors or {}
    asked = answered + sum(errors.values()) if asked is None else asked
    times = (latency,) * answered
    return Loaded(asked, answered, 1.0, times, (first,) * answered, errors, cpu, others)


def gone(name, number, *, rates, latency, first, cpu=None, resident=None, **more):
    """One round: the steady rates, then a step for each of `rates`."""
    paced = [loaded(10, latency, first=first), loaded(10, latency + 1, first=first)]
    saturated = [loaded(rate, 1.0, cpu=cpu, **more) for rate in rates]
    steps = zip(PLAN.steps, [*paced, *saturated], strict=True)
    return Go(name, number, tuple(steps), resident, 1)


def three(name, rates, *, latency, first, **more):
    """Three rounds, of which the rates differ by one."""
    return [
        gone(name, i, rates=[rate + i - 1 for rate in rates], latency=latency, first=first, **more)
        for i in range(3)
    ]


ALL = [
    *three("direct", [100, 100, 100], latency=1.0, first=0.5),
    *three("budget-router", [10, 20, 40], latency=3.0, first=1.75, cpu=0.05, resident=64.0),
    *three("forwarder", [20, 20, 20], latency=2.0, first=1.0, cpu=0.02, resident=32.0),
]


def test_a_row_is_the_medians_of_its_rounds():
    direct, ours, _ = figures(ALL, PLAN).rows
    assert ours.rates == (10, 20, 40)
    assert (ours.p50, ours.p99, ours.added_p50, ours.added_p99) == (3.0, 3.0, 2.0, 2.0)
    assert ours.first_added == 1.25
    assert ours.cpu_ms == 5.0  # of the first step without a rate
    assert ours.resident_mb == 64.0
    assert (direct.added_p50, direct.first_added, direct.cpu_ms) == (None, None, None)


def test_ratios_are_those_of_rounds():
    found = {(each.to, each.step): each for each in figures(ALL, PLAN).ratios}
    assert len(found) == 3  # to the forwarder alone, in each step without a rate
    ratio = found["forwarder", "plain, 2 at once"]
    assert (ratio.middle, ratio.least, ratio.most) == (10 / 20, 9 / 19, 11 / 21)


def test_without_the_base_nothing_is_added_and_without_ours_there_is_no_ratio():
    found = figures([go for go in ALL if go.contender == "forwarder"], PLAN)
    assert found.rows[0].added_p50 is None
    assert found.ratios == ()


def test_a_contender_that_answered_nothing_has_no_ratio_and_no_nan_in_the_file():
    silent = three("silent", [1, 1, 1], latency=1.0, first=1.0)
    none = [
        Go(go.contender, go.round, tuple((step, loaded(0, 0.0)) for step, _ in go.loaded), 1.0, 1)
        for go in silent
    ]
    found = figures([*ALL, *none], PLAN)
    assert {ratio.to for ratio in found.ratios} == {"forwarder"}
    told = to_json([*ALL, *none], found, "a machine")
    json.dumps(told, allow_nan=False)
    assert told["measured"][-1]["steps"]["plain, 2 at once"]["p50_ms"] is None
    assert "| silent | 0 | 0 | 0 |" in to_markdown(found, "a machine", CORES)


def test_the_file_has_every_round():
    found = figures(ALL, PLAN)
    told = to_json(ALL, found, "a machine")
    assert [(go["contender"], go["round"]) for go in told["measured"][:4]] == [
        *(("direct", number) for number in range(3)),
        ("budget-router", 0),
    ]
    step = told["measured"][3]["steps"]["plain, 2 at once"]
    assert (step["answered"], step["per_second"], step["cpu_ms"]) == (9, 9.0, 5.556)
    assert told["machine"] == "a machine"
    assert "latencies_ms" not in json.dumps(told)


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ({"errors": {"status 429": 2}}, "x, plain, 2 at once, round 1: 2 of 11: status 429"),
        ({"asked": 12}, "x, plain, 2 at once, round 1: 3 were not answered"),
        ({"others": 0.99}, "x, plain, 2 at once: load and upstream had no time left"),
    ],
)
def test_what_is_wrong_with_a_figure_is_noted(more, note):
    notes = figures(three("x", [10, 10, 10], latency=1.0, first=1.0, **more), PLAN).notes
    assert any(each.startswith(note) for each in notes)
    assert len(set(notes)) == len(notes)


def test_a_contender_that_fell_behind_is_noted():
    late = Loaded(10, 10, 1.6, (500.0,) * 10, (1.0,) * 10, {}, None, 0.1)
    go = gone("x", 0, rates=[1, 1, 1], latency=1.0, first=1.0)
    behind = Go("x", 0, ((PLAN.steps[0], late), *go.loaded[1:]), None, 1)
    (note,) = figures([behind], PLAN).notes
    assert note.startswith("x, plain, 10/s: it did not keep up")


def test_the_base_may_take_all_that_load_and_upstream_have():
    full = three("direct", [10, 10, 10], latency=1.0, first=1.0, others=1.0)
    assert figures(full, PLAN).notes == ()


def test_the_table():
    shown = to_markdown(figures(ALL, PLAN), "a machine", CORES)
    caption, _, headings, rule, *lines = shown.splitlines()
    assert "3 rounds" in caption
    assert "a machine" in caption
    assert "one core" in caption
    assert headings.count("|") == rule.count("|") == lines[0].count("|") == 12
    assert "requests/s, 2 connections" in headings
    assert "requests/s, 4 streams" in headings
    assert lines[0] == "| direct | 100 | 100 | 100 | 1.00 | 1.00 |  |  |  |  |  |"
    assert lines[1].startswith(
        "| budget-router | 10 | 20 | 40 | 3.00 | 3.00 | 2.00 | 2.00 | 1.25 |"
    )
    assert "| forwarder | plain, 2 at once | 0.50 | 0.47 to 0.52 |" in lines


def test_one_core_for_all_is_told():
    assert "the same core" in to_markdown(figures(ALL, PLAN), "a machine", Cores.of([3]))
