"""Answers of a model, judged: from the request to the verdict, in a real sandbox."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from fake_upstream import Call, FakeUpstream, answering
from http_world import world

from sandbox import ProcessBackend


@dataclass(frozen=True)
class Case:
    """A model's answer, to a prompt or in a chat, and what tests must say of it."""

    answer: str
    tests: dict[str, Any]
    prompt: str | None = None
    verdict: str = "passed"
    integrity: str = "isolated"


def asserts(code: str, entry_point: str = "add", **more: str) -> dict[str, Any]:
    return {"kind": "asserts", "code": code, "entry_point": entry_point} | more


class Found(NamedTuple):
    """What was said of an answer."""

    verdict: str
    integrity: str


async def verdicts(cases: dict[str, Case]) -> dict[str, Found]:
    """Every answer's verdict. What is asked of the upstream tells which answer it gives."""
    asked = {name: f"# {name}\n{case.prompt or ''}" for name, case in cases.items()}
    answers = {asked[name]: case.answer for name, case in cases.items()}

    def says(call: Call, _index: int) -> list[str]:
        return [answers[call.body["messages"][0]["content"] if call.chat else call.body["prompt"]]]

    found: dict[str, Found] = {}
    async with (
        ProcessBackend(workers=2) as backend,
        world(FakeUpstream(answering(says)), backend=backend) as w,
    ):
        for name, case in cases.items():
            fields = {"model": "small", "temperature": 0, "tests": case.tests, "explain": True}
            if case.prompt is None:
                messages = [{"role": "user", "content": asked[name]}]
                answer = await w.chat(messages=messages, **fields)
                said = answer.json()["choices"][0]["message"]["content"]
            else:
                answer = await w.complete(prompt=asked[name], **fields)
                said = answer.json()["choices"][0]["text"]
            assert said == case.answer
            (candidate,) = answer.json()["router"]["candidates"]
            found[name] = Found(answer.headers["x-router-verdict"], candidate["integrity"])
    return found
