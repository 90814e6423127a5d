"""`lever` over HTTP by a T5, which is asked for one answer at a time and whose FLOPs are booked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fake_shapes import pieces
from fake_upstream import Call, FakeUpstream, answering
from http_world import World, eventually, world

from policies.protocol import Rank
from policies.selection.lever import LEVER
from policies.values import Candidate, ModelView, Output, Task
from router.plan.executing import Trials
from router.request import TextPrompt
from router.service import running
from router.settings import Settings
from router.upstream.failures import UpstreamError
from router.upstream.sizes.architecture import t5_from_config_json
from router.verifier.verified import VerifyingRanker
from router.verifier.verifying import Verifier, VerifierFailed
from sandbox import ProcessBackend

pytest.importorskip("torch", reason="torch is not installed: make torch")
pytest.importorskip("transformers", reason="transformers is not installed: make torch")

import tiny_t5

from evaluation.verifier.checkpoint import CheckpointVerifier
from evaluation.verifier.wording import written

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

PROMPT = 'def square(n: int) -> int:\n    """Its square.\n\n    >>> square(2)\n    4\n    """\n'
DOUBLE, SQUARE, POWER = "    return n + n\n", "    return n * n\n", "    return n ** 2\n"
SAYS = (DOUBLE, SQUARE, DOUBLE, POWER, DOUBLE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_t5.save(tmp_path_factory.mktemp("t5"))


def judged(folder: Path) -> AbstractAsyncContextManager[World]:
    def says(_call: Call, index: int) -> list[str]:
        return pieces(SAYS[index % len(SAYS)])

    policies = {"five": {"kind": "best_of_n", "model": "small", "n": 5}}
    return world(
        FakeUpstream(answering(says)),
        backend=ProcessBackend(workers=2),
        policies=policies,
        select={"lever": folder},
    )


async def asked(w: World, **budget: Any) -> Any:
    given = {"prompt": PROMPT, "select": "lever", "explain": True, "max_tokens": 8}
    answer = await w.complete(**given, budget={"policy": "five", **budget})
    assert answer.status_code == 200, answer.text
    return answer


def read_by(folder: Path, answer: str) -> tuple[int, float]:
    """The tokens that stand for an answer, and its score: examples are the first inputs."""
    verifier, function = CheckpointVerifier.load(folder), dict[str, Any]()
    exec(PROMPT + answer, function)  # noqa: S102 one of three lines above
    inputs = Trials.of(TextPrompt(PROMPT), "square").calls.values()
    given = [Output(str(function["square"](*each.args))) for each in inputs]
    tokens = verifier.tokens(written("Its square.", PROMPT + answer, given))
    return len(tokens), verifier.score(tokens)


async def test_a_t5_chooses_and_what_it_computes_is_booked(folder: Path) -> None:
    rate = t5_from_config_json(folder / "config.json")
    read = {answer: read_by(folder, answer) for answer in (DOUBLE, SQUARE, POWER)}
    async with judged(folder) as w:
        answer = await asked(w)
        assert answer.headers["x-router-selected-by"] == "lever"
        assert answer.headers["x-router-plan"] == "small*5+lever"
        told = answer.json()["router"]
        for at, each in enumerate(told["candidates"]):
            assert each["scores"]["lever"] == pytest.approx(read[SAYS[at]][1], rel=1e-4)
        draw, _, rank = told["commands"]
        assert (rank["command"], rank["model"], rank["passes"]) == ("rank", "lever", 3)
        assert rank["flops_reserved"] == 3 * rate.score(512, 1)
        computed = sum(rate.score(tokens, 1) for tokens, _ in read.values())
        assert 0 < computed == rank["flops"] < rank["flops_reserved"]
        used = float(answer.headers["x-budget-flops-used"])
        assert used == pytest.approx(draw["flops"] + rank["flops"])
        assert sum(each["flops"] for each in told["candidates"]) == pytest.approx(used)
        assert w.metric("router_flops_used_total", model="lever") == computed

        assert draw["flops_reserved"] + rank["flops"] < rank["flops_reserved"]
        tight = await asked(w, flops=draw["flops_reserved"] + rank["flops"])
        assert tight.headers["x-router-selected-by"] == "agreement"
        drawn, _ = tight.json()["router"]["commands"]
        assert float(tight.headers["x-budget-flops-used"]) == drawn["flops"]


async def test_a_directory_that_is_no_t5s_is_a_reason_not_to_start(tmp_path: Path) -> None:
    models = {"m": {"engine": "url", "url": "http://127.0.0.1:9"}}
    made = Settings(models=models, select={"lever": tmp_path}, sandbox={"enabled": False})
    for config, why in ((None, "no readable config.json"), ({"model_type": "bart"}, "'bart'")):
        if config is not None:
            (tmp_path / "config.json").write_text(json.dumps(config))
        with pytest.raises(VerifierFailed, match=f"{tmp_path}, is no T5: .*{why}"):
            async with running(made):
                raise AssertionError("it started")


class Scripted(Verifier):
    """It reads as many tokens as a program has characters, and fails at some programs."""

    def __init__(self, fails: str = "", hangs: str = "") -> None:
        super().__init__((), sizes=t5_from_config_json({"model_type": "t5", **SIZES}))
        self.fails, self.hangs, self.hung = fails, hangs, False

    async def _told(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        (candidate,) = question["candidates"]
        if question.get("count"):
            return {"tokens": len(candidate["program"])}
        if candidate["program"] == self.fails:
            raise UpstreamError(LEVER, "ended")
        if candidate["program"] == self.hangs:
            self.hung = True
            await asyncio.Event().wait()
        return {"scores": [float(len(candidate["program"]))]}


SIZES = tiny_t5.SIZES | {"vocab_size": 9}


async def ranked(verifier: Scripted, *texts: str) -> tuple[Mapping[int, float], list[int]]:
    """The scores of answers, and the tokens of the passes that were booked."""
    booked: list[int] = []

    @contextmanager
    def book(read: int, said: int) -> Iterator[None]:
        assert said == 1
        booked.append(read)
        yield

    task = Task((ModelView("m", 1, 1),), 9)
    ranker = VerifyingRanker(verifier, TextPrompt("Do."), task, None, None)  # type: ignore[arg-type]
    drawn = tuple(Candidate(at, "m", text, "stop") for at, text in enumerate(texts))
    ranking = asyncio.ensure_future(ranker.rank(Rank(LEVER, drawn), book))
    await eventually(lambda: ranking.done() or verifier.hung)
    ranking.cancel()
    (found,) = await asyncio.gather(ranking, return_exceptions=True)
    assert isinstance(found, Mapping | UpstreamError | asyncio.CancelledError), found
    return found if isinstance(found, Mapping) else {}, booked


async def test_answers_that_say_the_same_are_read_once() -> None:
    assert await ranked(Scripted(), "a", "bcd", "a") == ({0: 1.0, 1: 3.0, 2: 1.0}, [1, 3])


async def test_what_is_not_asked_any_more_is_not_booked() -> None:
    assert await ranked(Scripted(fails="bcd"), "a", "bcd", "ef") == ({}, [1, 3])
    assert await ranked(Scripted(hangs="bcd"), "a", "bcd", "ef") == ({}, [1, 3])
