import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.gateway.recount import CannotRecount, cost_from_json, rate_to_json, recounted_flops
from policies.cost import Architecture, CostModel, FlatRate

sizes = st.integers(1, 10**10)
rates = st.one_of(
    st.builds(Architecture, sizes, sizes, st.integers(1, 200), st.integers(1, 20_000)),
    st.builds(FlatRate, st.floats(1, 1e12)),
)
models = st.dictionaries(st.sampled_from("abc"), rates, min_size=1)
commands = st.lists(
    st.fixed_dictionaries(
        {
            "model": st.sampled_from("abc"),
            "prompt_tokens": st.integers(0, 5000),
            "cached_tokens": st.none() | st.integers(0, 6000),
            "completion_tokens": st.lists(st.integers(0, 2000), max_size=8),
            "flops": st.floats(0, 1),
        }
    ),
    max_size=6,
)


@given(models, commands)
def test_a_recount_is_the_cost_model_s_sum_and_survives_json(known, asked):
    cost = CostModel(known)
    asked = [command for command in asked if command["model"] in known]
    header = json.loads(json.dumps({name: rate_to_json(rate) for name, rate in known.items()}))
    read = json.loads(json.dumps(asked)), cost_from_json(header)
    for with_cache in (True, False):
        expected = math.fsum(
            cost.draw(
                c["model"],
                c["prompt_tokens"],
                c["completion_tokens"],
                (with_cache and c["cached_tokens"]) or 0,
            )
            for c in asked
        )
        assert recounted_flops(*read, with_cache=with_cache) == expected


@pytest.mark.parametrize("told", [{}, {"cached_tokens": None}, {"cached_tokens": "40"}])
def test_a_command_that_says_nothing_of_a_cache_is_counted_whole(told):
    command = {"model": "a", "prompt_tokens": 50, "completion_tokens": [1]} | told
    assert recounted_flops([command], CostModel({"a": FlatRate(1.0)})) == 51


@given(models.filter(lambda known: len(known) < 3))
def test_a_model_of_unknown_size_is_no_zero(known):
    stranger = next(name for name in "abc" if name not in known)
    command = {"model": stranger, "prompt_tokens": 1, "completion_tokens": [1]}
    with pytest.raises(CannotRecount, match=stranger):
        recounted_flops([command], CostModel(known))


@pytest.mark.parametrize(
    "command",
    [{}, {"model": "a", "prompt_tokens": 3}, {"model": "a", "completion_tokens": [1]}],
)
def test_a_command_without_tokens_is_no_zero(command):
    with pytest.raises(CannotRecount, match="tokens"):
        recounted_flops([command], CostModel({"a": FlatRate(1.0)}))


def test_a_request_that_was_never_sent_costs_nothing():
    command = {"model": "a", "prompt_tokens": 9, "completion_tokens": [], "sent": False}
    cost = CostModel({"a": FlatRate(1.0)})
    assert recounted_flops([command], cost) == 0
    assert recounted_flops([command | {"sent": True}], cost) == 9


def test_programs_that_run_cost_nothing_and_hide_nothing():
    run = {"command": "execute", "model": None, "sent": True, "candidates": [0, 1], "inputs": 3}
    drawn = {"command": "draw", "model": "a", "prompt_tokens": 50, "completion_tokens": [1]}
    assert recounted_flops([drawn, run], CostModel({"a": FlatRate(1.0)})) == 51
    verified = {"command": "rank", "model": None, "sent": True, "candidates": [0, 1], "passes": 0}
    assert recounted_flops([drawn, run, verified], CostModel({"a": FlatRate(1.0)})) == 51


def test_a_ranking_costs_its_passes_where_they_are_told_and_its_model_is_known():
    ranked = {"command": "rank", "model": "a", "sent": True, "candidates": [0, 1], "passes": 2}
    with pytest.raises(CannotRecount, match="rank"):  # of a gateway that tells only how many
        recounted_flops([ranked], CostModel({"a": FlatRate(1.0)}))
    told = ranked | {"pass_tokens": [[50, 3], [50, 4]]}
    assert recounted_flops([told], CostModel({"a": FlatRate(1.0)})) == 107
    with pytest.raises(CannotRecount, match="rank"):
        recounted_flops([told], CostModel({"b": FlatRate(1.0)}))


def test_sizes_that_do_not_read_are_an_error():
    with pytest.raises(CannotRecount, match="sizes"):
        cost_from_json({"a": {"weights": 3}})
