"""Bounded output: the end of a stream and its length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.worker.shell.output import TAIL_BYTES, Bounded


@given(chunks=st.lists(st.binary(max_size=40)), limit=st.integers(1, 50))
def test_what_is_kept_is_the_end_of_all_that_was_fed(chunks: list[bytes], limit: int) -> None:
    tail = Bounded(limit)

    for chunk in chunks:
        tail.feed(chunk)

    assert tail.kept() == b"".join(chunks)[-limit:]
    assert tail.total == len(b"".join(chunks))


def test_a_buffer_may_be_used_again_after_it_was_fed() -> None:
    tail, buffer = Bounded(), bytearray(b"first")

    tail.feed(memoryview(buffer))
    buffer[:] = b"other"

    assert tail.kept() == b"first"


def test_sixty_four_kibibytes_are_kept() -> None:
    tail = Bounded()

    tail.feed(b"x" + b"y" * TAIL_BYTES)

    assert tail.kept() == b"y" * 65536
    assert tail.total == 65537


def test_a_tail_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        Bounded(0)
