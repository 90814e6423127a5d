"""What is noted of a run while its tests ask: whose word decided, whose fault an error is."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.inner.answers.replies import Replies
from sandbox.inner.remote.exceptions import MARK
from sandbox.inner.remote.places import is_the_programs_wish
from sandbox.inner.wire.channel import CandidateProcess, NeedShared


@dataclass
class Booked(CandidateProcess):
    """`word`: the candidate's word decides something; `raised`: its last error."""

    word: bool = False
    raised: BaseException | None = None

    def need_shared(self, why: str) -> BaseException:
        """Note that the tests need the candidate in their own process; to be raised."""
        if is_the_programs_wish(Replies.perform.__code__):
            return TypeError(why)
        return self.stop(NeedShared(why))

    def candidates_error(self, error: BaseException) -> BaseException:
        """Book an error as the candidate's; to be raised."""
        setattr(error, MARK, True)
        self.raised = error
        return error

    def on_its_word(self) -> None:
        """The candidate's word decides something: a pass is no isolated one any more."""
        self.word = True
