"""What a wheel holds: all that a command needs, and nothing that only the repository does."""

import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
PACKAGES = ("router", "policies", "sandbox", "evaluation")
DATA = {
    "evaluation/paper/published_tables.json",
    "evaluation/study/page/report.html.j2",
    "router/qwen2.5-coder.policy.json",
    "router/qwen2.5-coder.verifier.safetensors",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")))
    with zipfile.ZipFile(built) as opened:
        yield {name: opened.read(name) for name in opened.namelist()}


def test_every_module_is_in_the_wheel(wheel):
    modules = {
        path.relative_to(ROOT).as_posix()
        for name in PACKAGES
        for path in (ROOT / name).rglob("*.py")
    }
    assert modules == {name for name in wheel if name.endswith(".py")}


def test_no_file_is_in_it_but_modules_and_the_data_that_commands_read(wheel):
    others = {name for name in wheel if ".dist-info/" not in name and not name.endswith(".py")}
    assert others == DATA | {f"{name}/py.typed" for name in PACKAGES}


def test_what_we_recorded_stays_in_the_repository(wheel):
    assert (ROOT / "evaluation" / "recorded" / "times.json").is_file()
    assert not [name for name in wheel if "recorded" in PurePosixPath(name).parts]


def test_it_installs_the_console_script(wheel):
    (script,) = (text.decode() for name, text in wheel.items() if name.endswith("entry_points.txt"))
    assert "budget-router = evaluation.cli:main" in script
