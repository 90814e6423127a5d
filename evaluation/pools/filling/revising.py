"""Asking again with what went wrong: problems that are left, made into problems of a revision.

The revised prompt is the problem's own with a comment before it, that shows the failed attempt and
the test that it failed. What stands around the answer in the program stays as it was, so the answer
makes the same program, judged by the same tests.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from evaluation.datasets import MAX_TESTS_BYTES, Problem
from evaluation.pools.filling.verdicts import LIMITS
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.pools.view import ProblemView, read_view
from evaluation.pools.workers import for_each
from policies.values import Verdict
from router.plan.programs import program_source
from router.plan.verdicts import SandboxJudge
from router.request import Judgement, TestRequest
from sandbox import Backend, parse_limits, parse_tests

LONGEST: Final = 400
"""Characters that are told of a test, and of a message: some tests are whole files."""

_AT_LINE: Final = re.compile(r"(?:^|: )(\w+) at line (\d+) of the tests: ?")


class AttemptPassed(RuntimeError):
    """What was recorded as a failure is none now, so there is nothing to revise."""


def left_over(pool: Pool, greedy: Pool, failed: int) -> tuple[str, ...]:
    """Tasks that neither the greedy answer nor the first so many samples solved, in order.

    A task of which some of these have no verdict is none of them.
    """
    answered = {problem.task_id: problem for problem in read_view(greedy.path).problems}
    return tuple(
        problem.task_id
        for problem in read_view(pool.path).problems
        if problem.task_id in answered
        and _all_failed(answered[problem.task_id], 1)
        and _all_failed(problem, failed)
    )


def _all_failed(problem: ProblemView, first: int) -> bool:
    shown = problem.index < first
    judged = problem.judged[shown]
    return len(judged) == first and bool(judged.all()) and not problem.passed[shown].any()


def texts_of(pool: Pool, tasks: Sequence[str]) -> Mapping[str, str]:
    """The first answer to each of these tasks."""
    wanted = set(tasks)
    found: dict[str, str] = {}
    for batch in pool.batches(Table.SAMPLES, ["task_id", "index", "text"]):
        columns = (batch.column(name).to_pylist() for name in ("task_id", "index", "text"))
        found |= {
            task: text
            for task, index, text in zip(*columns, strict=True)
            if index == 0 and task in wanted
        }
    return found


async def revisions(
    problems: Sequence[Problem], attempts: Mapping[str, str], backend: Backend, *, at_once: int
) -> tuple[Problem, ...]:
    """These problems asked again, each after its attempt, which the sandbox judges once more.

    Pools keep a verdict and no message. Raises `AttemptPassed` and `InvalidTests`.
    """
    found: dict[str, Problem] = {}

    async def ask_again(problem: Problem) -> None:
        attempt = attempts[problem.task_id]
        tests = parse_tests(problem.tests, max_bytes=MAX_TESTS_BYTES)
        limits = parse_limits(problem.tests.get("limits"), LIMITS)
        judge = SandboxJudge(backend, problem.frame, TestRequest(tests, limits), lambda _: None)
        judgement = await judge.judge(attempt)
        if judgement.verdict is not Verdict.FAILED:
            raise AttemptPassed(
                f"{problem.task_id}: the attempt was recorded as failed, and the sandbox says "
                f"{judgement.verdict.value} now ({judgement.message or judgement.status})"
            )
        found[problem.task_id] = revision(problem, attempt, judgement)

    await for_each(problems, ask_again, concurrency=at_once)
    return tuple(found[problem.task_id] for problem in problems)


def revision(problem: Problem, attempt: str, judgement: Judgement) -> Problem:
    """The problem, asked again after an attempt that failed so."""
    tests = parse_tests(problem.tests, max_bytes=MAX_TESTS_BYTES)
    program = program_source(problem.frame, attempt, tests)
    failure = _failure(str(problem.tests.get("code", "")), judgement)
    lines = [
        f"An earlier attempt at {problem.entry_point or 'this'} failed:",
        "",
        *_shown(program, problem.entry_point, attempt),
        "",
        *failure,
        "",
        "Below it is done right.",
    ]
    comment = "".join(f"# {line}".rstrip() + "\n" for line in lines)
    before = problem.prompt if problem.before is None else problem.before
    return replace(problem, prompt=f"{comment}\n{problem.prompt}", before=before)


def _shown(program: str, entry_point: str, attempt: str) -> list[str]:
    """The function without its docstring; the answer as it came where no such function parses."""
    try:
        tree = ast.parse(program)
    except (SyntaxError, ValueError):
        return attempt.strip("\n").splitlines()
    for node in reversed(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name == entry_point:
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
            return ast.unparse(node).splitlines()
    return attempt.strip("\n").splitlines()


def _failure(code: str, judgement: Judgement) -> list[str]:
    """What went wrong: the statement of the tests, where one is known, and what was said."""
    told = []
    message = judgement.message
    if (found := _AT_LINE.search(message)) is not None:
        if statement := statement_at(code, int(found[2])):
            told.append(f"This test failed: {_short(statement)}")
        rest = message[found.end() :]
        message = f"{found[1]}: {rest}" if rest else found[1]
    told.append(f"It ended with: {_short(message or judgement.status)}")
    return told


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."


def statement_at(code: str, line: int) -> str:
    """The smallest statement at a line of the tests, with the tested function's own name in it.

    Tests often take the function as a parameter; the call at their end says which it is. Empty for
    tests that do not parse and for a line without a statement.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return ""
    here = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    if not here:
        return ""
    smallest = min(here, key=lambda node: (node.end_lineno or node.lineno) - node.lineno)
    return ast.unparse(_Named(_parameters(tree)).visit(smallest))


def _parameters(tree: ast.Module) -> dict[str, str]:
    """Names that functions of the tests give to what a call of theirs, at top level, hands over."""
    functions = {node.name: node.args for node in tree.body if isinstance(node, ast.FunctionDef)}
    found = {}
    for node in tree.body:
        match node:
            case ast.Expr(ast.Call(ast.Name(name), args)) if name in functions:
                for parameter, given in zip(functions[name].args, args, strict=False):
                    if isinstance(given, ast.Name):
                        found[parameter.arg] = given.id
    return found


class _Named(ast.NodeTransformer):
    """Puts names in the place of parameters."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._names.get(node.id, node.id), node.ctx)
