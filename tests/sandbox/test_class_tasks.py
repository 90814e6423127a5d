"""Class-based tasks with tests as people write them: the right program passes, the wrong ones fail.

The tasks are in `class_tasks/`, a file a theme: one right program each, tests of kind `asserts` or
`pytest`, and two mistakes as edits of the right program. They were written before anybody looked at
what becomes of them here.
"""

from collections import Counter
from pathlib import Path

import pytest
from task_files import Task, names_in, read_tasks

from sandbox import Integrity, Limits, Status

LIMITS = Limits(wall_s=5.0, cpu_s=5.0)

ALL = list(read_tasks(Path(__file__).parent / "class_tasks"))
WRONG = [(task, what) for task in ALL for what in task.wrong]

SHARED = {
    "an operator of a class that the tests name is asked": """
        Binary search tree; Cache whose entries expire; Caesar's cipher; Cards; Colours; Contacts
        Countdown; Fraction; Game of life; Graph; Intervals; Library; Matrix; Money in a currency
        Parking lot; Polynomial; Ring buffer; Roman numerals; Shopping cart; Templates
        Transaction with rollback; Tree of files; Trie; Vector in the plane; Versions; Word counter
    """,
    "the tests' coroutines go to the solution": """
        Asynchronous bus; Bounded queue of jobs; Ticker
    """,
    "the tests derive a class from one of the solution": "Shapes",
    "the tests hand over a class of theirs": "Plugins",
}
"""The tasks whose right program passes shared, by the reason; all others pass isolated."""
ALL_SHARED = names_in(SHARED)


FAULTS: dict[str, str] = {}
"""Right programs that are misjudged, and wrong ones that pass."""


def marked(name: str, ids: str, *values: object) -> object:
    """The values of a case, which is expected to fail where there is a fault of that name."""
    why = FAULTS.get(name)
    marks = [] if why is None else [pytest.mark.xfail(strict=True, reason=why)]
    return pytest.param(*values, id=ids, marks=marks)


def test_there_are_enough() -> None:
    kinds = Counter(type(task.tests).__name__ for task in ALL)
    assert min(kinds["Asserts"], kinds["Pytest"]) >= 30
    assert len({task.name for task in ALL}) == len(ALL) >= 60
    assert all(len(task.wrong) == 2 for task in ALL)
    assert {task.name for task in ALL} >= ALL_SHARED
    assert (len(ALL), len(ALL_SHARED)) == (83, 31)  # as docs/sandbox.md tells


@pytest.mark.parametrize("task", [marked(task.name, task.name, task) for task in ALL])
def test_right(judge, task: Task) -> None:
    report = judge(task.right, task.tests, LIMITS)
    assert report.status is Status.PASSED, report
    expected = Integrity.SHARED if task.name in ALL_SHARED else Integrity.ISOLATED
    assert report.integrity is expected, report


@pytest.mark.parametrize(
    ("task", "what"), [marked(what, f"{task.name}, {what}", task, what) for task, what in WRONG]
)
def test_wrong(judge, task: Task, what: str) -> None:
    report = judge(task.wrong[what], task.tests, LIMITS)
    assert report.status in {Status.FAILED, Status.ERROR}, report
