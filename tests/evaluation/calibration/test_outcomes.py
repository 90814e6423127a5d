"""What a gateway kept, read again: beside what it expected, and as counts."""

import asyncio
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from calibrated import calibrated
from fake_upstream import FakeUpstream, answering
from http_world import TESTS, ScriptedBackend

from evaluation.calibration.outcomes import NoOutcomes, counts, deciles, read_outcomes, write_counts
from evaluation.pools.counts import read_counts
from router.observations import DrawObservation, Observation

DRAW = DrawObservation("small", 4, 0.8, 4, 1, (20, 21, 30, 9))
ONE = Observation(
    time="2026-01-01T00:00:00+00:00",
    id="task-1",
    kind="text",
    policy="single",
    prompt_tokens=100,
    budget_calls=1.0,
    target=None,
    domain="code",
    plan="small*4",
    expected=0.5,
    extrapolated=False,
    passed=True,
    flops=1e12,
    call_flops=2e12,
    deadline_passed=False,
    stops_early=False,
    draws=(DRAW,),
)


def write(path: Path, *outcomes: Observation) -> Path:
    path.write_text("".join(json.dumps(asdict(each)) + "\n" for each in outcomes))
    return path


def test_outcomes_read_back_as_they_were_and_torn_lines_are_counted(tmp_path: Path) -> None:
    bare = replace(ONE, domain=None, plan=None, expected=None, extrapolated=None, call_flops=None)
    path = write(tmp_path / "o", ONE, bare)
    whole = path.read_text()
    assert read_outcomes([path]) == ([ONE, bare], 0)
    path.write_text(whole[:50] + "\n" + whole + '{"other": 1}\n')
    assert read_outcomes([path, write(tmp_path / "p", ONE)]) == ([ONE, bare, ONE], 2)
    path.write_text("nothing\n")
    with pytest.raises(NoOutcomes, match="1 lines"):
        read_outcomes([path])


def test_expectations_are_held_against_what_came() -> None:
    told = [replace(ONE, expected=0.55, passed=at < 4) for at in range(10)]
    told += [replace(ONE, expected=1.0, passed=at < 3) for at in range(10)]
    told += [replace(ONE, extrapolated=True), replace(ONE, domain=None, expected=None)]
    middle, top = deciles(told)
    assert (middle.domain, middle.lowest, middle.requests) == ("code", 0.5, 10)
    assert middle.expected == pytest.approx(0.55)
    assert middle.observed.value == 0.4
    assert middle.expected_within
    assert (top.lowest, top.observed.value, top.expected_within) == (0.9, 0.3, False)


def test_counts_are_samples_judged_and_passed_of_a_problem() -> None:
    large = replace(ONE, draws=(replace(DRAW, model="large", passed=3),))
    again = replace(ONE, draws=(replace(DRAW, judged=4, passed=4),))
    other = replace(ONE, id="task-2", kind="chat")
    assert counts([ONE, large, again, other]) == {
        ("task-1", "small"): (8, 5),
        ("task-1", "large"): (4, 3),
        ("task-2", "small"): (4, 1),
    }
    assert counts([ONE, other], kind="chat") == {("task-2", "small"): (4, 1)}


def test_greedy_answers_are_counted_apart() -> None:
    both = replace(ONE, draws=(DRAW, replace(DRAW, n=1, temperature=0.0, judged=1, passed=1)))
    assert counts([both]) == {("task-1", "small"): (4, 1)}
    assert counts([both], greedy=True) == {("task-1", "small"): (1, 1)}


@pytest.mark.parametrize(
    "biased",
    [
        {"stops_early": True},
        {"deadline_passed": True},
        {"draws": (replace(DRAW, judged=3),)},
    ],
)
def test_what_depends_on_verdicts_is_no_count(biased: dict[str, Any]) -> None:
    with pytest.raises(NoOutcomes, match="policy single"):
        counts([replace(ONE, **biased)])


def test_counts_are_a_pool(tmp_path: Path) -> None:
    out = tmp_path / "counts.csv"
    write_counts(counts([ONE, replace(ONE, id="a,b")]), out)
    (small,) = read_counts(out)
    assert (small.model, dict(small.counts)) == ("small", {"task-1": (4, 1), "a,b": (4, 1)})


def test_from_a_gateways_requests_to_counts_of_all_models(tmp_path: Path) -> None:
    """As the documentation says that one calibrates again."""
    path = tmp_path / "outcomes.jsonl"

    async def serve() -> None:
        said = FakeUpstream(answering(lambda _, index: [f"    return {index}"]))
        backend = ScriptedBackend(lambda source: "return 1" in source)
        drift = {"enabled": True, "file": path}
        async with calibrated(small=said, backend=backend, drift=drift) as w:
            for task in range(3):
                for model in ("small", "large"):
                    answer = await w.complete(
                        model=model,
                        n=4,
                        tests=TESTS,
                        budget={"policy": "single"},
                        headers={"X-Request-Id": f"task-{task}"},
                    )
                    assert answer.status_code == 200
            await w.complete(tests=TESTS)  # climbs, and so is no count

    asyncio.run(serve())
    outcomes, torn = read_outcomes([path])
    assert (len(outcomes), torn) == (7, 0)
    found = counts(outcomes)
    assert len(found) == 6
    for task in range(3):
        assert found[f"task-{task}", "small"] == (4, 1)
        assert found[f"task-{task}", "large"] == (4, 0)
