"""`evaluate judge` as the sandbox's benchmark runs it."""

import asyncio

from http_world import ScriptedBackend

from evaluation.bench.pool_verdicts import judge_pool
from evaluation.bench.workloads import WRONG, Attempt
from evaluation.datasets import humaneval
from sandbox import Limits

PROBLEM, OTHER = humaneval()[:2]
WORKLOAD = [
    Attempt(PROBLEM, PROBLEM.reference, right=True),
    Attempt(PROBLEM, PROBLEM.reference, right=True),
    Attempt(PROBLEM, WRONG, right=False),
    Attempt(OTHER, OTHER.reference, right=True),
]


def test_every_program_is_run_also_those_that_are_alike():
    backend = ScriptedBackend(passes=lambda source: WRONG not in source)
    found = asyncio.run(judge_pool(backend, WORKLOAD, Limits()))
    assert (found.verdicts, found.mistaken) == (4, 0)
    assert len(backend.programs) == 4


def test_a_wrong_verdict_is_a_mistake():
    backend = ScriptedBackend(passes=lambda _: True)
    assert asyncio.run(judge_pool(backend, WORKLOAD, Limits())).mistaken == 1
