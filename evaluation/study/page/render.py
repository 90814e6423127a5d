"""The page from what was measured. The same evidence gives the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from evaluation.paper.claims.claim import UNDECIDED
from evaluation.paper.claims.decided import decided_claims
from evaluation.paper.figure import Figure
from evaluation.paper.pen import Look, inline_svg, looks
from evaluation.paper.published import LABELS, published
from evaluation.study.chapters import Chapter, model_looks
from evaluation.study.evidence import Evidence
from evaluation.study.page import sentences, tables, untested
from evaluation.study.page.counterparts import counterpart, others
from evaluation.study.page.tables import PageTable
from evaluation.study.untested.figures import untested_figure, untested_looks
from evaluation.study.untested.reading import Untested


@dataclass(frozen=True, slots=True)
class Plate:
    """A figure as the page shows it; `command` makes it again."""

    title: str
    svg: Markup
    notes: tuple[str, ...]
    command: str
    table: PageTable | None = None


def render(
    chapters: Sequence[Chapter],
    chosen: Sequence[Untested] = (),
    *,
    commands: Mapping[str, str],
    report_command: str,
    timed: Sequence[str],
) -> str:
    """The page. `commands` has, per figure's name, what draws it; `report_command` made it all.

    `chosen` is what is known of choosing without tests.
    """
    environment = Environment(
        loader=PackageLoader("evaluation.study.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    evidence = [chapter.evidence for chapter in chapters]
    found = [finding for chapter in chapters for finding in chapter.findings]
    decided = [finding for finding in found if finding.holds is not None]
    return environment.get_template("report.html.j2").render(
        in_short=list(sentences.in_short(evidence)),
        short=tables.in_short(evidence),
        holding=sum(bool(finding.holds) for finding in decided),
        open_=sum(bool(finding.holds) and not finding.sure for finding in decided),
        decided=len(decided),
        chosen_short=list(untested.sentences(chosen)),
        chosen_claim=untested.claim(chosen),
        chosen_plans=untested.best_plans(chosen),
        chosen_plates=[_chosen_plate(each, commands) for each in chosen],
        pools=tables.pools(evidence),
        timed=list(timed),
        sections=[_section(chapter, commands, model_looks(evidence)) for chapter in chapters],
        paper_figures=[_paper_plate(figure) for figure in others(e.dataset for e in evidence)],
        findings=tables.findings(found),
        differences=list(sentences.differences(found)),
        cost_ratios=sentences.cost_ratios(evidence),
        prompts=sentences.prompts(evidence),
        published=tables.published_claims(decided_claims(published())),
        undecided=UNDECIDED,
        report_command=report_command,
    )


def _section(
    chapter: Chapter, commands: Mapping[str, str], looked: Mapping[str, Look]
) -> dict[str, object]:
    evidence = chapter.evidence
    paper = counterpart(evidence.dataset)
    passes = [figure for figure in chapter.figures if figure.name.startswith("pass-")]
    ranks = [figure for figure in chapter.figures if figure.name.startswith("rank-")]
    return {
        "id": evidence.dataset,
        "title": tables.dataset_title(evidence.dataset),
        "paper": None if paper is None else _paper_plate(paper),
        "passes": [_plate(figure, commands, looked) for figure in passes],
        "ranks": [_plate(figure, commands, looked) for figure in ranks],
        "duels": _duel_tables(evidence),
        "notes": evidence.notes,
    }


def _duel_tables(evidence: Evidence) -> list[PageTable]:
    kinds = (
        ("By tests, within a family", tables.of_one_family(evidence.duels, ranked=False)),
        ("By tests, between families", tables.across_families(evidence.duels)),
        ("By a ranker, within a family", tables.of_one_family(evidence.duels, ranked=True)),
    )
    return [tables.duels(found, caption) for caption, found in kinds if found]


def _plate(figure: Figure, commands: Mapping[str, str], looked: Mapping[str, Look]) -> Plate:
    table = None if figure.name.startswith("pass-exact") else tables.pass_at_k(figure)
    svg = Markup(inline_svg(figure, looked))  # noqa: S704 drawn here, its texts escaped by matplotlib
    return Plate(figure.title, svg, figure.notes, commands[figure.name], table)


def _chosen_plate(found: Untested, commands: Mapping[str, str]) -> Plate:
    figure = untested_figure(found)
    svg = Markup(inline_svg(figure, untested_looks(found)))  # noqa: S704 likewise
    return Plate(figure.title, svg, figure.notes, commands[figure.name], untested.by_k(found))


def _paper_plate(figure: Figure) -> Plate:
    svg = Markup(inline_svg(figure, looks(list(LABELS), LABELS)))  # noqa: S704 likewise
    command = "budget-router evaluate paper --out DIR"
    return Plate(figure.title, svg, figure.notes, command)
