"""Values of the standard library arrive as they were, and what is made up is refused."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections import ChainMap
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address, ip_address, ip_interface, ip_network
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.codec import CodecError
from sandbox.inner.crossing.values import dict_under, parts_of, rebuilt

EAST = dt.timezone(dt.timedelta(hours=5, minutes=30))
NAIVE = dt.datetime(2024, 2, 29, 1, 2, 3, 4)  # noqa: DTZ001 - to see that it stays so
LAST = dt.datetime(9999, 12, 31, 1, tzinfo=dt.UTC)
BERLIN = ZoneInfo("Europe/Berlin")
WEST = dt.timezone(-dt.timedelta(hours=9, seconds=1))


def over(value: Any) -> Any:
    """A value once it has crossed."""
    found = parts_of(value)
    assert found is not None
    return rebuilt(*found)


@pytest.mark.parametrize(
    "value",
    [
        *(Decimal("1.50"), Decimal("-0"), Decimal("1E+30"), Decimal("Infinity"), Decimal("-0e-9")),
        *(Fraction(1, 3), Fraction(-7), Fraction(10**30, 3), dt.date(1, 1, 1), dt.date.max),
        *(dt.time(1, 2, 3, 4), dt.time(1, tzinfo=EAST), dt.time(1, fold=1), dt.time.max),
        *(NAIVE, NAIVE.replace(fold=1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
        *(dt.datetime(2024, 1, 1, tzinfo=WEST, fold=1), LAST, LAST.astimezone(EAST)),
        *(dt.timedelta(0), dt.timedelta(-1, 5, 6), dt.timedelta.max, dt.timedelta.min),
        *(EAST, dt.UTC, dt.timezone(dt.timedelta(hours=2), "X"), BERLIN, ZoneInfo("Etc/GMT+5")),
        *(dt.datetime(2024, 7, 1, tzinfo=BERLIN), dt.time(1, tzinfo=BERLIN), NotImplemented),
        *(ip_address("1.2.3.4"), ip_address("fe80::1%eth0"), ip_network("10.0.0.0/8")),
        *(ip_interface("10.1.2.3/8"), ip_network("::/0"), ip_interface("::1/64")),
        *(Path("/a/b"), Path(), PurePosixPath("a/../b"), uuid.UUID(int=0), uuid.UUID(int=2**127)),
    ],
    ids=repr,
)  # fmt: skip
def test_a_value_arrives_as_it_was(value: Any) -> None:
    arrived = over(value)
    assert type(arrived) is type(value)
    assert arrived == value
    assert str(arrived) == str(value)
    assert getattr(arrived, "fold", 0) == getattr(value, "fold", 0)


@pytest.mark.parametrize("text", ["NaN", "-NaN", "sNaN", "NaN123"])
def test_a_decimal_that_is_no_number_arrives_as_it_was(text: str) -> None:
    assert str(over(Decimal(text))) == text


@given(st.one_of(st.decimals(), st.fractions(), st.dates(), st.times(), st.datetimes(),
                 st.timedeltas(), st.uuids(), st.datetimes(timezones=st.timezones())))  # fmt: skip
def test_any_value_arrives_as_it_was(value: Any) -> None:
    arrived = over(value)
    assert type(arrived) is type(value)
    assert str(arrived) == str(value)


def test_views_of_a_dict_compare_as_they_did() -> None:
    table = {"a": 1, "b": 2}
    assert over(table.keys()) == table.keys()
    assert over(table.items()) == table.items()
    assert list(over(table.values())) == [1, 2]
    assert list(over({}.items())) == []
    for view in (table.keys(), table.values(), table.items()):
        assert type(over(view)) is type(view)


@pytest.mark.parametrize(
    "value",
    [
        *(type("Own", (Decimal,), {})("1"), type("Own", (Fraction,), {})(1), object(), "text", 1.5),
        *(type("Own", (dt.date,), {})(1, 1, 1), type("Own", (IPv4Address,), {})("1.2.3.4")),
        *(type("Own", (ZoneInfo,), {})("Europe/Berlin"), type("Own", (dt.tzinfo,), {})()),
        *(math, Decimal, len),
    ],
)  # fmt: skip
def test_subclasses_and_other_objects_are_of_no_kind_that_is_known(value: Any) -> None:
    assert parts_of(value) is None


def test_a_proxy_shows_a_dict_and_never_a_class() -> None:
    table = {"a": 1}
    assert dict_under(MappingProxyType(table)) is table
    for other in (table, vars(Decimal), MappingProxyType(ChainMap())):
        assert dict_under(other) is None


DAY_0 = dt.timedelta()
CLOCK = [1, 2, 3, 4, 0, None]
HOSTILE = [
    *(("", []), ("nothing", []), ("V", []), ("Vnothing", []), ("__class__", []), ("Decimal", [])),
    *(("Decimal", [1]), ("Decimal", ["x"]), ("Decimal", ["1", "2"]), ("Decimal", [[1]])),
    *(("Decimal", ["1" * 200_000]), ("Decimal", ["1e9999999999999999999999"]), ("Decimal", [None])),
    *(("Decimal", [(0, (1,), 2**70)]), ("Fraction", [1, 0]), ("Fraction", [1.5, 2])),
    *(("Fraction", ["1", 2]), ("Fraction", [1]), ("Fraction", [True, 2]), ("Fraction", [1, 2, 3])),
    *(("date", [0, 1, 1]), ("date", [2**80, 1, 1]), ("date", [1, 1]), ("date", [1, 13, 1])),
    *(("date", [b"\x07\xe8\x02\x1d"]), ("date", ["2024", 1, 1]), ("date", [True, 1, 1])),
    *(("time", []), ("time", [25, *CLOCK[1:]]), ("time", [2**80, *CLOCK[1:]])),
    *(("time", [*CLOCK[:4], 2, None]), ("time", [*CLOCK[:4], "0", None]), ("time", CLOCK[1:])),
    *(("time", [*CLOCK[:5], math.nan]), ("time", [*CLOCK[:5], math.inf]), ("time", [*CLOCK, 1])),
    *(("time", [*CLOCK[:5], 86_400]), ("time", [*CLOCK[:5], -86_400.0])),
    *(("time", [*CLOCK[:5], 2**5000]), ("time", [*CLOCK[:5], "UTC"])),
    *(("datetime", CLOCK), ("datetime", [1, 2, 30, *CLOCK]), ("datetime", [b"x" * 10, None])),
    *(("datetime", [10_000, 1, 1, *CLOCK]), ("datetime", [1, 1, 1, *CLOCK[:5], 1e300])),
    *(("timedelta", [10**10, 0, 0]), ("timedelta", [1.5, 0, 0]), ("timedelta", [2**80, 0, 0])),
    *(("timedelta", [math.nan, 0, 0]), ("timedelta", [1]), ("path", [True]), ("path", [True, 5])),
    *(("path", [False, b"a"]), ("path", [False, ["a"]]), ("path", [False, "a" * 200_000])),
    *(("uuid", [-1]), ("uuid", [2**128]), ("uuid", ["0" * 32]), ("uuid", [])),
    *(("zone", []), ("zone", [5]), ("zone", ["/etc/passwd"]), ("zone", ["../../etc/passwd"])),
    *(("zone", ["No/Such"]), ("zone", ["Europe"]), ("zone", [""]), ("zone", ["Europe/Berlin\n"])),
    *(("timezone", [3600]), ("timezone", [dt.timedelta(days=1)]), ("timezone", [DAY_0, 5])),
    *(("time", [*CLOCK[:5], DAY_0]), ("address", ["IPv4Address"])),
    *(("address", ["IPv4Address", 5]), ("address", ["IPv4Address", "1.2"]), ("address", [1, "a"])),
    *(("address", ["ip_address", "1.2.3.4"]), ("address", ["IPv6Address", "::%" + "a" * 300])),
    *(("NotImplemented", [1]), ("Vkeys", [[]])),
    *(("Vitems", [1]), ("Vitems", [[1, 2]]), ("Vitems", [(1,)])),
    *(("Vitems", [([], 1)]), ("Vitems", [(1, 2, 3)])),
]  # fmt: skip


@pytest.mark.parametrize(("tag", "parts"), HOSTILE, ids=lambda part: repr(part)[:40])
def test_what_is_made_up_is_refused(tag: str, parts: list[Any]) -> None:
    with pytest.raises(CodecError):
        rebuilt(tag, parts)


JUNK = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(),
                 st.lists(st.integers(), max_size=3), st.tuples(st.integers()))  # fmt: skip
TAGS = ["Decimal", "Fraction", "date", "time", "datetime", "timedelta", "path", "uuid",
        "Vkeys", "Vvalues", "Vitems", "address", "timezone", "zone"]  # fmt: skip


@given(st.sampled_from(TAGS), st.lists(JUNK, max_size=9))
def test_any_parts_make_a_value_or_are_refused(tag: str, parts: list[Any]) -> None:
    try:
        value = rebuilt(tag, parts)
    except CodecError:
        return
    found = parts_of(value)
    assert found is not None
    assert found[0] == tag
