"""`lever` over HTTP: a verifier in a process of its own, which may be away, wrong or slow."""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from fake_shapes import pieces
from fake_upstream import Call, FakeUpstream, answering
from http_world import World, eventually, is_error, untouched, world

from router.service import running
from router.settings import Settings
from router.verifying import Verifier, VerifierFailed
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
        assert told["commands"][2]["flops"] is not None


async def test_without_a_verifier_it_says_what_to_do() -> None:
    async with judged(None) as w:
        error = is_error(await w.complete(select="lever"), 400, "invalid_request")
        assert error["param"] == "select"
        assert "budget-router train lever" in error["message"]
        assert "[select] lever" in error["message"]
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
        first = verifier(w)._process
        assert first is not None
        first.kill()
        await first.wait()
        assert (await asked(w)).headers["x-router-selected-by"] == "lever"
        again = verifier(w)._process
        assert again is not None
        assert again.pid != first.pid
    assert again.returncode is not None  # nothing is left running


def scripted(code: str) -> Verifier:
    """One that is ready, and then does this with each question."""
    program = f"import sys, time\nprint('{{\"ready\": true}}', flush=True)\n{code}"
    return Verifier((sys.executable, "-c", program))


async def with_verifier(
    made: Verifier, check: Callable[[World], Any], **settings: Any
) -> list[Any]:
    """What comes of two requests with a verifier that is scripted."""
    async with judged(None, **settings) as w:
        object.__setattr__(w.service.gateway, "verifier", made)
        try:
            return [await check(w) for _ in range(2)]
        finally:
            await made.aclose()


@pytest.mark.parametrize(
    "code",
    [
        "sys.stdin.readline()",
        "for line in sys.stdin: print('no JSON', flush=True)",
        'for line in sys.stdin: print(\'{"id": 99, "scores": []}\', flush=True)',
        "for line in sys.stdin: print('[]', flush=True)",
        'for line in sys.stdin: print(\'{"id": 0, "scores": ["a"]}\', flush=True)',
    ],
    ids=["ends", "no JSON", "another's", "nothing of it", "no numbers"],
)
async def test_one_that_answers_wrongly_fails_no_request(code: str) -> None:
    for answer in await with_verifier(scripted(code), asked):
        assert answer.headers["x-router-selected-by"] == "agreement"
        assert said(answer) == DOUBLE
        *_, rank = answer.json()["router"]["commands"]
        assert "lever" in rank["failure"]


async def test_one_that_says_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.verifying.ANSWER_S", 0.2)
    made = scripted("time.sleep(600)")

    async def check(w: World) -> Any:
        answer = await asked(w)
        assert made._process is None
        return answer

    for answer in await with_verifier(made, check):
        assert answer.headers["x-router-selected-by"] == "agreement"
        *_, rank = answer.json()["router"]["commands"]
        assert "in time" in rank["failure"]


async def test_a_deadline_lets_the_next_question_have_its_own_answer() -> None:
    slow_once = (
        "import json\n"
        "for at, line in enumerate(sys.stdin):\n"
        "    time.sleep(0 if at else 2)\n"
        "    asked = json.loads(line)\n"
        "    told = {'id': asked['id'], 'scores': [float(at)] * len(asked['candidates'])}\n"
        "    print(json.dumps(told), flush=True)\n"
    )
    made = scripted(slow_once)
    question = {"candidates": [1, 2]}
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await made.scores(question)
        process = made._process
        if process is None:  # on a busy machine the time was over before it had started
            return
        assert await made.scores(question) == [1.0, 1.0]
        assert made._process is process
    finally:
        await made.aclose()
    await eventually(lambda: process.returncode is not None)
