"""The hash of an event and what it is taken over; its time; its bucket."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.model.codec import CODEC, bucket_of, content_hash, decode
from eventqueue.model.events import Completed
from tests.builders import NOW, claimed, enqueued, said, sealed

THREE_EVENTS = (enqueued(meta={"customer": 7}), claimed(), Completed(result=[1, {"a": None}], duration=0.5))


def test_the_hash_is_the_sha256_of_the_stored_document_without_its_last_two_elements() -> None:
    for one in sealed(*THREE_EVENTS):
        document = bson.decode(one.raw, CODEC)
        rest = {name: document[name] for name in list(document)[:-2]}

        assert list(document)[-2:] == ["ts", "hash"]
        assert document["hash"] == sha256(bson.encode(rest)).digest() == one.recorded.hash


def test_the_hash_can_be_recomputed_from_the_stored_bytes_alone() -> None:
    assert all(content_hash(one.raw) == one.recorded.hash for one in sealed(*THREE_EVENTS))


def test_the_servers_timestamp_is_outside_the_hash() -> None:
    (one,) = sealed(said(1))
    stamped = bson.encode({**bson.decode(one.raw, CODEC), "ts": bson.Timestamp(1_700_000_000, 3)})

    assert stamped != one.raw
    assert content_hash(stamped) == one.recorded.hash


def test_a_changed_byte_shows_wherever_it_is() -> None:
    (one,) = sealed(said("a plain value"))
    begin, end = 4, one.raw.index(b"\x11ts\x00")  # after the length, before what the server fills in

    for place in range(begin, end):
        forged = bytearray(one.raw)
        forged[place] ^= 1

        assert content_hash(bytes(forged)) != one.recorded.hash


def test_each_event_names_the_hash_of_the_one_before() -> None:
    first, second, third = (one.recorded for one in sealed(*THREE_EVENTS))

    assert (first.prev, second.prev, third.prev) == (None, first.hash, second.hash)
    assert (first.version, second.version, third.version) == (1, 2, 3)


def test_two_equal_commands_in_one_millisecond_are_two_events() -> None:
    (one,), (other,) = sealed(said(1)), sealed(said(1))

    assert one.recorded.at == other.recorded.at
    assert one.recorded.id != other.recorded.id
    assert one.recorded.hash != other.recorded.hash


def test_the_fields_are_stored_in_the_order_that_is_written_down() -> None:
    (one,) = sealed(said(1))

    assert list(bson.decode(one.raw)) == [
        *("_id", "id", "type", "schema", "at", "actor", "bucket", "cause", "data", "prev", "ts", "hash")
    ]
    assert list(bson.decode(one.raw)["_id"]) == ["stream", "version"]


@pytest.mark.parametrize("behind", [timedelta(milliseconds=1), timedelta(days=400)])
def test_a_streams_time_never_runs_backwards(behind: timedelta) -> None:
    (first,) = sealed(said(1), now=NOW)
    (second,) = sealed(said(2), head=first.recorded.head, now=NOW - behind)

    assert second.recorded.at == first.recorded.at


def test_time_is_kept_in_whole_milliseconds_as_it_is_read_back() -> None:
    (one,) = sealed(said(1), now=NOW + timedelta(microseconds=1999))

    assert one.recorded.at == NOW + timedelta(milliseconds=1) == decode(one.raw).at


def test_time_is_read_back_as_utc_wherever_it_was_written() -> None:
    elsewhere = datetime.fromisoformat("2026-01-01T09:00:00+09:00")
    (one,) = sealed(said(1), now=elsewhere)

    assert decode(one.raw).at == NOW
    assert decode(one.raw).at.tzinfo is UTC


@given(st.text(st.characters(categories=["L", "N"], max_codepoint=127), min_size=1))
def test_a_bucket_is_the_first_byte_of_the_names_sha256_modulo_64(name: str) -> None:
    assert bucket_of(f"job-{name}") == sha256(name.encode()).digest()[0] % 64


@given(st.text("abc-._:", min_size=1))
def test_a_job_and_its_late_results_share_a_bucket(name: str) -> None:
    assert bucket_of(f"job-{name}") == bucket_of(f"late-{name}")


def test_a_bucket_is_the_same_for_ever() -> None:
    assert [bucket_of(f"job-{name}") for name in ("a", "b", "42", "0199-x")] == [10, 62, 51, 3]


def test_an_event_carries_the_bucket_of_its_stream() -> None:
    (one,) = sealed(said(1), stream="job-42")

    assert one.recorded.bucket == bucket_of("job-42") == decode(one.raw).bucket
