"""The report: one page that needs nothing else, and what a browser makes of it."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from chosen_files import lever, selectors, write
from study_pools import LARGE, OTHER, SMALL, pool, save
from typer.testing import CliRunner

from evaluation.cli import app

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
BROWSER_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def report(pools, out, *more):
    options = ["evaluate", "report", "--pools", str(pools), "--out", str(out), *more]
    return CliRunner().invoke(app, options)


@pytest.fixture(scope="module")
def pools(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    drawn = pool(SMALL, n=[8] * 9 + [0], problems=10, rankers=(SMALL, LARGE), scored=4)
    save(drawn, folder / "pools")
    save(pool(LARGE, n=4, problems=10), folder / "pools")
    counts = "".join(f"{at},{SMALL},4,{at % 5}\n" for at in range(10))
    (folder / "pools" / "mine<i>.csv").write_text(f"problem,model,n,c\n{counts}")
    timed = {"seconds_per_sample": 2.0, "engine": "an engine", "hardware": "two cores"}
    times = folder / "times.json"
    entries = {SMALL: timed, LARGE: timed}
    measured = {"humaneval": entries, "mine<i>": entries}
    times.write_text(json.dumps({"schema": 2, "datasets": measured}))
    return folder


@pytest.fixture(scope="module")
def written(pools):
    out = pools / "report"
    result = report(pools / "pools", out, "--times", str(pools / "times.json"))
    assert result.exit_code == 0, result.output
    return out


pytestmark = pytest.mark.timeout(900)  # drawing is slow on a busy machine


class Page(HTMLParser):
    """Addresses that a browser would fetch, ids, links within the page, and the text."""

    def __init__(self, text):
        super().__init__()
        self.fetched, self.ids, self.links, self.tags, self.words = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        self.tags.append(tag)
        if "id" in known:
            self.ids.append(known["id"])
        for name in ("src", "href", "xlink:href", "srcset", "data"):
            if (value := known.get(name)) is not None:
                (self.links if value.startswith("#") else self.fetched).append(value)

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def page(written):
    return Page((written / "index.html").read_text())


def test_the_page_needs_nothing_else(written, page):
    assert page.fetched == []
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    text = (written / "index.html").read_text()
    assert "@import" not in text
    assert re.findall(r"url\((?!#)", text) == []


def test_ids_are_unique_and_links_lead_to_them(page):
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= set(page.ids)


def test_every_figure_is_there_with_the_command_that_draws_it(written, page):
    text = " ".join(page.words)
    files = sorted(file.stem for file in (written / "figures").glob("*.json"))
    assert {"pass-humaneval", f"rank-humaneval-{SMALL}-rank-last"} <= set(files)
    for name in files:
        assert (written / "figures" / f"{name}.svg").exists()
        assert (written / "figures" / f"{name}.png").exists()
        assert re.search(rf"evaluate curves [^\n]*--figure '?{re.escape(name)}", text), name
    assert text.count("--figure") == len(files)
    papers = re.findall(r"The paper's Figure (\d+):", text)
    assert papers == ["2", "3", "4", "5", "6", "10", "11"]  # 2 beside ours
    assert page.tags.count("svg") == len(files) + len(papers)
    assert text.count("By a ranker, within a family") == 1


def test_the_page_says_what_was_found_and_what_is_missing(page):
    text = re.sub(r"\s+", " ", " ".join(page.words))
    assert "samples of a smaller model that cost one greedy answer of a larger one solve" in text
    assert f"3 of {SMALL}" in text
    assert "two cores" in text
    assert "1 of 10 problems have no judged sample" in text
    assert f"{SMALL}: no greedy answers, so no star." in text
    assert "not decided" in text
    assert "The paper has no figure of this data set." in text
    assert "mine<i>" in text  # escaped, and so text


def test_the_data_beside_it_says_the_same(written):
    studies = json.loads((written / "study.json").read_text())
    (study,) = (study for study in studies if study["dataset"] == "humaneval")
    duels = [
        duel
        for duel in study["against_one_greedy_answer"]
        if "ranker" not in duel and duel["basis"] == "paper"
    ]
    assert [(duel["model"], duel["k"], duel["problems"]) for duel in duels] == [(SMALL, 3, 9)]
    assert duels[0]["against"] == f"{LARGE}, greedy"
    assert {claim["holds"] for claim in study["claims"]} <= {True, False, None}
    assert len(study["claims"]) == 10
    assert sum(pool["samples"] for pool in study["pools"]) == 9 * 8 + 10 * 4


def test_claims_that_hold_are_counted_with_those_that_chance_could_turn(written):
    studies = json.loads((written / "study.json").read_text())
    claims = [claim for study in studies for claim in study["claims"]]
    holding = [claim for claim in claims if claim["holds"]]
    decided = sum(claim["holds"] is not None for claim in claims)
    within = sum(not claim["sure"] for claim in holding)
    said = f"{len(holding)} of {decided} restated claims hold on these samples"
    said += f", {within} of them within the interval." if within else "."
    assert said in " ".join((written / "index.html").read_text().split())


def test_a_second_run_writes_the_same_bytes(pools, written):
    again = pools / "again"
    assert report(pools / "pools", again, "--times", str(pools / "times.json")).exit_code == 0
    files = sorted(path.relative_to(written) for path in written.rglob("*") if path.is_file())
    assert len(files) > 10
    for file in files:
        assert (again / file).read_bytes() == (written / file).read_bytes(), file


@pytest.fixture(scope="module")
def chosen(pools):
    out = pools / "with-chosen"
    files = write(pools / "selectors.json", selectors()), write(pools / "lever.json", lever())
    more = [word for file in files for word in ("--chosen", str(file))]
    result = report(pools / "pools", out, *more)
    assert result.exit_code == 0, result.output
    return out, files


def test_what_chooses_without_tests_has_a_chapter_with_figure_table_and_command(chosen):
    out, files = chosen
    shown = Page((out / "index.html").read_text())
    text = re.sub(r"\s+", " ", " ".join(shown.words))
    assert "untested" in shown.ids
    assert "#untested" in shown.links
    assert "by lever HumanEval 1.02 48.0 (43.0 to 53.0) 44.9 -2.0 (-7.0 to +3.0)" in text
    assert "Where likelihood chooses, as the paper's rankers do" in text
    for suffix in (".json", ".svg", ".png"):
        assert (out / "figures" / f"chosen-humaneval{suffix}").exists()
    given = " ".join(f"--chosen {file}" for file in files)
    assert f"evaluate curves {given} --figure chosen-humaneval --out DIR" in text
    assert "pools do not record it." in text


def test_without_such_files_the_page_says_how_to_have_them(page):
    text = re.sub(r"\s+", " ", " ".join(page.words))
    assert "untested" not in page.ids
    assert "budget-router evaluate selectors" in text


def test_curves_draws_what_was_chosen_without_a_pool(cli, chosen, tmp_path):
    _, files = chosen
    given = [word for file in files for word in ("--chosen", str(file))]
    result = cli("evaluate", "curves", *given, "--out", tmp_path / "drawn")
    assert result.exit_code == 0, result.output
    drawn = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert drawn == [f"chosen-humaneval.{suffix}" for suffix in ("json", "png", "svg")]
    alone = cli("evaluate", "curves", *given[2:], "--out", tmp_path / "alone")
    assert alone.exit_code == 1
    assert "needs what" in alone.stderr


def test_curves_draws_one_figure_on_request(cli, pools, tmp_path):
    drawn = sorted(map(str, (pools / "pools").glob("humaneval*")))
    name = "pass-exact-humaneval"
    result = cli("evaluate", "curves", *drawn, "--figure", name, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{name}.json",
        f"{name}.png",
        f"{name}.svg",
    ]
    other = cli("evaluate", "curves", *drawn, "--figure", "figure-9", "--out", tmp_path)
    assert other.exit_code == 1
    assert "no figure 'figure-9'" in other.stderr
    assert name in other.stderr


def test_a_model_is_priced_by_the_gateways_configuration(cli, tmp_path):
    made = replace(pool(SMALL, n=4, problems=3), model="mine-7b")
    for draws in (*made.draws.values(), *made.greedy.values()):
        draws.generations.nll["mine-7b"] = draws.generations.nll.pop(SMALL)
    save(made, tmp_path / "pools")
    config = tmp_path / "gateway.toml"
    config.write_text('[models.mine-7b]\nengine = "url"\nurl = "http://x"\nflops_per_token = 7e9\n')
    bases = {}
    for more in ([], ["--config", str(config)]):
        out = tmp_path / f"out{len(more)}"
        assert report(tmp_path / "pools", out, *more).exit_code == 0
        bases[len(more)] = (out / "figures" / "pass-exact-humaneval.json").exists()
    assert bases == {0: False, 2: True}
    assert f"--config {config}" in (out / "index.html").read_text()
    config.write_text(config.read_text() + 'config = "nowhere.json"\n')
    wrong = cli("evaluate", "report", "--pools", tmp_path, "--out", out, "--config", config)
    assert wrong.exit_code == 1
    assert "nowhere.json" in wrong.stderr


def test_what_cannot_be_read_is_one_line(cli, pools, tmp_path):
    nothing = cli("evaluate", "report", "--pools", tmp_path, "--out", tmp_path / "out")
    assert nothing.exit_code == 1
    assert "evaluate collect" in nothing.stderr
    twice = [save(pool(OTHER, n=2, problems=3), tmp_path / name)[0] for name in "ab"]
    for command in (["curves", *twice], ["report", "--pools", tmp_path]):
        result = cli("evaluate", *command, "--out", tmp_path / "out")
        assert result.exit_code == 1
        assert len(result.stderr.strip().splitlines()) == 1, result.stderr  # and no bar
    single = save(pool(OTHER, n=1, problems=3), tmp_path / "single")
    few = cli("evaluate", "curves", *map(str, single), "--out", tmp_path / "out")
    assert few.exit_code == 1
    assert "too few judged samples" in few.stderr


def test_a_report_without_any_curve_says_so(tmp_path):
    save(pool(OTHER, n=1, problems=3), tmp_path / "pools")
    assert report(tmp_path / "pools", tmp_path / "out").exit_code == 0
    text = (tmp_path / "out" / "index.html").read_text()
    assert "No model has enough samples for a curve." in text
    assert "3 of 3 problems have fewer than 2 samples" in text


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install chromium")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_chromium_shows_the_page_whole(written, tmp_path, dark):
    picture = tmp_path / "page.png"
    options = [*BROWSER_OPTIONS, f"--user-data-dir={tmp_path / 'profile'}"]
    options += [f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
    address = (written / "index.html").as_uri()
    shot = subprocess.run(
        [CHROMIUM, *options, "--window-size=1200,3000", f"--screenshot={picture}", address],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    assert "bytes written" in shot.stderr
    colours = colours_of(picture)
    page_colour, share = max(colours.items(), key=lambda entry: entry[1])
    assert page_colour == ((21, 24, 28) if dark else (255, 255, 255))
    assert share > 0.5
    for drawn in ((209, 122, 0), (43, 131, 186)):  # curves of the paper and of ours
        assert colours.get(drawn, 0) > 0, drawn


def colours_of(picture):
    image = pytest.importorskip("PIL.Image").open(picture).convert("RGB")
    pixels = image.width * image.height
    return {colour: count / pixels for count, colour in image.getcolors(maxcolors=pixels)}


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install chromium")
def test_chromium_reads_every_heading_and_lays_out_every_figure(written, tmp_path):
    options = [*BROWSER_OPTIONS, f"--user-data-dir={tmp_path / 'profile'}"]
    dumped = subprocess.run(
        [CHROMIUM, *options, "--dump-dom", (written / "index.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    shown = Page(dumped.stdout)
    for heading in ("short", "sampled", "humaneval", "claims", "differences", "again"):
        assert heading in shown.ids
    assert shown.tags.count("svg") == Page((written / "index.html").read_text()).tags.count("svg")
