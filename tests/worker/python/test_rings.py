"""Rings: the end of what was fed, and how much it was, whatever the pieces."""

from hypothesis import given
from hypothesis import strategies as st

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


def test_each_thread_has_two_of_its_own() -> None:
    memory = memoryview(bytearray(2 * 2 * RING_BYTES))
    every = [*rings(memory, 0), *rings(memory, 1)]
    for number, ring in enumerate(every):
        ring.feed(bytes([number]) * 2 * TAIL_BYTES)

    assert [set(ring.kept()) for ring in every] == [{0}, {1}, {2}, {3}]
