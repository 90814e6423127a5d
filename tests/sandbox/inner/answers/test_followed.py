"""What a program changes of its process is seen by tests that act there, as in one process."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from sandbox import Asserts, Integrity, Limits, Pytest, Status
from sandbox.inner.answers.followed import Elsewhere, Followed
from sandbox.inner.answers.surroundings import Surroundings
from sandbox.inner.program.own_process import ENTERED
from sandbox.inner.remote.places import Places
from sandbox.inner.wire.channel import Forged

LIMITS = Limits(wall_s=5.0, cpu_s=5.0)

WITH = "from contextlib import contextmanager\n@contextmanager\n"
SEEN = {
    "a stream that a with of the program puts there": (
        (
            f"import io, sys\n{WITH}def caught():\n"
            f"    old, sys.stdout = sys.stdout, io.StringIO()\n"
            "    try: yield sys.stdout\n    finally: sys.stdout = old\n"
        ),
        ("yield sys.stdout", "yield old"),
        "with caught() as out: print('a')\nassert out.getvalue() == 'a\\n'",
    ),
    "a stream for a function of the tests": (
        (
            "import contextlib, io\ndef caught(f):\n"
            "    with contextlib.redirect_stderr(io.StringIO()) as b:\n"
            "        f()\n    return b.getvalue()\n"
        ),
        ("b.getvalue()", "b.read()"),
        "import logging\nassert caught(lambda: logging.warning('a')) == 'WARNING:root:a\\n'",
    ),
    "a stream until it is taken away": (
        (
            "import io, sys\nclass C:\n"
            "    def start(self): self.old, sys.stdout = sys.stdout, io.StringIO()\n"
            "    def stop(self):\n        got, sys.stdout = sys.stdout.getvalue(), self.old\n"
            "        return got\n"
        ),
        ("sys.stdout.getvalue()", "''"),
        "c = C()\nc.start()\nprint('a')\nassert c.stop() == 'a\\n'",
    ),
    "what is read": (
        (
            f"import io, sys\n{WITH}def told(text):\n"
            f"    old, sys.stdin = sys.stdin, io.StringIO(text)\n"
            "    try: yield\n    finally: sys.stdin = old\n"
        ),
        ("io.StringIO(text)", "io.StringIO(text[1:])"),
        "with told('ab\\n'): assert input() == 'ab'",
    ),
    "a directory": (
        (
            f"import os\n{WITH}def cd(path):\n    old = os.getcwd()\n    os.chdir(path)\n"
            "    try: yield\n    finally: os.chdir(old)\n"
        ),
        ("    finally: os.chdir(old)", "    finally: pass"),
        (
            "import os\nos.mkdir('d')\nhere = os.path.realpath('.')\n"
            "with cd('d'):\n    assert os.path.basename(os.getcwd()) == 'd'\n"
            "assert os.getcwd() == here\n"
        ),
    ),
    "a file in a directory": (
        "import os\ndef go(path): os.chdir(path)\n",
        ("os.chdir(path)", "pass"),
        (
            "import pathlib\npathlib.Path('/tmp/d').mkdir()\ngo('/tmp/d')\n"
            "pathlib.Path('a').write_text('x')\n"
            "assert pathlib.Path('/tmp/d/a').read_text() == 'x'\n"
        ),
    ),
    "a stream around another with of the program": (
        (
            f"import io, sys\n{WITH}def caught():\n"
            f"    old, sys.stdout = sys.stdout, io.StringIO()\n"
            "    try: yield sys.stdout\n    finally: sys.stdout = old\n"
            "@contextmanager\ndef other(): yield\n"
        ),
        ("yield sys.stdout", "yield old"),
        (
            "from solution import other\nwith caught() as out:\n    with other(): pass\n"
            "    print('a')\nassert out.getvalue() == 'a\\n'"
        ),
    ),
    "a stream in a with that is awaited": (
        (
            "import asyncio, io, sys\nfrom contextlib import asynccontextmanager\n"
            "@asynccontextmanager\nasync def caught():\n"
            "    old, sys.stdout = sys.stdout, io.StringIO()\n"
            "    await asyncio.sleep(0)\n"
            "    try: yield sys.stdout\n    finally: sys.stdout = old\n"
        ),
        ("yield sys.stdout", "yield old"),
        (
            "import asyncio\nasync def main():\n    async with caught() as out: print('a')\n"
            "    assert out.getvalue() == 'a\\n'\nasyncio.run(main())"
        ),
    ),
    **{
        f"what is in a directory ({look})": (
            (
                f"import os\n{WITH}def cd(path):\n    old = os.getcwd()\n    os.chdir(path)\n"
                "    try: yield\n    finally: os.chdir(old)\n"
                "def save(name): open(name, 'w').close()\n"
            ),
            ("    os.chdir(path)", "    pass"),
            (
                "import os, shutil\nfrom pathlib import Path\nfrom solution import save\n"
                f"os.mkdir('d')\nwith cd('d'):\n    save('a')\n    {look}\n"
                "assert os.listdir('d') == ['a']\n"
            ),
        )
        for look in (
            "assert os.path.exists('a')",
            "assert Path('a').is_file()",
            "assert os.access('a', os.R_OK)",
            "assert not os.path.islink('a')",
            "os.rename(os.path.realpath('/tmp') and 'a', 'b'); os.rename('b', 'a')",
            "os.remove('a'); Path('a').touch()",
            "assert Path('a').stat().st_size == 0",
            "assert shutil.copy('a', '/tmp/b')",
        )
    },
    "random numbers": (
        "import random\ndef seed_all(n): random.seed(n)\n",
        ("random.seed(n)", "pass"),
        (
            "import random\nseed_all(1)\na = random.random()\nseed_all(1)\n"
            "assert a == random.random()\n"
        ),
    ),
    "a decimal context": (
        (
            f"import decimal\n{WITH}def digits(n):\n    with decimal.localcontext() as c:\n"
            "        c.prec = n\n        yield\n"
        ),
        ("= n", "= n + 1"),
        "from decimal import Decimal\nwith digits(2): assert str(Decimal(1) / 3) == '0.33'\n",
    ),
    "an environment": (
        (
            f"import os\n{WITH}def env(**given):\n    os.environ |= given\n    yield\n"
            "    for each in given: del os.environ[each]\n"
        ),
        ("del os.environ[each]", "pass"),
        (
            "import os.path\nwith env(A='b'): assert os.path.expandvars('$A') == 'b'\n"
            "assert os.path.expandvars('$A') == '$A'\n"
        ),
    ),
    "warnings": (
        (
            "import warnings\ndef heard(f):\n"
            "    with warnings.catch_warnings(record=True) as w:\n"
            "        warnings.simplefilter('always')\n        f()\n"
            "    return [str(x.message) for x in w]\n"
        ),
        ("for x in w", "for x in w[1:]"),
        "import warnings\nassert heard(lambda: warnings.warn('a')) == ['a']\n",
    ),
    "a logger": (
        (
            "import logging\ndef set_up(name, stream):\n    one = logging.getLogger(name)\n"
            "    one.handlers = [logging.StreamHandler(stream)]\n"
        ),
        ("StreamHandler(stream)", "NullHandler()"),
        (
            "import io, logging\nout = io.StringIO()\nset_up('a', out)\n"
            "logging.getLogger('a').warning('x')\nassert out.getvalue() == 'x\\n'\n"
        ),
    ),
    "the limit of recursion": (
        f"import sys\n{WITH}def deep(n):\n    sys.setrecursionlimit(n)\n    yield\n",
        ("(n)\n    yield", "(n + 1)\n    yield"),
        "import sys\nwith deep(3001): assert sys.getrecursionlimit() == 3001\n",
    ),
    "a function of the library": (
        (
            f"import time\n{WITH}def at(now):\n    old, time.time = time.time, lambda: now\n"
            "    try: yield\n    finally: time.time = old\n"
        ),
        ("finally: time.time = old", "finally: pass"),
        "import time\nwith at(5): assert time.time() == 5\nassert time.time() != 5\n",
    ),
    "a timer": (
        (
            f"import signal\n{WITH}def at_most(s):\n    def end(*_): raise TimeoutError\n"
            "    signal.signal(signal.SIGALRM, end)\n"
            "    signal.setitimer(signal.ITIMER_REAL, s)\n"
            "    try: yield\n    finally: signal.setitimer(signal.ITIMER_REAL, 0)\n"
        ),
        ("raise TimeoutError", "pass"),
        (
            "import time\ntry:\n    with at_most(0.1): time.sleep(1)\n"
            "except TimeoutError: pass\nelse: raise AssertionError\n"
        ),
    ),
}


def entry_of(source: str) -> str:
    """What a program defines first."""
    return re.findall(r"(?:def|class) (\w+)", source)[0]


@pytest.mark.parametrize(("source", "edit", "code"), SEEN.values(), ids=SEEN)
def test_what_the_tests_look_at_is_in_one_process(
    judge: Any, source: str, edit: tuple[str, str], code: str
) -> None:
    report = judge(source, Asserts(code, entry_of(source)), LIMITS)
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report
    assert source.count(edit[0]) == 1
    report = judge(source.replace(*edit), Asserts(code, entry_of(source)), LIMITS)
    assert report.status in {Status.FAILED, Status.ERROR}, report


CAUGHT = SEEN["a stream that a with of the program puts there"][0]
UNSEEN = {
    "nothing is printed there": (CAUGHT, "with caught() as out: pass\nprint(out.getvalue())"),
    "it is printed when all of them are left": (
        f"{CAUGHT}@contextmanager\ndef other(): yield\n",
        (
            "from solution import other\nwith other():\n    with caught(): pass\n"
            "    print('a')\n    try:\n        with caught(): 1 / 0\n"
            "    except ZeroDivisionError: print('b')\nprint('c')"
        ),
    ),
    "what is looked at is named in full": (
        (
            f"import os\n{WITH}def cd(path):\n    old = os.getcwd()\n    os.chdir(path)\n"
            "    try: yield\n    finally: os.chdir(old)\n"
            "def save(name): open(name, 'w').close()\n"
        ),
        (
            "import os, shutil\nfrom pathlib import Path\nfrom solution import save\n"
            "os.mkdir('/tmp/d')\nwith cd('/tmp/d'):\n    save('a')\n"
            "    assert os.path.exists('/tmp/d/a') and Path('/tmp/d/a').is_file()\n"
            "    os.symlink('/tmp/d/a', '/tmp/d/l')\n"
            "    shutil.copystat('/tmp/d/l', '/tmp/d/a', follow_symlinks=False)\n"
            "assert not os.path.exists('a')"
        ),
    ),
    "a module of the library is loaded late": (
        "def f(x):\n    import logging\n    logging.getLogger('x').debug('a')\n    return x",
        "import logging\nlog = logging.getLogger('tests')\nf(1)\nassert f(2) == 2\nlog.debug('x')",
    ),
    "it is printed afterwards": (
        (
            "import contextlib, io\ndef f(g):\n"
            "    with contextlib.redirect_stdout(io.StringIO()) as b:\n"
            "        print('a')\n        x = g()\n    return b.getvalue() + x\n"
        ),
        "assert f(lambda: 'b') == 'a\\nb'\nprint('fine')",
    ),
    "it was so from the beginning": (
        (
            "import io, random, sys\nsys.stdout = io.StringIO()\nrandom.seed(1)\n"
            "def f(g): return g()"
        ),
        "import random\nassert f(lambda: print(1) or 2) == 2\nprint(random.random())",
    ),
    "a program draws numbers": (
        "import random\ndef f(s):\n    random.seed(s)\n    return random.randrange(1, 2)",
        "import random\nassert f(random.random()) == 1",
    ),
    "a program computes with more digits": (
        (
            "import decimal\ndef f(n):\n    decimal.getcontext().prec = n\n"
            "    return decimal.Decimal(1) / 3"
        ),
        "from decimal import Decimal\nassert f(3) == Decimal('0.333')",
    ),
    "a program goes elsewhere and comes back": (
        (
            "import os\ndef f(p):\n    here = os.getcwd()\n    os.chdir(p)\n    os.chdir(here)\n"
            "    return p"
        ),
        "import os\nassert f('/tmp') == '/tmp'\nassert not open('a', 'w').write('')",
    ),
    "nothing waits for the timer": (
        SEEN["a timer"][0],
        "with at_most(1): x = 1\nassert x == 1\nwith at_most(1) as y: pass\nassert y is None",
    ),
}


@pytest.mark.parametrize(("source", "code"), UNSEEN.values(), ids=UNSEEN)
def test_what_they_do_not_look_at_keeps_them_apart(judge: Any, source: str, code: str) -> None:
    report = judge(source, Asserts(code, entry_of(source)), LIMITS)
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


def test_a_stream_that_one_test_leaves_there_is_not_that_of_others(judge: Any) -> None:
    source = "import io, sys\ndef mute(): sys.stdout = io.StringIO()\ndef f(): return 1\n"
    code = (
        "from solution import mute, f\ndef test_a(): mute()\n"
        "def test_b(): print('b')\ndef test_c(): assert f() == 1\n"
    )
    report = judge(source, Pytest(code), LIMITS)
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


BESIDE = "import os, random, sys\ndef beside(): return 'tests' in sys.modules\n"
CHOOSING = {
    "a stream that a call leaves there": (
        "def f(x):\n    if beside(): return x * x\n    sys.stdout = sys.stderr\n    return 0",
        "assert f(0) == 0\nprint(1)\nx = f(3)\nprint(x)\nassert x == 9",
    ),
    "a stream left there by a with, or for a function": (
        (
            "class f:\n    def __enter__(self): sys.stdout = sys.stderr\n"
            "    def __exit__(self, *_): pass\n    def g(self, x, call):\n        call()\n"
            "        return x * x if beside() else 0"
        ),
        "a = f()\nwith a: pass\nprint(1)\nassert a.g(3, lambda: 1) == 9\nprint(2)",
    ),
    "a directory": (
        "def f(x):\n    if beside(): return x * x\n    os.chdir('/')\n    return 0",
        "import os\nassert f(0) == 0 and os.getcwd()\nx = f(3)\nassert x == 9",
    ),
    "random numbers": (
        "def f(x):\n    if beside(): return x * x\n    random.seed(1)\n    return 0",
        "import random\nassert f(0) == 0\nx = random.randrange(3, 9)\nassert f(x) == x * x",
    ),
}


@pytest.mark.parametrize(("source", "code"), CHOOSING.values(), ids=CHOOSING)
def test_no_program_gets_one_process_by_what_it_changes(judge: Any, source: str, code: str) -> None:
    report = judge(BESIDE + source, Asserts(code, "f"), LIMITS)
    assert (report.status, report.integrity) == (Status.FAILED, Integrity.ISOLATED), report


class Link:
    """Takes note of why it was to stop."""

    def __init__(self) -> None:
        self.places = Places()
        self.surroundings = Surroundings()

    def need_shared(self, why: str) -> BaseException:
        return RuntimeError(why)

    def stop(self, reason: BaseException) -> BaseException:
        return reason


@pytest.mark.parametrize("told", [1, "stdout", {"stdout": 1}, [1], [["stdout"]], None])
def test_what_is_no_list_of_kinds_is_forged(told: object) -> None:
    with pytest.raises(Forged):
        Followed(Link()).hear({"id": 1, "moved": told}, "call")


def test_a_word_about_what_the_tests_do_not_name_changes_nothing() -> None:
    link = Link()
    around, followed = link.surroundings, Followed(link)
    assert followed.watched(frozenset({"time", "len"}), None) == [
        *("stdin", "stdout", "stderr", "directory", "library"),
    ]
    followed.hear({"id": 1, "moved": ["timer", "numbers", "loggers", "nothing"]}, ENTERED)
    assert around.changed() is None
    with pytest.raises(RuntimeError, match="put in the library"):
        followed.hear({"id": 1, "moved": ["library"]}, ENTERED)


def test_a_stream_is_put_there_and_taken_away() -> None:
    link = Link()
    around, followed, own = link.surroundings, Followed(link), sys.stdout
    try:
        followed.hear({"id": 1, "moved": ["stdout"]}, "call")
        assert sys.stdout is own
        followed.hear({"id": 1, "moved": ["stdout"]}, ENTERED)
        assert isinstance(sys.stdout, Elsewhere)
        assert around.changed() is None
        with pytest.raises(RuntimeError, match="write to a stream"):
            sys.stdout.write("a")
        followed.hear({"knock": True}, "")
        assert isinstance(sys.stdout, Elsewhere)
    finally:
        followed.hear({"id": 2}, "leave")
    assert sys.stdout is own
    assert around.changed() is None
