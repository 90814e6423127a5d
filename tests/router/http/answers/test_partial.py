"""What is held back of a stream, and what of it is sent."""

import pytest

from router.http.answers.partial import HeldBack, SurePieces, WholeLines, whole_lines
from router.plan.programs import Gap
from router.plan.samples import Sample
from router.request import TextPrompt
from router.upstream.said.chunks import Chunk, TokenLogprob


def tokens(*texts: str) -> list[TokenLogprob]:
    return [TokenLogprob(text, -0.5) for text in texts]


def test_tokens_go_with_the_text_that_they_begin_in() -> None:
    held = HeldBack()
    held.add("a\nbc", tokens("a", "\nb", "c"))
    assert held.release(2) == ("a\n", tokens("a", "\nb"))
    assert held.release(1) == ("b", [])
    held.add("", tokens(""))  # of a stop
    assert held.release(1) == ("c", tokens("c", ""))
    assert held.sent == 4


@pytest.mark.parametrize(
    ("suffix", "left"),
    [
        (None, "x = 1\ny ="),
        ("", "x = 1\n"),  # the end of a file
        ("print(x)", "x = 1\n"),
        ("\nprint(x)", "x = 1"),
    ],
)
def test_what_is_cut_in_a_gap_ends_with_a_whole_line(suffix: str | None, left: str) -> None:
    assert whole_lines(TextPrompt("def f():\n", suffix), "x = 1\ny =") == left
    assert whole_lines(TextPrompt("def f():\n", suffix), "x =") == "x ="
    assert whole_lines(TextPrompt("def f():", suffix), "\n\n  x =") == "\n\n  x ="


def test_lines_are_sent_whole_with_their_own_tokens() -> None:
    lines = WholeLines("    return y\n")
    assert lines.take("x = ", tokens("x", " = ")) == ("", ())
    assert lines.take("1\ny", tokens("1", "\n", "y")) == ("x = 1\n", tokens("x", " = ", "1", "\n"))
    assert lines.rest(cut=True) == ("", ())
    assert lines.rest(cut=False) == ("y", tokens("y"))


def test_blank_lines_are_not_the_whole_lines_of_an_answer() -> None:
    lines = WholeLines("")
    assert lines.take("\n", tokens("\n")) == ("", ())
    assert lines.take("  x =", tokens("  x =")) == ("", ())
    assert lines.rest(cut=True) == ("\n  x =", tokens("\n", "  x ="))


def test_pieces_are_sent_once_they_are_sure() -> None:
    sample = Sample(0, 0, following=Gap("def f(x):\n", "    return y\n", sent=True).follow())
    pieces, sent = SurePieces(), []
    for text in ("    y", " = x\npr", "int", "(y)", "\n"):
        chunk = Chunk(0, text, tuple(tokens(text)))
        sample.take(chunk, 1, counted=True)
        assert sample.following is not None
        if sample.following.hear(text):
            sample.finish_reason = "stop"
            sample.fit(sample.following.fit)
        told = pieces.take(sample, chunk)
        sent.append((told.text, [token.token for token in told.tokens or ()]))
    assert sent == [("    y", ["    y"]), (" = x\n", [" = x\npr"]), ("", []), ("", []), ("", [])]
    assert sample.text == "    y = x\n"
