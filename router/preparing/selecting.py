"""What chooses among answers that no tests judge: what a request names, and what it can look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from policies.policy import Policy
from policies.selection.choosing import selectors
from policies.selection.examined import Examined
from policies.selection.lever import LEVER
from policies.selection.ranked import Reviewer
from policies.selectors import Random, Selector
from policies.values import Examiner, Example, Task
from router.errors import InvalidRequest
from router.plan.executing import Trials
from router.plan.programs import entry_point_of
from router.plan.programs.prompts.asserts import prompt_for_tests
from router.request import ChatPrompt, Prompt, RouteRequest, TextPrompt

EXECUTION_MS: Final = 500.0
"""The least latency budget in which programs are run to choose among them."""

_ANY: Final = (Example("f()", "None"),)
"""To ask a policy what it would draw, if a prompt had examples."""


_LACKS: Final = {
    Reviewer.name: " (it needs a model that ranks: [select] ranker in the configuration)",
    LEVER: (
        ' (it needs a verifier: [select] lever in the configuration, which is "shipped" for the '
        "one that comes with this package, or the file of one that `budget-router train lever` "
        "wrote)"
    ),
}
"""What a name needs that is known and not there."""


def named_selector(
    request: RouteRequest, ranker: str | None, *, sandboxed: bool, verified: bool
) -> Selector:
    """The selector that a request names. Raises `InvalidRequest`.

    `ranker` is the model that ranks answers, where there is one; programs run where `sandboxed`,
    and a verifier scores them where `verified`.
    """
    there = selectors(ranker, verified=verified)
    selector = there.get(request.select or "")
    if selector is None:
        raise InvalidRequest(
            f"select {request.select!r} is not configured here"
            f"{_LACKS.get(request.select or '', '')}; there are {list(there)}",
            param="select",
        )
    if selector.runs_programs and not sandboxed:
        raise InvalidRequest(
            f"select {request.select!r} runs programs, and this gateway has no sandbox",
            param="select",
        )
    return Random(request.seed or 0) if isinstance(selector, Random) else selector


def examiner_of(
    prompt: Prompt,
    policy: Policy,
    task: Task,
    trials: Trials,
    *,
    by: str | None,
    max_batch: Callable[[str], int],
) -> Examiner | None:
    """Who writes tests, where a selector wants some: the cheapest model, unless one is named.

    `max_batch` are the samples that a model's server takes at once.
    """
    if not isinstance(policy.selector, Examined):
        return None
    model, function = by or task.models[0].id, trials.entry_point
    return Examiner(model, prompt_for_tests(prompt, function), function, max_batch(model))


def looks_at_runs(request: RouteRequest, policy: Policy, task: Task) -> bool:
    """Whether answers are to be run, where nothing else judges them and there is the time for it.

    A stream that says nothing of a budget or a selector wants its tokens as they come; and one
    answer needs no other to be chosen from, however many inputs there were.
    """
    latency_ms = request.budget.budget.latency_ms
    flows = request.stream and not request.budget.given and request.select is None
    hurried = latency_ms is not None and latency_ms < EXECUTION_MS
    if request.tests is not None or flows or hurried:
        return False
    match request.prompt:
        case TextPrompt(suffix=suffix) if suffix:
            return False
        case ChatPrompt(tools=tools) if tools:
            return False
        case _:
            shown = replace(task, examples=_ANY, inputs=(_ANY[0].call,))
            return policy.most_samples(shown) > 1


def trials_of(prompt: Prompt) -> Trials | None:
    """How the answers to a prompt can be run; None where it asks for no function."""
    name = entry_point_of(prompt)
    return None if name is None else Trials.of(prompt, name)
