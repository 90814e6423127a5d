"""Selectors that look at what programs do when they are run on inputs, and how many agree.

Nobody knows the right output of an input that was made up; but wrong programs err in different
ways, and right ones are right in the same. Where a prompt shows examples, their outputs are known,
though prompts err as well: so examples rank and never forbid.

An exception and a time-out are results like any other, and two programs that raise the same agree;
but a program that returned nothing at all comes after all that did.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, cast

from policies.protocol import Execute, Start
from policies.selectors import LIKELIEST, Deferring, Selector, in_order, models_of, stronger
from policies.values import NLL, Candidate, Choice, Example, Output, Task


@dataclass(frozen=True, slots=True)
class Belief:
    """How probable it is that what was chosen is right: logistic curves over what is known of it.

    `agreed` are intercept and slope over agreement times likelihood per token, `shown` intercept
    and slopes over the share of examples that pass and the likelihood.
    """

    agreed: tuple[float, float]
    shown: tuple[float, float, float]

    def of_agreement(self, agreement: float, likelihood: float) -> float:
        """Of an answer that others agree with."""
        intercept, slope = self.agreed
        return _logistic(intercept + slope * agreement * likelihood)

    def of_examples(self, share: float, likelihood: float) -> float:
        """Of an answer that passes such a share of the examples."""
        intercept, by_share, by_likelihood = self.shown
        return _logistic(intercept + by_share * share + by_likelihood * likelihood)


@dataclass(frozen=True, slots=True)
class ByResults:
    """A selector that looks at what programs give for the task's inputs.

    Where none was run, `otherwise` decides. `models` are the task's, the cheapest first.
    """

    inputs: tuple[str, ...] = ()
    otherwise: Selector = LIKELIEST
    models: tuple[str, ...] = ()
    runs_programs: ClassVar[bool] = True
    reads_examples: ClassVar[bool] = False

    def of(self, task: Task) -> Selector:
        """With the task's inputs and models; what decides otherwise, where there are no inputs."""
        otherwise = self.otherwise.of(task)
        if not task.inputs:
            return otherwise
        known = replace(self, inputs=task.inputs, otherwise=otherwise, models=models_of(task))
        # Every one of its kinds is a selector; it is the part that they share.
        return cast("Selector", known)


@dataclass(frozen=True, slots=True)
class Agreement(ByResults):
    """The mean share of results that a program has in common with the others, less its NLL.

    Of the inputs those count on which more than half of the programs return something: others are
    mostly no inputs that the task knows. Where no program was run, `otherwise` decides. Answers of
    the strongest model come first, as `LowestNLL` says why, and of one model's, as there, those
    last whose likelihood alone is not known: they have no token.
    """

    belief: Belief | None = None
    name: ClassVar[str] = "agreement"
    reads_logprobs: ClassVar[bool] = True

    def wants(self, candidates: Sequence[Candidate]) -> tuple[Start, ...]:
        """Every program run on every input; one alone has nobody to agree with."""
        return executions(candidates, self.inputs) if len(candidates) > 1 else ()

    def order(self, candidates: Sequence[Candidate]) -> Choice:
        """By verdict, wholeness, model and agreement, then the earlier."""
        if not any(candidate.outputs for candidate in candidates):
            return self.otherwise.order(candidates)
        results = Results.of(candidates, self.inputs)
        shared = results.agreement()

        def by(candidate: Candidate) -> tuple[float, ...]:
            nll = candidate.score(NLL)
            first = results.is_mute(candidate), stronger(self.models, candidate)
            return *first, nll is None, (nll or 0.0) - shared[candidate.id]

        choice = in_order(candidates, by, self.name)
        if self.belief is None or len(candidates) == 1:
            return choice
        best = choice.candidates[0]
        confidence = self.belief.of_agreement(shared[best.id], likelihood(best))
        return replace(choice, confidence=confidence)


@dataclass(frozen=True, slots=True)
class Majority(ByResults):
    """The largest group of programs with the same results throughout, in it the earliest.

    With `weighted` a group weighs what its programs' likelihoods per token come to: voting as "An
    Empirical Analysis of Compute-Optimal Inference" (Wu et al., 2024) has it.
    """

    weighted: bool = False

    @property
    def name(self) -> str:
        """By which it goes in requests and answers."""
        return "weighted" if self.weighted else "majority"

    @property
    def reads_logprobs(self) -> bool:
        """Where they are weights, or decide where no program was run."""
        return self.weighted or self.otherwise.reads_logprobs

    def wants(self, candidates: Sequence[Candidate]) -> tuple[Start, ...]:
        """Every program run on every input; of two, none is a majority."""
        return executions(candidates, self.inputs) if len(candidates) > 2 else ()  # noqa: PLR2004

    def order(self, candidates: Sequence[Candidate]) -> Choice:
        """By verdict, wholeness and the weight of its group, then the earlier."""
        if not any(candidate.outputs for candidate in candidates):
            return self.otherwise.order(candidates)
        results = Results.of(candidates, self.inputs)
        groups, weights = results.texts, defaultdict[tuple[str | None, ...], float](float)
        likely = likelihoods(candidates) if self.weighted else {}
        for candidate in candidates:
            weights[groups[candidate.id]] += likely.get(candidate.id, 1.0)

        def by(candidate: Candidate) -> tuple[float, ...]:
            return results.is_mute(candidate), -weights[groups[candidate.id]]

        return in_order(candidates, by, self.name)


@dataclass(frozen=True, slots=True)
class ByExamples(Deferring):
    """The largest share of the prompt's examples that comes out right; `otherwise` decides ties.

    Shares and not a veto: examples in prompts are wrong now and then.
    """

    examples: tuple[Example, ...] = ()
    otherwise: Selector = Agreement()
    belief: Belief | None = None
    name: ClassVar[str] = "examples"
    runs_programs: ClassVar[bool] = True
    reads_examples: ClassVar[bool] = True

    def of(self, task: Task) -> Selector:
        """With the task's examples; what decides otherwise, where there are none."""
        otherwise = self.otherwise.of(task)
        if not task.examples:
            return otherwise
        return replace(self, examples=task.examples, otherwise=otherwise)

    def wants(self, candidates: Sequence[Candidate]) -> tuple[Start, ...]:
        """What the other wants, which is to run all inputs, or the examples alone."""
        calls = tuple(dict.fromkeys(example.call for example in self.examples))
        wanted = self.otherwise.wants(candidates)
        return wanted or (executions(candidates, calls) if len(candidates) > 1 else ())

    def order(self, candidates: Sequence[Candidate]) -> Choice:
        """By verdict, wholeness and share, then as the other has them.

        Where all have one share, the other has chosen; how probable it is that the choice is right,
        examples tell all the same: answers that agree in failing them all are none the better.
        """
        shares = {c.id: share_right(c, self.examples) for c in candidates}
        choice = self.otherwise.order(candidates)
        if not any(candidate.outputs for candidate in candidates):
            return choice
        if len(candidates) > 1 and len(set(shares.values())) == 1:
            return self._believed(choice, shares)
        place = {candidate.id: at for at, candidate in enumerate(choice.candidates)}
        ordered = in_order(candidates, lambda c: (-shares[c.id], place.get(c.id, 0)), self.name)
        if ordered.selected_by not in {self.name, "single"}:
            return ordered
        return self._believed(replace(ordered, selected_by=self.name), shares)

    def _believed(self, choice: Choice, shares: Mapping[int, float]) -> Choice:
        """The choice, with how probable it is that it is right, by the examples that it passes."""
        if self.belief is None:
            return choice
        best = choice.candidates[0]
        confidence = self.belief.of_examples(shares[best.id], likelihood(best))
        return replace(choice, confidence=confidence)


@dataclass(frozen=True, slots=True)
class Results:
    """What candidates gave for the inputs that count, in one order: None where one gave nothing."""

    inputs: tuple[str, ...]
    given: Mapping[int, tuple[Output | None, ...]]

    @classmethod
    def of(cls, candidates: Sequence[Candidate], inputs: Sequence[str]) -> Results:
        """Of these candidates. Inputs on which at least half return nothing do not count.

        Where that would leave none, all count.
        """
        known = [candidate for candidate in candidates if candidate.outputs]
        telling = tuple(call for call in inputs if 2 * _returned(known, call) > len(known))
        kept = telling or tuple(inputs)
        given = {c.id: tuple(c.outputs.get(call) for call in kept) for c in candidates}
        return cls(kept, given)

    @property
    def texts(self) -> dict[int, tuple[str | None, ...]]:
        """The results alone."""
        return {
            at: tuple(None if output is None else output.text for output in outputs)
            for at, outputs in self.given.items()
        }

    def is_mute(self, candidate: Candidate) -> bool:
        """Whether it returned nothing, on any of the inputs."""
        return not any(
            output is not None and output.returned for output in self.given[candidate.id]
        )

    def agreement(self) -> dict[int, float]:
        """The mean share of its results that a candidate has in common with each other one."""
        others = len(self.given) - 1
        if not others or not self.inputs:
            return dict.fromkeys(self.given, 0.0)
        counts = [Counter(column) for column in zip(*self.given.values(), strict=True)]
        return {
            at: sum(
                counts[column][output] - 1
                for column, output in enumerate(outputs)
                if output is not None
            )
            / (others * len(self.inputs))
            for at, outputs in self.given.items()
        }


def executions(candidates: Sequence[Candidate], inputs: Sequence[str]) -> tuple[Execute, ...]:
    """The command that runs the candidates on the inputs that they were not run on yet."""
    whole = [candidate for candidate in candidates if not candidate.partial]
    new = tuple(c for c in whole if any(call not in c.outputs for call in inputs))
    missing = tuple(call for call in inputs if any(call not in c.outputs for c in new))
    return (Execute(new, missing),) if new else ()


def likelihood(candidate: Candidate) -> float:
    """Per token, by the candidate's own model; 1 where nobody knows it."""
    return math.exp(-(candidate.score(NLL) or 0.0))


def likelihoods(candidates: Sequence[Candidate]) -> dict[int, float]:
    """Of each, by its id, as `likelihood`; 0 where it is not known, and that of others is."""
    known = any(candidate.score(NLL) is not None for candidate in candidates)
    return {
        each.id: 0.0 if known and each.score(NLL) is None else likelihood(each)
        for each in candidates
    }


def share_right(candidate: Candidate, examples: Sequence[Example]) -> float:
    """The share of the examples that a candidate's program gets right; 0 where it was not run."""
    right = [_is_right(candidate.outputs.get(each.call), each) for each in examples]
    return sum(right) / len(right) if right else 0.0


def _is_right(output: Output | None, example: Example) -> bool:
    return output is not None and output.returned and output.text == example.expected


def _returned(candidates: Sequence[Candidate], call: str) -> int:
    outputs = (candidate.outputs.get(call) for candidate in candidates)
    return sum(output is not None and output.returned for output in outputs)


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
