import json

import pytest
from fake_gateway import COST, LARGE, SMALL
from written_runs import failed, record

from evaluation.gateway.comparison import UnknownBaseline, row, rows, to_json, to_markdown
from evaluation.gateway.results import read

PNG = b"\x89PNG"


def test_a_row_tells_a_run(written):
    cap = COST.draw(LARGE, 100, [60])
    path = written(
        "run",
        record("a", budget=cap, seconds=1.0),
        record("b", "failed", budget=cap, tokens=61, seconds=3.0),
        record("c", budget=cap, tokens=60, seconds=2.0),
        failed("d", budget=cap),
    )
    told = row(read(path))
    used = [COST.draw(LARGE, 100, [tokens]) for tokens in (50, 61, 60)]
    assert told.flops == pytest.approx(sum(used) / 3)
    assert told.budget_flops == cap
    assert (told.pass_rate.value, told.n, told.errors) == (0.5, 4, 1)
    assert told.over_budget == 1
    assert told.latency_s == pytest.approx(2.0)
    assert told.latency_p95_s == pytest.approx(2.9)
    assert told.recount_off == 0


def late(task):
    found = record(task, "failed", seconds=0.5)
    return found | {"status": 504, "text": "", "commands": [], "flops_used": None}


def test_an_answer_that_came_too_late_failed_and_is_no_free_one(written):
    path = written("run", record("a"), record("b"), late("c"))
    told = row(read(path))
    once = COST.draw(LARGE, 100, [50])
    assert (told.flops, told.flops_uncached, told.late) == (pytest.approx(once), told.flops, 1)
    assert (told.pass_rate.value, told.errors, told.over_budget) == (pytest.approx(2 / 3), 0, 0)
    assert "Of 1 that came too late nobody knows the FLOPs" in to_markdown([told])
    assert "too late" not in to_markdown(rows([written("in-time", record("a"))]))


def test_answers_of_which_an_upstream_failed_a_draw_are_counted(written):
    lost = record("a", "failed")
    lost["commands"].append(lost["commands"][0] | {"failure": "did not answer in time"})
    path = written("run", lost, record("b"))
    assert row(read(path)).failed_draws == 1
    assert "| failed draws |" in to_markdown(rows([path]))


def test_cached_prompts_cost_nothing_and_what_they_would_have_cost_stands_beside_it(written):
    found = record("a")
    (command,) = found["commands"]
    command["cached_tokens"] = 80
    found["flops_used"] = COST.draw(LARGE, 100, [50], 80)
    unsaid, unsent = record("b"), record("c")
    unsaid["commands"][0]["cached_tokens"] = None
    unsent["commands"].append(command | {"sent": False})
    path = written("run", found, unsaid, unsent)
    told = row(read(path))
    whole, rest = (COST.draw(LARGE, 100, [50], cached) for cached in (0, 80))
    assert told.flops == pytest.approx((rest + 2 * whole) / 3)
    assert told.flops_uncached == pytest.approx(whole)
    assert told.cached == pytest.approx(80 / 300)
    assert told.recount_off == 0
    assert row(read(written("silent", record("a"), unsaid))).cached is None
    _, head, _, line, *_ = ["", *to_markdown([told]).split("\n")]
    shown = dict(zip(head.split(" | "), line.split(" | "), strict=True))
    assert shown["prompts cached, %"] == "26.7"
    assert "without cache" in shown


def test_a_cache_that_no_server_told_of_has_no_columns(written):
    told = [row(read(written("silent", record("a"))))]
    assert "cache" not in to_markdown(told)
    found = record("a")
    found["commands"][0]["cached_tokens"] = 80
    mixed = to_markdown([*told, row(read(written("told", found)))])
    assert {line.count("|") for line in mixed.splitlines()[:4]} == {14}
    assert "| - | - | 100.0 (20.7 to 100.0) |" in mixed  # no cache told of, and no cap


def test_a_gateway_s_own_figure_changes_only_the_difference_told(written):
    lie = record("a") | {"flops_used": 0.5 * record("a")["flops_used"]}
    honest, told = row(read(written("h", record("a")))), row(read(written("l", lie)))
    assert told.flops == honest.flops
    assert told.recount_off == pytest.approx(0.5)


def test_flops_of_an_unknown_model_are_unknown_and_not_zero(written):
    told = row(read(written("run", record("a"), other={"flops_per_token": 1.0})))
    assert (told.flops, told.over_budget, told.recount_off) == (None, None, None)
    assert "| unknown |" in to_markdown([told])


def test_a_run_of_errors_alone_still_has_a_row(written):
    told = row(read(written("run", failed("a"), failed("b"))))
    assert (told.n, told.errors, told.flops, told.latency_s) == (2, 2, None, None)
    assert (told.flops_uncached, told.cached) == (None, None)
    assert "| 0.0 (0.0 to 65.8) |" in to_markdown([told])


def test_runs_are_compared_on_the_problems_that_both_have(written):
    base = written("base", record("a"), record("b", "failed"), record("c", "failed"))
    other = written("other", record("b"), record("c", "failed"), record("z"))
    first, second = rows([base, other], baseline="base")
    assert first.difference is None
    assert second.difference.value == 0.5
    assert "+50.0" in to_markdown([first, second], "base")


def test_a_baseline_that_is_not_there_is_an_error(written):
    with pytest.raises(UnknownBaseline, match=r"'nobody'.*'run'"):
        rows([written("run", record("a"))], baseline="nobody")


def test_mean_flops_are_the_first_figure(written):
    table = to_markdown([row(read(written("run", record("a"))))]).splitlines()
    assert table[0].split("|")[2].strip() == "mean TFLOPs used"
    assert len({line.count("|") for line in table[:3]}) == 1


def test_a_label_cannot_break_the_table(written):
    lines = to_markdown([row(read(written("a|b", record("a"))))]).splitlines()
    assert lines[2].startswith(r"| a\|b |")


def test_the_command_prints_writes_and_draws(cli, written, tmp_path):
    one, two = written("small", record("a", model=SMALL)), written("large", record("a"))
    text, picture = tmp_path / "table.md", tmp_path / "plot.png"
    result = cli("evaluate", "table", one, two, "--out", text, "--plot", picture)
    assert result.exit_code == 0, result.output
    assert result.stdout == text.read_text() == to_markdown(rows([one, two]))
    assert picture.read_bytes().startswith(PNG)
    vector = tmp_path / "plot.svg"
    assert cli("evaluate", "table", one, two, "--plot", vector).exit_code == 0
    assert "<svg" in vector.read_text()


def test_the_command_gives_json(cli, written):
    path = written("run", record("a"))
    result = cli("evaluate", "table", path, "--json")
    assert json.loads(result.stdout) == json.loads(json.dumps(to_json(rows([path]))))


@pytest.mark.parametrize("arguments", [["--plot", "picture.xyz"], ["--baseline", "nobody"]])
def test_the_command_fails_in_one_line(cli, written, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = cli("evaluate", "table", written("run", record("a")), *arguments)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


def test_the_command_needs_files(cli, tmp_path):
    assert cli("evaluate", "table").exit_code == 2
    result = cli("evaluate", "table", tmp_path / "none.jsonl")
    assert result.exit_code == 1
    assert "No such file" in result.stderr
