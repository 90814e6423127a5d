"""Class-based tasks with tests as people write them: the right program passes, the wrong ones fail.

The tasks are in `class_tasks/`, a file a theme: one right program each, tests of kind `asserts` or
`pytest`, and two mistakes as edits of the right program. They were written before anybody looked at
what becomes of them here.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox import Asserts, Integrity, Limits, Pytest, Status, Tests

TASKS = Path(__file__).parent / "class_tasks"
FENCE = re.compile(r"^```(\w+) (\w+)(?: ([^\n]*))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LIMITS = Limits(wall_s=5.0, cpu_s=5.0)


@dataclass(frozen=True)
class Task:
    """A right program, its tests, and wrong programs by what is wrong with them."""

    name: str
    right: str
    tests: Tests
    wrong: dict[str, str]


def edited(source: str, edits: str) -> str:
    """The source with lines exchanged: `-` and ` ` stand there now, `+` and ` ` afterwards.

    A line of `@@` stands between edits. Each has to fit in exactly one place.
    """
    for edit in edits.split("@@\n"):
        lines = edit.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in "- ")
        after = "".join(line[1:] for line in lines if line[0] in "+ ")
        assert f"\n{source}".count(f"\n{before}") == 1, f"does not fit in one place:\n{before}"
        source = f"\n{source}".replace(f"\n{before}", f"\n{after}")[1:]
    return source


def read_task(name: str, text: str) -> Task:
    """A task from its part of a file: a program, its tests and perhaps a prelude, and edits."""
    parts = {}
    edits = {}
    for language, kind, rest, body in FENCE.findall(text):
        if language == "diff":
            edits[f"{kind} {rest}".strip()] = body
        else:
            parts[kind] = (rest, body)
    right = parts["program"][1]
    wrong = {what: edited(right, edit) for what, edit in edits.items()}
    if "pytest" in parts:
        return Task(name, right, Pytest(parts["pytest"][1]), wrong)
    entry_point, code = parts["asserts"]
    return Task(name, right, Asserts(code, entry_point, parts.get("prelude", ("", ""))[1]), wrong)


def read_tasks() -> Iterator[Task]:
    """All tasks, in the order of the files."""
    for path in sorted(TASKS.glob("*.md")):
        for part in path.read_text(encoding="utf-8").split("\n## ")[1:]:
            name, _, text = part.partition("\n")
            yield read_task(name, text)


ALL = list(read_tasks())
WRONG = [(task, what) for task in ALL for what in task.wrong]

SHARED = {
    "an operator of a class that the tests name is asked": """
        Binary search tree; Cache whose entries expire; Caesar's cipher; Cards; Colours; Contacts
        Countdown; Dictionary that loads what it lacks; Fraction; Game of life; Graph; Intervals
        Library; Matrix; Money in a currency; Parking lot; Polynomial; Ring buffer; Roman numerals
        Shopping cart; Templates; Transaction with rollback; Tree of files; Trie
        Vector in the plane; Versions; Word counter
    """,
    "the tests' coroutines go to the solution": """
        Asynchronous bus; Bounded queue of jobs; Ticker
    """,
    "the tests derive a class from one of the solution": "Shapes",
    "the tests hand over a class of theirs": "Plugins",
}
"""The tasks whose right program passes shared, by the reason; all others pass isolated."""
ALL_SHARED = {name for names in SHARED.values() for name in re.split(r"\n\s*|; ", names.strip())}


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
    assert (len(ALL), len(ALL_SHARED)) == (83, 32)  # as docs/sandbox.md tells


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
