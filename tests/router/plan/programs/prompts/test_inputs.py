import ast
import random
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.plan.programs.prompts import inputs, mutations
from router.plan.programs.prompts.counted import MOST_PARTS, MOST_PARTS_OF_A_CALL
from router.plan.programs.prompts.examples import FoundExample
from router.plan.programs.prompts.inputs import inputs_of
from router.plan.programs.prompts.literals import CallArguments, identity_of_call
from router.plan.programs.prompts.mutations import near
from router.request import ChatPrompt, TextPrompt, TokenPrompt

PROMPT = TextPrompt("def f(x):\n    '''Doc.'''\n")
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-100, 100)
    | st.floats(-100, 100)
    | st.text(max_size=8)
    | st.sets(st.integers(0, 5), max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
EXAMPLES = st.lists(
    st.builds(
        FoundExample,
        st.lists(VALUES, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(["a", "b"]), VALUES, max_size=2),
        st.none(),
    ),
    max_size=4,
)
HEADS = st.builds(
    "def f({}):\n    ...\n".format,
    st.lists(
        st.sampled_from(
            ["{}", "{}: int", "{}: list[str]", "{}: 'Dict[str, int] | None'", "{}: Odd", "{}: bool"]
        ),
        max_size=4,
    ).map(lambda each: ", ".join(part.format("abcd"[at]) for at, part in enumerate(each))),
)


def example(*args: object, **kwargs: object) -> FoundExample:
    return FoundExample(args, kwargs, None)


def typed(parameters: str, most: int = 24) -> tuple[CallArguments, ...]:
    return inputs_of(TextPrompt(f"def f({parameters}):\n    '''Doc.'''\n"), "f", (), most=most)


@settings(deadline=None)
@given(EXAMPLES, HEADS, st.integers(0, 40), st.integers(0, 3))
def test_inputs_are_bounded_unique_and_the_same_again(
    examples: list[FoundExample], head: str, most: int, seed: int
) -> None:
    found = inputs_of(TextPrompt(head), "f", examples, most=most, seed=seed)
    again = inputs_of(TextPrompt(head), "f", examples, most=most, seed=seed)
    assert repr(found) == repr(again)
    assert len(found) <= most
    assert len({identity_of_call(call) for call in found}) == len(found)
    shown = dict.fromkeys(identity_of_call(each.call) for each in examples)
    first = [identity_of_call(call) for call in found[: len(shown)]]
    assert first == list(shown)[:most]


@settings(deadline=None)
@given(VALUES, st.integers(0, 3))
def test_what_is_near_has_the_same_type_and_is_small(value: object, seed: int) -> None:
    kind = type(value)
    for other in near(value, random.Random(seed)):
        assert type(other) is kind
        if isinstance(other, int | float):
            assert abs(other) <= 100
        elif isinstance(other, list | tuple | dict | set):
            assert len(other) <= 8
        elif isinstance(other, str):
            assert len(other) <= 32


@pytest.mark.parametrize(
    ("value", "others"),
    [
        (5, [6, 4, 0, -5, 10]),
        (1.5, [2.5, 0.0, -1.5, 3.0]),
        (True, [False]),
        ("aB", ["a", "Ba", "Ab", "", "aBaB"]),
        ([3, 1], [[3], [1, 3], [], [4, 1], [3, 2]]),
        ([[1, 2]], [[], [[1]], [[2, 1]]]),
        ((1, 2), [(2, 1), (1,), ()]),
        ((1, "a"), [(2, "a"), (1, "")]),
        ({"a": 1, "b": 2}, [{"a": 1}, {"b": 2}, {}, {"a": 2, "b": 2}]),
        ({1, 2}, [{1}, {2}, set()]),
    ],
)
def test_values_that_are_near(value: object, others: list[object]) -> None:
    found = [repr(each) for each in near(value, random.Random(0))]
    assert {repr(each) for each in others} <= set(found)


def test_what_is_large_is_made_no_larger() -> None:
    assert {*near(1_000, random.Random(0))} == {1_001, 999, 0, -1_000, 500}
    for value in ([0] * 20, "a" * 40, (0,) * 20):
        for other in near(value, random.Random(0)):
            assert isinstance(other, list | str | tuple)
            assert len(other) <= len(value)


def test_a_record_keeps_its_length() -> None:
    assert {len(each) for each in near((1, "a"), random.Random(0)) if isinstance(each, tuple)} == {
        2
    }


def test_one_argument_changes_at_a_time_at_first() -> None:
    found = inputs_of(PROMPT, "f", [example([1, 2], 3, k="a")], most=8)
    assert found[0] == CallArguments(([1, 2], 3), {"k": "a"})
    for call in found[1:]:
        same = [call.args[0] == [1, 2], call.args[1] == 3, call.kwargs == {"k": "a"}]
        assert sorted(same) == [False, True, True]


def test_every_example_is_varied() -> None:
    found = inputs_of(PROMPT, "f", [example(10), example("abc")], most=12)
    kinds = [type(call.args[0]) for call in found]
    assert kinds.count(int) == kinds.count(str) == 6


IS_OF: dict[str, Callable[[object], bool]] = {
    "int": lambda v: type(v) is int,
    "float": lambda v: type(v) is float,
    "str": lambda v: type(v) is str,
    "bool": lambda v: type(v) is bool,
    "List[int]": lambda v: isinstance(v, list) and all(type(e) is int for e in v),
    "list[str]": lambda v: isinstance(v, list) and all(type(e) is str for e in v),
    "typing.List[List[float]]": lambda v: (
        isinstance(v, list)
        and all(isinstance(e, list) and all(type(i) is float for i in e) for e in v)
    ),
    "Dict[str, int]": lambda v: (
        isinstance(v, dict) and all(type(k) is str and type(e) is int for k, e in v.items())
    ),
    "Tuple[int, str]": lambda v: isinstance(v, tuple) and [type(e) for e in v] == [int, str],
    "tuple[int, ...]": lambda v: isinstance(v, tuple) and all(type(e) is int for e in v),
    "Set[int]": lambda v: isinstance(v, set) and all(type(e) is int for e in v),
    "Optional[str]": lambda v: v is None or type(v) is str,
    "int | None": lambda v: v is None or type(v) is int,
    "Union[int, str]": lambda v: type(v) in {int, str},
    "'list[int]'": lambda v: isinstance(v, list) and all(type(e) is int for e in v),
    "Literal['a', 2]": lambda v: v in {"a", 2},
    "Literal[-1, 1]": lambda v: v in {-1, 1},
    "bytes": lambda v: type(v) is bytes,
    "Annotated[int, 'above 0']": lambda v: type(v) is int,
    "dict[str, Any]": lambda v: isinstance(v, dict) and all(type(k) is str for k in v),
    "Mapping[Odd, list[Odd]]": lambda v: (
        isinstance(v, dict) and all(isinstance(e, list) for e in v.values())
    ),
    "set[T]": lambda v: isinstance(v, set),
    "tuple[Odd, str]": lambda v: isinstance(v, tuple) and type(v[1]) is str,
    "list": lambda v: isinstance(v, list),
    "Sequence[int]": lambda v: isinstance(v, list),
    "dict": lambda v: isinstance(v, dict),
    "dict[list[int], set[str]]": lambda v: isinstance(v, dict),
    "Set[Set[int]]": lambda v: (
        isinstance(v, set)
        and all(isinstance(e, frozenset) and all(type(i) is int for i in e) for e in v)
    ),
    "Dict[Set[str], int]": lambda v: (
        isinstance(v, dict) and all(isinstance(k, frozenset) for k in v)
    ),
    "Set[Dict[str, int]]": lambda v: isinstance(v, set),
    "dict[tuple[list[int], str], int]": lambda v: (
        isinstance(v, dict) and all(isinstance(k, tuple) and len(k) == 2 for k in v)
    ),
}
TYPES = st.recursive(
    st.sampled_from(["int", "str", "float", "None", "list", "dict", "set", "tuple", "Odd"]),
    lambda inner: (
        st.builds("{}[{}]".format, st.sampled_from(["set", "List", "Optional"]), inner)
        | st.builds("{}[{}, {}]".format, st.sampled_from(["Dict", "tuple"]), inner, inner)
        | st.builds("{} | {}".format, inner, inner)
        | inner.map(repr)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize(("annotation", "is_of"), IS_OF.items(), ids=IS_OF)
def test_values_are_of_the_annotated_type(annotation: str, is_of: Callable[[object], bool]) -> None:
    found = typed(f"x: {annotation}")
    assert len(found) > 1
    for call in found:
        (value,) = call.args
        assert is_of(value)
        assert "frozenset" in repr(value) or value in (ast.literal_eval(repr(value)), set())
    if "None" in annotation or "Optional" in annotation or "Union" in annotation:
        assert len({type(call.args[0]) for call in found}) == 2


@settings(deadline=None)
@given(st.lists(TYPES, max_size=3))
def test_no_annotation_is_too_odd_to_have_inputs(annotations: list[str]) -> None:
    found = typed(", ".join(f"x{at}: {each}" for at, each in enumerate(annotations)))
    assert found
    assert all(len(call.args) == len(annotations) for call in found)


@pytest.mark.parametrize("annotation", ["Odd", "Callable[[int], int]", "list[Odd]", "1 + 1", "Any"])
def test_an_unknown_type_is_tried_by_the_grid(annotation: str) -> None:
    kinds = {type(call.args[0]) for call in typed(f"x: {annotation}")}
    assert kinds == {int, list, str}


def test_a_name_says_no_more_than_what_is_tried_first() -> None:
    assert type(typed("s")[0].args[0]) is str
    assert type(typed("nums")[0].args[0]) is list
    assert {type(call.args[0]) for call in typed("s")} == {int, list, str}


def test_a_default_tells_its_type_and_may_be_left_out() -> None:
    found = typed("x: int, sep=',', *, deep: bool = False")
    assert all(type(call.kwargs.get("sep", "")) is str for call in found)
    assert {"sep" in call.kwargs for call in found} == {True, False}
    assert all(len(call.args) == 1 for call in found)


def test_what_may_be_of_an_unknown_type_may_be_what_is_known() -> None:
    kinds = {type(call.args[0]) for call in typed("root: Optional[TreeNode]")}
    assert kinds == {int, list, str, type(None)}


def nested(form: str, times: int, inner: str = "int") -> str:
    return inner if not times else form.format(nested(form, times - 1, inner))


def parts_of(value: object) -> int:
    """How many values there are in a value, itself included; of a long text, a quarter as many."""
    match value:
        case dict():
            return 1 + sum(parts_of(k) + parts_of(v) for k, v in value.items())
        case list() | tuple() | set() | frozenset():
            return 1 + sum(map(parts_of, value))
        case str():
            return 1 + len(value) // 4
        case _:
            return 1


RECORD = f"tuple[{', '.join(['int'] * 500)}]"
LITERAL = f"Literal[{'x' * 2_000!r}]"
LARGE: dict[str, str] = {
    "lists": ", ".join(f"a{n}: {nested('list[{}]', 5)}" for n in range(5)),
    "keys and values": f"a: {nested('dict[{0}, {0}]', 4)}",
    "values": f"a: {nested('dict[str, {}]', 6)}",
    "tuples": f"a: {nested('tuple[{}, ...]', 6)}",
    "records": f"a: {nested('tuple[{0}, {0}, {0}, {0}]', 5)}",
    "lists of records": f"a: {nested('list[{}]', 3, RECORD)}",
    "sets": f"a: {nested('set[{}]', 6)}",
    "choices": f"a: {nested('Optional[list[{}]]', 3)}, b: {nested('list[{} | None]', 3)}",
    "texts": f"a: list[{nested('list[{}]', 5)!r}]",
    "a literal": f"a: {nested('list[{}]', 3, LITERAL)}",
    "a default": f"a={'[' * 40}1{']' * 40}",
    "any number": f"*a: {nested('list[{}]', 5)}",
    "parameters": ", ".join(f"a{n}" for n in range(1_200)),
    "parameters of nothing": ", ".join(f"a{n}: None" for n in range(600)),
}


@pytest.mark.parametrize("parameters", LARGE.values(), ids=LARGE)
def test_what_is_made_is_bounded_whatever_the_types_are(
    parameters: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = 0
    randrange = random.Random.randrange

    def counting(self: random.Random, *bounds: int) -> int:
        nonlocal drawn
        drawn += 1
        return randrange(self, *bounds)

    monkeypatch.setattr(random.Random, "randrange", counting)
    found = typed(parameters)
    # A part of a list is drawn by one number, and one of a dict by two; lengths are drawn as well.
    assert drawn <= 4 * MOST_PARTS
    sizes = [parts_of(call.args) + parts_of(dict(call.kwargs)) for call in found]
    assert max(sizes, default=0) <= 2 * MOST_PARTS_OF_A_CALL + 10
    assert sum(sizes) <= 2 * MOST_PARTS


def test_where_what_is_small_is_all_that_could_be_made_there_are_no_inputs() -> None:
    """Answers that agree on an empty list alone have not shown much."""
    assert typed(LARGE["lists"]) == ()
    assert len(typed(f"a: {nested('list[{}]', 4)}, b: int")) == 24


TEXTS = [each * 2_000 for each in "abc"]
FEW: dict[str, tuple[str, int]] = {
    "texts": (f"a: Literal{TEXTS}", 3),
    "two texts": (f"a: Literal{TEXTS[:2]}, b: bool", 3),
    "a text or nothing": (f"a: Optional[Literal{TEXTS[:1]}]", 2),
    "parameters of nothing": (LARGE["parameters of nothing"], 1),
    "truths": ("a: bool", 2),
}


@pytest.mark.parametrize(("parameters", "calls"), FEW.values(), ids=FEW)
def test_where_there_are_few_calls_those_are_the_inputs(parameters: str, calls: int) -> None:
    """However large they are: what is drawn again is no reason to give none of them."""
    assert len(typed(parameters)) == calls


def test_where_one_of_few_calls_is_too_large_there_are_no_inputs() -> None:
    long = "x" * (4 * MOST_PARTS_OF_A_CALL + 4)
    assert typed(f"a: Literal['', {long!r}]") == ()
    assert len(typed(f"a: Literal['', {long[8:]!r}]")) == 2


NEAR: dict[str, FoundExample] = {
    "arguments": example(*[()] * 2_500),
    "keywords": example(**{f"k{n}": () for n in range(1_000)}),
    "parts": example([()] * 2_500),
    "items": example(dict.fromkeys(range(900), ())),
    "nothing but None": example([None] * 1_300),
}


@pytest.mark.parametrize("shown", NEAR.values(), ids=NEAR)
def test_what_is_near_a_long_call_is_bounded(
    shown: FoundExample, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, made = list[int](), list[CallArguments]()

    def identity(call: CallArguments) -> str:
        told = identity_of_call(call)
        read.append(len(told))
        return told

    replaced = mutations.replace

    def replacing(call: CallArguments, **changes: object) -> CallArguments:
        made.append(replaced(call, **changes))
        return made[-1]

    monkeypatch.setattr(inputs, "identity_of_call", identity)
    monkeypatch.setattr(mutations, "replace", replacing)
    found = inputs_of(PROMPT, "f", [shown])
    assert found[0] == shown.call
    assert sum(read) <= 200_000 + 2 * max(read)
    assert sum(len(call.args) + len(call.kwargs) for call in made) <= 500_000


def test_any_number_of_arguments_is_given_where_it_may_be() -> None:
    found = typed("*nums: int")
    assert {len(call.args) for call in found} >= {0, 1, 3, 5}
    assert all(type(value) is int for call in found for value in call.args)
    mixed = typed("first: str, second=2, *rest: int, sep: str, **more")
    assert all(type(call.args[0]) is str and set(call.kwargs) == {"sep"} for call in mixed)
    assert all(type(value) is int for call in mixed for value in call.args[1:])
    assert {len(call.args) for call in mixed} >= {1, 3, 5}
    assert {type(call.args[0]) for call in typed("*values") if call.args} == {int, str}


def test_pairings_of_unknown_types_are_all_tried() -> None:
    found = typed("first, second")
    pairs = {(type(call.args[0]), type(call.args[1])) for call in found}
    assert len(pairs) == 9
    assert len(typed("a, b, c, d, e")) == 24


def test_no_parameters_is_one_call() -> None:
    assert typed("") == (CallArguments(),)


@pytest.mark.parametrize(
    "prompt", [TextPrompt(""), TokenPrompt((1,)), ChatPrompt(({"role": "user", "content": "Do."},))]
)
def test_without_a_signature_one_argument_or_two_are_given(
    prompt: TextPrompt | TokenPrompt | ChatPrompt,
) -> None:
    assert {len(call.args) for call in inputs_of(prompt, "f", ())} == {1, 2}


def test_a_chat_tells_a_signature() -> None:
    prompt = ChatPrompt(({"role": "user", "content": "Write `f(words: list[str], n: int)`."},))
    assert all(
        isinstance(call.args[0], list) and type(call.args[1]) is int
        for call in inputs_of(prompt, "f", ())
    )


def test_a_method_has_no_inputs() -> None:
    assert inputs_of(PROMPT, "A().f", ()) == ()


def test_inputs_do_not_depend_on_the_process() -> None:
    script = (
        "from router.plan.programs.prompts.examples import FoundExample\n"
        "from router.plan.programs.prompts.inputs import inputs_of\n"
        "from router.request import TextPrompt\n"
        "examples = [FoundExample(({'a', 'b', 'c'}, {'x': 1}), {}, 1)]\n"
        "for e in (examples, ()):\n"
        "    for call in inputs_of(TextPrompt('def f(x: set[str], y: dict):\\n'), 'f', e):\n"
        "        print([sorted(v) for v in call.args])\n"
        "sets = TextPrompt('def f(x: set[set[str]]):\\n')\n"
        "for call in inputs_of(sets, 'f', ()):\n"
        "    print(sorted(sorted(v) for v in call.args[0]))\n"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1] != ""
