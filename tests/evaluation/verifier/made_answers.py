"""Recorded answers made up for tests: small pools, and a file of what their programs gave."""

from __future__ import annotations

import json
import random
from pathlib import Path

from evaluation.datasets import Problem
from evaluation.pools.asked import write_problems
from evaluation.pools.schema import Identity, Table
from evaluation.pools.store import Pool
from evaluation.selection.recorded import read_selection

SMALL, LARGE = "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"
SAMPLES = 5


def make_pools(folder: Path, dataset: str, problems: int) -> Path:
    """Pools of both models, sampled and greedy, and `outputs.jsonl`; the path of the last.

    Right programs say `return total`, return numbers and agree; wrong ones say `return nothing`,
    and raise or return texts of their own.
    """
    asked = [
        Problem(f"{dataset}/{at}", f"def f{at}(x: int) -> int:\n", f"f{at}", {}, (), "")
        for at in range(problems)
    ]
    for model in (SMALL, LARGE):
        for greedy in (False, True):
            _pool(folder / f"{model}-{greedy}", dataset, asked, model, greedy=greedy)
    outputs = folder / "outputs.jsonl"
    draw, rows = random.Random(dataset), dict[str, dict[str, object]]()
    for problem in read_selection(folder, dataset, (SMALL, LARGE)):
        for subject in problem.subjects:
            right = "total" in subject.text
            mine = draw.randrange(99)
            given = {
                call: ["7", True] if right else [json.dumps(f"{mine}"), mine % 3 > 0]
                for call in subject.trials.inputs
            }
            rows[subject.key] = {"key": subject.key, "given": given, "seconds": 0.01}
    outputs.write_text("".join(json.dumps([row]) + "\n" for row in rows.values()))
    return outputs


def _pool(path: Path, dataset: str, asked: list[Problem], model: str, *, greedy: bool) -> None:
    identity = Identity(
        dataset=dataset,
        dataset_sha256="d" * 64,
        tasks=tuple(problem.task_id for problem in asked),
        model=model,
        model_sha256=None,
        engine="test",
        temperature=0.0 if greedy else 0.8,
        top_p=0.95,
        max_tokens=32,
        stop=(),
        seed=0,
    )
    pool = Pool.create(path, identity)
    draw, samples, verdicts = random.Random(path.name + dataset), [], []
    for problem in asked:
        for index in range(1 if greedy else SAMPLES):
            right = draw.random() < (0.5 if model == LARGE else 0.4)
            name = "total" if right else "nothing"
            text = f"    {problem.entry_point} = {index}\n    return {name}\n"
            samples.append(
                {
                    "task_id": problem.task_id,
                    "index": index,
                    "draw": 0,
                    "seed": 7,
                    "text": text,
                    "tokens": 9,
                    "prompt_tokens": 20,
                    "nll": draw.random(),
                    "finish_reason": "stop",
                }
            )
            status = "passed" if right else "failed"
            verdicts.append(
                {"task_id": problem.task_id, "index": index, "passed": right, "status": status}
            )
    for table, rows in ((Table.SAMPLES, samples), (Table.VERDICTS, verdicts)):
        with pool.writer(table) as writer:
            writer.append(rows)
    write_problems(pool, asked)
