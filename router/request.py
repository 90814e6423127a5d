"""What a request is, once understood: plain values that every floor may import.

Nothing here reads JSON or performs anything. The dialects of `router.http` build these values, the
gateway settles on policy and models by them, the plan's run performs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from policies.values import UNLIMITED, Budget, Verdict
from sandbox import Integrity, Limits, Tests

AUTO: Final = "auto"
"""The model that leaves the choice to the policy, and the policy that is taken by default."""


@dataclass(frozen=True, slots=True)
class TextPrompt:
    """Text to complete. With a suffix, the answer belongs between the two (fill in the middle).

    `extra` are other files of the repository: a name and the text of each.
    """

    text: str
    suffix: str | None = None
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TokenPrompt:
    """Text to complete as token numbers, which mean something to one model's tokenizer only."""

    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """A conversation, in the OpenAI message format, as it came, and what its answer may call.

    `fields` are the client's other ones, as they came: of some a template makes more of a prompt.
    """

    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)


Prompt: TypeAlias = TextPrompt | TokenPrompt | ChatPrompt


@dataclass(frozen=True, slots=True)
class PromptLength:
    """Tokens of a prompt. With a `bound`, which it cannot exceed, they are only an estimate."""

    tokens: int
    bound: int | None = None

    @property
    def most(self) -> int:
        """What is reserved for the prompt."""
        return self.tokens if self.bound is None else self.bound


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """What every draw of one request has in common.

    `passed_on` are the client's own fields (`stop`, `seed`, unknown ones), sent as they came;
    `logprobs` is how many alternatives per token are wanted, None if no log-probabilities. `asked`
    are the fields that the client set, by the names that servers have for them: for any other that
    a server refuses, the client is not to blame. With `echo` the server itself puts the prompt
    before its answer: only it knows the log-probabilities of a prompt, and the text of token
    numbers. `until` is what stands after a gap: an answer that says it has gone past its end. After
    its `deadline` (event loop's clock) nobody waits for it. `caller` is who asks. Fields that are
    `hints` came by the endpoint of one server, and tell that server's sampler and cache what to do:
    one that knows OpenAI's API alone is not sent them, and would refuse them.
    """

    prompt: Prompt
    passed_on: Mapping[str, Any] = field(default_factory=dict)
    logprobs: int | None = None
    asked: frozenset[str] = frozenset()
    echo: bool = False
    until: str | None = None
    deadline: float | None = None
    caller: str | None = None
    hints: frozenset[str] = frozenset()

    @property
    def scores_prompt(self) -> bool:
        """Whether the server is to tell the log-probabilities of the prompt's own tokens."""
        return self.echo or self.passed_on.get("prompt_logprobs") is not None


@dataclass(frozen=True, slots=True)
class TestRequest:
    """The caller's tests, the limits they run under, and the least integrity that counts."""

    __test__ = False

    tests: Tests
    limits: Limits
    min_integrity: Integrity = Integrity.SHARED


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the tests said of one program, and how far that can be trusted.

    `passed_checks` of the tests' `checks` came out right; None where nobody counted.
    """

    verdict: Verdict
    status: str
    integrity: str | None = None
    message: str = ""
    checks: int | None = None
    passed_checks: int | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """How an answer fits between a prompt and its suffix, by scores of which lower is better.

    The first `kept` characters are the answer; with what comes after them it has gone past its gap.
    """

    kept: int
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class BudgetRequest:
    """What a request says of its budget: the effective one, and the policy it names.

    `given` says whether header or body named a budget at all.
    """

    budget: Budget
    policy: str
    given: bool


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """One prompt of a request, understood. `n` is the number of choices wanted.

    `echo` puts the prompt's text before each of them. `select` names what orders answers that no
    tests judge; None is the policy's own. `answer_fields` are the only ones that the
    client wants of an answer, where it names some and its endpoint lets it. `caller` is who asks:
    callers share what is scarce.
    """

    sampling: SampleRequest
    budget: BudgetRequest
    model: str = AUTO
    n: int = 1
    max_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    tests: TestRequest | None = None
    stream: bool = False
    include_usage: bool = False
    echo: bool = False
    explain: bool = False
    select: str | None = None
    answer_fields: tuple[str, ...] = ()
    caller: str = ""

    @property
    def prompt(self) -> Prompt:
        """What is asked."""
        return self.sampling.prompt

    @property
    def kind(self) -> str:
        """What its answers are like, as far as the shape of a request tells."""
        match self.prompt:
            case ChatPrompt():
                return "chat"
            case TextPrompt(suffix=suffix):
                return "text" if suffix is None else "fill"
            case TokenPrompt():
                return "text"

    @property
    def top_p(self) -> float | None:
        """The caller's nucleus; None also for what is no number: the server refuses that."""
        top_p = self.sampling.passed_on.get("top_p")
        number = isinstance(top_p, int | float) and not isinstance(top_p, bool)
        return top_p if number else None

    @property
    def detailed(self) -> bool:
        """Whether the answer carries the `router` object; a stream's last chunk often does."""
        return self.explain or (self.stream and (self.budget.given or self.tests is not None))


@dataclass(frozen=True, slots=True)
class Alias:
    """What a name stands for that clients send as `model`; what the request says itself wins."""

    model: str = AUTO
    policy: str | None = None
    budget: Budget = UNLIMITED


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What the operator allows a request to ask for, and what aliases make of it."""

    max_n: int = 64
    max_prompts: int = 256
    max_tests_bytes: int = 2**20
    default_budget: Budget = UNLIMITED
    max_budget: Budget = UNLIMITED
    sandbox_caps: Limits = field(default_factory=Limits)
    aliases: Mapping[str, Alias] = field(default_factory=dict)

    def meant_by(self, model: str) -> Alias:
        """What the name of a model stands for: itself, where it is no alias."""
        return self.aliases.get(model) or Alias(model)
