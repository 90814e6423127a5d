"""Has what the tests collect be collected in both processes, as in one.

An object ends once neither side holds it, and each tells the other what it holds no more when
something is asked. Tests that call `gc.collect` look at what is left afterwards, where they may ask
nothing any more.
"""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any, Final

from sandbox.inner.crossing.special import MODULE
from sandbox.inner.remote.places import PRELUDE, TESTS

if TYPE_CHECKING:
    from sandbox.inner.answers.link import Link

_MOST_ROUNDS: Final = 4
"""What ends on one side may be the last that holds something of the other."""


def collect_together(link: Link) -> None:
    """From now on `gc.collect` of the tests has the candidate collect as well."""
    own = gc.collect

    def collect(*args: Any, **kwargs: Any) -> int:
        found = own(*args, **kwargs)
        if sys._getframe(1).f_code.co_filename in (TESTS, PRELUDE):  # noqa: SLF001 - the caller
            calls = link.calls
            for _ in range(_MOST_ROUNDS):
                link.ask_object("collect", MODULE, (), {})
                found += own()
                if not link.mirrors.dropped and not link.containers.has_news():
                    break
            link.calls = calls  # it says nothing of the candidate
        return found

    gc.collect = collect
