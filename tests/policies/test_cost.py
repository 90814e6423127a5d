import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.cost import (
    Architecture,
    CostModel,
    EncoderDecoder,
    FlatRate,
    UnknownCost,
    cacheable,
)

SMALL = Architecture(
    body_params=357_826_560, head_params=136_134_656, layers=24, attention_width=896
)
COST = CostModel({"small": SMALL, "flat": FlatRate(1e9)})

tokens = st.integers(0, 2000)
models = st.sampled_from(["small", "flat"])


def test_exact_formula_by_hand() -> None:
    # P = 3, samples of 2 and 1 tokens: contexts 1+2+3, 4+5 and 4.
    context = (1 + 2 + 3) + (4 + 5) + 4
    body, head = SMALL.body_params, SMALL.head_params
    expected = 2 * body * (3 + 3) + 2 * head * (1 + 3) + 4 * 24 * 896 * context
    assert COST.draw("small", 3, [2, 1]) == expected


def test_samples_share_the_prefill() -> None:
    together = COST.draw("small", 100, [10, 10])
    apart = 2 * COST.draw("small", 100, [10])
    assert apart - together == COST.prefill("small", 100)


def test_paper_basis_is_the_linear_layers_at_128() -> None:
    assert SMALL.paper() == 2 * (SMALL.body_params + SMALL.head_params) * 128


@given(models, tokens, st.lists(st.integers(0, 300), min_size=1, max_size=8), st.integers(0, 300))
def test_ceiling_bounds_every_draw_and_one_token_too_many(
    model: str, prompt: int, drawn: list[int], limit: int
) -> None:
    within = [min(sample, limit) for sample in drawn]
    ceiling = COST.ceiling(model, prompt, len(drawn), limit)
    for overrunning in range(len(within)):
        overrun = [*within]
        overrun[overrunning] = limit + 1
        assert COST.draw(model, prompt, overrun) <= ceiling


def test_a_ceiling_is_no_more_than_can_be_spent() -> None:
    """Above it lies nothing: what is reserved for nothing buys nothing."""
    assert COST.ceiling("small", 100, 3, 20) == COST.draw("small", 100, [21, 20, 20])
    hit = COST.ceiling("small", 100, 3, 60, cached_tokens=99)
    assert hit == COST.draw("small", 100, [61, 60, 60], 99)
    # A prompt that is gone costs more than these few tokens, and one token of each is seen first.
    assert COST.ceiling("small", 100, 3, 4, 99) == COST.draw("small", 100, [2, 1, 1])


@given(models, tokens, st.integers(1, 300), st.floats(0, 1e15), st.integers(0, 32))
def test_samples_within_is_the_largest_that_fits(
    model: str, prompt: int, limit: int, flops: float, at_most: int
) -> None:
    n = COST.samples_within(model, prompt, limit, flops, at_most)
    assert 0 <= n <= at_most
    assert n == 0 or COST.ceiling(model, prompt, n, limit) <= flops
    assert n == at_most or COST.ceiling(model, prompt, n + 1, limit) > flops


@given(models, tokens, st.floats(0, 1e15), st.integers(0, 4000))
def test_tokens_within_is_the_largest_that_fits(
    model: str, prompt: int, flops: float, at_most: int
) -> None:
    limit = COST.tokens_within(model, prompt, flops, at_most)
    assert limit == 0 or COST.ceiling(model, prompt, 1, limit) <= flops
    assert limit == at_most or COST.ceiling(model, prompt, 1, limit + 1) > flops


def test_an_unknown_model_has_no_cost() -> None:
    with pytest.raises(UnknownCost, match="its FLOPs per token"):
        COST.draw("other", 1, [1])


def test_cached_prefill_by_hand() -> None:
    # P = 5 of which 3 are cached: contexts 4 and 5, and the head once.
    body, head = SMALL.body_params, SMALL.head_params
    expected = 2 * body * 2 + 2 * head + 4 * 24 * 896 * (4 + 5)
    assert COST.prefill("small", 5, 3) == expected
    assert COST.prefill("flat", 5, 3) == 2e9
    assert COST.draw("small", 5, [2, 1], 3) == expected + COST.decode("small", 5, 2) + COST.decode(
        "small", 5, 1
    )


@given(models, st.integers(1, 2000), st.integers(0, 2000))
def test_what_is_cached_is_saved_and_nothing_else(model: str, prompt: int, cached: int) -> None:
    """Reading a prompt in two parts costs what it costs at once, but for a second output head."""
    cached = min(cached, prompt - 1)
    rest = COST.prefill(model, prompt, cached)
    head = 2 * SMALL.head_params if model == "small" else 0
    first = COST.prefill(model, cached) - head if cached else 0.0
    assert first + rest == pytest.approx(COST.prefill(model, prompt))


@given(models, tokens, st.integers(-5, 4000))
def test_the_last_token_is_computed_whatever_is_said(model: str, prompt: int, told: int) -> None:
    least = COST.prefill(model, prompt, prompt)
    assert least == COST.prefill(model, prompt, prompt - 1)
    assert least <= COST.prefill(model, prompt, told) <= COST.prefill(model, prompt)
    assert 0 <= cacheable(prompt, told) <= max(0, prompt - 1)
    assert prompt == 0 or least > 0


@given(models, tokens, st.lists(st.integers(0, 300), min_size=1, max_size=8), st.integers(0, 2500))
def test_a_ceiling_that_counts_on_a_cache_bounds_hits_and_the_first_tokens_of_a_miss(
    model: str, prompt: int, drawn: list[int], cached: int
) -> None:
    limit = max(1, *drawn)
    whole = COST.ceiling(model, prompt, len(drawn), limit)
    ceiling = COST.ceiling(model, prompt, len(drawn), limit, cached)
    assert COST.draw(model, prompt, drawn, cached) <= ceiling <= whole
    assert COST.draw(model, prompt, [1] * len(drawn)) <= ceiling
    assert COST.ceiling(model, prompt, len(drawn), limit, 0) == whole


@given(models, tokens, st.floats(0, 1e15), st.integers(0, 32), st.integers(0, 2500))
def test_sizes_that_count_on_a_cache_are_the_largest_that_fit(
    model: str, prompt: int, flops: float, at_most: int, cached: int
) -> None:
    n = COST.samples_within(model, prompt, 40, flops, at_most, cached_tokens=cached)
    assert n >= COST.samples_within(model, prompt, 40, flops, at_most)
    assert n == 0 or COST.ceiling(model, prompt, n, 40, cached) <= flops
    assert n == at_most or COST.ceiling(model, prompt, n + 1, 40, cached) > flops
    limit = COST.tokens_within(model, prompt, flops, at_most, cached_tokens=cached)
    assert limit >= COST.tokens_within(model, prompt, flops, at_most)
    assert limit == 0 or COST.ceiling(model, prompt, 1, limit, cached) <= flops
    assert limit == at_most or COST.ceiling(model, prompt, 1, limit + 1, cached) > flops


def test_an_encoder_and_a_decoder_by_hand() -> None:
    scorer = EncoderDecoder(100, 30, 20, 2, 3, 4, longest=512)
    linear = 2 * (100 * 10 + (30 + 20) * 2)
    attention = 4 * 4 * (2 * 10 * 10 + 3 * (2 * 10 + 1 + 2))  # all see all, then what was said
    assert scorer.score(10, 2) == linear + attention


def test_a_scorer_has_a_cost_where_it_scores_and_draws_nothing() -> None:
    scorer = EncoderDecoder(100, 30, 20, 2, 3, 4, longest=512)
    cost = CostModel({}, scorers={"s": scorer})
    assert cost.knows("s")
    assert cost.score("s", 10, 2) == scorer.score(10, 2)
    with pytest.raises(UnknownCost):
        cost.prefill("s", 1)


@given(st.integers(1, 2000), st.integers(0, 2000), st.lists(st.integers(0, 300), min_size=1))
def test_a_prompt_that_is_scored_has_the_head_at_each_of_its_tokens(
    prompt: int, cached: int, drawn: list[int]
) -> None:
    scoring = CostModel(COST.rates, scores_prompts=True)
    more = 2 * SMALL.head_params * (prompt - 1)
    spent = scoring.draw("small", prompt, drawn, cached)
    assert spent == pytest.approx(COST.draw("small", prompt, drawn) + more)
    assert scoring.draw("flat", prompt, drawn) == COST.draw("flat", prompt, drawn)
    assert scoring.ceiling("small", prompt, len(drawn), 300) >= spent


@given(tokens, tokens)
def test_scoring_a_text_has_the_head_at_all_that_is_read(read: int, scored: int) -> None:
    whole = read + scored
    linear = 2 * (SMALL.body_params + SMALL.head_params) * whole
    attention = 4 * SMALL.layers * SMALL.attention_width * whole * (whole + 1) // 2
    assert COST.score("small", read, scored) == linear + attention
