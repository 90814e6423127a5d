"""A calibration from particles: ladders for every kind of task and every length of prompt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from evaluation.calibration.effects import Effects, effects, together
from evaluation.calibration.ladders import WORTH, Ladders
from evaluation.calibration.lattice import WIDEST, Lattice, Prices
from evaluation.calibration.particles import Particles
from policies.cost import PAPER_SEQUENCE_LENGTH, Architecture, CostModel, Rate
from policies.ladder import CALL_TOKENS, Calibration, Domain, Length

LENGTHS: Final = (32, 64, 128, 256, 512, 1024, 2048, 4096)
"""Prompts, in tokens, that problems are costed at; those between take the nearest."""

POOLED: Final = "any"
"""All domains together: for kinds of task that none of them is known to be like."""

Basis: TypeAlias = Literal["exact", "paper"]
"""What a draw costs: its prompt and tokens, or per sample the same (see `policies.cost`)."""

USUAL_TEMPERATURE: Final = 0.8
"""Of samples whose temperature nobody told: what the paper sampled at."""

_SLOPE_AT: Final = 64
"""Tokens at which the cost of a token is taken: it hardly grows with them."""


class CannotCalibrate(ValueError):
    """These particles make no calibration; the message says what they lack."""


def temperatures(particles: Sequence[Particles], names: Sequence[str]) -> dict[str, float]:
    """What each model is drawn at: as its samples were, of whichever data set.

    Raises `CannotCalibrate` where these differ: what all data sets together tell of a draw, at
    which nothing can be served, would be of no temperature at all.
    """
    found = {}
    for name in names:
        told = {each.dataset: each.arms[name].temperature for each in particles}
        known = {dataset: value for dataset, value in told.items() if value is not None}
        if len(set(known.values())) > 1:
            said = ", ".join(f"{value:g} in {dataset}" for dataset, value in known.items())
            raise CannotCalibrate(
                f"samples of {name} are at different temperatures ({said}): calibrate data sets of "
                "one temperature together, and the others apart"
            )
        found[name] = next(iter(known.values()), USUAL_TEMPERATURE)
    return found


@dataclass(frozen=True, slots=True)
class Calibrating:
    """How it is done: what models cost, on which basis, and what success is `worth`.

    `kinds` says which kind of request is like which data set. Raises `CannotCalibrate`.
    """

    rates: Mapping[str, Rate]
    basis: Basis = "exact"
    worth: float = WORTH
    kinds: Mapping[str, str] | None = None
    advance: Callable[[], None] = lambda: None

    def calibration(self, particles: Sequence[Particles]) -> Calibration:
        """Of data sets with the same models; `advance` is called for each length of each."""
        names = self.common(particles)
        found = {each.dataset: self.effects(each, names) for each in particles}
        return self.of_effects(names, temperatures(particles, names), found)

    def of_effects(
        self,
        names: tuple[str, ...],
        temperatures: Mapping[str, float],
        found: Mapping[str, Sequence[Effects]],
    ) -> Calibration:
        """Of what draws do: by data set, an entry per model, the cheapest first."""
        pooled = [together(parts) for parts in zip(*found.values(), strict=True)]
        domains = {
            dataset: self._domain(dataset, names, temperatures, models)
            for dataset, models in found.items()
        }
        everything = self._domain(POOLED, names, temperatures, pooled)
        kinds = {k: d for k, d in (self.kinds or {}).items() if d in domains}
        return Calibration(names, domains, everything, kinds, self.worth, self.basis)

    def common(self, particles: Sequence[Particles]) -> tuple[str, ...]:
        """Models that make ladders of these, the cheapest first: known before any work is done."""
        names = self.models(set.intersection(*(set(each.arms) for each in particles)))
        temperatures(particles, names)
        return names

    def steps(self, datasets: int) -> int:
        """How often `advance` will be called for so many data sets."""
        return (datasets + 1) * len(self._lengths())

    def models(self, common: Collection[str]) -> tuple[str, ...]:
        """Models that all data sets have, the cheapest first."""
        unpriced = sorted(set(common) - self.rates.keys())
        if unpriced:
            raise CannotCalibrate(
                f"the sizes of {', '.join(unpriced)} are not known: name models with --model, or "
                "give each its config.json with --config-json MODEL=FILE"
            )
        if len(common) < 2:  # noqa: PLR2004 a ladder of one model is best of n
            raise CannotCalibrate(
                "a ladder needs two models or more that answered the same problems"
            )
        return tuple(sorted(common, key=lambda name: self._call(name, PAPER_SEQUENCE_LENGTH)))

    def _lengths(self) -> tuple[int, ...]:
        return LENGTHS if self.basis == "exact" else (PAPER_SEQUENCE_LENGTH,)

    def effects(self, particles: Particles, names: Sequence[str]) -> list[Effects]:
        """What draws of these models do. Raises where a basis needs tokens that nobody counted."""
        if self.basis == "exact" and not particles.counted:
            raise CannotCalibrate(
                f"nobody counted the tokens of {particles.dataset}: give --basis paper, on which "
                "every sample of a model costs the same"
            )
        arms = [particles.arms[name] for name in names]
        if self.basis == "paper":
            arms = [arm.uncounted() for arm in arms]
        return [effects(arm, WIDEST) for arm in arms]

    def _domain(
        self,
        name: str,
        names: Sequence[str],
        temperatures: Mapping[str, float],
        models: Sequence[Effects],
    ) -> Domain:
        lattice = Lattice(models)
        known = name != POOLED and all(model.answers is not None for model in models)
        answers = {n: m.answers for n, m in zip(names, models, strict=True) if m.answers and known}
        lengths = []
        for tokens in self._lengths():
            most = [answers[n].most if n in answers else CALL_TOKENS for n in names]
            prices = [
                self.prices(n, names[-1], tokens, m) for n, m in zip(names, most, strict=True)
            ]
            ladders = Ladders(names, temperatures, models, prices, self.worth)
            own = ladders.make(lattice, again=False)
            cached = ladders.make(lattice, again=True) if self.basis == "exact" else own
            lengths.append(Length(tokens, own, cached))
            self.advance()
        return Domain(name, tuple(lengths), answers)

    def prices(self, name: str, largest: str, prompt_tokens: int, most: int) -> Prices:
        """Of a model's draws after such a prompt, in calls of the largest."""
        call = self._call(largest, prompt_tokens)
        if self.basis == "paper":
            return Prices(0.0, 0.0, self._call(name, prompt_tokens) / call, most=1, spare=0)
        cost = CostModel(self.rates)
        return Prices(
            prompt=cost.prefill(name, prompt_tokens) / call,
            cached=cost.prefill(name, prompt_tokens, prompt_tokens - 1) / call,
            token=cost.decode(name, prompt_tokens, _SLOPE_AT) / _SLOPE_AT / call,
            most=most,
        )

    def _call(self, name: str, prompt_tokens: int) -> float:
        rate = self.rates[name]
        if self.basis == "paper":
            if not isinstance(rate, Architecture):
                raise CannotCalibrate(f"on the paper's basis {name} needs its sizes")
            return rate.paper()
        return CostModel(self.rates).ceiling(name, prompt_tokens, 1, CALL_TOKENS)
