"""A verifier that serves says what it says offline, line by line."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import numpy as np
import pytest
from made_answers import LARGE, SMALL, make_pools

from evaluation.pools.asked import read_problems
from evaluation.pools.store import Pool
from evaluation.selection.recorded import Sight
from evaluation.verifier import serving
from evaluation.verifier.measuring import scored
from evaluation.verifier.model import SHAPES, AnswerVerifier
from evaluation.verifier.recorded import Observed
from policies.protocol import Rank
from policies.selection.lever import LEVER
from router.request import TextPrompt
from router.verifier.verified import VerifyingRanker
from router.verifier.verifying import Verifier


@pytest.fixture
def verifier() -> AnswerVerifier:
    draw = np.random.default_rng(0)
    weights = {name: draw.normal(size=s).astype(np.float32) for name, s in SHAPES.items()}
    return AnswerVerifier((weights,), {})


class Directly(Verifier):
    """It answers in this process, as the other would."""

    def __init__(self, verifier: AnswerVerifier) -> None:
        super().__init__(())
        self.verifier, self.lines = verifier, list[str]()

    async def scores(self, question: object) -> list[float]:  # type: ignore[override]
        out = io.StringIO()
        self.lines.append(json.dumps({**question, "id": 7}))  # type: ignore[dict-item]
        serving.serve(self.verifier, self.lines[-1:], out)
        answer = json.loads(out.getvalue())
        assert answer["id"] == 7
        scores: list[float] = answer["scores"]
        return scores


@pytest.mark.parametrize("sight", [Sight.STRIPPED, Sight.NOT_USED])
def test_a_question_over_the_wire_has_the_scores_of_the_measurement(
    tmp_path: Path, verifier: AnswerVerifier, sight: Sight
) -> None:
    outputs = make_pools(tmp_path, "one", 2)
    seen = Observed.read(tmp_path, "one", (SMALL, LARGE), outputs)
    path = next(tmp_path.glob("*/problems.json.gz"))
    prompts = {each.task_id: each.prompt for each in read_problems(Pool.open(path.parent)) or ()}
    for problem, reading in zip(seen.problems, seen.readings, strict=True):
        samples = problem.models[SMALL].samples
        drawn = np.arange(len(samples))[None, :]
        offline = scored(reading, problem, (SMALL, sight), verifier, drawn)[0]
        asked = VerifyingRanker(
            Directly(verifier),
            TextPrompt(prompts[problem.task_id]),
            problem.tasks[sight],
            problem.trials,
            otherwise=None,  # type: ignore[arg-type]
        )
        ranking = Rank(LEVER, samples)
        told = asyncio.run(asked.rank(ranking, lambda *_: None))
        assert [told[each.id] for each in samples] == pytest.approx(offline.tolist())
        assert len(set(told.values())) > 1


def test_a_question_that_cannot_be_answered_is_no_others_matter(verifier: AnswerVerifier) -> None:
    fine = {"text": "    return 1\n", "ending": "stop", "tokens": 3, "nll": None, "outputs": {}}
    asked = {"prompt": "def f():\n", "function": "f", "inputs": [], "examples": []}
    lines = [
        json.dumps(asked | {"id": 1, "candidates": [{}]}),
        json.dumps({"id": 2}),
        "no JSON",
        "[]",
        json.dumps(asked | {"id": 3, "candidates": [fine]}),
    ]
    out = io.StringIO()
    serving.serve(verifier, lines, out)
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [each["id"] for each in told] == [1, 2, None, None, 3]
    assert all(each["error"] and "scores" not in each for each in told[:-1])
    assert len(told[-1]["scores"]) == 1


def test_a_file_that_cannot_be_read_is_said_and_ends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert serving.main(tmp_path / "none.safetensors") == 1
    assert "No such file" in json.loads(capsys.readouterr().out)["error"]
