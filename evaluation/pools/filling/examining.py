"""Asking for tests: problems made into those that ask a model for asserts, as the gateway does.

The prompt, where a sample ends, how long it may be and how it is drawn are the gateway's, for a
request that selects `codet` or `b4`. The problems are a data set of their own, which judges
nothing, so that nobody takes what is written for answers.

Who writes tests reads the prompt, and with it the examples that it carries, and may well say these
again. So prompts can be stripped of them first.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from evaluation.datasets import Problem
from evaluation.pools.filling.identity import Sampling
from policies.moves import SAMPLING_TEMPERATURE, SAMPLING_TOP_P
from policies.selection.examined import TOKENS
from router.plan.programs import examples_of
from router.plan.programs.prompts.asserts import SENT_STOPS, prompt_for_tests
from router.request import TextPrompt

_WRITTEN: Final = "-written-tests"
_STRIPPED: Final = "-stripped"
_ANNOUNCED: Final = r"^\W*(?:for\s+)?examples?\b"


def name_of_written(dataset: str, *, stripped: bool) -> str:
    """The data set that asks for tests of another one's problems."""
    return f"{dataset}{_WRITTEN}{_STRIPPED if stripped else ''}"


def is_written(dataset: str) -> bool:
    """Whether what answers a data set are tests that a model wrote."""
    return dataset.removesuffix(_STRIPPED).endswith(_WRITTEN)


def sampling_of_tests(dataset: str, model: str, *, stripped: bool, seed: int) -> Sampling:
    """How the gateway draws tests."""
    name = name_of_written(dataset, stripped=stripped)
    return Sampling(name, model, SAMPLING_TEMPERATURE, TOKENS, SAMPLING_TOP_P, seed)


def asking_for_tests(problems: Sequence[Problem], *, stripped: bool) -> tuple[Problem, ...]:
    """These problems, each asking for tests of its function; those that name none are left out."""
    return tuple(_asking(problem, stripped) for problem in problems if problem.entry_point)


def _asking(problem: Problem, stripped: bool) -> Problem:  # noqa: FBT001 of its own caller alone
    function = problem.entry_point
    text = without_examples(problem.prompt, function) if stripped else problem.prompt
    return replace(
        problem,
        prompt=prompt_for_tests(TextPrompt(text), function),
        tests={},
        stop=SENT_STOPS,
        reference="",
        before=None,
        after="",
        suffix=None,
    )


def without_examples(text: str, function: str) -> str:
    """A prompt without the examples of the function that it asks for.

    Of a docstring the longest beginning is left in which no line calls the function or announces
    an example, and the gateway's own reader finds none; of prose what has no such line.
    """
    lines = text.splitlines(keepends=True)
    shows = re.compile(rf"(?<!\w){re.escape(function)}\s*\(|{_ANNOUNCED}", re.IGNORECASE)
    if (docstring := _docstring(text, function)) is None:
        return "".join(line for line in lines if not shows.search(line))
    first, last = docstring.lineno, docstring.end_lineno or docstring.lineno
    before, within, after = lines[: first - 1], lines[first - 1 : last], lines[last:]
    for kept in _shorter(within, docstring):
        left = "".join([*before, *kept, *after])
        if not any(map(shows.search, kept)) and not examples_of(TextPrompt(left), function):
            return left
    return "".join([*before, *after])


def _docstring(text: str, function: str) -> ast.Constant | None:
    """That of the last function of this name, where the text is a program as far as it goes."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    for node in reversed(tree.body):
        match node:
            case ast.FunctionDef(name=name, body=[ast.Expr(ast.Constant(str()) as found), *_]):
                if name == function:
                    return found
    return None


def _shorter(within: Sequence[str], docstring: ast.Constant) -> Iterator[list[str]]:
    """The lines of a docstring, and without the last ones, closed again: ever fewer."""
    yield [*within]
    quotes = '"""' if within[-1].rstrip().endswith('"""') else "'''"
    for count in range(len(within) - 1, 0, -1):
        yield [*within[:count], f"{' ' * docstring.col_offset}{quotes}\n"]
