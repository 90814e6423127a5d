"""Which of several models' failures a client is told."""

from router.upstream.failures import PromptTooLong, UpstreamBusy, UpstreamError, to_tell

DOWN, AWAY = UpstreamError("a", "is down"), UpstreamError("b", "is away")
SOON, LATER = (UpstreamBusy("a", "is busy", retry_after_s=seconds) for seconds in (5, 600))
REJECTED = UpstreamError("a", "takes no such stop", rejected=True)
LONG = PromptTooLong("a", "takes no more")


def test_the_failure_that_helps_is_told() -> None:
    assert to_tell([DOWN, AWAY]) is AWAY
    assert to_tell([SOON, DOWN]) is SOON
    assert to_tell([SOON, LATER]) is to_tell([LATER, SOON]) is SOON
    assert to_tell([REJECTED, SOON, DOWN]) is REJECTED
    assert to_tell([LONG, AWAY]) is AWAY
