"""What of a prompt a model is expected to have in its cache, by what it has read for us.

A server computes only what is new of a prompt that begins as an earlier one did. A prompt is
remembered by hashes of its blocks, each of them of all that stands before it as well, as vLLM's own
cache has them: no prompt can be read from them. As many prompts are taken to be kept as the model
computes samples at once, since llama.cpp has a cache for each. How far that can be relied on tells
what servers say they found; one that says nothing is expected to have nothing.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from router.request import Prompt
from router.upstream.balancing.affinity import what_is_read

BLOCK: Final = 64
"""Characters, or tokens, of a block."""

MOST_BLOCKS: Final = 2048
"""Of one prompt; what goes on behind them is taken to be new."""

MOST_PROMPTS: Final = 32
"""Of one model, however many samples it computes at once."""

NEWEST_SHARE: Final = 0.3
"""How much the latest draw decides what expectations are worth."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """The hashes of a prompt's blocks, the first one first, and how many characters they are.

    `looks` is whether its server may look into its cache for it.
    """

    hashes: tuple[int, ...] = ()
    length: int = 0
    looks: bool = True

    @classmethod
    def of(cls, prompt: Prompt, passed_on: Mapping[str, Any]) -> Blocks:
        """Of what a model reads. Clients may keep prompts apart by a salt, or want no cache."""
        read = what_is_read(prompt)
        hashes = []
        salt = passed_on.get("cache_salt")
        before = hash(salt) if isinstance(salt, str) else 0
        for at in range(0, min(len(read), MOST_BLOCKS * BLOCK), BLOCK):
            before = hash((before, read[at : at + BLOCK]))
            hashes.append(before)
        return cls(tuple(hashes), len(read), passed_on.get("cache_prompt") is not False)

    def share(self, blocks: int) -> float:
        """The part of the prompt that its first so many blocks are."""
        return min(1.0, blocks * BLOCK / self.length) if self.length else 0.0


NOTHING_READ: Final = Blocks()


@dataclass(slots=True)
class _Kept:
    """A prompt, and how many of the model's caches have it."""

    hashes: tuple[int, ...]
    caches: int


@dataclass(slots=True)
class KeptPrompts:
    """The prompts that one model has read last, and what expecting them was worth.

    `trust` is the part of what was expected that was found; nothing until a server told.
    """

    trust: float = 0.0
    _prompts: deque[_Kept] = field(default_factory=deque)
    _caches: int = 0
    _blocks: Counter[int] = field(default_factory=Counter)

    def expected(self, prompt: Blocks) -> float:
        """The part of a prompt that is expected to be found."""
        return self.trust * self._known(prompt)

    def read(self, prompt: Blocks, *, samples: int, most: int, found: float | None) -> None:
        """A draw of so many samples has read a prompt, and found this part of it, if that is told.

        `most` are the samples that the model computes at once, each of which has a cache.
        """
        known = self._known(prompt)
        if found is not None and known:
            worth = min(1.0, found / known)
            self.trust += NEWEST_SHARE * (worth - self.trust) if self.trust else worth
        self._prompts.append(_Kept(prompt.hashes, samples))
        self._caches += samples
        self._blocks.update(prompt.hashes)
        while self._caches > min(most, MOST_PROMPTS):
            self._forget(self._caches - min(most, MOST_PROMPTS))

    def _forget(self, caches: int) -> None:
        """The oldest prompt, or as many caches of it."""
        oldest = self._prompts[0]
        gone = min(caches, oldest.caches)
        oldest.caches -= gone
        self._caches -= gone
        if not oldest.caches:
            self._prompts.popleft()
            for each in oldest.hashes:
                self._blocks[each] -= 1
                if not self._blocks[each]:
                    del self._blocks[each]

    def _known(self, prompt: Blocks) -> float:
        if not prompt.looks:
            return 0.0
        blocks = 0
        while blocks < len(prompt.hashes) and self._blocks[prompt.hashes[blocks]]:
            blocks += 1
        return prompt.share(blocks)
