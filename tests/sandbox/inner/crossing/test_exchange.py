"""Containers that two processes share keep their identity, and hear of each other's changes."""

from __future__ import annotations

import json
from array import array
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.codec import MAX_DEPTH, CannotCross, CodecError
from sandbox.inner.crossing.containers import Containers
from sandbox.inner.crossing.exchange import heard, told
from sandbox.inner.wire.channel import AMISS

if TYPE_CHECKING:
    from sandbox.frames import Frame


def refuse_to_refer(value: Any) -> Any:
    raise CannotCross(type(value).__name__)


def refuse_to_resolve(_wire: list[Any]) -> Any:
    raise CodecError("an unknown object")


class Pair:
    """Two sides that speak in turn, each with its own containers."""

    def __init__(self) -> None:
        self.tests = Containers()
        self.program = Containers()

    def ask(self, value: Any) -> Any:
        """Hand over from the tests to the program; what arrives there."""
        return cross(value, self.tests, self.program)

    def answer(self, value: Any) -> Any:
        """Hand over from the program to the tests; what arrives there."""
        return cross(value, self.program, self.tests)


def frame_of(value: Any, containers: Containers) -> Frame:
    """What goes over the wire, which is JSON."""
    frame: Frame = json.loads(json.dumps(told(value, containers, refuse_to_refer)))
    return frame


def cross(value: Any, mine: Containers, theirs: Containers) -> Any:
    return heard(frame_of(value, mine), theirs, refuse_to_resolve)


def fault(*case: Any, why: str) -> Any:
    """A case that fails today."""
    return pytest.param(*case, marks=pytest.mark.xfail(strict=True, reason=f"fault: {why}"))


def alike(one: Any, other: Any) -> bool:
    """Equal in value, in order and in every type."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return alike(list(one.items()), list(other.items()))
    if isinstance(one, (list, tuple, deque)):
        same = len(one) == len(other) and all(map(alike, one, other))
        return same and getattr(one, "maxlen", None) == getattr(other, "maxlen", None)
    return repr(one) == repr(other) if isinstance(one, float) else bool(one == other)


def a_default() -> defaultdict[str, list[int]]:
    made: defaultdict[str, list[int]] = defaultdict(list)
    made["a"].append(1)
    return made


@pytest.mark.parametrize(
    "value",
    [
        *([1, [2]], {"a": [1], 2: None}, {1, 2}, bytearray(b"\0a"), Counter("aab")),
        *(Counter(a=-1, b=0), deque([1, 2]), deque([1], 3)),
        *(deque(maxlen=0), a_default(), defaultdict(None, a=1), defaultdict(int), (), ([],)),
        *({(1, "a"): {2: 3}}, [], {}, set(), bytearray()),
        OrderedDict([("b", 1), ("a", 2)]),
    ],
    ids=repr,
)  # fmt: skip
def test_a_container_arrives_with_type_and_order(value: Any) -> None:
    assert alike(Pair().ask(value), value)
    assert alike(Pair().answer(value), value)


def test_a_default_of_the_library_works_on_the_other_side() -> None:
    for factory, empty in ((int, 0), (list, []), (set, set()), (dict, {}), (str, "")):
        arrived = Pair().answer(defaultdict(factory))
        assert arrived.default_factory is factory
        assert arrived["new"] == empty


def given_with(factory: Any, arrives: Any) -> Any:
    """A dict with that default on the other side, where something else stands for it."""
    frame = told(defaultdict(factory, a=1), Containers(), lambda _value: ["own"])
    return heard(json.loads(json.dumps(frame)), Containers(), lambda _wire: arrives)


def test_a_default_of_somebodys_own_is_what_stands_for_it() -> None:
    arrived = given_with(lambda: 5, arrives=lambda: 6)
    assert arrived == {"a": 1}
    assert arrived["b"] == 6
    assert arrived == {"a": 1, "b": 6}


class Silent:
    """A handle would ask the other side, which waits for the message to end."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)

    def __call__(self) -> int:
        return 5


def test_nothing_is_asked_of_a_default() -> None:
    assert given_with(Silent(), arrives=Silent())["b"] == 5


def test_a_function_that_bears_the_name_of_a_type_is_no_type() -> None:
    def int() -> None: ...  # noqa: A001

    assert given_with(int, arrives=lambda: 6)["b"] == 6


@pytest.mark.parametrize("told_of", [5, [], "eval", "", {}, True])
def test_a_default_that_nobody_can_have_is_refused(told_of: Any) -> None:
    wire = {"value": ["D", 0, [], told_of], "changed": []}
    with pytest.raises(AMISS):
        heard(wire, Containers(), refuse_to_resolve)


def test_a_default_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(CodecError):
        given_with(lambda: 5, arrives=5)


def test_one_object_stays_one_object_both_ways() -> None:
    pair = Pair()
    mine = [1]
    theirs = pair.ask(mine)
    assert pair.ask(mine) is theirs
    assert pair.answer(theirs) is mine
    made = {"k": theirs}
    arrived = pair.answer(made)
    assert arrived["k"] is mine
    assert pair.answer(made) is arrived


def test_two_equal_objects_stay_two() -> None:
    first, second = Pair().ask([[1], [1]])
    assert first == second
    assert first is not second


def test_aliases_and_cycles_arrive_as_they_are() -> None:
    inner = [1]
    loop: list[Any] = [inner, inner]
    loop.append(loop)
    table: dict[str, Any] = {"loop": loop}
    table["self"] = table
    arrived = Pair().ask(table)
    assert arrived["self"] is arrived
    assert arrived["loop"][2] is arrived["loop"]
    assert arrived["loop"][0] is arrived["loop"][1]


def test_a_change_is_told_with_the_next_message_whatever_that_is_about() -> None:
    pair = Pair()
    mine: dict[str, Any] = {"a": []}
    theirs = pair.ask(mine)
    theirs["a"].append(1)
    theirs["b"] = 2
    assert pair.answer("done") == "done"
    assert mine == {"a": [1], "b": 2}
    mine["a"].append(3)
    del mine["b"]
    pair.ask(None)
    assert theirs == {"a": [1, 3]}


@pytest.mark.parametrize(
    ("value", "change"),
    [
        ([3, 1, 2], lambda v: v.sort()),
        ([1, 2], lambda v: v.clear()),
        ([1, 1], lambda v: v.pop()),
        ({1: 2}, lambda v: v.update({1: 3})),
        ({1: 2, 3: 4}, lambda v: v.update({1: v.pop(1)})),
        ({1, 2}, lambda v: v.symmetric_difference_update({2, 3})),
        (bytearray(b"ab"), lambda v: v.reverse()),
        (Counter("ab"), lambda v: v.subtract("a")),
        (OrderedDict(a=1, b=2), lambda v: v.move_to_end("a")),
        (deque([1, 2, 3], 3), lambda v: v.append(4)),
        (deque([1, 2, 3]), lambda v: v.rotate()),
        (a_default(), lambda v: v["new"].append(1)),
    ],
)
def test_every_kind_of_change_arrives_in_place(value: Any, change: Any) -> None:
    pair = Pair()
    theirs = pair.ask(value)
    change(theirs)
    pair.answer(None)
    assert alike(value, theirs)
    change(value)
    pair.ask(None)
    assert alike(theirs, value)


def test_what_did_not_change_is_not_told_again() -> None:
    pair = Pair()
    mine = [list(range(100)), "text"]
    pair.ask(mine)
    assert frame_of(None, pair.tests) == {"value": None, "changed": []}
    mine[0].append(1)
    assert [wire[1] for wire in frame_of(None, pair.tests)["changed"]] == [1]


def test_a_change_may_bring_new_containers_and_drop_old_ones() -> None:
    pair = Pair()
    mine: list[Any] = [[1]]
    theirs = pair.ask(mine)
    theirs[0] = {"new": [theirs]}
    pair.answer(None)
    assert mine[0]["new"][0] is mine
    assert pair.answer(theirs[0]["new"]) is mine[0]["new"]


def test_what_nobody_holds_is_forgotten_and_its_number_never_given_again() -> None:
    pair = Pair()
    kept = [1]
    pair.ask(kept)
    pair.ask([2])
    pair.ask([kept])
    forgotten = pair.tests.unheld()
    assert forgotten == [1, 2]
    pair.tests.forget(forgotten)
    pair.program.forget(forgotten)
    assert list(pair.tests.objects.values()) == [kept]
    assert list(pair.program.objects) == [0]
    pair.ask([3])
    assert list(pair.tests.objects) == [0, 3]
    assert pair.answer(pair.program.objects[0]) is kept
    pair.tests.forget([1, 77])  # no trouble


def test_the_contents_of_what_is_held_are_held() -> None:
    pair = Pair()
    kept = [[1], {"a": [2]}]
    pair.ask(kept)
    assert pair.tests.unheld() == []


@pytest.mark.parametrize(
    "value",
    [object(), [object()], {1: object()}, type("L", (list,), {})(), [lambda: 0], {(object(),)}],
)  # fmt: skip
def test_what_is_no_value_is_the_business_of_who_asks(value: Any) -> None:
    with pytest.raises(CannotCross):
        told(value, Containers(), refuse_to_refer)
    assert heard(told(value, Containers(), lambda _: ["h", 1]), Containers(), lambda wire: wire[1])


def test_what_is_half_read_is_not_told_back() -> None:
    """Hashing an object of the program asks it, and so speaks while its answer is being read."""
    pair, said = Pair(), []

    class Key:
        def __hash__(self) -> int:
            said.append(told(None, pair.tests, refuse_to_refer)["changed"])
            return 1

    frame = told([{Key: 1}], pair.program, lambda _: ["h", 1])
    arrived = heard(frame, pair.tests, lambda _: Key())
    assert len(arrived[0]) == 1
    assert said == [[]]


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_depth_is_bounded_and_what_is_sent_can_be_read() -> None:
    assert alike(Pair().ask(nested(MAX_DEPTH - 1)), nested(MAX_DEPTH - 1))
    with pytest.raises(CannotCross):
        told(nested(MAX_DEPTH + 2), Containers(), refuse_to_refer)


WIRES = [
    *([], ["l"], ["l", 0], ["l", 0, 5], ["l", 0, None], ["l", 1, []], ["l", -1, []]),
    *(["l", True, []], ["l", 0.0, []], ["l", "0", []], ["l", None, []], ["l", [], []]),
    *(["d", 0, [1]], ["d", 0, [[1]]], ["d", 0, [[1, 2, 3]]], ["d", 0, [[["l", 1, []], 1]]]),
    *(["d", 0, 5], ["d", 0, {"a": 1}], ["C", 0, 5], ["C", 0, [["a"]]], ["O", 0, "ab"]),
    *(["s", 0, [["l", 1, []]]], ["y", 0, "zz"], ["y", 0, 5], ["y", 0, []]),
    *(["q", 0, []], ["q", 0, [], -1], ["q", 0, [], "3"], ["q", 0, [], True], ["q", 0, 5, None]),
    *(["D", 0, []], ["D", 0, [], []], ["D", 0, [], {}], ["D", 0, 5, None]),
    *(["r", 0], ["r", -1], ["r"], ["r", "a"], ["r", []], ["?", 1], [1], [None], [[]], [{}]),
    *(["v"], ["v", "date"], ["v", "date", 5], ["v", 5, []], ["v", "nothing", []], ["v", [], []]),
    *(["v", "V", []], ["v", "Vkeys", [["l", 0, []]]], ["v", "date", [1, 1, 1], 1]),
    *({}, {"a": 1}, ["i", "zz"], ["i", 5], ["f", "1"], ["f", 5], ["t", 5], ["z", [["l", 0, []]]]),
    *(["b", "0"], ["n", [1, 2]], ["n", [1, 2, 0]], ["n", [1, "a", 1]], ["c", "1"], ["c", "a", "1"]),
    *(["l", 0, [["d", 0, []]]], ["l", 0, [["l", 2, []]]]),
    *(["a", 0, "00"], ["a", 0, "0" * 8, "u"], ["a", 0, "00", "i"], ["a", 0, "zz", "b"]),
    *(["a", 0, 5, "b"], ["a", 0, "", ""], ["a", 0, "", []], ["a", 0, "", 5]),
    *(["v", "proxy", []], ["v", "proxy", [5]]),
    *(["M", 0, []], ["M", 0, [1]], ["M", 0, [["l", 1, []]]], ["M", 0, [["M", 1, [["d", 2, []]]]]]),
    *(["v", "proxy", [["l", 0, []]]], ["v", "proxy", [["M", 0, [["d", 1, []]]]]]),
    ["q", 0, [], 2**70],
]  # fmt: skip


@pytest.mark.parametrize("wire", WIRES, ids=repr)
def test_what_is_no_value_is_refused(wire: Any) -> None:
    with pytest.raises(CodecError):
        heard({"value": wire, "changed": []}, Containers(), refuse_to_resolve)
    with pytest.raises(CodecError):
        heard({"value": None, "changed": [wire]}, Containers(), refuse_to_resolve)


@pytest.mark.parametrize("changed", [None, 5, "l", {}, {"a": 1}, [[["l"]]]], ids=repr)
def test_what_is_no_list_of_containers_is_refused(changed: Any) -> None:
    with pytest.raises(CodecError):
        heard({"value": 1, "changed": changed}, Containers(), refuse_to_resolve)


def test_an_array_keeps_its_kind_of_numbers() -> None:
    pair = Pair()
    mine = array("i", [1, 2])
    pair.ask(mine)
    with pytest.raises(CodecError):
        heard({"value": ["a", 0, "00" * 8, "f"], "changed": []}, pair.tests, refuse_to_resolve)
    heard({"value": ["a", 0, "00" * 4, "i"], "changed": []}, pair.tests, refuse_to_resolve)
    assert mine == array("i", [0])


def test_the_tests_show_no_dict_or_namespace_that_the_program_has_not() -> None:
    table = {"a": 1}
    for value in (MappingProxyType(table), vars(Pair), SimpleNamespace(a=1), ChainMap(vars(Pair))):
        with pytest.raises(CannotCross):
            Pair().ask(value)
    pair = Pair()
    pair.ask(table)
    assert pair.ask(MappingProxyType(table)) == table


def test_a_container_cannot_change_its_type_or_come_back_once_forgotten() -> None:
    pair = Pair()
    mine = [1]
    pair.ask(mine)
    for wire in (["d", 0, []], ["q", 0, [], None], ["s", 0, []]):
        with pytest.raises(CodecError):
            heard({"value": wire, "changed": []}, pair.tests, refuse_to_resolve)
    assert mine == [1]
    pair.tests.forget([0])
    for wire in (["l", 0, []], ["r", 0]):
        with pytest.raises(CodecError):
            heard({"value": wire, "changed": []}, pair.tests, refuse_to_resolve)


@pytest.mark.parametrize("tag", ["l", "t", "q"])
def test_a_wire_nested_without_end_is_refused(tag: str) -> None:
    wire: Any = 1
    for number in range(400, 0, -1):
        wire = {"l": ["l", number, [wire]], "t": ["t", [wire]], "q": ["q", number, [wire], None]}[
            tag
        ]
    with pytest.raises(CodecError):
        heard({"value": wire, "changed": []}, Containers(), refuse_to_resolve)


KEYS = st.one_of(st.integers(), st.text(), st.booleans(), st.none(), st.binary())
LEAVES = st.one_of(
    KEYS, st.floats(), st.integers(min_value=2**63), st.builds(bytearray, st.binary())
)


def _containers(inside: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    tables = st.dictionaries(KEYS, inside, max_size=4)
    lists = st.lists(inside, max_size=4)
    return st.one_of(
        lists,
        tables,
        lists.map(tuple),
        lists.map(deque),
        st.builds(lambda items: deque(items, 2), lists),
        st.builds(lambda items: defaultdict(list, items), tables),
        st.dictionaries(KEYS, st.integers(), max_size=4).map(Counter),
        st.sets(KEYS, max_size=4),
    )


VALUES = st.recursive(LEAVES, _containers, max_leaves=25)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4).map(OrderedDict))
def test_any_ordered_dict_arrives_in_order(value: Any) -> None:
    assert alike(Pair().ask(value), value)


@given(VALUES)
def test_any_nested_value_arrives_alike_and_comes_back_itself(value: Any) -> None:
    pair = Pair()
    arrived = pair.ask(value)
    assert alike(arrived, value)
    back = pair.answer(arrived)
    assert alike(back, value)
    if type(value) in {list, dict, deque, OrderedDict, defaultdict, Counter}:
        assert back is value


@given(st.lists(VALUES, min_size=1, max_size=5), st.lists(VALUES, max_size=5))
def test_any_change_of_either_side_arrives(first: list[Any], then: list[Any]) -> None:
    pair = Pair()
    mine: list[Any] = [first, {}]
    theirs = pair.ask(mine)
    theirs[0].extend(then)
    theirs[1]["then"] = then
    pair.answer(None)
    assert alike(mine, theirs)
    assert mine[1]["then"] is not then
    mine[1].clear()
    mine[0].reverse()
    pair.ask(1)
    assert alike(mine, theirs)


@given(st.recursive(st.none() | st.integers() | st.sampled_from([*"ldsyCOqDaMrvtznkifcbe"]),
                    lambda inside: st.lists(inside, max_size=5), max_leaves=20))  # fmt: skip
def test_any_wire_is_a_value_or_refused(wire: Any) -> None:
    containers = Containers()
    try:
        heard({"value": wire, "changed": [wire, wire]}, containers, refuse_to_resolve)
    except CodecError:
        return
