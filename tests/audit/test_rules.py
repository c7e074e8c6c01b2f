"""The audit of a stream: each thing that can be wrong with stored events is found, by its words, and nothing else."""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any

import bson
import pytest
from bson.timestamp import Timestamp

from eventqueue.audit.rules import check
from eventqueue.audit.rules import stored as read
from eventqueue.model.codec import CODEC, bucket_of
from tests.builders import (
    CANCELLED,
    COMPLETED,
    JOURNEYS,
    NOW,
    RELEASED,
    SOON,
    claimed,
    enqueued,
    history,
    said,
    sealed,
)

HISTORY = (enqueued(meta={"cents": 100}), claimed(), COMPLETED)
ALTERED = "its hash is not that of its bytes: the event was altered"
UNCHAINED = "it does not continue the event before it: `prev` is another hash"
NOW_S = int(NOW.timestamp())
BACKWARDS = "its time is before that of the event before it"


def stored(*events: Any) -> list[bytes]:
    """A history as the log keeps it, stamped as the server does."""
    return [tampered(one.raw, ts=Timestamp(NOW_S, place)) for place, one in enumerate(sealed(*events))]


def tampered(raw: bytes, **fields: Any) -> bytes:
    """The event with other values in its envelope, and the hash that it had."""
    return bson.encode({**bson.decode(raw, CODEC), **fields})


def forged(raw: bytes, **fields: Any) -> bytes:
    """The event with other values, hashed again: by somebody who knows the recipe."""
    document = {**bson.decode(raw, CODEC), **fields}
    content = {name: value for name, value in document.items() if name not in ("ts", "hash")}
    return tampered(raw, **fields, hash=sha256(bson.encode(content)).digest())


def chained(raws: Sequence[bytes]) -> list[bytes]:
    """The events, each made to name the hash of the one in front of it."""
    done: list[bytes] = []
    for raw in raws:
        done.append(forged(raw, prev=bson.decode(done[-1])["hash"] if done else None))
    return done


def found(raws: Sequence[bytes]) -> list[tuple[int, str]]:
    """What the audit finds in the stream of the builders: version and problem."""
    findings = list(check("job-one", map(read, raws)))
    assert {finding.stream for finding in findings} <= {"job-one"}
    return [(finding.version, finding.problem) for finding in findings]


@pytest.mark.parametrize("journey", JOURNEYS)
def test_nothing_is_found_in_what_was_sealed(journey: str) -> None:
    assert found(stored(*JOURNEYS[journey])) == []


def test_a_history_that_a_tamperer_leaves_as_it_was_is_no_finding() -> None:
    raws = stored(*HISTORY)

    assert chained(raws) == [forged(raw) for raw in raws] == [tampered(raw) for raw in raws] == raws


# Dense


def test_events_cut_out_of_the_middle_are_missed_though_the_rest_is_chained_anew() -> None:
    first, _, _, last = stored(enqueued(), claimed(), RELEASED, CANCELLED)

    assert found(chained([first, last])) == [(4, "version 4 stands where version 2 belongs (event 2 of the stream)")]


def test_a_beginning_that_is_cut_off_is_missed() -> None:
    (one,) = stored(enqueued())
    second = forged(one, _id={"stream": "job-one", "version": 2})

    assert found([second]) == [(2, "version 2 stands where version 1 belongs (event 1 of the stream)")]


def test_a_version_that_stands_twice_is_found() -> None:
    first, second = stored(enqueued(), claimed())
    (again,) = [one.raw for one in sealed(RELEASED, head=history(enqueued())[0].head)]  # version 2, too
    again = tampered(again, ts=Timestamp(NOW_S, 2))

    assert found(chained([first, second, again])) == [
        (2, "version 2 stands where version 3 belongs (event 3 of the stream)")
    ]


# Hashed


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("field", ["id", "actor", "cause", "data"])
def test_an_altered_event_is_found_at_its_place_alone(place: int, field: str) -> None:
    raws = stored(*HISTORY)
    data = {**bson.decode(raws[place], CODEC)["data"], "worker": "mallory", "exit_code": 5, "queue": "other"}
    other = {"id": b"another id of 16", "actor": "mallory", "cause": b"another", "data": data}

    raws[place] = tampered(raws[place], **{field: other[field]})

    assert found(raws) == [(place + 1, ALTERED)]


def test_an_altered_hash_is_found_also_at_the_event_after_it() -> None:
    raws = stored(*HISTORY)

    raws[1] = tampered(raws[1], hash=bytes(32))

    assert found(raws) == [(2, ALTERED), (3, UNCHAINED)]


# Chained


def test_an_event_that_was_altered_and_hashed_again_is_given_away_by_the_one_after_it() -> None:
    raws = stored(*HISTORY)

    raws[1] = forged(raws[1], actor="mallory")

    assert found(raws) == [(3, UNCHAINED)]


def test_a_first_event_that_continues_another_is_found() -> None:
    raws = stored(*HISTORY)

    raws[0] = forged(raws[0], prev=bytes(32))

    assert found([raws[0], forged(raws[1], prev=bson.decode(raws[0])["hash"])]) == [(1, UNCHAINED)]


def test_a_later_event_that_continues_none_is_found() -> None:
    first, second = stored(enqueued(), claimed())

    assert found([first, forged(second, prev=None)]) == [(2, UNCHAINED)]


# In its bucket


@pytest.mark.parametrize("place", range(3))
def test_an_event_in_anothers_bucket_is_found(place: int) -> None:
    raws, wrong = stored(*HISTORY), (bucket_of("job-one") + 1) % 64

    raws[place] = forged(raws[place], bucket=wrong)

    assert found(chained(raws)) == [(place + 1, f"its bucket is {wrong}, not {bucket_of('job-one')}")]


# In time


@pytest.mark.parametrize("ts", [Timestamp(NOW_S, 0), Timestamp(NOW_S - 1, 5)])
def test_what_the_server_stamped_no_later_than_the_event_before_it_is_found(ts: Timestamp) -> None:
    raws = stored(*HISTORY)

    raws[2] = tampered(raws[2], ts=ts)

    assert found(raws) == [(3, "the server stamped it (`ts`) before the event before it")]


def test_a_stamp_of_a_time_that_is_yet_to_come_is_found() -> None:
    raws = stored(*HISTORY)
    latest = Timestamp(NOW_S, 1)

    assert [one.version for one in check("job-one", map(read, raws), latest)] == [3]
    assert list(check("job-one", map(read, raws[:2]), latest)) == []


def test_time_that_runs_backwards_is_found() -> None:
    first, second, third = stored(*HISTORY)

    earlier = forged(third, at=NOW - timedelta(milliseconds=1))

    assert found([first, second, earlier]) == [(3, BACKWARDS)]


def test_time_may_stand_still_and_go_on() -> None:
    first, second, third = stored(*HISTORY)

    assert found(chained([first, second, forged(third, at=SOON)])) == []


# Legal


@pytest.mark.parametrize(
    ("events", "finding"),
    [
        ((enqueued(), COMPLETED), (2, "`completed` is not legal for a job that is pending")),
        ((enqueued(), claimed(), claimed()), (3, "`claimed` is not legal for a job that is processing")),
        ((*HISTORY, CANCELLED), (4, "`cancelled` is not legal for a job that is completed")),
        ((enqueued(), CANCELLED, CANCELLED), (3, "`cancelled` is not legal for a job that is cancelled")),
        ((enqueued(), enqueued()), (2, "`enqueued` is not legal for a job that is pending")),
    ],
)
def test_a_transition_that_may_not_be_is_found_however_well_it_is_chained(
    events: Sequence[Any], finding: tuple[int, str]
) -> None:
    assert found(stored(*events)) == [finding]


def test_a_stream_that_begins_with_another_event_is_found() -> None:
    assert found(stored(claimed())) == [(1, "`claimed` is not legal for a job that is not there")]


def test_an_event_of_another_kind_of_stream_is_found_and_what_follows_is_looked_at() -> None:
    assert found(stored(enqueued(), said("something"), claimed(), claimed())) == [
        (2, "`config-set` is not legal for a job that is pending"),
        (4, "`claimed` is not legal for a job that is processing"),
    ]


# Readable


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "no-such-type"},
        {"schema": 99},
        {"data": {"worker": 5}},
        {"_id": {"version": 2, "stream": "job-one"}},
    ],
)
def test_an_event_that_cannot_be_read_is_found_at_its_place(fields: dict[str, Any]) -> None:
    first, second, third = stored(*HISTORY)

    ((version, problem),) = found(chained([first, forged(second, **fields), third]))

    assert version == 2
    assert problem


def test_what_stands_behind_an_event_that_cannot_be_read_is_looked_at_all_the_same() -> None:
    raws = stored(enqueued(), claimed(), RELEASED, claimed())
    raws = chained([raws[0], forged(raws[1], type="newer"), *raws[2:]])

    assert [version for version, _ in found(raws)] == [2]
    assert found([*raws[:3], tampered(raws[3], actor="mallory")])[1:] == [(4, ALTERED)]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"id": 1}, "its `id` is of type int, not 16 bytes"),
        ({"id": b"short"}, "its `id` is 5 bytes, not 16 bytes"),
        ({"at": "yesterday"}, "its `at` is of type str, not a date"),
        ({"actor": None}, "its `actor` is null, not a text"),
        ({"cause": "none"}, "its `cause` is of type str, not 16 bytes or null"),
    ],
)
def test_an_envelope_of_other_types_is_found_at_its_place(fields: dict[str, Any], problem: str) -> None:
    first, second, third = stored(*HISTORY)

    assert found(chained([first, forged(second, **fields), third])) == [(2, problem)]


def test_a_field_that_is_none_of_an_events_is_found() -> None:
    first, second, _ = stored(*HISTORY)
    document = bson.decode(second, CODEC)
    content = {name: value for name, value in document.items() if name not in ("ts", "hash")}
    more = {**content, "note": "x", "ts": document["ts"]}
    more["hash"] = sha256(bson.encode({**content, "note": "x"})).digest()

    assert found([first, bson.encode(more)]) == [(2, "it has 13 fields, an event has 12")]
