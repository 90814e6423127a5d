"""Length-prefixed JSON frames, on every channel of the sandbox.

They guard against a peer that lies about lengths or sends anything but JSON: a frame above the
cap, or one that does not parse to an object, is a `FrameError`, and the reader decides who is to
blame. They say nothing about what an object means.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Final, TypeAlias

Frame: TypeAlias = dict[str, Any]  # the fields of each message are checked where they are read

HEADER = struct.Struct("<I")
MAX_FRAME_BYTES = 128 * 2**20


class FrameError(Exception):
    """The bytes on a channel are not a frame."""


def _refuse_constant(name: str) -> None:
    raise FrameError(f"{name} is not a JSON number")


# Made once: the module's own functions make a new one for whoever wants other than the defaults.
_ENCODER: Final = json.JSONEncoder(allow_nan=False, check_circular=False, separators=(",", ":"))
_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


def pack(frame: Frame, cap: int = MAX_FRAME_BYTES) -> bytes:
    """One frame's bytes. Raises `FrameError` for a body above the cap."""
    body = _ENCODER.encode(frame).encode("ascii")
    if len(body) > cap:
        raise FrameError(f"a frame of {len(body)} bytes is above the cap of {cap}")
    return HEADER.pack(len(body)) + body


def body_length(header: bytes, cap: int = MAX_FRAME_BYTES) -> int:
    """The length that a header announces, in bytes. Raises `FrameError` above the cap."""
    (length,) = HEADER.unpack(header)
    if length > cap:
        raise FrameError(f"a frame of {length} bytes was announced; the cap is {cap}")
    return int(length)


def unpack(body: bytes) -> Frame:
    """The object in a frame's body. Raises `FrameError` for anything else."""
    try:
        frame = _DECODER.decode(body.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise FrameError(f"not JSON: {error}") from error
    if not isinstance(frame, dict):
        raise FrameError("not a JSON object")
    return frame
