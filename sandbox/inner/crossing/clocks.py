"""Dates, times and zones, by the parts that they are rebuilt from.

A zone crosses by its key where the system has a file of it, so that no key makes a process import
anything; one that is the program's own object is that object over there. Any other kind of zone is
the offset that it has at that time.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_TEXT: Final = 100
_KEY: Final = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+){0,3}")
_ZONES: Final = (dt.timezone, zoneinfo.ZoneInfo)
ASKED: Final = "\0zone"
"""Where a class has that its objects stand for zones of the program, which are asked."""


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("a whole number was due")
    return value


def _named(key: Any) -> bool:
    """Whether the system has a file of that zone."""
    if type(key) is not str or len(key) > _MOST_TEXT or not _KEY.fullmatch(key):
        return False
    return any(Path(place, key).is_file() for place in zoneinfo.TZPATH)


def zone_parts(value: Any) -> tuple[str, list[Any]] | None:
    """What a zone is made of; None where it is of no kind that crosses."""
    if type(value) is dt.timezone:
        return "timezone", list(value.__getinitargs__())  # type: ignore[attr-defined]
    if type(value) is zoneinfo.ZoneInfo and _named(value.key):
        return "zone", [value.key]
    return None


def _zone_of(value: dt.datetime | dt.time) -> dt.tzinfo | None:
    zone = value.tzinfo
    if zone is None or zone_parts(zone) is not None or hasattr(type(zone), ASKED):
        return zone
    offset = value.utcoffset()
    return None if offset is None else dt.timezone(offset, *_name_of(value))


def _name_of(value: dt.datetime | dt.time) -> list[str]:
    """What a zone is called at that time, if it says so."""
    try:
        name = value.tzname()
    except Exception:  # noqa: BLE001 - a class of the program or of the tests, that need not say
        return []
    return [name] if type(name) is str else []


def _clock(value: Any) -> list[Any]:
    return [value.hour, value.minute, value.second, value.microsecond, value.fold, _zone_of(value)]


def _zone(value: Any) -> dt.tzinfo | None:
    own = isinstance(value, dt.tzinfo) and not hasattr(type(value), ASKED)
    if value is not None and type(value) not in _ZONES and not own:
        raise TypeError("no zone")
    zone: dt.tzinfo | None = value
    return zone


def _zone_info(key: Any) -> zoneinfo.ZoneInfo:
    if not _named(key):
        raise ValueError("no zone of the system")
    return zoneinfo.ZoneInfo(key)


def _timezone(offset: Any, *name: Any) -> dt.timezone:
    if type(offset) is not dt.timedelta or any(type(part) is not str for part in name):
        raise TypeError("no offset from UTC")
    return dt.timezone(offset, *name)


def _date(year: Any, month: Any, day: Any) -> dt.date:
    return dt.date(_whole(year), _whole(month), _whole(day))


def _time(*parts: Any) -> dt.time:
    *numbers, fold, zone = parts
    hour, minute, second, micro = (_whole(part) for part in numbers)
    return dt.time(hour, minute, second, micro, tzinfo=_zone(zone), fold=_whole(fold))


def _datetime(*parts: Any) -> dt.datetime:
    *numbers, fold, zone = parts
    year, month, day, hour, minute, second, micro = (_whole(part) for part in numbers)
    return dt.datetime(
        *(year, month, day, hour, minute, second, micro), tzinfo=_zone(zone), fold=_whole(fold)
    )


def _timedelta(days: Any, seconds: Any, micro: Any) -> dt.timedelta:
    return dt.timedelta(_whole(days), _whole(seconds), _whole(micro))


PARTS: Final[dict[type, tuple[str, Callable[[Any], list[Any]]]]] = {
    dt.date: ("date", lambda v: [v.year, v.month, v.day]),
    dt.time: ("time", _clock),
    dt.datetime: ("datetime", lambda v: [v.year, v.month, v.day, *_clock(v)]),
    dt.timedelta: ("timedelta", lambda v: [v.days, v.seconds, v.microseconds]),
}
MAKERS: Final[dict[str, Callable[..., Any]]] = {
    "date": _date,
    "time": _time,
    "datetime": _datetime,
    "timedelta": _timedelta,
    "timezone": _timezone,
    "zone": _zone_info,
}
