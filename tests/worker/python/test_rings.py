"""Rings: the end of what was fed, and how much it was, whatever the pieces."""

import fcntl
import mmap
import os
from array import array
from multiprocessing import get_context

from hypothesis import given
from hypothesis import strategies as st

from eventqueue.worker.python.heard import TOTAL_MAX
from eventqueue.worker.python.left import LARGE_MAX, PIPE_BYTES, Left
from eventqueue.worker.python.rings import RING_BYTES, Ring, rings
from eventqueue.worker.shell.output import TAIL_BYTES, Bounded

SIZES = st.lists(st.integers(0, 3 * TAIL_BYTES) | st.integers(0, 10), max_size=8)


def chunk(number: int, size: int) -> bytes:
    return bytes((number + place) % 251 for place in range(size % 251)) + bytes([number]) * (size - size % 251)


@given(SIZES)
def test_a_ring_keeps_what_bounded_output_keeps(sizes: list[int]) -> None:
    ring, bounded = Ring(memoryview(bytearray(RING_BYTES))), Bounded()
    for number, size in enumerate(sizes):
        ring.feed(chunk(number, size))
        bounded.feed(chunk(number, size))

    assert (ring.total, ring.kept()) == (bounded.total, bounded.kept())

    ring.clear()
    assert (ring.total, ring.kept()) == (0, b"")


def test_what_a_task_has_written_into_the_count_is_no_more_than_can_be_stored() -> None:
    left = Left(1)
    try:
        for fd in left.theirs[:4]:
            os.close(fd)
        os.pwrite(left.theirs[4], b"\xff" * 16, 0)

        (out, err) = left.of(0, is_alone=False)
    finally:
        os.close(left.theirs[4])
        left.close()

    assert (out.total, err.total) == (TOTAL_MAX, 0)
    assert len(out.tail) <= TAIL_BYTES


WORD = 8  # bytes: the stream is of words, each of which says which it is


def _write(memory: mmap.mmap) -> None:
    ring, word = Ring(memoryview(memory)), 0
    while True:
        ring.feed(array("Q", range(word, word + 500)).tobytes())
        word += 500


def test_who_reads_while_more_is_written_reads_no_byte_of_another_place() -> None:
    memory = mmap.mmap(-1, RING_BYTES)
    writer = get_context("fork").Process(target=_write, args=(memory,), daemon=True)
    writer.start()
    ring = Ring(memoryview(memory))
    try:
        while ring.total <= 2 * TAIL_BYTES:
            assert writer.is_alive()
        found = 0
        for _ in range(2000):
            kept, total = ring.read()
            words = array("Q", kept)
            assert words == array("Q", range(total // WORD - len(words), total // WORD))
            found += bool(kept)  # nothing, where more than is kept was written meanwhile
        assert found
    finally:
        writer.kill()
        writer.join()


def test_only_few_children_have_large_pipes() -> None:
    all_ = [Left(1) for _ in range(LARGE_MAX + 1)]
    try:
        sizes = [fcntl.fcntl(one.theirs[1], fcntl.F_GETPIPE_SZ) for one in all_]
    finally:
        for one in all_:
            for fd in one.theirs:
                os.close(fd)
            one.close()

    assert sizes[-1] < PIPE_BYTES
    assert Left.large_count == 0


def test_each_thread_has_two_of_its_own() -> None:
    memory = memoryview(bytearray(2 * 2 * RING_BYTES))
    every = [*rings(memory, 0), *rings(memory, 1)]
    for number, ring in enumerate(every):
        ring.feed(bytes([number]) * 2 * TAIL_BYTES)

    assert [set(ring.kept()) for ring in every] == [{0}, {1}, {2}, {3}]
