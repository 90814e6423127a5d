"""What a tree search decides, without a model: every round spends its width, and it ends."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.selection.tree.rebase import (
    Beginning,
    Node,
    Rules,
    Tree,
    balanced,
    score_of,
)
from policies.values import NLL

REWARDS = st.lists(st.floats(-50, 0, allow_nan=False), min_size=1, max_size=12)
WIDTHS = st.integers(1, 64)
TEMPERATURES = st.floats(0.001, 1000)
RULES = Rules(width=4, temperature=0.1, step=16, most_tokens=64)


def node(reward: float, *, text: str = "x\ny", ending: str | None = None) -> Node:
    """Of eight tokens, of which five are in whole lines."""
    lines = Beginning(text[: text.rfind("\n") + 1], 5, 5 * reward)
    return Node(Beginning(text, 8, 8 * reward), lines, ending)


@given(REWARDS, WIDTHS, TEMPERATURES)
def test_a_round_gives_out_its_width_and_no_less_than_nothing(rewards, width, temperature):
    given_out = balanced(rewards, width, temperature)
    assert sum(given_out) == width
    assert min(given_out) >= 0


@given(REWARDS, WIDTHS, TEMPERATURES)
def test_a_better_beginning_has_no_fewer_children(rewards, width, temperature):
    given_out = balanced(rewards, width, temperature)
    for reward, n in zip(rewards, given_out, strict=True):
        for other, m in zip(rewards, given_out, strict=True):
            assert n >= m or reward <= other
            assert reward != other or abs(n - m) <= 1


@given(REWARDS, WIDTHS, TEMPERATURES)
def test_each_has_its_softmax_share_to_within_one(rewards, width, temperature):
    weights = [math.exp((reward - max(rewards)) / temperature) for reward in rewards]
    for weight, n in zip(weights, balanced(rewards, width, temperature), strict=True):
        assert abs(n - width * weight / sum(weights)) < 1 + 1e-9


def test_the_temperature_goes_from_the_best_alone_to_all_alike():
    rewards = [-0.4, -0.1, -0.2, -0.3]
    assert balanced(rewards, 8, 0.001) == (0, 8, 0, 0)
    assert balanced(rewards, 8, 1000) == (2, 2, 2, 2)
    # 8 · softmax(-4, -1, -2, -3) is 0.26, 5.15, 1.90 and 0.70.
    assert balanced(rewards, 8, 0.1) == (0, 5, 2, 1)


@given(st.data())
def test_a_tree_ends_with_as_many_answers_as_it_is_wide(data):
    """Whatever is said: each step says a token at least, and who has said all is an answer."""
    rules = Rules(data.draw(st.integers(1, 8)), 0.1, data.draw(st.integers(1, 9)), 24)
    tree = Tree.planted(rules)
    while expansions := tree.expansions:
        assert tree.rounds < rules.most_tokens
        assert sum(each.n for each in expansions) == tree.width
        children = []
        for each in expansions:
            assert 1 <= each.most_tokens <= rules.step
            for _ in range(each.n):
                tokens = each.start.tokens + data.draw(st.integers(1, each.most_tokens))
                whole = Beginning("x" * tokens, tokens, -data.draw(st.floats(0, 9)) * tokens)
                done = tokens >= rules.most_tokens or data.draw(st.booleans())
                children.append(Node(whole, whole, "stop" if done else None))
        tree = tree.grown(children)
    assert len(tree.answers) == rules.width
    assert not tree.leaves


def test_answers_leave_the_tree_and_lower_its_width():
    tree = Tree.planted(RULES).grown([node(-0.1), node(-0.1, ending="stop"), node(-9), node(-0.1)])
    assert tree.width == 3
    assert [each.n for each in tree.expansions] == [2, 1]
    assert len(tree.answers) == 1


def test_several_children_begin_at_the_end_of_a_line_and_a_lone_one_where_it_stands():
    tree = Tree.planted(RULES).grown([node(-0.1), node(-0.12), node(-9), node(-9)])
    tree = tree.grown([node(-0.1), node(-0.2), node(-0.2), node(-0.2)])
    assert [(each.start.text, each.n) for each in tree.expansions] == [
        ("x\n", 2),
        ("x\ny", 1),
        ("x\ny", 1),
    ]


def test_the_first_step_is_of_all_children_and_says_nothing_before():
    (first,) = Tree.planted(RULES).expansions
    assert (first.start, first.n, first.most_tokens) == (Beginning(), 4, 16)


def test_no_step_goes_past_the_most_that_an_answer_may_have():
    long = Beginning("x", 60, -6.0)
    tree = Tree.planted(RULES).grown([Node(long, long)] * 4)
    assert {each.most_tokens for each in tree.expansions} == {4}


def test_a_round_of_fewer_children_is_no_round():
    with pytest.raises(ValueError, match="3 children, and 4 were to come"):
        Tree.planted(RULES).grown([node(-0.1)] * 3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 0},
        {"step": 0},
        {"most_tokens": 0},
        {"temperature": 0.0},
        {"temperature": math.inf},
    ],
)
def test_rules_that_no_tree_can_be_searched_by(wrong):
    with pytest.raises(ValueError, match=r"must be|at least"):
        Rules(**{"width": 1, "temperature": 1.0, "step": 1, "most_tokens": 1} | wrong)


def test_an_answer_is_scored_as_samples_are():
    assert score_of(node(-0.5, ending="stop")) == {NLL: 0.5}
    assert score_of(Node(Beginning(), Beginning(), "stop")) == {}
