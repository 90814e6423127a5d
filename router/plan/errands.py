"""How an errand is performed, a ranking or executions, and what is learned of candidates by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from policies.protocol import Execute, Executed, PlanError, Rank, Ranked
from policies.values import Candidate, Output, with_outputs
from router.plan.ports import Executor, Ranker
from router.plan.programs.prompts.asserts import checks_of
from router.plan.work import Errand
from router.process.garbage import without_traces
from router.upstream.failures import UpstreamError


async def performed(
    errand: Errand,
    candidates: dict[int, Candidate],
    tests: Sequence[str],
    *,
    ranker: Ranker | None,
    executor: Executor | None,
) -> Ranked | Executed | None:
    """What came of it, which the candidates know from then on; None where it failed.

    `tests` are those that were drawn so far. Raises `PlanError` where nobody performs it.
    """
    errand.sent = True
    try:
        match errand.command:
            case Rank() as command if ranker is not None:
                return Ranked(errand.ticket, await _scores(errand, command, candidates, ranker))
            case Execute() as command if executor is not None:
                asserts = checks_of(tests, command.asserted) if command.asserted else ()
                errand.asserts = len(asserts)
                command = replace(command, inputs=(*command.inputs, *asserts))
                return Executed(errand.ticket, await _outputs(command, candidates, executor))
            case command:
                raise PlanError(f"nobody here performs a {type(command).__name__}")
    except UpstreamError as failure:
        errand.failure = without_traces(failure)
        return None


async def _scores(
    errand: Errand, command: Rank, candidates: dict[int, Candidate], ranker: Ranker
) -> Mapping[int, float]:
    # What was learned of them since the plan asked, such as their outputs, counts.
    known = tuple(candidates[each.id] for each in command.candidates)
    scores = await ranker.rank(replace(command, candidates=known), errand.book)
    for at, score in scores.items():
        others = candidates[at].scores
        candidates[at] = replace(candidates[at], scores={**others, command.score: score})
    return scores


async def _outputs(
    command: Execute, candidates: dict[int, Candidate], executor: Executor
) -> Mapping[int, tuple[Output | None, ...]]:
    """Each candidate knows its own as they come, also where the deadline cuts the others."""
    outputs = dict[int, tuple[Output | None, ...]]()

    def tell(at: int, given: tuple[Output | None, ...]) -> None:
        outputs[at] = given
        known = with_outputs(candidates[at].outputs, command.inputs, given)
        candidates[at] = replace(candidates[at], outputs=known)

    await executor.execute(command, tell)
    return outputs
