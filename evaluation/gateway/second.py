"""Second verdicts on the answers of a result file, by tests that the gateway never saw.

They stand beside the file, and each belongs to the text that it is a verdict on: an answer that
was asked for again has none until it is judged again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evaluation.datasets import Problem
from evaluation.gateway.results import ResultFileError, Results
from evaluation.gateway.run import AnswerJudge
from evaluation.pools.workers import for_each
from evaluation.writing import write_whole
from policies.values import Verdict

AT_ONCE: Final = 64
_DIGEST: Final = 16


@dataclass(frozen=True, slots=True)
class SecondVerdicts:
    """Which answers passed, by task; only of the file's present answers."""

    passed: Mapping[str, bool]


def place(results: Path) -> Path:
    """Where the second verdicts on a result file are."""
    return results.with_suffix(".plus.json")


def read_second(path: Path, results: Results) -> SecondVerdicts | None:
    """Those on the answers of a result file; None where none were made.

    Raises `ResultFileError`.
    """
    beside = place(path)
    try:
        found = json.loads(beside.read_bytes())
        known = {task: (str(digest), bool(passes)) for task, (digest, passes) in found.items()}
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResultFileError(f"{beside}: {error.strerror}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise ResultFileError(f"{beside} does not hold second verdicts: {error}") from error
    return SecondVerdicts(
        {
            record["task_id"]: known[record["task_id"]][1]
            for record in results.records
            if known.get(record["task_id"], ("",))[0] == _digest(record)
        }
    )


def write_second(path: Path, results: Results, verdicts: SecondVerdicts) -> None:
    """Keep them beside the file. Raises OSError."""
    found = {
        record["task_id"]: [_digest(record), verdicts.passed[record["task_id"]]]
        for record in results.records
        if record["task_id"] in verdicts.passed
    }
    lines = (f"{json.dumps(task)}: {json.dumps(each)}" for task, each in sorted(found.items()))
    write_whole(place(path), ("{\n" + ",\n".join(lines) + "\n}\n").encode())


async def judge_again(
    results: Results,
    problems: Mapping[str, Problem],
    judge: AnswerJudge,
    judged: Callable[[int], None],
) -> SecondVerdicts:
    """The second verdicts on the answers to these problems.

    What did not pass the first tests is not run. What the sandbox failed at has none.
    """
    found: dict[str, bool] = {}

    async def one(record: Mapping[str, Any]) -> None:
        if record.get("verdict") == Verdict.PASSED.value:
            verdict = (await judge.judge(problems[record["task_id"]], record["text"])).verdict
        else:
            verdict = Verdict.FAILED
        if verdict is not Verdict.UNVERIFIED:
            found[record["task_id"]] = verdict is Verdict.PASSED
        judged(1)

    mine = [record for record in results.records if record["task_id"] in problems]
    await for_each(mine, one, concurrency=AT_ONCE)
    return SecondVerdicts(found)


def _digest(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(str(record.get("text", "")).encode()).hexdigest()[:_DIGEST]
