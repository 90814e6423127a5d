"""A verifier's say: how probable it is that a program is right, summed over those that do the same.

The verifier is a small model that was trained on other problems; it reads prompt, program and what
the program gave, and is no business of this module: its scores come as a ranking.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from policies.protocol import Rank, Start
from policies.selection.executions import ByResults, Results, executions, likelihoods
from policies.selectors import in_order, stronger
from policies.values import Candidate, Choice

LEVER: Final = "lever"
"""The score of a verifier: the negative logarithm of the probability that a program is right.

The ranking that asks for it names this as its model. It has a price where it is a language model
(`EncoderDecoder`). Else none is known, and it costs no FLOPs: a compact encoder reads a bag of
hashed tokens and does some 50 000 operations for a program, less than a ten-thousandth of what one
token of the smallest generator takes.
"""


@dataclass(frozen=True, slots=True)
class Lever(ByResults):
    """The group of programs with equal results that is most probably right, in it the likeliest.

    A group weighs the sum over its programs of P_LM(program | prompt) x P(right | prompt, program,
    results): the reranking score of LEVER (Ni et al., 2023, section 2), which is the joint
    probability of a program and of its being right, summed over the programs with its results.
    P_LM is the likelihood per token, as everywhere here (Eq. 7): by that of whole texts one short
    program outweighs any group. Samples that say the same count as often as they were drawn.

    A verifier tells programs apart by how the others behave, too: so all are scored together.
    Where it scored none, `otherwise` decides. Answers of the strongest model come first, as
    `LowestNLL` says why.
    """

    name: ClassVar[str] = LEVER
    reads_logprobs: ClassVar[bool] = True

    def wants(self, candidates: Sequence[Candidate]) -> tuple[Start, ...]:
        """Every program run on every input, and then all of them scored together."""
        whole = tuple(candidate for candidate in candidates if not candidate.partial)
        if len(whole) < 2:  # noqa: PLR2004 one alone is chosen in any case
            return ()
        run = executions(whole, self.inputs)
        unknown = any(candidate.score(LEVER) is None for candidate in whole)
        return (*run, Rank(LEVER, whole)) if run or unknown else ()

    def order(self, candidates: Sequence[Candidate]) -> Choice:
        """By verdict, wholeness, model and the weight of its group, then by likelihood."""
        if all(candidate.score(LEVER) is None for candidate in candidates):
            return self.otherwise.order(candidates)
        likely = likelihoods(candidates)
        results = Results.of(candidates, self.inputs)
        texts, weights = results.texts, defaultdict[Hashable, float](float)
        # Programs that were not run do nothing that is known, and so not the same.
        groups = {c.id: texts[c.id] if c.outputs else c.id for c in candidates}
        for candidate in candidates:
            weights[groups[candidate.id]] += likely[candidate.id] * _right(candidate)

        def by(candidate: Candidate) -> tuple[float, ...]:
            first = results.is_mute(candidate), stronger(self.models, candidate)
            return *first, -weights[groups[candidate.id]], -likely[candidate.id]

        return in_order(candidates, by, self.name)


def _right(candidate: Candidate) -> float:
    """The probability that a program is right; 0 where no verifier said it."""
    score = candidate.score(LEVER)
    return 0.0 if score is None else math.exp(-score)
