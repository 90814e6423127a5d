"""Choose without tests: the course that was calibrated for prompts like this one, and its budget.

Where a prompt shows examples, small samples come first, one draw after another, and the first
answer that passes every example ends the plan; else the larger model answers, and what passes most
of the examples is chosen. Without examples nothing tells a right answer from a wrong one but the
others: then a course is one wide draw that agreement chooses from, or one greedy answer.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace

from policies.cost import CostModel
from policies.ladder import CALL_TOKENS, ROUNDING, Ladder, Rung, nearest
from policies.moves import (
    Drawn,
    draw,
    draw_and_wait,
    hurried,
    in_batches,
    informed,
    performed,
)
from policies.plans.pinning import pin
from policies.plans.single import Single
from policies.policy import Policy, Uncalibrated
from policies.protocol import Command, Done, Draw, Event, Executed, Plan
from policies.selection.choosing import USUAL
from policies.selection.executions import Belief, Results, executions, likelihood, share_right
from policies.selectors import Selector
from policies.sizing import held_for, least_tokens, require_affordable, sized, useful_tokens
from policies.values import (
    NOTHING,
    Budget,
    Candidate,
    ModelView,
    Remaining,
    Task,
    with_outputs,
)


@dataclass(frozen=True, slots=True)
class Course(Ladder):
    """A ladder for tasks without tests, and the agreement that ends it.

    It ends at `enough` of agreement times likelihood per token; never, where that is infinite.
    """

    enough: float = math.inf


@dataclass(frozen=True, slots=True)
class CoursesAt:
    """The courses for prompts of about so many tokens, the smallest budget first.

    `prompt_tokens` is None where they were costed at whatever lengths the problems had that they
    were measured on: then they are for all prompts. `shown` are for prompts with examples and draw
    until an answer passes all of them, `plain` for others. Of each, what costs more succeeds more
    often. The usual ones are for requests without a budget: they spend no more in the mean than the
    large model's greedy answers.
    """

    prompt_tokens: int | None
    shown: tuple[Course, ...]
    plain: tuple[Course, ...]
    usual_shown: Course | None = None
    usual_plain: Course | None = None


@dataclass(frozen=True, slots=True)
class Courses:
    """Draws for tasks without tests, by length of prompt, the shortest first; at least one.

    `belief` says how sure a choice is.
    """

    models: tuple[str, ...]
    lengths: tuple[CoursesAt, ...]
    belief: Belief | None = None

    def at(self, prompt_tokens: int) -> CoursesAt:
        """The courses for the length that is nearest."""
        return nearest(self.lengths, prompt_tokens)


@dataclass(frozen=True, slots=True)
class Sift(Uncalibrated):
    """The best course within the budget; `otherwise` where there is none, or tests judge.

    More than one answer wanted is `otherwise` too: a course ends at the first that will do.
    """

    courses: Courses
    selector: Selector = USUAL
    otherwise: Policy = field(default_factory=Single)

    def plan(self, task: Task, budget: Budget, cost: CostModel) -> Plan:
        """Draw rung after rung until an answer passes every example; then choose."""
        course = self._course(task, budget, cost)
        if course is None:
            yield from replace(self.otherwise, selector=self.selector).plan(task, budget, cost)
            return
        models = {model.id: model for model in task.models}
        require_affordable(task, budget, cost, task.models)
        if (yield from hurried(task, budget, cost, task.models)):
            return
        told = "" if budget.flops is None else f" for {course.calls:g} large calls"
        if (tokens := self._at(task).prompt_tokens) is not None:
            told += f", prompts of about {tokens} tokens"
        left = Remaining.of(budget)
        yield from _Sifting(task, cost, models, self.selector, left, told).climb(course)

    def restrict(self, models: Sequence[str], *, pinned: str | None) -> tuple[str, ...]:
        """The caller's model, else all."""
        return pin(models, None, pinned)

    def most_samples(self, task: Task) -> int:
        """All that the longest of its courses may draw."""
        courses, usual = self._of(task)
        every = [*courses, *([] if usual is None else [usual])]
        drawn = [sum(rung.n for rung in course.rungs) for course in every]
        return max(drawn, default=self.otherwise.most_samples(task))

    def _of(self, task: Task) -> tuple[tuple[Course, ...], Course | None]:
        """The courses for a task, and the usual one; none where its models are others."""
        there = {model.id for model in task.models}
        if task.verifiable or task.n > 1 or not there.issuperset(self.courses.models):
            return (), None
        if task.examples and self.selector.reads_examples:
            return self._at(task).shown, self._at(task).usual_shown
        if task.inputs and self.selector.runs_programs:
            return self._at(task).plain, self._at(task).usual_plain
        return (), None

    def _at(self, task: Task) -> CoursesAt:
        return self.courses.at(self._large(task).prompt_tokens)

    def _large(self, task: Task) -> ModelView:
        """The view of the largest calibrated model; the others count about the same tokens."""
        return next(model for model in task.models if model.id == self.courses.models[-1])

    def _course(self, task: Task, budget: Budget, cost: CostModel) -> Course | None:
        courses, usual = self._of(task)
        if budget.flops is None:
            return usual
        if not courses:
            return None
        large = self._large(task)
        calls = budget.flops / cost.ceiling(large.id, large.reserved_tokens, 1, CALL_TOKENS)
        fitting = [each for each in courses if each.calls <= calls * (1 + ROUNDING)]
        return fitting[-1] if fitting else None


@dataclass(slots=True)
class _Sifting:
    """One plan: what is left, and the answers so far, with what their programs gave.

    `told` says what its course is for.
    """

    task: Task
    cost: CostModel
    models: dict[str, ModelView]
    selector: Selector
    left: Remaining
    told: str
    candidates: list[Candidate] = field(default_factory=list)
    drawn: dict[str, int] = field(default_factory=dict)

    def climb(self, course: Course) -> Generator[Command, Event]:
        """Rung after rung; the last is held back for while others are drawn."""
        for at, rung in enumerate(course.rungs):
            held = self._held(course.rungs[at + 1 :])
            reason = f"rung {at + 1} of {len(course.rungs)}{self.told}, without tests"
            if (yield from self._draw(rung, held, reason)):
                return
            last = at + 1 == len(course.rungs)
            if not last and not math.isinf(course.enough) and (yield from self._agree(course)):
                return
        if not self.candidates:
            yield from self._in_any_case()
        yield from informed(self.selector.of(self.task), self.candidates)

    def _draw(self, rung: Rung, held: Remaining, reason: str) -> Generator[Command, Event, bool]:
        """Draw a rung as far as it fits, in as many draws as the server's batch makes of it.

        Whether one of its answers passes every example: then no more is drawn.
        """
        model, kept, before = self.models.get(rung.model), 0, len(self.candidates)
        if model is None:
            return False

        def once(n: int) -> Generator[Command, Event, int | None]:
            nonlocal kept, before
            asked = self._asked(rung, n, held, reason, kept)
            if asked is not None and (yield from self._run_in_time(before, held)):
                asked = self._asked(rung, n, held, reason, kept)
            before = len(self.candidates)
            if asked is None:
                return 0
            ended = yield from draw_and_wait(asked, enough=asked.n + 1)
            kept = ended.kept_tokens
            return None if (yield from self._ends(asked, ended)) else asked.n

        wanted = 1 if self.task.greedy else rung.n
        return (yield from in_batches(wanted, model, once)) is None

    def _asked(self, rung: Rung, n: int, held: Remaining, reason: str, kept: int) -> Draw | None:
        """The draw of a rung, narrower where it does not fit; None where no answer does.

        `kept` are the prompt's tokens that the server has kept of this rung's draw before: a
        later rung reserves the whole prompt, as where courses were measured.
        """
        model = self.models.get(rung.model)
        if model is None or (self.task.greedy and model.id in self.drawn):
            return None
        shortest = useful_tokens(self.task) if self.candidates else least_tokens(self.task)
        size = sized(
            *(self.task, self.cost, model),
            n=n,
            left=self.left.without(held),
            shortest=shortest,
            kept=kept,
        )
        if size is None:
            return None
        n, max_tokens = size
        asked = draw(self.task, model, n=n, max_tokens=max_tokens, alone=rung.greedy, reason=reason)
        if self.task.temperature is None and not rung.greedy:
            asked = replace(asked, temperature=rung.temperature)
        return replace(asked, counts_on_cache=self.drawn.get(model.id, 0) > 0)

    def _ends(self, asked: Draw, ended: Drawn) -> Generator[Command, Event, bool]:
        """Whether one of a draw's answers passes every example."""
        self.left = ended.left
        self.drawn[asked.model] = self.drawn.get(asked.model, 0) + asked.n
        if not ended.whole:
            self.models.pop(asked.model)
        calls = tuple(dict.fromkeys(example.call for example in self.task.examples))
        new = yield from self._tried(ended.candidates, calls)
        self.candidates += new
        return any(not each.cut and share_right(each, self.task.examples) == 1 for each in new)

    def _tried(
        self, new: Sequence[Candidate], calls: tuple[str, ...]
    ) -> Generator[Command, Event, list[Candidate]]:
        """The candidates with what their programs give for these calls."""
        found = list(new)
        commands = executions(new, calls)
        for event in (yield from performed(commands)):
            match event:
                case Executed():
                    found = [_with(each, commands[0].inputs, event) for each in found]
                case Done(remaining=left):
                    self.left = left
                case _:
                    pass
        return found

    def _run_in_time(self, since: int, held: Remaining) -> Generator[Command, Event, bool]:
        """Run a rung's new answers before more of it is drawn, where a deadline may end that.

        What is known of fewer is worth more than more of which nothing is known. Where the prompt
        shows examples, answers are run on these as they come, and that will do; and where time is
        held for another model, nobody may spend it. Whether anything was run.
        """
        new = self.candidates[since:]
        if math.isinf(self.left.latency_ms) or self.task.examples or held.latency_ms or not new:
            return False
        self.candidates[since:] = yield from self._tried(new, self.task.inputs)
        return True

    def _agree(self, course: Course) -> Generator[Command, Event, bool]:
        """Whether the answers so far agree enough to need no other model."""
        if len(self.candidates) < 2:  # noqa: PLR2004 one agrees with nobody
            return False
        self.candidates = yield from self._tried(self.candidates, self.task.inputs)
        results = Results.of(self.candidates, self.task.inputs)
        best = self.selector.of(self.task).order(self.candidates).candidates[0]
        return results.agreement()[best.id] * likelihood(best) >= course.enough

    def _held(self, later: Sequence[Rung]) -> Remaining:
        """What is kept for the largest model's answer, where one is still to come."""
        last = next((rung for rung in reversed(later) if rung.model in self.models), None)
        if last is None or last.model in self.drawn:
            return NOTHING
        return held_for(self.task, self.cost, self.models[last.model], self.left)

    def _in_any_case(self) -> Generator[Command, Event]:
        """An answer of any model that can give one, where no rung could be drawn."""
        for model in reversed(tuple(self.models.values())):
            rung = Rung(model.id, 1, 0.0)
            yield from self._draw(rung, NOTHING, "no rung could be drawn")
            if self.candidates:
                return


def _with(candidate: Candidate, calls: Sequence[str], event: Executed) -> Candidate:
    given = event.outputs.get(candidate.id, (None,) * len(calls))
    return replace(candidate, outputs=with_outputs(candidate.outputs, calls, given))
