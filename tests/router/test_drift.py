"""Expectations held against outcomes: as figures, and in a file that says no word of a prompt."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from calibrated import calibrated, call_of
from calibrations import SUCCESS
from fake_upstream import Call, FakeUpstream, answering, failing
from http_world import PROMPT, TESTS, ScriptedBackend, World, eventually, longer, world
from pydantic import ValidationError

from router.drift import OutcomeFile
from router.sections.drift import DriftConfig
from router.service import running
from router.settings import Settings
from sandbox import SandboxUnavailable

pytestmark = pytest.mark.anyio

ON = {"enabled": True}
FIGURES = ("predictions", "predicted_success", "observed_success")


def figures(
    w: World, decile: str, *, domain: str = "code", extrapolated: str = "no"
) -> list[float]:
    labels = {"domain": domain, "decile": decile, "extrapolated": extrapolated}
    return [w.metric(f"router_{name}_total", **labels) for name in FIGURES]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_nothing_is_kept_unless_it_is_wanted() -> None:
    async with calibrated() as w:
        await w.complete(tests=TESTS)
        text = (await w.client.get("/metrics")).text
        assert "router_predict" not in text
        assert w.service.drift is None


async def test_figures_are_by_decile_of_what_was_expected() -> None:
    async with calibrated(drift=ON) as w:
        backend = w.backend
        assert isinstance(backend, ScriptedBackend)
        for passes, target in ((True, 0.3), (False, 0.3), (True, 0.6), (True, 0.7), (False, 0.7)):
            backend.passes = lambda _source, passes=passes: passes
            answer = await w.complete(tests=TESTS, budget={"target": target})
            assert answer.status_code == 200
        assert figures(w, "0.3") == [2, 0.6, 1]
        assert figures(w, "0.6") == [1, 0.6, 1]
        assert figures(w, "0.7") == [2, 1.4, 1]
        assert figures(w, "0.5") == [0, 0, 0]


async def test_flops_are_held_against_what_was_expected_too() -> None:
    async with calibrated(drift=ON) as w:
        answer = await w.complete(tests=TESTS, explain=True)
        told = answer.json()["router"]
        labels = {"domain": "code", "decile": "0.7", "extrapolated": "no"}
        expected = w.metric("router_predicted_flops_total", **labels)
        assert expected == told["calibration"]["expected_flops"]
        assert w.metric("router_predicted_flops_used_total", **labels) == told["flops_used"]


async def test_what_extrapolates_and_other_kinds_are_apart() -> None:
    async with calibrated(drift=ON) as w:
        await w.complete(tests=TESTS, temperature=0.2)
        await w.chat(tests=TESTS)
        assert figures(w, "0.7", extrapolated="yes") == [1, 0.7, 0]
        pooled = figures(w, "0.6", domain="pooled", extrapolated="yes")
        assert pooled == [1, pytest.approx(0.65), 0]


async def test_streams_count_as_well() -> None:
    async with calibrated(drift=ON) as w:
        await w.complete(tests=TESTS, stream=True)
        await eventually(lambda: figures(w, "0.7") == [1, 0.7, 0])


async def test_what_says_nothing_of_the_problem_does_not_count(tmp_path: Path) -> None:
    drift = ON | {"file": tmp_path / "outcomes.jsonl"}
    broken = ScriptedBackend(error=SandboxUnavailable("gone"))
    async with calibrated(drift=drift, backend=broken) as w:
        assert (await w.complete(tests=TESTS)).headers["x-router-verdict"] == "unverified"
        await w.complete()
        assert figures(w, "0.7") == [0, 0, 0]
    away = FakeUpstream(failing(500))
    async with calibrated(drift=drift, small=away, large=FakeUpstream(failing(500))) as w:
        assert (await w.complete(tests=TESTS)).status_code == 502
        assert figures(w, "0.7") == [0, 0, 0]
    assert rows(tmp_path / "outcomes.jsonl") == []


async def test_a_deadline_that_ends_a_plan_counts_against_it() -> None:
    async def scene(seconds: float) -> bool:
        gate = asyncio.Event()
        async with calibrated(drift=ON, backend=ScriptedBackend(gate=gate)) as w:
            answer = await w.complete(tests=TESTS, budget={"latency_ms": 1000 * seconds})
            gate.set()
            if drew := answer.status_code == 200:
                assert figures(w, "0.7") == [1, 0.7, 0]
        return drew

    await longer(scene, 0.4, 3.0, 20.0)


async def test_outcomes_say_what_was_drawn_and_no_word_of_it(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    said = iter([["    re", "turn odd"]])
    small = FakeUpstream(answering(lambda _call, _index: next(said, ["    re", "turn 0"])))
    backend = ScriptedBackend(lambda source: "odd" not in source)
    async with calibrated(drift=ON | {"file": path}, small=small, backend=backend) as w:
        flops = 2 * call_of(w)
        answer = await w.complete(
            tests=TESTS, budget={"flops": flops}, headers={"X-Request-Id": "task-7"}, explain=True
        )
        (row,) = rows(path)
        told = answer.json()["router"]
    assert (row["id"], row["kind"], row["policy"], row["domain"]) == (
        *("task-7", "text", "auto"),
        "code",
    )
    assert row["budget_calls"] == pytest.approx(2)
    assert row["plan"] == told["calibration"]["ladder"]
    assert row["expected"] == SUCCESS[2]
    assert (row["extrapolated"], row["passed"], row["stops_early"]) == (False, True, True)
    assert row["flops"] == told["flops_used"]
    first, second = row["draws"]
    assert first == {
        "model": "small",
        "n": 1,
        "temperature": 0.0,
        "judged": 1,
        "passed": 0,
        "tokens": [2],
    }
    # A pass ends the draw: those that were not judged by then are no failures.
    assert second["n"] == 4
    assert 1 <= second["passed"] <= second["judged"] <= 4
    text = path.read_text()
    for word in (PROMPT.strip(), "def add", "return", "odd", "assert"):
        assert word not in text


async def test_plans_that_nobody_calibrated_are_outcomes_without_expectations(
    tmp_path: Path,
) -> None:
    path = tmp_path / "outcomes.jsonl"
    drift = ON | {"file": path}
    async with world(backend=ScriptedBackend(), drift=drift) as w:
        await w.complete(tests=TESTS, model="large", n=3, budget={"policy": "single"})
        await w.complete(tests=TESTS, model="large", budget={"policy": "best_of_n"})
    single, best = rows(path)
    for row in (single, best):
        assert row["domain"] is row["plan"] is row["expected"] is row["extrapolated"] is None
    assert not single["stops_early"]
    assert [(each["n"], each["judged"], each["passed"]) for each in single["draws"]] == [(3, 3, 3)]
    assert best["stops_early"]


async def test_a_draw_that_was_never_sent_is_none(tmp_path: Path) -> None:
    path, gate = tmp_path / "outcomes.jsonl", asyncio.Event()

    async def waits(call: Call, server: FakeUpstream) -> None:
        await gate.wait()
        await answering()(call, server)

    models = {"large": {"slots": 1, "queue": 1}}
    large, fails = FakeUpstream(waits), ScriptedBackend(lambda _: False)
    drift = ON | {"file": path}
    async with world(large=large, backend=fails, models=models, drift=drift) as w:
        busy = [asyncio.create_task(w.complete(model="large")) for _ in range(2)]
        await eventually(lambda: w.metric("router_queue_length", model="large") == 1)
        answer = await w.complete(tests=TESTS, explain=True)  # whose large draw is refused
        gate.set()
        await asyncio.gather(*busy)
    commands = answer.json()["router"]["commands"]
    assert [each["model"] for each in commands if not each["sent"]] == ["large"]
    (row,) = rows(path)
    assert {each["model"] for each in row["draws"]} == {"small"}
    assert sum(each["n"] for each in row["draws"]) == int(answer.headers["x-router-samples"])


async def test_outcomes_go_on_where_they_were(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    for _ in range(2):
        async with calibrated(drift=ON | {"file": path}) as w:
            await w.complete(tests=TESTS)
    assert len(rows(path)) == 2


def test_a_file_of_outcomes_is_bounded(tmp_path: Path) -> None:
    path, before = tmp_path / "outcomes.jsonl", tmp_path / "outcomes.jsonl.1"
    with OutcomeFile(path, 1000) as file:
        for number in range(200):
            file.write({"number": number, "filling": "x" * 50})
            assert path.stat().st_size <= 1000
            assert not before.exists() or before.stat().st_size <= 1000
    numbers = [row["number"] for row in (*rows(before), *rows(path))]
    assert numbers == list(range(200 - len(numbers), 200))
    assert len(numbers) > 10
    with OutcomeFile(path, 1000) as file:
        file.write({"number": 200, "filling": "x" * 5000})
    assert [row["number"] for row in rows(path)] == [200]


def test_what_cannot_be_written_fails_nobody(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    path = room / "outcomes.jsonl"
    with OutcomeFile(path, 100) as file:
        file.write({"filling": "x" * 90})
        (room / "outcomes.jsonl.1").mkdir()
        (room / "outcomes.jsonl.1" / "occupied").touch()
        file.write({"filling": "y" * 90})
        file.write({"filling": "y" * 90})
        (room / "outcomes.jsonl.1" / "occupied").unlink()
        (room / "outcomes.jsonl.1").rmdir()
        file.write({"filling": "z" * 90})
    assert "z" in path.read_text()


def test_a_file_of_which_nothing_would_be_written_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="enabled = true"):
        DriftConfig(file=Path("x"))
    with pytest.raises(ValidationError):
        DriftConfig(enabled=True, file_bytes=10)


async def test_a_file_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    models = {"small": {"engine": "url", "url": "http://127.0.0.1:9"}}
    drift = ON | {"file": tmp_path / "nowhere" / "outcomes.jsonl"}
    with pytest.raises(FileNotFoundError):
        async with running(Settings(models=models, drift=drift)):
            pass
