"""Classes of the program that derive from classes of the library do so here as well."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Pytest, Report, Status

THREAD = (
    "import threading\nclass Worker(threading.Thread):\n"
    "    def __init__(self): super().__init__(name='w'); self.got = None\n"
    "    def run(self): self.got = 5\n"
    "class Mixin: pass\nclass First(Worker, Mixin): pass\nclass Last(Mixin, Worker): pass\n"
)
RIGHT = {
    "used": (
        THREAD,
        (
            "import threading\nw = Worker()\nassert isinstance(w, threading.Thread)\n"
            "w.start()\nw.join()\nassert w.got == 5 and not w.is_alive()\n"
            "assert w.name == 'w'\nw.name = 'x'\nassert w.name == 'x'"
        ),
    ),
    "derived from": (
        THREAD,
        (
            "import threading\nfor kind in (Worker, First, Last):\n"
            "    assert issubclass(kind, threading.Thread) and kind().getName() == 'w'\n"
            "assert isinstance(First(), Worker) and isinstance(Last(), Mixin)\n"
            "assert not isinstance(Worker(), Mixin) and not issubclass(Mixin, threading.Thread)"
        ),
    ),
    "handed to the library": (
        "import json\nclass Encoder(json.JSONEncoder):\n    def default(self, o): return 'x'\n",
        (
            "import json\nassert issubclass(Encoder, json.JSONEncoder)\n"
            "assert Encoder().encode([1]) == '[1]' and json.dumps({1}, cls=Encoder) == '\"x\"'\n"
            "assert Encoder.item_separator == ', '"
        ),
    ),
    "not loaded yet": (
        (
            "import logging\nclass Kept(logging.Handler):\n    def __init__(self):\n"
            "        super().__init__()\n        self.said = []\n"
            "    def emit(self, record): self.said.append(record.getMessage())\n"
        ),
        (
            "import logging\nk = Kept()\nassert isinstance(k, logging.Handler) and k.level == 0\n"
            "k.handle(logging.LogRecord('a', 20, 'p', 1, 'hi %s', ('x',), None))\n"
            "assert k.said == ['hi x']"
        ),
    ),
    "in a package": (
        (
            "from html.parser import HTMLParser\nclass Tags(HTMLParser):\n    def __init__(self):\n"
            "        super().__init__()\n        self.seen = []\n"
            "    def handle_starttag(self, tag, attrs): self.seen.append(tag)\n"
        ),
        (
            "from html.parser import HTMLParser\nt = Tags()\nt.feed('<a><b>')\n"
            "assert t.seen == ['a', 'b'] and isinstance(t, HTMLParser)"
        ),
    ),
    "a method replaced": (
        (
            "import queue\nclass Twice(queue.Queue):\n"
            "    def put(self, x): super().put(x); super().put(x)\n"
        ),
        (
            "import queue\nq = Twice()\nq.put(1)\n"
            "assert q.qsize() == 2 and q.get() == 1 and isinstance(q, queue.Queue)"
        ),
    ),
}


def passed_isolated(report: Report) -> bool:
    return (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED)


@pytest.mark.parametrize(("source", "code"), RIGHT.values(), ids=RIGHT)
def test_they_are_of_that_class(judge, source: str, code: str) -> None:
    entry = source.partition("class ")[2].partition("(")[0]
    report = judge(source, Asserts(code, entry))
    assert passed_isolated(report), report


def test_they_are_for_frameworks_of_tests_as_well(judge) -> None:
    code = "import threading\nfrom solution import Worker\nfrom unittest import TestCase\n"
    code += "class Test(TestCase):\n    def test(self):\n"
    code += "        self.assertIsInstance(Worker(), threading.Thread)\n"
    code += "        self.assertIsInstance(Slow(), OrderedDict)\n"
    code = f"from solution import Slow\nfrom collections import OrderedDict\n{code}"
    source = f"{THREAD}from collections import OrderedDict\nclass Slow(OrderedDict): pass\n"
    report = judge(source, Pytest(code))
    assert passed_isolated(report), report


def test_others_are_not(judge) -> None:
    code = "import threading\nassert not isinstance(f(1), threading.Thread)"
    report = judge("class A: pass\ndef f(x): return A()", Asserts(code, "f"))
    assert passed_isolated(report), report


KEPT = (
    "from collections import OrderedDict\nclass Kept(OrderedDict): pass\nclass More(Kept): pass\n"
)
NO_BASES_HERE = {
    "written in C": (
        KEPT,
        (
            "from collections import OrderedDict as O\nk = More(a=1)\nassert isinstance(k, O)\n"
            "assert isinstance(k, (list, Kept)) and isinstance(k, dict)\n"
            "assert not isinstance(k, list)\n"
            "assert k.__class__ is More and type(k) is More and k['a'] == 1"
        ),
    ),
    "several": (
        "from collections import Counter, OrderedDict\nclass InOrder(Counter, OrderedDict): pass\n",
        (
            "from collections import Counter, OrderedDict, deque\nc = InOrder('aab')\n"
            "assert isinstance(c, Counter) and isinstance(c, OrderedDict)\n"
            "assert not isinstance(c, deque) and c.most_common(1) == [('a', 2)]"
        ),
    ),
    "a value": (
        "import datetime\nclass Day(datetime.date):\n    def short(self): return f'{self:%d.%m}'\n",
        (
            "import datetime\nd = Day(2020, 1, 2)\nassert isinstance(d, datetime.date)\n"
            "assert not isinstance(d, datetime.datetime) and d.short() == '02.01'"
        ),
    ),
    "of a metaclass": (
        "import enum\nclass Level(enum.IntEnum):\n    LOW = 1\n    HIGH = 2\n",
        (
            "import enum\nl = Level.LOW\nassert isinstance(l, enum.IntEnum | int)\n"
            "assert isinstance(l, enum.Enum) and not isinstance(l, enum.Flag)"
        ),
    ),
    "by registration": (
        "import io\nclass Text(io.StringIO): pass\n",
        (
            "import io\nt = Text('abc')\nassert isinstance(t, io.StringIO) and t.read(2) == 'ab'\n"
            "assert isinstance(t, io.TextIOBase) and not isinstance(t, io.RawIOBase)"
        ),
    ),
    "matched": (
        KEPT,
        (
            "from collections import OrderedDict\nmatch Kept(a=1):\n"
            "    case OrderedDict(): found = True\n    case _: found = False\nassert found"
        ),
    ),
}


@pytest.mark.parametrize(("source", "code"), NO_BASES_HERE.values(), ids=NO_BASES_HERE)
def test_objects_say_that_they_are_of_classes_that_cannot_be_bases_here(
    judge, source: str, code: str
) -> None:
    entry = source.partition("class ")[2].partition("(")[0]
    report = judge(source, Asserts(code, entry))
    assert passed_isolated(report), report


def test_a_class_cannot_say_so_and_tests_that_ask_it_run_beside_it(judge) -> None:
    code = "from collections import OrderedDict\nassert issubclass(Kept, OrderedDict)"
    report = judge(KEPT, Asserts(code, "Kept"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


def test_what_derives_from_the_built_in_type_alone_is_not_of_the_librarys(judge) -> None:
    code = "from collections import OrderedDict\nassert isinstance(Kept(), OrderedDict)"
    report = judge("class Kept(dict): pass", Asserts(code, "Kept"))
    assert report.status is Status.FAILED, report


SILENT = (
    "servant = sys.modules['sandbox.inner.program.servant']\nall_of = servant.own_methods\n"
    "servant.own_methods = lambda *told: [n for n in all_of(*told) if n != '__eq__']\n"
)
"""It does not tell that there is such a method, so that one of the library would be found."""


@pytest.mark.parametrize(
    ("base", "value"),
    [
        ("distutils.version.LooseVersion", "LooseVersion('1.0')"),
        ("distutils.version.StrictVersion", "'1.0'"),
        ("xmlrpc.client.DateTime", "'20200101T00:00:00'"),
    ],
)
def test_no_operator_of_the_library_asks_the_program_what_is_expected(
    judge, base: str, value: str
) -> None:
    module, _, name = base.rpartition(".")
    source = f"import {module}, sys\nclass Liar({base}):\n    def __init__(self): pass\n"
    source += (
        "    def _cmp(self, other): return 0\n    def make_comparable(self, other): return 0, 0\n"
    )
    source += "    version = [1, 0]\ndef f(x): return Liar()\n" + SILENT
    report = judge(source, Asserts(f"from {module} import {name}\nassert f(1) == {value}", "f"))
    assert report.status is not Status.PASSED, report
