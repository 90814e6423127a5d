"""Policies and limits as the settings name them, as values.

A new kind of policy in the configuration becomes here the value that the rest of the router works
with.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import structlog

from policies.cost import Rate
from policies.plans.auto import Auto
from policies.plans.best_of_n import BestOfN
from policies.plans.cascade import Cascade
from policies.plans.climb import Climb
from policies.plans.pinning import PolicyMismatch
from policies.plans.single import Single
from policies.policy import Policy
from policies.selection.choosing import believing
from policies.values import Budget
from router.artifact.artifact import Artifact, InvalidArtifact
from router.artifact.files import SHIPPED, read_artifact
from router.request import AUTO, Alias, RequestLimits
from router.sections.policies import (
    AutoConfig,
    BestOfNConfig,
    CascadeConfig,
    LadderConfig,
    PolicyConfig,
    SingleConfig,
)
from router.settings import Settings

_log = structlog.get_logger("router")

BUILT_IN: Final[Mapping[str, Policy]] = MappingProxyType(
    {"single": Single(), "best_of_n": BestOfN(), "cascade": Cascade()}
)
"""The policies that are there without a configuration, `auto` apart."""


def policies_of(settings: Settings, rates: Mapping[str, Rate]) -> dict[str, Policy]:
    """The built-in policies, and the configured ones over them; `rates` are what models cost.

    Raises `InvalidArtifact` and OSError.
    """
    own = {name: _policy(config, rates) for name, config in settings.policies.items()}
    return {AUTO: auto_of(settings.auto, rates), **BUILT_IN, **own}


def auto_of(config: AutoConfig, rates: Mapping[str, Rate]) -> Auto:
    """What `auto` is: the shipped ladders only where their models are there, named ones always.

    Raises `InvalidArtifact` and OSError.
    """
    if config.policy == "cascade":
        return Auto()
    artifact = read_artifact(config.artifact or SHIPPED)
    climb = _climb(artifact, config.domain)
    try:
        artifact.check(rates)
    except InvalidArtifact as unfit:
        if config.artifact is not None:
            raise
        _log.info("auto_without_ladder", reason=str(unfit))
        return Auto()
    if unknown := sorted(rates.keys() - set(artifact.models)):
        _log.info("auto_leaves_out", models=unknown, reason="its ladders do not know them")
    courses = artifact.courses()
    if courses is None or courses.belief is None:
        return Auto(climb, courses)
    return Auto(climb, courses, believing(courses.belief))


def _climb(artifact: Artifact, domain: str | None) -> Climb:
    calibration = artifact.calibration()
    if domain is not None and domain not in calibration.domains:
        raise InvalidArtifact(
            f"the policy has no domain {domain!r}; it has {', '.join(calibration.domains)}"
        )
    return Climb(calibration, domain)


def request_limits(settings: Settings, policies: Mapping[str, Policy]) -> RequestLimits:
    """What a request may ask for. Raises `PolicyMismatch` of an alias that no request could use."""
    return RequestLimits(
        max_n=settings.max_n,
        max_prompts=settings.max_prompts,
        max_tests_bytes=settings.sandbox.max_tests_bytes,
        default_budget=Budget(**settings.default_budget.model_dump()),
        max_budget=Budget(**settings.max_budget.model_dump()),
        sandbox_caps=settings.sandbox.caps.caps(),
        aliases={name: _checked(settings, policies, name) for name in settings.aliases},
    )


def _checked(settings: Settings, policies: Mapping[str, Policy], name: str) -> Alias:
    """An alias whose policy can work with its model."""
    alias = _alias(settings, name)
    if alias.policy is not None:
        pinned = None if alias.model == AUTO else alias.model
        try:
            policies[alias.policy].restrict(tuple(settings.models), pinned=pinned)
        except PolicyMismatch as error:
            raise PolicyMismatch(
                f"alias {name!r} joins {alias.model!r} with the policy {alias.policy!r}, "
                f"and they do not go together: {error}"
            ) from None
    return alias


def _alias(settings: Settings, name: str) -> Alias:
    """An alias, with all that the aliases on its way say; the nearer one wins."""
    config = settings.aliases[name]
    budget = Budget(**config.budget.model_dump())
    if config.model not in settings.aliases:
        return Alias(config.model, config.policy, budget)
    further = _alias(settings, config.model)
    return Alias(further.model, config.policy or further.policy, budget.over(further.budget))


def _policy(config: PolicyConfig, rates: Mapping[str, Rate]) -> Policy:
    match config:
        case SingleConfig(model=model):
            return Single(model)
        case BestOfNConfig(model=model, n=n):
            return BestOfN(model, n)
        case CascadeConfig(models=models, n=n, n_last=n_last):
            return Cascade(models or (), n, n_last)
        case LadderConfig(artifact=path, domain=domain):
            artifact = read_artifact(path or SHIPPED)
            artifact.check(rates)
            return _climb(artifact, domain)
