"""What a step makes of a beginning: it is cut at its last line, or it is an answer."""

import pytest

from evaluation.selection.tree.rebase import Beginning
from evaluation.selection.tree.steps import Step, node_after
from router.upstream.said.chunks import TokenLogprob

STOPS = ("\ndef ", "\nclass ")
START = Beginning("    a = 1\n", 4, -1.0)
MOST = 64


def step(*tokens: str, ending: str = "length", text: str | None = None) -> Step:
    told = tuple(TokenLogprob(token, -0.5) for token in tokens)
    return Step("".join(tokens) if text is None else text, told, ending)


def after(said: Step, start: Beginning = START):
    return node_after(start, said, STOPS, MOST)


def test_a_step_that_ends_by_itself_is_an_answer():
    node = after(step("    return", " a", "\n", "", ending="stop"))
    assert node.ending == "stop"
    # The tokens of a stop are the answer's, as in samples.
    assert node.whole == Beginning("    a = 1\n    return a\n", 8, -3.0)


def test_a_step_at_its_limit_goes_on_and_knows_its_last_whole_line():
    node = after(step("    b", " = 2", "\n", "    re"))
    assert node.ending is None
    assert node.whole == Beginning("    a = 1\n    b = 2\n    re", 8, -3.0)
    assert node.lines == Beginning("    a = 1\n    b = 2\n", 7, -2.5)


def test_without_a_whole_line_the_step_itself_is_where_it_goes_on():
    node = after(step("    b", " = 2"))
    assert node.lines == node.whole == Beginning("    a = 1\n    b = 2", 6, -2.0)


def test_text_that_was_held_back_at_the_limit_is_not_said():
    """Tokens without text at the end: what they said is lost, so they are drawn anew."""
    node = after(step("    b", " = 2", "", ""))
    assert node.whole == Beginning("    a = 1\n    b = 2", 6, -2.0)


def test_a_line_that_ends_in_text_held_back_before_is_counted_by_the_token_held_back():
    node = after(step("    if", " b", "", ":\n  ", "  c"))
    assert node.lines == Beginning("    a = 1\n    if b:\n", 7, -2.5)


def test_a_stop_that_began_a_step_before_ends_the_answer():
    node = after(step("def", " next", "(x", "):\n", "   "))
    assert node.ending == "stop"
    assert node.whole.text == "    a = 1"
    assert (node.whole.tokens, node.whole.logprob) == (4 + 2, -2.0)


def test_a_stop_that_lies_before_the_step_ended_nothing_then_and_ends_nothing_now():
    start = Beginning("\ndef f(x):\n", 4, -1.0)
    assert after(step("    b"), start).ending is None


def test_an_answer_as_long_as_may_be_is_cut():
    node = after(step("    b", "\n", "c"), Beginning("", MOST - 3, -1.0))
    assert node.ending == "length"
    assert node.whole.text == "    b\nc"


@pytest.mark.parametrize("tokens", [(), ("",)])
def test_who_says_nothing_at_the_limit_will_not_go_on(tokens):
    node = after(step(*tokens))
    assert node.ending == "length"
    assert node.whole == START


def test_where_tokens_are_not_the_text_nothing_is_cut():
    """A character that is made of several tokens: which of them a line has, nobody knows."""
    node = after(step("\ufffd", "\ufffd", "\n", text="é\n"))
    assert node.lines == node.whole
