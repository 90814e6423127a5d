"""`lever` over HTTP: a verifier in a process of its own, which may be away, wrong or slow."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import psutil
import pytest
from fake_shapes import pieces
from fake_upstream import Call, FakeUpstream, answering
from http_world import World, eventually, is_error, untouched, world

from router.service import running
from router.settings import Settings
from router.upstream.failures import UpstreamError
from router.verifier.verifying import Verifier, VerifierFailed, VerifierTimes
from sandbox import ProcessBackend

np = pytest.importorskip("numpy")
pytest.importorskip("safetensors")

from evaluation.verifier.model import SHAPES, AnswerVerifier  # noqa: E402 it needs both
from evaluation.verifier.tokens import BUCKETS  # noqa: E402

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

PROMPT = 'def square(n: int) -> int:\n    """Its square."""\n'
DOUBLE, SQUARE, POWER = "    return n + n\n", "    return n * n\n", "    return n ** 2\n"
SAYS = (DOUBLE, SQUARE, DOUBLE, POWER, DOUBLE)
FIVE = {"policy": "five"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A verifier that believes in powers, and in nothing else."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    weights["tokens"][zlib.crc32(b"program **") % BUCKETS, 0] = 100.0
    weights["inner"][0, 0] = 1.0
    weights["outer"][0] = 100.0
    weights["outer_bias"][0] = -10.0
    path = tmp_path_factory.mktemp("verifier") / "powers.safetensors"
    AnswerVerifier((weights,), {"dataset": "made up"}).save(path)
    return path


def judged(trained: Path | None, **settings: Any) -> AbstractAsyncContextManager[World]:
    def says(_call: Call, index: int) -> list[str]:
        return pieces(SAYS[index % len(SAYS)])

    policies = {"five": {"kind": "best_of_n", "model": "small", "n": 5}}
    select = {} if trained is None else {"select": {"lever": trained}}
    backend = ProcessBackend(workers=2)
    return world(
        FakeUpstream(answering(says)), backend=backend, policies=policies, **select | settings
    )


async def asked(w: World, **fields: Any) -> Any:
    given = {"prompt": PROMPT, "budget": FIVE, "select": "lever", "explain": True}
    answer = await w.complete(**given | fields)
    assert answer.status_code == 200, answer.text
    return answer


def said(answer: Any) -> str:
    text: str = answer.json()["choices"][0]["text"]
    return text


def verifier(w: World) -> Verifier:
    found = w.service.gateway.verifier
    assert found is not None
    return found


async def test_the_group_that_the_verifier_believes_in_comes_first(trained: Path) -> None:
    async with judged(trained) as w:
        assert said(await asked(w, select="agreement")) == DOUBLE
        answer = await asked(w)
        assert said(answer) in {SQUARE, POWER}
        assert answer.headers["x-router-selected-by"] == "lever"
        assert answer.headers["x-router-plan"] == "small*5+lever"
        told = answer.json()["router"]
        assert [each["command"] for each in told["commands"]] == ["draw", "execute", "rank"]
        scores = [each["scores"]["lever"] for each in told["candidates"]]
        assert scores[3] < 0.1  # the power
        assert all(score == pytest.approx(10.0, abs=0.1) for score in scores[:3])
        used = float(answer.headers["x-budget-flops-used"])
        assert told["flops_used"] == pytest.approx(used)
        assert sum(each["flops"] for each in told["candidates"]) == pytest.approx(used)
        assert (told["commands"][2]["model"], told["commands"][2]["flops"]) == (None, 0.0)


async def test_the_one_that_ships_chooses_by_its_name() -> None:
    async with judged(Path("shipped")) as w:
        answer = await asked(w)
        assert answer.headers["x-router-selected-by"] == "lever"
        told = answer.json()["router"]["candidates"]
        scores = {SAYS[at]: each["scores"]["lever"] for at, each in enumerate(told)}
        assert len(set(scores.values())) == 3  # of as many programs, each read
        assert all(0 < score < 10 for score in scores.values())


async def test_without_a_verifier_it_says_what_to_do() -> None:
    async with judged(None) as w:
        error = is_error(await w.complete(select="lever"), 400, "invalid_request")
        assert error["param"] == "select"
        assert "budget-router train lever" in error["message"]
        assert '[select] lever in the configuration, which is "shipped"' in error["message"]
        untouched(w)


async def test_a_file_that_is_no_verifier_is_a_reason_not_to_start(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"nothing of use")
    for path, why in ((wrong, "is no verifier"), (tmp_path / "none", "No such file")):
        models = {"m": {"engine": "url", "url": "http://127.0.0.1:9"}}
        made = Settings(models=models, select={"lever": path}, sandbox={"enabled": False})
        with pytest.raises(VerifierFailed, match=why):
            async with running(made):
                raise AssertionError("it started")


async def test_one_that_ended_is_started_again(trained: Path) -> None:
    async with judged(trained) as w:
        first = psutil.Process(verifier(w).pid)
        first.kill()
        await eventually(lambda: verifier(w).pid not in {None, first.pid})
        assert (await asked(w)).headers["x-router-selected-by"] == "lever"
        again = psutil.Process(verifier(w).pid)
    assert not first.is_running()
    assert not again.is_running()  # nothing is left, not even to be reaped


async def test_a_question_that_it_cannot_answer_leaves_it_as_it_was(trained: Path) -> None:
    made = Verifier.of(trained)
    await made.start()
    try:
        pid = made.pid
        fine = {"text": SQUARE, "ending": "stop", "tokens": 9, "nll": 0.5, "outputs": {}}
        question = {"prompt": PROMPT, "function": "square", "inputs": (), "examples": ()}
        for wrong in ({}, {"text": 1}, fine | {"outputs": 3}):
            with pytest.raises(UpstreamError, match="cannot score these answers"):
                await made.scores(question | {"candidates": [fine, wrong]})
        assert len(await made.scores(question | {"candidates": [fine, fine]})) == 2
        assert made.pid == pid
    finally:
        await made.aclose()


def scripted(code: str, times: VerifierTimes | None = None) -> Verifier:
    """One that is ready, and then does this with each question."""
    program = f"import json, sys, time\nprint('{{\"ready\": true}}', flush=True)\n{code}"
    return Verifier((sys.executable, "-c", program), times or VerifierTimes())


async def with_verifier(
    made: Verifier, check: Callable[[World], Any], **settings: Any
) -> list[Any]:
    """What comes of two requests with a verifier that is scripted."""
    async with judged(None, **settings) as w:
        object.__setattr__(w.service.gateway, "verifier", made)
        await made.start()
        try:
            return [await check(w) for _ in range(2)]
        finally:
            await made.aclose()


ANSWER = "for line in sys.stdin: print({}, flush=True)"


@pytest.mark.parametrize(
    "code",
    [
        "sys.stdin.readline()",
        ANSWER.format("'no JSON'"),
        ANSWER.format("'x' * 2**25"),
        ANSWER.format('\'{"id": 99, "scores": []}\''),
        ANSWER.format("'[]'"),
        ANSWER.format("json.dumps({'id': json.loads(line)['id'], 'scores': ['a'] * 5})"),
        ANSWER.format("json.dumps({'id': json.loads(line)['id'], 'scores': [float('nan')] * 5})"),
        ANSWER.format("json.dumps({'id': json.loads(line)['id'], 'scores': [1.0]})"),
        ANSWER.format("json.dumps({'id': json.loads(line)['id'], 'error': 'of no use'})"),
    ],
    ids=[
        *("ends", "no JSON", "no end", "another's", "nothing of it", "no numbers", "not a number"),
        *("too few", "an error"),
    ],
)
async def test_one_that_answers_wrongly_fails_no_request(code: str) -> None:
    for answer in await with_verifier(scripted(code), asked):
        assert answer.headers["x-router-selected-by"] == "agreement"
        assert said(answer) == DOUBLE
        *_, rank = answer.json()["router"]["commands"]
        assert "lever" in rank["failure"]


async def test_one_that_says_nothing_is_ended_and_replaced() -> None:
    made = scripted("time.sleep(600)", VerifierTimes(answer=2.0))
    pids = []

    async def check(w: World) -> Any:
        await eventually(lambda: made.pid is not None)
        pids.append(made.pid)
        return await asked(w)

    first, second = await with_verifier(made, check)
    assert first.headers["x-router-selected-by"] == "agreement"
    *_, rank = first.json()["router"]["commands"]
    assert "in time" in rank["failure"]
    assert second.headers["x-router-selected-by"] == "agreement"
    assert pids[0] != pids[1]
    assert not any(psutil.pid_exists(pid) for pid in pids)


SLOW_ONCE = """
for at, line in enumerate(sys.stdin):
    asked = json.loads(line)
    if at == 0:
        while not __import__("os").path.exists(sys.argv[1]): time.sleep(0.01)
    told = {"id": asked["id"], "scores": [float(at)] * len(asked["candidates"])}
    print(json.dumps(told), flush=True)
"""


async def test_a_deadline_lets_the_next_question_have_its_own_answer(tmp_path: Path) -> None:
    go_on, question = tmp_path / "go on", {"candidates": [1, 2]}
    made = scripted(SLOW_ONCE)
    made.command = (*made.command, str(go_on))
    await made.start()
    try:
        pid = made.pid
        for sent in (1, 2):
            late = asyncio.create_task(made.scores(question))
            await eventually(lambda: made._talk and len(made._talk._asked) == sent)  # noqa: B023
            late.cancel()
            await asyncio.wait([late])
        later = asyncio.create_task(made.scores(question))
        await asyncio.sleep(0)
        go_on.touch()
        assert await later == [2.0, 2.0]
        assert made.pid == pid
    finally:
        await made.aclose()


SLOW_START = """
import json, os, sys, time
at, there = sys.argv[1:]
if os.path.exists(at):
    while not os.path.exists(there): time.sleep(0.01)
open(at, "w").close()
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    print(json.dumps({"id": json.loads(line)["id"], "scores": [1.0]}), flush=True)
"""


async def test_short_deadlines_do_not_keep_it_from_starting_again(tmp_path: Path) -> None:
    """Those who cannot wait for its start do not end that."""
    files = str(tmp_path / "at"), str(tmp_path / "there")
    made = Verifier((sys.executable, "-c", SLOW_START, *files))
    await made.start()
    try:
        first = psutil.Process(made.pid)
        first.kill()
        await eventually(lambda: made.pid is None)
        for _ in range(5):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await made.scores({"candidates": [1]})
        later = asyncio.create_task(made.scores({"candidates": [1]}))
        (tmp_path / "there").touch()
        assert await later == [1.0]
    finally:
        await made.aclose()


async def test_one_that_fails_again_and_again_is_left_alone_for_a_while() -> None:
    made = scripted("sys.stdin.readline()", VerifierTimes(pause=600))
    await made.start()
    try:
        for _ in range(2):  # the first that ends is replaced at once
            with pytest.raises(UpstreamError, match="ended with exit status 0"):
                await made.scores({"candidates": [1]})
        for _ in range(2):  # nobody waits for the next
            with pytest.raises(UpstreamError, match="is away: it ended"):
                await made.scores({"candidates": [1]})
    finally:
        await made.aclose()
    assert "verifier" not in {task.get_name() for task in asyncio.all_tasks()}


def test_pauses_grow_and_have_an_end() -> None:
    times = VerifierTimes(pause=1, longest_pause=60)
    assert [times.before(n) for n in (0, 1, 2, 3, 4, 8, 10**9)] == [0, 0, 1, 2, 4, 60, 60]


async def test_a_start_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "at").touch()
    before = set(psutil.Process().children())
    files = str(tmp_path / "at"), str(tmp_path / "never")
    made = Verifier((sys.executable, "-c", SLOW_START, *files))
    starting = asyncio.create_task(made.start())
    await eventually(lambda: set(psutil.Process().children()) - before)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await made.aclose()
    assert set(psutil.Process().children()) == before


async def test_an_end_while_it_starts_again_leaves_nothing(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    files = str(tmp_path / "at"), str(tmp_path / "never")
    made = Verifier((sys.executable, "-c", SLOW_START, *files))
    await made.start()
    first = psutil.Process(made.pid)
    first.kill()
    await eventually(lambda: set(psutil.Process().children()) - before - {first})
    waits = asyncio.create_task(made.scores({"candidates": [1]}))
    await asyncio.sleep(0)
    await made.aclose()
    with pytest.raises(UpstreamError, match="was closed"):
        await waits
    assert set(psutil.Process().children()) == before


PARENT = """
import asyncio, sys
from pathlib import Path
from router.verifier.verifying import Verifier

async def main():
    made = Verifier.of(Path(sys.argv[1]))
    await made.start()
    print(made.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_one_that_hangs_does_not_outlive_a_gateway_that_is_killed(trained: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(trained)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        hangs = psutil.Process(int(parent.stdout.readline()))
        hangs.suspend()
        parent.kill()
    _, alive = psutil.wait_procs([hangs], timeout=120)
    for each in alive:
        each.kill()
    assert not alive
