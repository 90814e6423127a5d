"""What an execution takes, and how often it is tried where the fault is ours."""

import asyncio

import pytest

from sandbox import Arguments, Execution, InvalidProgram, InvalidTests, Limits, Output
from sandbox.executing import execute
from sandbox.frames import Frame

INPUTS = (Arguments((1,)), Arguments((), {"x": 2}))
GOOD = Execution("def f(x): return x", "f", INPUTS)
FIRST = {"status": "passed", "outputs": [["1", True], ["ValueError", False]]}


class Other(int):
    pass


@pytest.mark.parametrize(
    "fields",
    [
        {"inputs": ()},
        {"inputs": INPUTS * 501},
        {"entry_point": ""},
        {"entry_point": "f()"},
        {"entry_point": "f(1)"},
        {"entry_point": "class"},
        {"each_s": 0.0},
        {"each_s": float("nan")},
        {"each_s": float("inf")},
        {"timeouts": 0},
    ],
)
def test_what_cannot_be_executed(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidTests):
        Execution(**{"source": "", "entry_point": "f", "inputs": INPUTS, **fields})


@pytest.mark.parametrize("source", ["\0", "\ud800", "x" * (2**20 + 1), b""])
def test_what_is_no_source(source: str) -> None:
    for fields in ({"source": source}, {"source": "", "header": source}):
        with pytest.raises(InvalidProgram):
            Execution(**{"entry_point": "f", "inputs": INPUTS, **fields})


@pytest.mark.parametrize("value", [object(), Other(1), [Other(1)], "x" * 100_000, int, print])
def test_what_is_no_argument(value: object) -> None:
    with pytest.raises(InvalidTests):
        Arguments((value,))
    with pytest.raises(InvalidTests):
        Arguments((), {"x": value})


def test_keywords_are_text() -> None:
    with pytest.raises(InvalidTests):
        Arguments((), {1: 2})


def test_the_name_that_is_needed() -> None:
    assert Execution("", "Solution().f", INPUTS).name == "Solution"


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (FIRST, (Output("1", returned=True), Output("ValueError", returned=False))),
        ({"status": "timeout", "outputs": [["1", True]]}, (Output("1", returned=True), None)),
        ({"status": "error"}, (None, None)),
        ({"status": "passed", "outputs": [["1"], [1, True], ["3", True]]}, (None, None)),
        ({"status": "internal_error", "outputs": [["1", True]]}, None),
    ],
    ids=["whole", "not to the end", "not loaded", "malformed", "ours"],
)
def test_outcomes_are_outputs(outcome: Frame, expected: object) -> None:
    jobs: list[Frame] = []

    async def perform(job: Frame) -> Frame:
        jobs.append(job)
        return outcome

    assert asyncio.run(execute(GOOD, Limits(total_s=1.5), perform)) == expected
    assert [(job["kind"], job["most_s"]) for job in jobs] == [("outputs", 1.5)]
    assert jobs[0]["most_each_s"] == 3 * jobs[0]["each_s"] == 3 * GOOD.each_s
