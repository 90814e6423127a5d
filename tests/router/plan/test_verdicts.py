import asyncio
from dataclasses import replace
from typing import Any

import pytest
from fakes import guarded
from http_world import ScriptedBackend, eventually

from policies.values import Verdict
from router.plan import verdicts
from router.plan.programs import with_prompt_prelude
from router.plan.verdicts import SandboxJudge, verdict_of
from router.request import ChatPrompt, Judgement, Prompt, TestRequest, TextPrompt
from sandbox import (
    IO,
    Asserts,
    Call,
    Calls,
    Integrity,
    IOCase,
    Limits,
    Pytest,
    Report,
    Status,
    Tests,
)

ASSERTS = Asserts("assert add(1, 2) == 3", "add", "y = 1")
PROMPT = TextPrompt("import math\n\ndef add(a, b):\n")


def judged(
    backend: ScriptedBackend,
    tests: Tests = ASSERTS,
    *,
    text: str = "    return a + b\n",
    prompt: Prompt = PROMPT,
    seen: list[Any] | None = None,
    **request: Any,
) -> Judgement:
    wanted = TestRequest(tests, Limits(), **request)
    judge = SandboxJudge(backend, prompt, wanted, (seen if seen is not None else []).append)
    return asyncio.run(judge.judge(text))


@pytest.mark.parametrize("status", Status)
def test_every_status_has_its_verdict(status: Status) -> None:
    expected = {Status.PASSED: Verdict.PASSED, Status.INTERNAL_ERROR: Verdict.UNVERIFIED}
    report = Report(status, Integrity.ISOLATED, message="why")
    seen: list[Any] = []
    found = judged(ScriptedBackend(report=report), seen=seen)
    assert found.verdict is expected.get(status, Verdict.FAILED)
    assert (found.status, found.integrity, found.message) == (status.value, "isolated", "why")
    assert seen == [report]


@pytest.mark.parametrize("had", Integrity)
@pytest.mark.parametrize("wanted", Integrity)
def test_a_pass_counts_from_the_integrity_asked_for(had: Integrity, wanted: Integrity) -> None:
    enough = had is Integrity.ISOLATED or wanted is Integrity.SHARED
    expected = Verdict.PASSED if enough else Verdict.UNVERIFIED
    assert verdict_of(Report(Status.PASSED, had), wanted) is expected
    assert verdict_of(Report(Status.FAILED, had), wanted) is Verdict.FAILED


@pytest.mark.parametrize("text", ["    return '\0'\n", "x" * (2**20 + 1)], ids=["NUL", "large"])
def test_what_cannot_be_a_program_is_the_candidates_fault(text: str) -> None:
    backend = ScriptedBackend()
    assert judged(backend, text=text).verdict is Verdict.FAILED
    assert not backend.programs


def test_only_asserts_get_the_prompts_prelude() -> None:
    kinds: list[Tests] = [
        ASSERTS,
        Calls("add", (Call([1, 2], 3),)),
        IO((IOCase("", "3"),)),
        Pytest("import solution", prelude="y = 1"),
    ]
    backend = ScriptedBackend()
    for tests in kinds:
        judged(backend, tests)
    first, *others = (program.tests for program in backend.programs)
    assert first == replace(ASSERTS, prelude=f"{guarded('import math')}\ny = 1")
    assert others == kinds[1:]
    assert {program.source for program in backend.programs} == {PROMPT.text + "    return a + b\n"}


def test_what_all_answers_have_of_the_prompt_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counted(prompt: Prompt, entry_point: str, prelude: str) -> str:
        asked.append(prelude)
        return with_prompt_prelude(prompt, entry_point, prelude)

    monkeypatch.setattr(verdicts, "with_prompt_prelude", counted)
    backend = ScriptedBackend()
    judge = SandboxJudge(backend, PROMPT, TestRequest(ASSERTS, Limits()), lambda _: None)

    async def scenario() -> None:
        for number in range(4):
            await judge.judge(f"    return {number}\n")

    asyncio.run(scenario())
    expected = replace(ASSERTS, prelude=f"{guarded('import math')}\ny = 1")
    assert [program.tests for program in backend.programs] == [expected] * 4
    assert asked == ["y = 1"]


def test_the_tests_find_the_block_of_a_chat() -> None:
    backend = ScriptedBackend()
    text = "```\nx = 1\n```\n```\ndef add(a, b): return a + b\n```\n```\nprint(2)\n```"
    chat = ChatPrompt(({"role": "user", "content": "add"},))
    judged(backend, text=text, prompt=chat)
    judged(backend, Pytest("from solution import x"), text=text, prompt=chat)
    judged(backend, IO((IOCase("", "2"),)), text=text, prompt=chat)
    assert [program.source for program in backend.programs] == [
        "def add(a, b): return a + b\n",
        "x = 1\n",
        "print(2)\n",
    ]


def test_the_class_of_a_method_finds_the_block_of_a_chat() -> None:
    backend = ScriptedBackend()
    text = "```\nclass A:\n    f = abs\n```\n```\nprint(A().f(1))\n```\n"
    chat = ChatPrompt(({"role": "user", "content": "add"},))
    judged(backend, Calls("A().f", (Call([1], 1),)), text=text, prompt=chat)
    assert [program.source for program in backend.programs] == ["class A:\n    f = abs\n"]


def test_a_judge_that_is_cancelled_cancels_its_run() -> None:
    backend = ScriptedBackend(gate=asyncio.Event())
    judge = SandboxJudge(backend, PROMPT, TestRequest(ASSERTS, Limits()), lambda _: None)

    async def scenario() -> None:
        judging = asyncio.ensure_future(judge.judge(""))
        await eventually(lambda: backend.running)
        judging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await judging

    asyncio.run(scenario())
    assert (backend.running, backend.cancelled) == (0, 1)
