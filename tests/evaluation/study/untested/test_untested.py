"""What becomes of the claim where no tests choose: every figure is of the files, none is typed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from chosen_files import CALLS, LARGE, SMALL, lever, selectors, write

from evaluation.study.page import untested as page
from evaluation.study.untested.figures import untested_figure
from evaluation.study.untested.reading import UnreadableChoices, Untested, read_untested
from evaluation.study.untested.standing import Verdict, plan_at, selectors_at_one_call


def read(tmp_path: Path, *files: dict[str, object]) -> Sequence[Untested]:
    return read_untested([write(tmp_path / f"{at}.json", file) for at, file in enumerate(files)])


def test_a_selector_spends_what_one_large_call_costs_and_no_more(tmp_path: Path) -> None:
    (found,) = read(tmp_path, selectors())
    standings = {one.selector: one for one in selectors_at_one_call(found)}
    assert set(standings) == {"nll", "majority", "agreement", "examples"}
    for one in standings.values():
        assert one.what.startswith(f"7 samples of {SMALL} by ")
        assert one.large_calls == CALLS[SMALL][7]
    assert standings["examples"].lead.value == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("score", "verdict"), [(0.4, Verdict.HOLDS), (0.48, Verdict.OPEN), (0.6, Verdict.TURNED)]
)
def test_the_claim_is_decided_where_chance_could_not(
    tmp_path: Path, score: float, verdict: Verdict
) -> None:
    (found,) = read(tmp_path, selectors(nll=score))
    (likely,) = (one for one in selectors_at_one_call(found) if one.selector == "nll")
    assert likely.verdict is verdict
    said = next(page.sentences([found]))
    assert f"{verdict.value} on HumanEval" in said
    assert f"{100 * (score - 0.5):+.1f} (" in said


def test_sentences_say_where_it_holds_and_where_not(tmp_path: Path) -> None:
    files = selectors(nll=0.6), selectors("mbpp-sanitized", nll=0.4), lever()
    found = read(tmp_path, *files)
    likely, agreed, shown, more, why = page.sentences(found)
    assert "holds on MBPP sanitized and is turned round on HumanEval: " in likely
    assert "a trained verifier instead changes that by -1.0 (-2.0 to -0.5) points" in agreed
    assert "+15.0 (+10.0 to +20.0) points (" in shown
    assert f"({SMALL}*greedy > {LARGE}*greedy, at 0.90 large calls)" in shown
    assert "goes to the larger model: " in more
    assert f"+10.0 (+5.0 to +15.0) points ({LARGE}*3, at 1.90" in more
    assert "hold a right one for 80.0 % of problems" in why
    assert "they gain 40 % by nll, 20 % by agreement and 40 % by examples" in why


def test_what_was_not_measured_is_not_spoken_of(tmp_path: Path) -> None:
    file = selectors()
    file["rows"] = [row for row in file["rows"] if row["selector"] == "nll"]
    file["plans"] = []
    found = read(tmp_path, file)
    likely, why = page.sentences(found)
    assert "likelihood" in likely
    assert "by nll" in why
    assert page.best_plans(found).rows == ()
    assert list(page.sentences([])) == []


def test_small_samples_in_the_best_plan_are_owned_up_to(tmp_path: Path) -> None:
    file = selectors()
    file["plans"][2]["plan"] = f"{SMALL}*3 > {LARGE}*greedy"
    said = " ".join(page.sentences(read(tmp_path, file)))
    assert "takes small samples too" in said
    assert "goes to the larger model" not in said


def test_tables_have_a_row_for_each_way_and_one_for_the_large_call(tmp_path: Path) -> None:
    found = read(tmp_path, selectors(), lever())
    rows = page.claim(found).rows
    assert [row[0].rpartition(" by ")[2] for row in rows[1:]] == [
        *("nll", "majority", "agreement", "lever", "examples"),
        f"{SMALL}*greedy > {LARGE}*greedy",
    ]
    assert rows[0][:5] == (f"1 greedy answer of {LARGE}", "HumanEval", "1.00", HALF, "45.0")
    (verifier,) = (row for row in rows if "by lever" in row[0])
    assert verifier[5:] == ("-2.0 (-7.0 to +3.0)", "is not decided")
    assert [row[0] for row in page.best_plans(found).rows] == [
        *("1, examples used", "1, examples not used", "2, examples not used")
    ]
    *others, alone = (row[-1] for row in page.best_plans(found).rows)
    assert (others, alone) == (["", ""], "55.0 (50.0 to 60.0) at 1.90")
    numbers = {row[0]: row[1:] for row in page.by_k(found[0]).rows}
    assert numbers[f"{SMALL}, nll"] == (
        *("40.0 (35.0 to 45.0)", "50.0 (45.0 to 55.0)", "90.0 (85.0 to 95.0)"),
    )
    agreed = numbers[f"{SMALL}, agreement, examples not used"]  # and not what `evaluate lever` has
    assert agreed[1] == "50.0 (45.0 to 55.0)"
    assert numbers[f"{LARGE}, pass@k"] == ("80.0", "80.0", "")


HALF = "50.0 (43.0 to 57.0)"


def test_the_figure_has_a_curve_for_each_selector_and_stars(tmp_path: Path) -> None:
    (found,) = read(tmp_path, selectors(), lever())
    figure = untested_figure(found)
    assert figure.name == "chosen-humaneval"
    assert [panel.title for panel in figure.panels] == [
        f"{model}, {seen}"
        for model in (SMALL, LARGE)
        for seen in ("prompts as they are", "examples stripped")
    ]
    first, second, *_ = figure.panels
    curves = {series.look: series for series in first.series}
    assert list(curves) == ["examples", "agreement", "lever", "nll", "majority"]
    assert [(p.x, p.y, p.k) for p in curves["nll"].points] == [
        *((0.3, 40.0, 1), (1.02, 50.0, 7), (2.6, 90.0, 20))
    ]
    assert "examples" not in {series.look for series in second.series}
    assert {mark.model: mark.point.y for mark in first.greedy} == {SMALL: 45.0, LARGE: 50.0}
    assert {mark.model for mark in figure.panels[-1].greedy} == {LARGE}
    assert any("trained on MBPP" in note for note in figure.notes)


def test_a_plan_is_the_best_of_all_and_not_of_one_model(tmp_path: Path) -> None:
    file = selectors()
    others = ({"family": f"{LARGE} alone"}, {"basis": "paper"})
    file["plans"][:0] = [{**file["plans"][0], "success": 0.1, **other} for other in others]
    (found,) = read(tmp_path, file)
    plan = plan_at(found, 1.0, "used")
    assert plan is not None
    assert plan.score.value == 0.65
    assert (plan.what, plan.selector) == (f"{SMALL}*greedy > {LARGE}*greedy", None)
    assert plan_at(found, 8.0, "used") is None


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ([lever()], "evaluate selectors"),
        ([selectors(), selectors()], "second such file of humaneval"),
        ([selectors(), lever(), lever()], "second such file of humaneval"),
        ([selectors(), {**lever(), "problems": 39}], "on the same 39 problems"),
        ([{**selectors(), "greedy": []}], "no greedy answers"),
        ([{"rows": []}], "no file that"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    tmp_path: Path, files: list[dict[str, object]], why: str
) -> None:
    with pytest.raises(UnreadableChoices, match=why):
        read(tmp_path, *files)
    with pytest.raises(UnreadableChoices, match="No such file"):
        read_untested([tmp_path / "nowhere.json"])
