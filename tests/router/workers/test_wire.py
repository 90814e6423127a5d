from __future__ import annotations

import asyncio
import socket
from typing import get_args

import pytest

from router.workers import messages
from router.workers.messages import Leave, Message, OutcomeTold, TurnBegan, decoded, encoded
from router.workers.wire import UnreadableMessage, Wire

pytestmark = pytest.mark.anyio


async def test_what_is_sent_arrives_in_order_and_whole() -> None:
    one, other = socket.socketpair()
    here, there = await Wire.over(one), await Wire.over(other)
    sent = [TurnBegan(1, "é\n", 0.1), OutcomeTold({"big": "x" * 500_000}), Leave(now=True)]
    for message in sent:
        here.send(message)

    async def all_of() -> list[Message]:
        return [message async for message in there.received()]

    receiving = asyncio.create_task(all_of())
    await here.flushed()
    here.close()
    assert await receiving == sent
    there.send(Leave())  # to nobody
    await there.flushed()
    there.close()


async def test_half_a_message_of_one_who_died_is_none() -> None:
    one, other = socket.socketpair()
    wire = await Wire.over(one)
    with other:
        other.sendall(encoded(Leave()) + encoded(Leave(now=True))[:-5])
    assert [message async for message in wire.received()] == [Leave()]
    wire.close()


@pytest.mark.parametrize(
    "said", [b"no JSON", b"[]", b'{"kind": "Leave", "no": 1}', b'{"kind": "?"}']
)
async def test_what_nobody_understands_is_said_to_be_so(said: bytes) -> None:
    one, other = socket.socketpair()
    wire = await Wire.over(one)
    with other:
        other.sendall(said + b"\n")
        with pytest.raises(UnreadableMessage):
            await anext(wire.received())
    wire.close()


def test_every_message_has_a_name_of_its_own() -> None:
    kinds = get_args(messages.Message)
    assert len({kind.__name__ for kind in kinds}) == len(kinds)
    assert decoded(encoded(Leave(now=True))) == Leave(now=True)
