"""Whether a program hangs together around lines that were put into it."""

import ast

import pytest

from router.plan.programs.gaps.seams import compiles, cuts_off, loose_ends

IN_PLACE = {
    "a function": "def f():\n    return 1\n",
    "a generator": "def f():\n    yield 1\n",
    "a lambda": "f = lambda: (yield 1)\n",
    "a coroutine": "async def f():\n    for x in y:\n        await x\n        break\n",
    "a loop": "while 1:\n    if x:\n        continue\n    break\n",
    "a method": "class A:\n    def f(self):\n        return 1\n",
    "the else of a loop in a loop": "while x:\n  for y in x:\n    pass\n  else:\n    break\n",
}
OUT_OF_PLACE = {
    "no function": 'if __name__ == "__main__":\n    return 1\n',
    "no loop": "def f():\n    break\n",
    "a class": "def f():\n    class A:\n        return 1\n",
    "a class in a loop": "for x in y:\n    class A:\n        continue\n",
    "a function in a loop": "for x in y:\n    def f():\n        break\n",
    "no coroutine": "await x\n",
}


@pytest.mark.parametrize("source", IN_PLACE.values(), ids=IN_PLACE)
def test_what_stands_in_its_function_or_loop_compiles(source: str) -> None:
    compile(source, "", "exec")
    assert compiles(ast.parse(source))


@pytest.mark.parametrize("source", OUT_OF_PLACE.values(), ids=OUT_OF_PLACE)
def test_what_leaves_what_it_does_not_stand_in_does_not(source: str) -> None:
    with pytest.raises(SyntaxError):
        compile(source, "", "exec")
    assert not compiles(ast.parse(source))


# The line that was put in is marked.
LOOSE = {
    "nothing": ("def f(x):\n    y = x  #\n    return y\n", 0),
    "a name that is left out": ("def f(x):\n    z = x  #\n    return y\n", 1),
    "a sum that is left out": ("def f(x):\n    pass  #\n    for i in x:\n        y += i\n", 1),
    "two names": ("def f(x):\n    y = g(h)  #\n    return y\n", 2),
    "the same name twice": ("def f(x):\n    y = g(g)  #\n    return y\n", 1),
    "nothing but a docstring": ('def f(x):\n    """Do it."""\nf(1)  #\n', 1),
    "a docstring and something": ('def f(x):\n    """Do it."""\n    ...  #\n', 0),
}
CUT_OFF = {
    "an end before the end": ("def f(x):\n    return x  #\n    print(x)\n", True),
    "an end of a block": ("def f(x):\n    if x:\n        return x  #\n    print(x)\n", False),
    "an end of both branches": (
        "def f(x):\n  if x:  #\n    return 1  #\n  else:  #\n    return 2  #\n  print(x)\n",
        True,
    ),
    "an end of one branch": (
        "def f(x):\n  if x:  #\n    return 1  #\n  else:  #\n    x = 2  #\n  print(x)\n",
        False,
    ),
    "an end that may be held up": (
        "def f(x):\n    with x:  #\n        raise x  #\n    print(x)\n",
        False,
    ),
    "an end of a loop": ("for x in []:\n    break  #\n    print(x)\n", True),
    "an end of the whole": ("def f(x):\n    return x  #\n\nprint(f(1))\n", False),
    "an end that was there": ("def f(x):\n    return x\n    x = 1  #\n    print(x)\n", False),
    "an end that comes later": ("def f(x):\n    x = 1  #\n    return x\n    print(x)\n", False),
    "an end of many lines": ("def f(x):\n    return [  #\n        x\n    ]\n    print(x)\n", True),
}
BOUND = [
    "import a.b, c as d\nfrom e import f\na, d, f\n",
    "def f(a, /, b, *c, d, **e):\n    return a, b, c, d, e, f\n",
    "class A:\n    b = 1\nA.b, A.c\n",
    "try:\n    pass\nexcept ValueError as e:\n    e\n",
    "with open('') as (a, [b, *c]):\n    a, b, c\n",
    "if (a := 1):\n    a\n[b for b in a]\n",
    "for a, b in []:\n    a += b\n",
    "match 1:\n  case [a, *b] | {'c': a, **b} if a:\n    a, b\n  case str() as c:\n    c\n",
    "from a import *\nb\n",
    "print(__name__, __file__)\n",
    "def f():\n    global g\n    g = 1\ndef h():\n    return g\n",
]


@pytest.mark.parametrize(("source", "count"), LOOSE.values(), ids=LOOSE)
def test_loose_ends_are_counted(source: str, count: int) -> None:
    assert loose_ends(ast.parse(source)) == count


@pytest.mark.parametrize(("source", "off"), CUT_OFF.values(), ids=CUT_OFF)
def test_what_nothing_reaches_is_cut_off(source: str, off: bool) -> None:
    marked = [n for n, line in enumerate(source.splitlines(), 1) if line.endswith("#")]
    assert cuts_off(ast.parse(source), min(marked), max(marked)) == off


@pytest.mark.parametrize("source", BOUND)
def test_a_name_may_be_bound_in_many_ways(source: str) -> None:
    assert loose_ends(ast.parse(source)) == 0


def test_a_long_chain_of_branches_is_walked() -> None:
    chain = "".join(f"    elif x == {n}: return {n}\n" for n in range(1500))
    source = f"def f(x):\n    if x: return 1\n{chain}    else: return 2\n    return x\n"
    tree = ast.parse(source)
    assert cuts_off(tree, 1, 1503)
