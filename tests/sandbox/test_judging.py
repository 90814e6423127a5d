"""What many runs in one process come to, with sandboxes that only pretend to run."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

import pytest
from sandbox.mutate.doubt import Doubt

from sandbox import Asserts, Limits, Program, Report, Status, judging
from sandbox.frames import Frame

CODE = "assert f(1) == 1\nassert f(2) == 4"
PROGRAM = Program("", Asserts(CODE, "f"))
PASSED: Frame = {"status": "passed", "assertions": 2}
FAILED: Frame = {"status": "failed", "message": "no"}

Answer = Callable[[bool], Frame]


def judged(answer: Answer, tests: Asserts = PROGRAM.tests) -> tuple[Report, list[bool]]:
    """The verdict where `answer` says what a run comes to, and which runs had the tests as is."""
    genuine: list[bool] = []

    async def perform(job: Frame) -> Frame:
        if job["kind"] != "shared":
            return {"status": "need_shared", "message": "why"}
        genuine.append(job["code"] == tests.code)
        return answer(genuine[-1])

    return asyncio.run(judging.judge(Program("", tests), Limits(), perform)), genuine


def test_an_honest_program_passes_and_was_doubted() -> None:
    report, genuine = judged(lambda right: PASSED if right else FAILED)
    assert report.status is Status.PASSED
    assert len(genuine) == 6
    assert set(genuine[:4]) == {True, False}


def test_long_tests_are_read_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    read = judging.doubt

    def noting(*args: str, collected: bool, entry_point: str) -> Doubt:
        threads.append(threading.current_thread())
        return read(*args, collected=collected, entry_point=entry_point)

    monkeypatch.setattr(judging, "doubt", noting)
    judged(lambda right: PASSED if right else FAILED)
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


def test_slow_runs_are_fewer() -> None:
    _, genuine = judged(lambda right: {**(PASSED if right else FAILED), "wall_s": 0.4})
    assert len(genuine) == 4


def test_tests_without_anything_to_change_run_once() -> None:
    report, genuine = judged(lambda _: PASSED, Asserts("assert f(1)", "f"))
    assert (report.status, genuine) == (Status.PASSED, [True])


def test_a_pass_that_must_not_be_is_forged_whatever_comes_first() -> None:
    firsts = set()
    for _ in range(60):
        report, genuine = judged(lambda _: PASSED)
        assert report.status is Status.FORGED
        firsts.add(genuine[0])
        assert genuine == [*[genuine[0]] * (len(genuine) - 1), not genuine[0]]
    assert firsts == {True, False}


def test_a_wrong_program_is_never_forged() -> None:
    for _ in range(60):
        report, genuine = judged(lambda right: FAILED if right else PASSED)
        assert report.status is Status.FAILED
        assert genuine.count(True) == 1


def test_every_genuine_run_must_pass() -> None:
    for _ in range(60):
        answers = iter([PASSED, FAILED, FAILED, FAILED, FAILED])
        report, genuine = judged(lambda right, them=answers: next(them) if right else FAILED)  # type: ignore[misc]
        assert (report.status is Status.PASSED) == (genuine.count(True) == 1)


def test_fewer_assertions_than_there_are_fail() -> None:
    report, _ = judged(lambda right: {**PASSED, "assertions": 1} if right else FAILED)
    assert report.status is Status.FAILED
    assert report.message == "only 1 of at least 2 assertions ran"


@pytest.mark.parametrize("status", [Status.INTERNAL_ERROR, Status.FORGED])
def test_a_changed_run_that_is_no_verdict_is_no_pass(status: Status) -> None:
    report, _ = judged(lambda right: PASSED if right else {"status": str(status)})
    assert report.status is status


def test_guessing_which_run_is_which_is_right_once_in_56_times_at_best() -> None:
    random = Random(3)
    orders = Counter(tuple(judging.draw_order(random)) for _ in range(56_000))
    assert len(orders) == 56
    assert max(orders.values()) < 1300

    def guesses() -> Iterator[bool]:
        while True:
            yield random.random() < 1 / 2

    coin = guesses()
    rounds = 3000
    passed = sum(
        judged(lambda _: PASSED if next(coin) else FAILED)[0].status is Status.PASSED
        for _ in range(rounds)
    )
    assert passed / rounds < 1 / 30
