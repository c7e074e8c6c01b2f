"""The socket that the page is served on."""

import socket

from eventqueue.web.server import listen


def test_what_is_small_is_sent_at_once_and_not_after_what_was_before_it_has_come() -> None:
    # As asyncio has it: with no protocol named it leaves Nagle's algorithm on, and each answer takes 40 ms more.
    with listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP
