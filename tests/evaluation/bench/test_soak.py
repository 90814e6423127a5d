"""The soak: what it sees changing or leaking, and how its command ends."""

from dataclasses import replace

from evaluation.bench.soak import PROGRAMS, Resources, Soaked, soak
from evaluation.commands.sandbox import soak as command

NOTHING = Resources(1, 1, 1, 1, 1, 1)
QUIET = Soaked(1, 1.0, NOTHING, NOTHING, NOTHING, NOTHING, ())


def two_programs():
    return {name: PROGRAMS[name] for name in ("right", "io")}


def test_a_soak_sees_a_verdict_that_changed():
    alone = {"right": ("failed", None, "isolated"), "io": ("passed", None, "isolated")}
    told = []
    found = soak("process", 40, told.append, programs=two_programs(), alone=alone)
    assert found.verdicts
    assert all(line.startswith("right: ") for line in found.verdicts)
    assert sum(told) == found.runs == 40


def test_a_soak_sees_what_leaks():
    assert QUIET.leaks == ()
    for name in ("processes", "descriptors", "containers", "memory", "files", "disk"):
        more = replace(NOTHING, **{name: 2**30})
        assert replace(QUIET, late=more).leaks == (f"{name} grew during the runs: 1, then {2**30}",)
        assert replace(QUIET, closed=more).leaks == (f"{name} grew in all: 1, then {2**30}",)


def test_a_soak_that_finds_nothing_ends_with_0(cli, ended):
    found = soak("process", 80, lambda count: None, programs=two_programs())
    result = ended(lambda: command.conclude("process", found))
    assert result.exit_code == 0, result.output
    assert "80 runs" in result.stdout
    assert cli("sandbox", "soak", "--runs", 1).exit_code == 2


def test_a_soak_that_finds_something_ends_with_1_and_says_what(ended):
    found = replace(QUIET, verdicts=("right: failed",), late=replace(NOTHING, processes=9))
    result = ended(lambda: command.conclude("process", found))
    assert result.exit_code == 1
    assert "right: failed" in result.stdout
    assert "processes grew during the runs: 1, then 9" in result.stdout
    assert "1 verdicts changed, 1 things leaked" in result.stderr
