"""Messages between worker and launcher, whole and in pieces."""

import os
import socket
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eventqueue.worker.shell.output import Bounded
from eventqueue.worker.shell.protocol import Channel, encode, ended, take

TEXTS = st.text(st.characters(), max_size=20)  # lone surrogates too
MESSAGES = st.dictionaries(TEXTS, st.none() | st.booleans() | st.integers() | TEXTS, max_size=5)


@given(sent=st.lists(st.tuples(MESSAGES, st.binary(max_size=50)), max_size=5), piece=st.integers(1, 60))
def test_messages_arrive_whole_and_in_order_however_the_stream_is_cut(
    sent: list[tuple[dict[str, Any], bytes]], piece: int
) -> None:
    stream = b"".join(encode(message, blob) for message, blob in sent)
    received, arrived = bytearray(), []

    for start in range(0, len(stream), piece):
        received += stream[start : start + piece]
        while message := take(received):
            arrived.append(message)

    assert arrived == sent
    assert not received


def test_both_outputs_can_be_told_apart() -> None:
    out, err = Bounded(), Bounded()
    out.feed(b"\xff\x00")
    err.feed(b"error")

    message, blob = take(bytearray(ended("key", status=0, tails=(out, err)))) or ({}, b"")

    assert (blob[: message["split"]], blob[message["split"] :]) == (b"\xff\x00", b"error")


def test_a_full_socket_keeps_the_rest_for_later() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender, receiver = Channel(ours.fileno()), Channel(theirs.fileno())
        sender.send(encode({"n": 1}, bytes(3_000_000)))

        assert not sender.flush()

        arrived = receiver.receive()
        while not sender.flush() or not arrived:
            arrived += receiver.receive()
        assert arrived == [({"n": 1}, bytes(3_000_000))]


def test_a_side_that_has_gone_is_noticed_and_owed_nothing() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        channel = Channel(ours.fileno())
        theirs.close()
        channel.send(encode({}, bytes(1000)))

        assert channel.flush()
        assert channel.receive() == []
        assert not channel.is_open


def test_a_channel_that_has_nothing_to_read_is_open() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = Channel(ours.fileno())

        assert channel.receive() == []
        assert channel.is_open
        assert not os.get_blocking(ours.fileno())
