"""`select` over HTTP: what chooses among answers that no tests judge, with a real sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from fake_upstream import Call, FakeUpstream, answering
from http_world import ScriptedBackend, World, events, is_error, untouched, world

from policies.ladder import CALL_TOKENS, Interval, Rung
from policies.plans.auto import Auto
from policies.plans.sift import Course, Courses, CoursesAt
from policies.selection.choosing import believing
from policies.selection.executions import Belief
from sandbox import ProcessBackend

pytestmark = pytest.mark.anyio

PROMPT = 'def square(n: int) -> int:\n    """Its square.\n    >>> square(3)\n    9\n    """\n'
BARE = 'def square(n: int) -> int:\n    """Its square."""\n'
SAYS = (
    ["    return ", "n + 6\n"],  # right for the example alone
    ["    return ", "n + n\n"],
    ["    return ", "n * n\n"],
    ["    return ", "n ** 2\n"],
    ["    return ", "1 / 0\n"],
)
BEST_OF = {"policy": "best_of_n"}
SURE = Interval(0.5, 0.4, 0.6)


def saying(texts: Sequence[list[str]] = SAYS) -> FakeUpstream:
    def says(call: Call, index: int) -> list[str]:
        return texts[index % len(texts)]

    return FakeUpstream(answering(says))


def judging(texts: Sequence[list[str]] = SAYS) -> AbstractAsyncContextManager[World]:
    """A world whose small model says these, with a real sandbox, and best of five for a policy."""
    policies = {"five": {"kind": "best_of_n", "n": 5}}
    return world(saying(texts), backend=ProcessBackend(workers=2), policies=policies)


def first(answer: Any) -> str:
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["choices"][0]["text"]
    return text


@pytest.mark.parametrize(
    ("select", "right"),
    [
        ("first", {"    return n + 6\n"}),
        ("agreement", {"    return n * n\n", "    return n ** 2\n"}),
        ("majority", {"    return n * n\n"}),
        ("weighted", {"    return n * n\n"}),
        ("examples", {"    return n * n\n", "    return n ** 2\n"}),
        (None, {"    return n * n\n", "    return n ** 2\n"}),
    ],
)
async def test_a_selector_is_taken_by_its_name(select: str, right: set[str]) -> None:
    async with judging() as w:
        answer = await w.complete(
            prompt=PROMPT, budget={"policy": "five"}, select=select, explain=True
        )
        assert first(answer) in right
        named = select or "examples"
        assert answer.headers["x-router-selected-by"] == named
        plan = "small*5" if named == "first" else f"small*5+{named}"
        assert answer.headers["x-router-plan"] == plan
        assert answer.headers["x-router-verdict"] == "unverified"
        commands = [each["command"] for each in answer.json()["router"]["commands"]]
        assert commands == (["draw"] if named == "first" else ["draw", "execute"])


async def test_without_examples_the_usual_choice_is_by_agreement() -> None:
    async with judging() as w:
        answer = await w.complete(prompt=BARE, budget={"policy": "five"})
        assert first(answer) in {"    return n * n\n", "    return n ** 2\n"}
        assert answer.headers["x-router-selected-by"] == "agreement"


async def test_chats_are_run_as_programs() -> None:
    asked = "Write `square(n)`, for example `square(3) == 9`, and `square(5) == 25`."
    texts = [[f"```python\ndef square(n):\n{''.join(text)}```\n"] for text in SAYS]
    async with judging(texts) as w:
        messages = [{"role": "user", "content": asked}]
        answer = await w.chat(messages=messages, budget=BEST_OF, n=5, select="examples")
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-router-selected-by"] == "examples"
        chosen = [each["message"]["content"] for each in answer.json()["choices"]]
        assert {chosen[0], chosen[1]} == {texts[2][0], texts[3][0]}


async def test_a_name_that_nobody_knows_says_which_there_are() -> None:
    async with judging() as w:
        error = is_error(await w.complete(select="oracle"), 400, "invalid_request")
        assert error["param"] == "select"
        assert "agreement" in error["message"]
        for wrong in (7, ["nll"], {"by": "nll"}):
            assert (
                is_error(await w.complete(select=wrong), 400, "invalid_request")["param"]
                == "select"
            )
        untouched(w)


async def test_tests_and_a_selector_do_not_go_together() -> None:
    async with judging() as w:
        tests = {"kind": "asserts", "code": "assert square(2) == 4", "entry_point": "square"}
        answer = await w.complete(prompt=PROMPT, tests=tests, select="nll")
        assert is_error(answer, 400, "invalid_request")["param"] == "select"
        untouched(w)


async def test_what_runs_programs_needs_a_sandbox() -> None:
    async with world(saying()) as w:
        error = is_error(await w.complete(select="agreement"), 400, "invalid_request")
        assert "sandbox" in error["message"]
        untouched(w)
        answer = await w.complete(prompt=PROMPT, budget=BEST_OF, n=5, select="nll")
        assert answer.headers["x-router-selected-by"] == "nll"
        usual = await w.complete(prompt=PROMPT, budget=BEST_OF, n=5)
        assert usual.headers["x-router-selected-by"] == "nll"


@pytest.mark.parametrize(
    "prompt",
    [
        "x = 1\n",
        "class Stack:\n    def push(self, x):\n",
        "def one(x):\n    return x\n\n\ndef two(x):\n    return x\n",
    ],
    ids=["no function", "a method", "a whole program"],
)
async def test_a_prompt_that_asks_for_no_function_is_ranked_by_likelihood(prompt: str) -> None:
    async with judging() as w:
        answer = await w.complete(prompt=prompt, budget={"policy": "five"}, select="agreement")
        assert answer.headers["x-router-selected-by"] == "nll"


async def test_programs_that_end_never_or_not_at_all_well_are_run_all_the_same() -> None:
    texts = [
        ["    while ", "True: pass\n"],
        ["    print('x' * 10**7)\n", "    return n * n\n"],
        ["    return (", "n\n"],
        ["    return input()\n"],
        ["    import random\n", "    return random.random()\n"],
    ]
    async with judging(texts) as w:
        answer = await w.complete(prompt=PROMPT, budget={"policy": "five"})
        assert first(answer) == "".join(texts[1])
        assert answer.headers["x-router-selected-by"] == "examples"


async def test_a_sandbox_that_fails_leaves_the_choice_to_likelihood() -> None:
    policies = {"five": {"kind": "best_of_n", "n": 5}}
    backend = ScriptedBackend()  # which executes nothing
    async with world(saying(), backend=backend, policies=policies) as w:
        answer = await w.complete(prompt=PROMPT, budget={"policy": "five"})
        assert answer.headers["x-router-selected-by"] == "nll"


async def test_too_short_a_time_runs_no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.preparing.selecting.EXECUTION_MS", 60_001.0)
    async with judging() as w:
        answer = await w.complete(
            prompt=PROMPT, budget={"policy": "five", "latency_ms": 60_000}, explain=True
        )
        commands = [each["command"] for each in answer.json()["router"]["commands"]]
        assert set(commands) == {"draw"}


def sifting() -> Auto:
    small, large = Rung("small", 1, 0.8), Rung("large", 1, 0.0)
    shown = (Course(1.0, (small, small, large), SURE, SURE),)
    plain = (Course(1.0, (large,), SURE, SURE),)
    alone = CoursesAt(None, shown, plain, shown[0], plain[0])
    return Auto(courses=Courses(("small", "large"), (alone,)))


async def test_a_course_ends_at_the_first_answer_that_passes_every_example() -> None:
    turns = iter(([SAYS[1]], [SAYS[2]], [SAYS[4]]))

    def says(call: Call, index: int) -> list[str]:
        return next(turns)[0]

    small, large = FakeUpstream(answering(says)), saying([SAYS[0]])
    made = {"auto": sifting()}
    async with world(small, large, ProcessBackend(workers=2), policies_made=made) as w:
        answer = await w.complete(prompt=PROMPT, explain=True)
        assert first(answer) == "    return n * n\n"
        assert answer.headers["x-router-plan"] == "small*2+examples"
        commands = [each["command"] for each in answer.json()["router"]["commands"]]
        assert commands == ["draw", "execute", "draw", "execute"]
        assert not w.large.calls


def by_length() -> Auto:
    """Large models first after short prompts, small samples after long ones."""

    def course(calls: float, model: str, n: int) -> Course:
        return Course(calls, (Rung(model, n, 0.8 if n > 1 else 0.0),), SURE, SURE)

    short = (course(1.0, "large", 1), course(5.0, "small", 5))
    long = (course(1.0, "small", 3), course(5.0, "large", 3))
    lengths = (CoursesAt(32, short, short), CoursesAt(1024, long, long))
    return Auto(courses=Courses(("small", "large"), lengths))


async def test_a_long_prompt_takes_another_course_than_a_short_one() -> None:
    """At as many large calls, and at as many FLOPs: these are fewer calls after a long prompt."""
    long = "# As everybody knows.\n" * 200 + BARE
    made = {"auto": by_length()}
    async with world(saying(), saying(), ProcessBackend(workers=2), policies_made=made) as w:

        async def plan(prompt: str, flops: float) -> tuple[str, str]:
            answer = await w.complete(prompt=prompt, budget={"flops": flops}, explain=True)
            assert float(answer.headers["x-budget-flops-used"]) <= flops
            draw = answer.json()["router"]["commands"][0]
            return answer.headers["x-router-plan"], draw["reason"]

        def calls(prompt: str, times: float) -> float:
            return times * w.cost.ceiling("large", len(prompt) // 4 + 1, 1, CALL_TOKENS)

        told = "rung 1 of 1 for {} large calls, prompts of about {} tokens, without tests"
        assert await plan(BARE, calls(BARE, 2)) == ("large*1", told.format(1, 32))
        assert await plan(long, calls(long, 2)) == ("small*3+agreement", told.format(1, 1024))
        assert calls(long, 2) > calls(BARE, 6)
        assert await plan(BARE, calls(long, 2)) == ("small*5+agreement", told.format(5, 32))


async def test_a_stream_without_a_budget_streams_through_as_it_did() -> None:
    made = {"auto": sifting()}
    async with world(saying(), saying(), ProcessBackend(workers=1), policies_made=made) as w:
        answer = await w.complete(prompt=PROMPT, stream=True)
        chunks = events(answer.text)
        assert len(chunks) > 2
        assert not w.small.calls


async def test_confidence_is_told_where_it_was_calibrated() -> None:
    belief = Belief((-1.0, 3.0), (-12.0, 9.0, 6.0))
    auto = Auto(courses=sifting().courses, selector=believing(belief))
    made = {"auto": auto}
    async with world(saying(), saying(), ProcessBackend(workers=2), policies_made=made) as w:
        told = (await w.complete(prompt=PROMPT, explain=True)).json()["router"]
        assert told["selected_by"] == "examples"
        assert 0.8 < told["confidence"] < 1
        plain = (await w.complete(prompt=BARE, explain=True)).json()["router"]
        assert plain["confidence"] is None  # one answer agrees with nobody


@pytest.mark.parametrize("select", ["first", "nll"])
async def test_what_looks_at_no_program_is_asked_of_the_large_model_as_before(select: str) -> None:
    backend = ProcessBackend(workers=1)
    async with world(saying(), saying(), backend, policies_made={"auto": sifting()}) as w:
        answer = await w.complete(prompt=PROMPT, select=select, explain=True)
        assert answer.headers["x-router-plan"] == "large*1"
        assert not w.small.calls


async def test_tools_pass_through_auto_where_the_message_names_a_function() -> None:
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {}}}
    asked = [{"role": "user", "content": "Call `square(3)`, where `square(3) == 9`."}]
    backend = ProcessBackend(workers=1)
    async with world(saying(), saying(), backend, policies_made={"auto": sifting()}) as w:
        answer = await w.chat(messages=asked, tools=[tool])
        assert answer.status_code == 200, answer.text
        assert len(w.large.calls) == 1


async def test_two_examples_of_one_call_contradict_each_other_and_nothing_falls() -> None:
    odd = PROMPT.replace(
        ">>> square(3)\n    9", ">>> square(n=3)\n    9\n    >>> square(n=3)\n    8"
    )
    backend = ProcessBackend(workers=1)
    async with world(saying(), saying(), backend, policies_made={"auto": sifting()}) as w:
        answer = await w.complete(prompt=odd)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-router-plan"] == "small*2+large*1+agreement"  # no share is whole
