"""A selector by how much is drawn, and what it comes to for a sum of FLOPs that nobody draws for.

No whole number of samples costs just what something else does. So k samples are drawn for one part
of the problems' weight and more for the other, such that both spend the same in the mean: a way to
sample that anybody may take.
"""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.pools.errors import UnreadablePool
from evaluation.selection.measuring import Chosen, Floats
from evaluation.selection.recorded import Sight


@dataclass(frozen=True, slots=True)
class Curve:
    """What one selector makes of so many samples of a model, rising, an entry each."""

    selector: str
    sight: Sight
    ks: tuple[int, ...]
    levels: tuple[Chosen, ...]

    def at(self, flops: float) -> Mixed:
        """At so many FLOPs a problem. Raises `UnreadablePool` where samples buy no such level."""
        spent = [float(each.flops.mean()) for each in self.levels]
        above = next((at for at, mean in enumerate(spent) if mean >= flops), None)
        if above is None or (above == 0 and spent[0] > flops):
            raise UnreadablePool(
                f"{flops:.3g} FLOPs a problem are to be spent, and {self.ks[0]} to {self.ks[-1]} "
                f"samples cost {spent[0]:.3g} to {spent[-1]:.3g}"
            )
        if above == 0:
            return Mixed(float(self.ks[0]), self.levels[0].success, self.levels[0].plus)
        share = (flops - spent[above - 1]) / (spent[above] - spent[above - 1])
        low, high = self.levels[above - 1], self.levels[above]
        return Mixed(
            (1 - share) * self.ks[above - 1] + share * self.ks[above],
            (1 - share) * low.success + share * high.success,
            (1 - share) * low.plus + share * high.plus,
        )


@dataclass(frozen=True, slots=True)
class Mixed:
    """k samples in the mean, and what came of them, one entry per problem."""

    k: float
    success: Floats
    plus: Floats
