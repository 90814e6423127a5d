"""Values of library classes between the tests and the program: right and wrong programs."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Status

NAMESPACE = "from types import SimpleNamespace as N\n"
PROXY = "import types\nD = {'a': 1}\nM = types.MappingProxyType(D)\n"
ARRAY = "from array import array\n"
PARSER = "import argparse\np = argparse.ArgumentParser()\n"
CHAIN = "from collections import ChainMap, OrderedDict\n"
ZONE = "from datetime import datetime, timedelta, timezone\nfrom zoneinfo import ZoneInfo\n"

COMING = [
    (NAMESPACE + "def f(): return N(a=1, b=[2])", NAMESPACE + "assert f() == N(a=1, b=[2])", "[2]"),
    (
        NAMESPACE + "o = N(n=0)\ndef f(): return o\ndef bump(x): x.n += 1",
        "x = f()\nbump(x)\nassert x.n == 1 and f() is x\nx.n = 5\nbump(x)\nassert f().n == 6",
        "+= 1",
    ),
    (
        NAMESPACE + "def f(n):\n    o = 0\n    for i in range(n): o = N(i=i, n=o)\n    return o",
        "o, n = f(400), 0\nwhile o: o, n = o.n, n + o.i\nassert n == 79800",
        "i=i",
    ),
    (
        NAMESPACE + "def f(o=N(xs=[])):\n    o.push = lambda x: o.xs.append(x)\n    return o",
        "o = f()\no.push(3)\nassert o.xs == [3]",
        "append(x)",
    ),
    (
        PARSER + "p.add_argument('-n', type=int)\ndef f(): return p.parse_args(['-n', '2'])",
        "o = f()\nassert 'n' in o and 'm' not in o and vars(o) == {'n': 2} and o.n == 2",
        "int",
    ),
    (PROXY + "def f(): return M", "assert 'a' in f() and f() == {'a': 1}\n", "'a': 1"),
    (
        PROXY + "def f():\n    D['b'] = 2\n    return M",
        "m = f()\nassert dict(m) == {'a': 1, 'b': 2}\ntry: m['c'] = 3\nexcept TypeError: pass",
        "= 2",
    ),
    (
        PROXY + "def f(): return M\ndef put(k): D[k] = 0\ndef same(m): return m == M is not D",
        "m = f()\nput('z')\nassert 'z' in m and same(m)",
        "D[k] = 0",
    ),
    (ARRAY + "def f(): return array('i', [1])", ARRAY + "assert f() == array('i', [1])", "[1]"),
    (
        ARRAY + "def f(a):\n    a[0] = 7\n    a.append(9)\n    return a",
        ARRAY + "a = array('d', [1, 2])\nassert f(a) is a and a.tolist() == [7, 2, 9]\n"
        "a.pop()\nassert f(a) == array('d', [7, 2, 9])",
        "= 7",
    ),
    (
        CHAIN + "def f(): return ChainMap({'a': 1}, OrderedDict(b=2))",
        CHAIN + "assert f() == {'a': 1, 'b': 2} == ChainMap({'a': 1, 'b': 2}) and 'b' in f()",
        "'a': 1",
    ),
    (
        CHAIN + "def f(c):\n    c['x'] = 1\n    return c.new_child({'y': 2})",
        CHAIN + "top = {}\nc = ChainMap(top, {'z': 3})\nassert f(c)['z'] == 3 and top == {'x': 1}\n"
        "assert f(c).maps[0] == {'y': 2} and f(c).parents == c",
        "'x'",
    ),
    (
        "import ipaddress as i\ndef f(x): return [i.ip_address('1.2.3.4') + 1, x]",
        ("import ipaddress as i\nx = i.ip_network('10.0.0.0/8')\n"
        "assert f(x) == [i.IPv4Address('1.2.3.5'), x]"),
        "+ 1",
    ),
    ("def f(): return NotImplemented, ...", "assert f() == (NotImplemented, ...)", "NotImpl"),
    (
        ZONE + "def f(d, tz): return d.astimezone(tz)",
        ZONE + "d = datetime(2024, 7, 1, 12, tzinfo=timezone.utc)\n"
        "r = f(d, ZoneInfo('America/New_York'))\n"
        "assert r.hour == 8 and r == d and r.tzname() == 'EDT'\n"
        "assert r.tzinfo is ZoneInfo('America/New_York') and r + timedelta(180) > d\n"
        "x = timezone(timedelta(hours=2), 'X')\nassert f(d, x).tzname() == 'X' and f(r, x) == d",
        "astimezone(tz)",
    ),
    (
        ZONE + "def f(): return ZoneInfo('Europe/Berlin')",
        ZONE + "assert f() == ZoneInfo('Europe/Berlin') and f().key == 'Europe/Berlin'",
        "Berlin",
    ),
    (
        ZONE
        + "from datetime import tzinfo\nclass Z(tzinfo):\n"
        "    def utcoffset(self, d): return timedelta(hours=3)\n"
        "    def tzname(self, d): return 'Zulu'\ndef f(): return datetime(2024, 7, 1, tzinfo=Z())",
        "assert f().tzname() == 'Zulu' and f().strftime('%Z%z') == 'Zulu+0300'",
        "Zulu",
    ),
    (
        "from http import HTTPStatus\nimport re\ndef f(): return HTTPStatus(200 + 4), re.I | re.M",
        ("from http import HTTPStatus\nimport re\ns, flags = f()\n"
        "assert s is HTTPStatus.NO_CONTENT and s.phrase == 'No Content' and flags == re.I | re.M\n"
        "assert isinstance(s, HTTPStatus) and {HTTPStatus.NO_CONTENT: 1}[s] and re.I in flags"),
        "+ 4",
    ),
]  # fmt: skip
WRONG = {
    "int": "str",
    "[2]": "[3]", "+= 1": "+= 2", "i=i": "i=0", "append(x)": "append(0)", "'a': 1": "'a': 2",
    "= 2": "= 3", "D[k] = 0": "pass", "[1]": "[2, 1]", "= 7": "= 8", "'x'": "'y'", "+ 1": "+ 2",
    "NotImpl": "'NotImplemented' or NotImpl", "astimezone(tz)": "replace(tzinfo=tz)",
    "Berlin": "Paris", "Zulu": "Z", "+ 4": "+ 2",
}  # fmt: skip


@pytest.mark.parametrize(("source", "code", "part"), COMING)
def test_values_of_the_library_are_what_they_are(judge, source: str, code: str, part: str) -> None:
    right = judge(source, Asserts(code, "f"))
    assert (right.status, right.integrity) == (Status.PASSED, Integrity.ISOLATED), right
    wrong = judge(source.replace(part, WRONG[part]), Asserts(code, "f"))
    assert wrong.status in (Status.FAILED, Status.ERROR), wrong
