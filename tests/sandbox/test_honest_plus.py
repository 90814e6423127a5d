"""The references of HumanEval+ and MBPP+ pass isolated, on all of their many inputs."""

import asyncio
import os
from collections import Counter
from pathlib import Path

import pytest

from evaluation import datasets
from sandbox import DockerBackend, Limits, ProcessBackend, Program, Report, parse_tests

FILES = Path(os.environ.get("EVALPLUS", "") or Path(__file__).parents[3] / "shared/data")
LIMITS = Limits(wall_s=120.0, cpu_s=120.0, memory_bytes=2**32)


def programs(name: str) -> list[Program]:
    path = FILES / f"{name.replace('-', '_')}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"no {path.name}; set EVALPLUS to its directory")
    return [
        Program(
            problem.prompt + problem.reference,
            parse_tests(problem.tests, max_bytes=datasets.MAX_TESTS_BYTES),
        )
        for problem in datasets.load(name, path)
    ]


@pytest.mark.parametrize(("name", "count"), [("humaneval-plus", 164), ("mbpp-plus", 378)])
@pytest.mark.timeout(1800)  # the first time the references are run for their answers as well
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_every_reference_passes_isolated(judge, name: str, count: int) -> None:
    made = programs(name)
    kind = {"process": ProcessBackend, "docker": DockerBackend}[judge.name]

    async def judged() -> list[Report]:
        async with kind(queue=count) as backend:
            return await asyncio.gather(*(backend.run(each, LIMITS) for each in made))

    found = Counter((each.status, each.integrity) for each in asyncio.run(judged()))
    assert found == {("passed", "isolated"): count}
