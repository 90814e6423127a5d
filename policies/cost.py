"""What a call costs: in FLOPs, from a model's architecture alone, and in seconds, as forecast.

The *exact* basis charges what a request really computes: the prompt once per upstream request
(its samples share the prefill) and every generated token. Two FLOPs per weight and token, plus
attention, which grows with the context:

    2·N_body·(P + ΣG) + 2·N_head·(1 + ΣG) + 4·L·d·Σcontext

Prompt tokens that a server has in its cache are not computed, so they cost nothing; the others
still look back at them. A prompt's last token is computed in any case: the answer begins there.

The *paper* basis charges every sample the same: the linear layers, output head included, at a
sequence length of 128 ("The Larger the Better?", section 2.3 and Table 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from policies.forecast import Forecast

PAPER_SEQUENCE_LENGTH: Final = 128
"""Tokens of a sample, prompt included, as the paper counts."""


class UnknownCost(LookupError):
    """A model's FLOPs are not known, so no FLOPs budget can bind on it."""

    def __init__(self, model: str) -> None:
        super().__init__(
            f"the FLOPs of model {model!r} are unknown: give its config.json, its GGUF file or "
            "its FLOPs per token in the configuration, or send no FLOPs budget"
        )


@dataclass(frozen=True, slots=True)
class Architecture:
    """The sizes that decide a transformer's cost.

    `body_params` counts the weights of the linear layers inside the blocks, `head_params` those
    of the output head (vocabulary by width, also where it is tied to the embedding), `layers` the
    blocks, and `attention_width` the query width of one block (heads times head size).
    """

    body_params: int
    head_params: int
    layers: int
    attention_width: int

    def prefill(self, prompt_tokens: int, cached_tokens: int = 0) -> float:
        """FLOPs of one pass over the prompt's new tokens, with the head at its last position."""
        cached = cacheable(prompt_tokens, cached_tokens)
        new = prompt_tokens - cached
        context = prompt_tokens * (prompt_tokens + 1) // 2 - cached * (cached + 1) // 2
        return 2 * (self.body_params * new + self.head_params) + self._attention(context)

    def decode(self, prompt_tokens: int, completion_tokens: int) -> float:
        """FLOPs of one sample's generated tokens after a prompt."""
        context = (
            completion_tokens * prompt_tokens + completion_tokens * (completion_tokens + 1) // 2
        )
        linear = 2 * (self.body_params + self.head_params) * completion_tokens
        return linear + self._attention(context)

    def paper(self, sequence_length: int = PAPER_SEQUENCE_LENGTH) -> float:
        """FLOPs of one sample on the paper's basis."""
        return 2.0 * (self.body_params + self.head_params) * sequence_length

    def _attention(self, context: int) -> float:
        return float(4 * self.layers * self.attention_width * context)


@dataclass(frozen=True, slots=True)
class FlatRate:
    """A model of which only the FLOPs per token are known: attention is not told apart."""

    flops_per_token: float

    def prefill(self, prompt_tokens: int, cached_tokens: int = 0) -> float:
        """FLOPs of one pass over the prompt's new tokens."""
        return self.flops_per_token * (prompt_tokens - cacheable(prompt_tokens, cached_tokens))

    def decode(self, prompt_tokens: int, completion_tokens: int) -> float:  # noqa: ARG002 same shape as Architecture
        """FLOPs of one sample's generated tokens, the same after any prompt."""
        return self.flops_per_token * completion_tokens


Rate: TypeAlias = Architecture | FlatRate


@dataclass(frozen=True, slots=True)
class EncoderDecoder:
    """The sizes of a model that scores words of its own after a text: an encoder, and a decoder.

    `read_params` count the weights of the linear layers that work on each token of the text: the
    encoder's, and those by which the decoder makes keys and values of it. `said_params` are the
    decoder's other ones, `head_params` those of the output head, and `attention_width` the query
    width of one block. It reads `longest` tokens at most: the rest of a text is cut.
    """

    read_params: int
    said_params: int
    head_params: int
    encoder_layers: int
    decoder_layers: int
    attention_width: int
    longest: int

    def score(self, prompt_tokens: int, completion_tokens: int) -> float:
        """FLOPs of one pass over a text, all of whose tokens see each other, and what is said."""
        read, said = prompt_tokens, completion_tokens
        linear = self.read_params * read + (self.said_params + self.head_params) * said
        seen = self.encoder_layers * read * read
        seen += self.decoder_layers * (said * read + said * (said + 1) // 2)
        return float(2 * linear + 4 * self.attention_width * seen)


@dataclass(frozen=True, slots=True)
class CostModel:
    """What draws cost, per model.

    FLOPs by `rates`: what counts them raises `UnknownCost` for a model without one. Seconds by
    `forecasts`: a model without one takes none, since nothing speaks against it yet. `scorers` draw
    nothing, and have FLOPs where they score. Where it `scores_prompts`, the head is computed at
    each token of a prompt, of which nothing can be cached.
    """

    rates: Mapping[str, Rate]
    forecasts: Mapping[str, Forecast] = field(default_factory=dict)
    scorers: Mapping[str, EncoderDecoder] = field(default_factory=dict)
    scores_prompts: bool = False

    def knows(self, model: str) -> bool:
        """Whether FLOPs budgets can bind on this model."""
        return model in self.rates or model in self.scorers

    def prefill(self, model: str, prompt_tokens: int, cached_tokens: int = 0) -> float:
        """FLOPs of one pass over what of the prompt is not cached."""
        scored, rate = self.scores_prompts, self._rate(model)
        return (
            rate.decode(0, prompt_tokens) if scored else rate.prefill(prompt_tokens, cached_tokens)
        )

    def decode(self, model: str, prompt_tokens: int, completion_tokens: int) -> float:
        """FLOPs of one sample's generated tokens."""
        return self._rate(model).decode(prompt_tokens, completion_tokens)

    def draw(
        self,
        model: str,
        prompt_tokens: int,
        completion_tokens: Sequence[int],
        cached_tokens: int = 0,
    ) -> float:
        """FLOPs of one upstream request: the prompt once, then each sample's tokens."""
        return self.prefill(model, prompt_tokens, cached_tokens) + sum(
            self.decode(model, prompt_tokens, tokens) for tokens in completion_tokens
        )

    def score(self, model: str, prompt_tokens: int, completion_tokens: int) -> float:
        """FLOPs of scoring a completion that another model may have written.

        A server that scores what it reads computes the head at all of it; a scorer reads first.
        """
        if (scorer := self.scorers.get(model)) is not None:
            return scorer.score(prompt_tokens, completion_tokens)
        return self._rate(model).decode(0, prompt_tokens + completion_tokens)

    def ceiling(
        self, model: str, prompt_tokens: int, n: int, max_tokens: int, cached_tokens: int = 0
    ) -> float:
        """The most that a draw of `n` samples of at most `max_tokens` each can cost.

        It includes one token more: an upstream that overruns a limit is aborted at the first token
        too many, and that token has been paid for.

        `cached_tokens` are those that the draw counts on (`Done.kept_tokens` says how many it may).
        If they are not there after all, the prompt is computed, and the draw cut where that ends:
        the ceiling covers this too.
        """
        rate = self._rate(model)
        most = self.prefill(model, prompt_tokens, cached_tokens)
        most += rate.decode(prompt_tokens, max_tokens + 1)
        if n > 1:
            most += (n - 1) * rate.decode(prompt_tokens, max_tokens)
        if cached_tokens <= 0:
            return most
        return max(most, self.ceiling(model, prompt_tokens, n, min(1, max_tokens)))

    def samples_within(
        self,
        model: str,
        prompt_tokens: int,
        max_tokens: int,
        flops: float,
        at_most: int,
        *,
        cached_tokens: int = 0,
    ) -> int:
        """The largest n up to `at_most` whose ceiling fits `flops`; 0 if not even one does."""

        def fits(n: int) -> bool:
            return self.ceiling(model, prompt_tokens, n, max_tokens, cached_tokens) <= flops

        return _largest(at_most, fits)

    def tokens_within(
        self,
        model: str,
        prompt_tokens: int,
        flops: float,
        at_most: int,
        *,
        n: int = 1,
        cached_tokens: int = 0,
    ) -> int:
        """The largest max_tokens up to `at_most` at which the ceiling of n samples fits `flops`."""

        def fits(tokens: int) -> bool:
            return self.ceiling(model, prompt_tokens, n, tokens, cached_tokens) <= flops

        return _largest(at_most, fits)

    def seconds(self, model: str, prompt_tokens: int, n: int, max_tokens: int) -> float:
        """What a draw takes where its longest sample has `max_tokens`; 0 where nobody knows."""
        forecast = self.forecasts.get(model)
        return 0.0 if forecast is None else forecast.seconds(prompt_tokens, n, max_tokens)

    def usual_tokens(self, model: str, max_tokens: int) -> int:
        """A length that few of the model's answers exceed, `max_tokens` where none is known."""
        forecast = self.forecasts.get(model)
        usual = None if forecast is None else forecast.usual_tokens
        return max_tokens if usual is None else min(usual, max_tokens)

    def samples_in_time(
        self, model: str, prompt_tokens: int, tokens: int, seconds: float, at_most: int
    ) -> int:
        """The largest n up to `at_most` that ends in time; 0 if not even one sample does."""
        if model not in self.forecasts:
            return at_most
        return _largest(at_most, lambda n: self.seconds(model, prompt_tokens, n, tokens) <= seconds)

    def tokens_in_time(
        self, model: str, prompt_tokens: int, n: int, seconds: float, at_most: int
    ) -> int:
        """The largest max_tokens up to `at_most` at which n samples end in time."""
        if model not in self.forecasts:
            return at_most
        return _largest(at_most, lambda m: self.seconds(model, prompt_tokens, n, m) <= seconds)

    def _rate(self, model: str) -> Rate:
        try:
            return self.rates[model]
        except KeyError:
            raise UnknownCost(model) from None


def cacheable(prompt_tokens: int, cached_tokens: int) -> int:
    """How many of a prompt's tokens can have come from a cache: all but the last, at most."""
    return max(0, min(cached_tokens, prompt_tokens - 1)) if cached_tokens else 0


def _largest(at_most: int, fits: Callable[[int], bool]) -> int:
    """The largest number in 0..at_most that fits, where everything below a fit also fits."""
    if at_most > 0 and fits(at_most):  # mostly so
        return at_most
    low, high = 0, at_most
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low
