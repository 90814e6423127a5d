"""Programs with tests as people write them, and mistakes in them, in Markdown: a file a theme."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox import Asserts, Pytest, Tests

FENCE = re.compile(r"^```(\w+) (\w+)(?: ([^\n]*))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


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
    prelude = parts.get("prelude", ("", ""))[1]
    if "pytest" in parts:
        return Task(name, right, Pytest(parts["pytest"][1], prelude), wrong)
    entry_point, code = parts["asserts"]
    return Task(name, right, Asserts(code, entry_point, prelude), wrong)


def read_tasks(folder: Path) -> Iterator[Task]:
    """All tasks of a folder, in the order of its files."""
    for path in sorted(folder.glob("*.md")):
        for part in path.read_text(encoding="utf-8").split("\n## ")[1:]:
            name, _, text = part.partition("\n")
            yield read_task(name, text)


def names_in(by_reason: dict[str, str]) -> set[str]:
    """The names of tasks that are listed by a reason, several to a line."""
    return {name for names in by_reason.values() for name in re.split(r"\n\s*|; ", names.strip())}
