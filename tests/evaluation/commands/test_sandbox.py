"""`budget-router sandbox`: one JSON report, and exit statuses that say whose fault it was."""

import json

import pytest

from evaluation.commands.common.backends import BACKENDS
from sandbox import Integrity, Report, SandboxUnavailable, Status

ASSERTS = {"kind": "asserts", "code": "assert add(1, 2) == 3", "entry_point": "add"}
GOOD = "def add(a, b):\n    return a + b\n"


@pytest.fixture
def judge(cli, tmp_path):
    """Run `sandbox run` on a source and tests, as they are in files."""

    def run(source: str | bytes, tests: object = ASSERTS, *options: str):
        candidate, file = tmp_path / "candidate.py", tmp_path / "tests.json"
        candidate.write_bytes(source if isinstance(source, bytes) else source.encode())
        file.write_text(tests if isinstance(tests, str) else json.dumps(tests))
        return cli("sandbox", "run", "--candidate", candidate, "--tests", file, *options)

    return run


def test_a_pass_ends_with_0_and_prints_the_whole_report(judge):
    result = judge("print('hello')\n" + GOOD)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["status"], report["integrity"], report["detail"]) == ("passed", "isolated", None)
    assert report["stdout"] == "hello\n"
    assert report["wall_s"] > 0
    assert report["peak_memory_bytes"] > 0


@pytest.mark.parametrize(
    ("source", "status", "detail"),
    [
        ("def add(a, b): return 0", "failed", None),
        ("def add(a, b) return 0", "error", "syntax"),
        ("import sys; sys.exit(0)", "error", "early_exit"),
        ("x = '\0'", "error", "syntax"),
        (b"x = '\xff'", "error", "syntax"),
    ],
)
def test_any_other_verdict_ends_with_1(judge, source, status, detail):
    result = judge(source)
    report = json.loads(result.stdout)
    assert (result.exit_code, report["status"], report["detail"]) == (1, status, detail)


@pytest.mark.parametrize(
    "tests",
    ["{", "[]", "[" * 9999, "{}", {**ASSERTS, "code": "assert ("}, {**ASSERTS, "more": 1}],
    ids=["no JSON", "no object", "deep", "empty", "syntax error", "unknown key"],
)
def test_tests_that_cannot_be_used_end_with_2(judge, tests):
    result = judge(GOOD, tests)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("budget-router: ")


def test_a_missing_file_ends_with_2(cli, tmp_path):
    result = cli("sandbox", "run", "--candidate", tmp_path / "a", "--tests", tmp_path / "b")
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_shared_pass_is_not_enough_where_isolation_is_asked_for(judge):
    source = "import os\ndef add(a, b): return os.environ['X']"
    tests = {**ASSERTS, "code": "import os\nos.environ['X'] = '1'\nassert add(1, 2) == '1'"}
    assert judge(source, tests).exit_code == 0
    assert judge(source, {**tests, "min_integrity": "isolated"}).exit_code == 1


def test_the_limits_of_the_tests_hold(judge):
    result = judge("while True: pass", {**ASSERTS, "limits": {"wall_s": 0.3}})
    assert json.loads(result.stdout)["status"] == "timeout"


class Broken:
    """A backend that cannot start, or whose every run is a fault of ours."""

    enforced = "nothing"

    def __init__(self, *, starts):
        self.starts = starts

    async def __aenter__(self):
        if not self.starts:
            raise SandboxUnavailable("enable namespaces")
        return self

    async def __aexit__(self, *error):
        pass

    async def run(self, program, limits):
        return Report(Status.INTERNAL_ERROR, Integrity.ISOLATED, message="died")


@pytest.mark.parametrize("starts", [True, False])
def test_our_own_faults_end_with_2(judge, monkeypatch, starts):
    monkeypatch.setitem(BACKENDS, "process", lambda: Broken(starts=starts))
    result = judge(GOOD)
    assert result.exit_code == 2
    assert bool(result.stdout) is starts


def test_check_tells_what_works_and_what_to_do(cli, monkeypatch):
    monkeypatch.setitem(BACKENDS, "docker", lambda: Broken(starts=False))
    result = cli("sandbox", "check")
    assert result.exit_code == 0
    assert "process: works: " in result.stdout
    assert "docker: cannot run: enable namespaces" in result.stdout
    monkeypatch.setitem(BACKENDS, "process", lambda: Broken(starts=True))
    result = cli("sandbox", "check", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["process"] == {
        "works": False,
        "notes": "internal_error: died",
    }
