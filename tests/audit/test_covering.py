"""A log held against leaves, without a database: any byte that is flipped in what is sealed is found."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.audit.covering import UNCHAINED, Cover
from eventqueue.audit.leaves import Leaf
from eventqueue.audit.rules import Finding
from eventqueue.audit.seals import Seal
from eventqueue.model.codec import decode
from eventqueue.model.envelope import hash_in, place_in, prev_in, ts_in
from tests.builders import said, sealed

SEAL = Seal(
    log="0" * 32,
    number=7,
    size=1,
    root=bytes(32),
    events=1,
    until=(100, 0),
    looked=(100, 0),
    at=datetime(2026, 1, 1, tzinfo=UTC),
)
TS = slice(-52, -44)  # where the stamp stands: it is the server's, and in no hash


def stored(stream: str, length: int, first: int = 1) -> list[bytes]:
    """A stream as the log has it, stamped from `first` on, in seconds."""
    events = sealed(*(said(number) for number in range(length)), stream=stream)
    return [stamped(one.raw, first + place) for place, one in enumerate(events)]


def stamped(raw: bytes, seconds: int) -> bytes:
    return raw[: TS.start] + (seconds << 32).to_bytes(8, "little") + raw[TS.stop :]


def leaf(raw: bytes) -> bytes:
    event = decode(raw)
    return Leaf(event.stream, event.version, event.hash).data


def told(leaves: Sequence[bytes], log: Sequence[bytes]) -> list[Finding]:
    cover = Cover(sorted(leaves), SEAL)
    return [one for raw in log for one in cover.findings(raw)] + list(cover.rest())


LOG = [*stored("config-a", 3), *stored("job-b", 4), *stored("job-c", 1)]
HEADS = [leaf(LOG[2]), leaf(LOG[6]), leaf(LOG[7])]


def test_the_fields_that_are_read_off_the_bytes_are_those_of_the_event() -> None:
    for raw in (*LOG, *stored("job-ü", 3)):
        event = decode(raw)
        assert place_in(raw) == (event.stream.encode(), event.version)
        assert (hash_in(raw), prev_in(raw)) == (event.hash, event.prev)
        assert event.ts is not None
        assert ts_in(raw) == event.ts.time << 32 | event.ts.inc


@pytest.mark.parametrize("raw", [b"", b"\x05\x00\x00\x00\x00", bytes(200)])
def test_bytes_that_are_no_event_have_none_of_them(raw: bytes) -> None:
    assert (place_in(raw), hash_in(raw), prev_in(raw), ts_in(raw)) == (None, None, None, None)


@given(st.sets(st.integers(0, len(LOG) - 1)))
def test_in_what_is_as_it_was_sealed_nothing_is_found(more: set[int]) -> None:
    assert told(HEADS, LOG) == told([*{*HEADS, *(leaf(LOG[place]) for place in more)}], LOG) == []


@given(st.integers(0, 2), st.sets(st.integers(0, len(LOG) - 1)))
def test_what_was_altered_is_found_also_where_it_was_sealed_again_as_it_is_now(stream: int, again: set[int]) -> None:
    begin, end = ((0, 3), (3, 7), (7, 8))[stream]
    name = ("config-a", "job-b", "job-c")[stream]
    other = stored(name, end - begin)  # with other ids, and so with other hashes, before the old ones or behind them
    log = [*LOG[:begin], *other, *LOG[end:]]

    found = told([*HEADS, *(leaf(log[place]) for place in again)], log)

    assert {one.stream for one in found} == {name}


@given(st.integers(0, len(LOG) - 1), st.data())
def test_any_byte_that_is_flipped_is_found(place: int, data: st.DataObject) -> None:
    raw = bytearray(LOG[place])
    # Without the frame, which BSON itself gives every document.
    bare = sorted(set(range(4, len(raw) - 1)) - set(range(len(raw))[TS]))
    raw[data.draw(st.sampled_from(bare))] ^= data.draw(st.integers(1, 255))

    assert told(HEADS, [*LOG[:place], bytes(raw), *LOG[place + 1 :]]) != []


@given(st.sets(st.integers(0, len(LOG) - 1), min_size=1))
def test_whatever_is_removed_is_missed(gone: set[int]) -> None:
    streams = {one.stream for one in told(HEADS, [raw for place, raw in enumerate(LOG) if place not in gone])}

    assert streams == {decode(LOG[place]).stream for place in gone}


def test_what_is_gone_behind_what_is_left_is_lost_and_not_only_otherwise() -> None:
    (short,) = told(HEADS, [*LOG[:6], LOG[7]])
    (gone,) = told(HEADS, LOG[:7])

    assert (short.stream, short.is_lost) == ("job-b", True)
    assert (gone.stream, gone.is_lost) == ("job-c", True)


def test_an_event_that_was_made_anew_below_the_leaf_does_not_lead_to_it() -> None:
    (other,) = sealed(said("another"), stream="job-b")
    log = [*LOG[:3], stamped(other.raw, 1), *LOG[4:]]

    (found,) = told(HEADS, log)
    assert (found.stream, found.version, found.problem) == ("job-b", 2, UNCHAINED)
    assert (found.expected, found.found) == (decode(other.raw).hash.hex(), decode(LOG[3]).hash.hex())
    assert found.is_sealed


def test_a_stamp_is_between_those_beside_it_and_the_seal() -> None:
    for seconds, is_right in ((1, True), (2, True), (3, True), (0, False), (101, False)):
        found = told(HEADS, [*LOG[:4], stamped(LOG[4], seconds), *LOG[5:]])
        assert (found == []) == (is_right and seconds >= 1), seconds


def test_what_is_stamped_after_the_seal_has_come_since() -> None:
    later = stored("job-d", 2, first=101)

    assert told(HEADS, [*LOG, *later]) == []
    assert [one.version for one in told(HEADS, [*LOG, *stored("job-d", 2, first=100)])] == [1]
