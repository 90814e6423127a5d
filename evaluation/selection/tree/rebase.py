"""REBASE, a reward-balanced tree search, as a decision: which beginnings go on, and how often.

"Inference Scaling Laws: An Empirical Analysis of Compute-Optimal Inference for LLM Problem-Solving"
(Wu et al., arXiv 2408.00724; earlier "An Empirical Analysis of Compute-Optimal Inference for
Problem-Solving with Language Models"). Its reward-balanced search draws N first steps. In round i
it rewards all nodes of that depth; the C_i that are whole answers leave the tree and lower the
width, B_i = B_(i-1) - C_i, until none is left; and node j of the others is given

    W_j = Round(B_i · exp(R_j / T_b) / Σ_k exp(R_k / T_b))

children. Rounded one by one these need not come to B_i: here they do, by largest remainders, each
less than one from its share. The paper's reward is a trained model's; the one here needs no
training: the mean log-probability of all tokens of a beginning, in nats.

Nothing is asked here, and nothing drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from policies.values import NLL


@dataclass(frozen=True, slots=True)
class Rules:
    """How a tree is searched.

    `width` (N) is how many answers it comes to, `temperature` (T_b) balances between all beginnings
    alike (high) and the best alone (low). A `step` is as many tokens at most, and no answer has
    more than `most_tokens`. Raises ValueError for what no tree can be searched by.
    """

    width: int
    temperature: float
    step: int
    most_tokens: int

    def __post_init__(self) -> None:
        if min(self.width, self.step, self.most_tokens) < 1:
            raise ValueError("width, step and most_tokens: at least 1 of each")
        if not 0 < self.temperature < math.inf:
            raise ValueError("the temperature must be a positive, finite number")


@dataclass(frozen=True, slots=True)
class Beginning:
    """A program as far as it goes: its text, its tokens, and the log-probability of these."""

    text: str = ""
    tokens: int = 0
    logprob: float = 0.0

    @property
    def reward(self) -> float:
        """Mean log-probability of a token, in nats; that of no token is the best there is."""
        return self.logprob / self.tokens if self.tokens else 0.0


@dataclass(frozen=True, slots=True)
class Node:
    """What one more step has made of a beginning: `whole`, and as far as whole `lines` go.

    `ending` is how an answer ended; None where it is to go on.
    """

    whole: Beginning
    lines: Beginning
    ending: str | None = None


@dataclass(frozen=True, slots=True)
class Expansion:
    """So many children of a beginning, of so many tokens at most."""

    start: Beginning
    n: int
    most_tokens: int


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree after some rounds: the `leaves` that go on, and the answers it has come to."""

    rules: Rules
    leaves: tuple[Node, ...]
    answers: tuple[Node, ...] = ()
    rounds: int = 0

    @classmethod
    def planted(cls, rules: Rules) -> Tree:
        """A root, which is nothing said yet."""
        return cls(rules, (Node(Beginning(), Beginning()),))

    @property
    def width(self) -> int:
        """How many answers are still to come."""
        return self.rules.width - len(self.answers)

    @property
    def expansions(self) -> tuple[Expansion, ...]:
        """What the next round draws; nothing where all answers are there.

        A leaf with several children is gone on with from the end of its last whole line, so that
        its children have a line to differ in; with one, from where it stands: nothing is lost.
        """
        if not self.width:
            return ()
        rewards = [leaf.whole.reward for leaf in self.leaves]
        given = balanced(rewards, self.width, self.rules.temperature)
        starts = [
            (leaf.whole if n == 1 else leaf.lines, n)
            for leaf, n in zip(self.leaves, given, strict=True)
        ]
        return tuple(Expansion(start, n, self._room(start)) for start, n in starts if n)

    def grown(self, children: Sequence[Node]) -> Tree:
        """After a round with these children. Raises ValueError where they are not its `width`."""
        if len(children) != self.width:
            raise ValueError(f"{len(children)} children, and {self.width} were to come")
        return replace(
            self,
            leaves=tuple(child for child in children if child.ending is None),
            answers=(*self.answers, *(child for child in children if child.ending is not None)),
            rounds=self.rounds + 1,
        )

    def _room(self, start: Beginning) -> int:
        return min(self.rules.step, self.rules.most_tokens - start.tokens)


def balanced(rewards: Sequence[float], width: int, temperature: float) -> tuple[int, ...]:
    """How many children each node has, in order: by the softmax of rewards, `width` in all.

    A node is given no fewer than one of a smaller reward; of equal ones the first may have one
    more. Raises ValueError for no node.
    """
    best = max(rewards)
    weights = [math.exp((reward - best) / temperature) for reward in rewards]
    total = math.fsum(weights)
    shares = [width * weight / total for weight in weights]
    given = [math.floor(share) for share in shares]
    by_remainder = sorted(
        range(len(shares)), key=lambda at: (given[at] - shares[at], -rewards[at], at)
    )
    for at in by_remainder[: width - sum(given)]:
        given[at] += 1
    return tuple(given)


def score_of(answer: Node) -> dict[str, float]:
    """The score that an answer's own model gives it; none where it has no token."""
    return {NLL: -answer.whole.reward} if answer.whole.tokens else {}
