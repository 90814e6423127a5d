"""All claims that the tables decide."""

from __future__ import annotations

from evaluation.paper.claims.apps import apps_claims
from evaluation.paper.claims.claim import Claim
from evaluation.paper.claims.popular import popular_claims
from evaluation.paper.contest import Contest
from evaluation.paper.published import Published


def decided_claims(tables: Published) -> list[Claim]:
    """Every claim on these tables, in the paper's order within each part."""
    contest = Contest(tables)
    return [*popular_claims(contest), *apps_claims(contest)]
