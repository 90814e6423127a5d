"""Of what pytest collects, only what certainly runs is changed."""

from itertools import islice
from random import Random

import pytest

from sandbox.mutate.doubt import doubt

COLLECTED = "import pytest, unittest\nfrom unittest import mock\nfrom solution import f\n"
ONE = "def test_f():\n    assert f() == 3\n"


@pytest.mark.parametrize(
    "code",
    [
        "def test_f():\n    pytest.skip('no')\n    assert f() == 3",
        "pytestmark = pytest.mark.skip\n" + ONE,
        "from pytest import skip\nskip('no', allow_module_level=True)\n" + ONE,
        "@pytest.fixture(autouse=True)\ndef g():\n    pytest.skip()\n" + ONE,
        "@pytest.fixture(params=[])\ndef g(request): ...\ndef test_f(g):\n    assert f() == 3",
        "def pytest_generate_tests(metafunc): ...\n" + ONE,
        "@pytest.mark.xfail\n" + ONE,
        "@pytest.mark.skipif(True, reason='no')\n" + ONE,
        "@mock.patch('os.getcwd')\n" + ONE,
        ONE + "test_f.__test__ = False",
        ONE + ONE.replace("3", "4"),
        ONE + "del test_f",
        "def helper():\n    assert f() == 3",
        "async " + ONE,
        "def test_f():\n    yield\n    assert f() == 3",
        "if f:\n    def test_f():\n        assert f() == 3",
        "def test_f():\n    def inner():\n        assert f() == 3",
        "def test_f():\n    with pytest.raises(AssertionError):\n        assert f() == 3",
        "def test_f():\n    try:\n        assert f() == 3\n    except AssertionError: pass",
        "@pytest.mark.parametrize('x', [])\ndef test_f(x):\n    assert f() == 3",
        "@pytest.mark.parametrize('x', g())\ndef test_f(x):\n    assert f() == 3",
        (
            "@pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.xfail)])\n"
            "def test_f(x):\n    assert f() == 3"
        ),
        "class Tests:\n    __test__ = False\n    def test_f(self):\n        assert f() == 3",
        "class Other:\n    def test_f(self):\n        assert f() == 3",
        "class TestF:\n    def __init__(self): ...\n    def test_f(self):\n        assert f() == 3",
        "class TestF(Base):\n    def test_f(self):\n        assert f() == 3",
        "class TestF:\n    def test_f(self):\n        assert f() == 3\n    test_f = None",
        "@pytest.mark.skip\nclass TestF:\n    def test_f(self):\n        assert f() == 3",
        "class TestF:\n    @staticmethod\n    def test_f():\n        assert f() == 3",
        "class TestF:\n    def check(self):\n        assert f() == 3",
        "class TestF:\n    class Inner:\n        def test_f(self):\n            assert f() == 3",
        (
            "class F(unittest.TestCase):\n    @unittest.skip('no')\n    def test_f(self):\n"
            "        self.assertEqual(f(), 3)"
        ),
        (
            "class F(unittest.TestCase):\n    def test_f(self):\n        self.skipTest('no')\n"
            "        self.assertEqual(f(), 3)"
        ),
        (
            "class F(unittest.TestCase):\n    def run(self, result=None): ...\n"
            "    def test_f(self):\n        self.assertEqual(f(), 3)"
        ),
        (
            "class F(unittest.TestCase):\n    def assertEqual(self, a, b): ...\n"
            "    def test_f(self):\n        self.assertEqual(f(), 3)"
        ),
        "class TestF:\n    def test_f(self):\n        self.assertEqual(f(), 3)",
        (
            "class F(unittest.TestCase):\n    def test_f(self):\n"
            "        self.assertNotEqual(f(), 3)\n        self.assertIn(f(), [3])\n"
            "        self.assertAlmostEqual(f(), 3, delta=90)\n"
            "        self.assertTrue(f())\n        self.assertFalse(f() == 3)\n"
            "        other.assertEqual(f(), 3)"
        ),
        (
            "class F(unittest.TestCase):\n    def test_f(self):\n"
            "        with self.assertRaises(AssertionError):\n            self.assertEqual(f(), 3)"
        ),
        (
            "from solution import *\ndef test_f():\n    assert abs(f() - 3) < 1e-3\n"
            "    assert all(f() == x for x in [1])\n    assert f() == pytest.approx(3)"
        ),
        "from solution import approx\ndef test_f():\n    assert f() == approx(3)",
    ],
)
def test_tests_that_pytest_may_not_run_are_left_alone(code: str) -> None:
    found = doubt(COLLECTED + code, "", collected=True)
    assert list(islice(found.variants(Random(1)), 1)) == []


@pytest.mark.parametrize(
    "code",
    [
        ONE,
        "@pytest.mark.skip\ndef test_g():\n    assert f() == 4\n" + ONE,
        "def test_f(tmp_path, capsys):\n    assert f() == 3",
        "@pytest.fixture(params=[1, 2])\ndef g(request): ...\ndef test_f(g):\n    assert f() == 3",
        "def test_f(monkeypatch):\n    monkeypatch.setattr('os.sep', '')\n    assert f() == 3",
        "def test_f():\n    with pytest.raises(ValueError):\n        f(1)\n    assert f() == 3",
        "def test_f():\n    with mock.patch.object(f, 'a'), open('b'): assert f() == 3",
        "class TestF:\n    def setup_method(self): ...\n    def test_f(self): assert f() == 3",
        "class TestF(unittest.TestCase):\n    def test_f(self):\n        assert f() == 3",
        "class F(unittest.TestCase):\n    def test_f(self):\n        if f() != 3: self.fail()",
        "class F(unittest.TestCase):\n    def test_f(self):\n        self.assertIs(f(), None)",
        "def test_f():\n    if f() != 3: pytest.fail('no')",
    ],
)
def test_tests_that_pytest_runs_are_changed(code: str) -> None:
    found = doubt(COLLECTED + code, "", collected=True)
    assert len(list(islice(found.variants(Random(1)), 3))) == 3
