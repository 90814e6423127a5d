import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.cost import Architecture, CostModel, FlatRate, UnknownCost

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
