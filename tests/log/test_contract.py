"""What every event log promises, held against each kind of log alike (see the protocol in eventqueue.ports.log)."""

from typing import Any

import bson
import pytest
from msgspec.structs import replace

from eventqueue.model.codec import Sealed, content_hash
from eventqueue.model.events import EMPTY, Head, Recorded
from eventqueue.ports.log import Append, Appended, EventLog
from tests.builders import append, claimed, enqueued, said, sealed, without_ts


def stored(log: EventLog, stream: str, after: int = 0) -> list[Recorded]:
    """What the log gives back, as its writer knows it."""
    return [without_ts(one) for one in log.read(stream, after)]


def grown(log: EventLog, stream: str, length: int) -> Head:
    """Give `stream` its first `length` events, one append each, and return where it stands."""
    head = EMPTY
    for number in range(length):
        one = append(stream, said(number), head=head)
        log.append([one])
        head = one.head
    return head


# Appending to one stream.


def test_the_first_event_of_a_stream_is_its_version_1(log: EventLog) -> None:
    first = append("job-one", enqueued())

    assert log.append([first]) == [Appended(1)]
    assert stored(log, "job-one") == first.recorded
    assert [one.version for one in first.recorded] == [1]


def test_the_events_of_one_append_are_kept_in_order(log: EventLog) -> None:
    whole = append("job-one", enqueued(), claimed(), said(3), said(4))

    assert log.append([whole]) == [Appended(4)]
    assert stored(log, "job-one") == whole.recorded


def test_an_append_goes_on_from_where_the_last_one_ended(log: EventLog) -> None:
    first = append("job-one", enqueued())
    second = append("job-one", claimed(), head=first.head)

    log.append([first])

    assert log.append([second]) == [Appended(1)]
    assert stored(log, "job-one") == [*first.recorded, *second.recorded]


def test_an_append_that_expects_too_low_a_version_loses_and_changes_nothing(log: EventLog) -> None:
    first, late = append("job-one", said("first")), append("job-one", said("late"))
    log.append([first])

    assert log.append([late]) == [Appended(0, conflict=first.head.hash)]
    assert stored(log, "job-one") == first.recorded


@pytest.mark.parametrize("expected", [0, 1, 2, 3])
def test_a_conflict_names_the_event_that_holds_the_place(log: EventLog, expected: int) -> None:
    grown(log, "job-one", 4)
    history = log.read("job-one")
    head = history[expected - 1].head if expected else EMPTY

    (lost,) = log.append([append("job-one", said("late"), head=head)])

    assert lost == Appended(0, conflict=history[expected].hash)
    assert not lost.is_whole
    assert log.read("job-one") == history


# Handing in the same append again.


def test_the_same_append_again_is_acknowledged_as_its_own_and_stored_once(log: EventLog) -> None:
    one = append("job-one", enqueued(), claimed())

    assert [log.append([one]), log.append([one]), log.append([one])] == [[Appended(2)]] * 3
    assert stored(log, "job-one") == one.recorded


def test_the_same_append_again_is_its_own_after_the_stream_has_grown(log: EventLog) -> None:
    one = append("job-one", enqueued(), claimed())
    after = append("job-one", said("more"), head=one.head)
    log.append([one])
    log.append([after])

    assert log.append([one]) == [Appended(2)]
    assert stored(log, "job-one") == [*one.recorded, *after.recorded]


def test_an_append_of_which_a_part_has_landed_is_completed(log: EventLog) -> None:
    whole = append("job-one", said(1), said(2), said(3))
    log.append([Append(whole.events[:1])])

    assert log.append([whole]) == [Appended(3)]
    assert stored(log, "job-one") == whole.recorded


def test_an_append_sealed_anew_is_another_one_even_if_it_says_the_same(log: EventLog) -> None:
    one, twin = append("job-one", said("same")), append("job-one", said("same"))
    log.append([one])

    assert log.append([twin]) == [Appended(0, conflict=one.head.hash)]


# No holes.


def test_an_append_that_loses_its_first_event_leaves_none_of_the_others(log: EventLog) -> None:
    winner, loser = append("job-one", said("winner")), append("job-one", said(1), said(2), said(3))
    log.append([winner])

    assert log.append([loser]) == [Appended(0, conflict=winner.head.hash)]
    assert stored(log, "job-one") == winner.recorded


def test_an_append_that_loses_its_second_event_has_its_first_and_no_third(log: EventLog) -> None:
    loser = append("job-one", said(1), said(2), said(3))
    winner = append("job-one", said("winner"), head=loser.recorded[0].head)
    log.append([Append(loser.events[:1])])
    log.append([winner])

    assert log.append([loser]) == [Appended(1, conflict=winner.head.hash)]
    assert stored(log, "job-one") == [loser.recorded[0], *winner.recorded]


# Batches over many streams.


def test_a_batch_tells_winners_from_losers_in_the_order_it_was_handed_in(log: EventLog) -> None:
    held = {name: append(f"job-{name}", said("held")) for name in ("b", "d")}
    log.append(list(held.values()))
    batch = [append(f"job-{name}", said(name)) for name in ("e", "d", "c", "b", "a")]

    assert log.append(batch) == [
        Appended(1),
        Appended(0, conflict=held["d"].head.hash),
        Appended(1),
        Appended(0, conflict=held["b"].head.hash),
        Appended(1),
    ]
    assert stored(log, "job-c") == batch[2].recorded
    assert stored(log, "job-b") == held["b"].recorded


def test_in_a_batch_of_appends_of_different_lengths_each_loser_stops_alone(log: EventLog) -> None:
    batch = [append(f"job-{length}", *[said(n) for n in range(length)]) for length in (1, 2, 3, 4)]
    winner = append("job-3", said("winner"), head=batch[2].recorded[0].head)
    log.append([Append(batch[2].events[:1])])
    log.append([winner])

    assert log.append(batch) == [
        Appended(1),
        Appended(2),
        Appended(1, conflict=winner.head.hash),
        Appended(4),
    ]
    assert [len(log.read(f"job-{length}")) for length in (1, 2, 3, 4)] == [1, 2, 2, 4]


def test_a_batch_in_which_all_lose_changes_nothing(log: EventLog) -> None:
    held = [append(f"job-{n}", said("held")) for n in range(5)]
    log.append(held)

    results = log.append([append(f"job-{n}", said("late"), said("later")) for n in range(5)])

    assert results == [Appended(0, conflict=one.head.hash) for one in held]
    assert [stored(log, f"job-{n}") for n in range(5)] == [one.recorded for one in held]


def test_a_batch_may_be_handed_in_again_whole(log: EventLog) -> None:
    held = append("job-held", said("held"))
    log.append([held])
    batch = [append("job-a", said(1), said(2)), append("job-held", said("late")), append("job-b", said(1))]
    first = log.append(batch)

    assert log.append(batch) == first
    assert log.append(batch[::-1]) == first[::-1]


def test_a_large_batch_is_one_of_many(log: EventLog) -> None:
    batch = [append(f"job-{n:04}", said(n)) for n in range(2000)]

    assert log.append(batch) == [Appended(1)] * 2000
    assert [one.event for one in log.scan()] == [said(n) for n in range(2000)]


def test_a_batch_of_more_bytes_than_a_command_of_mongodb_holds_is_one_of_many(log: EventLog) -> None:
    held = append("job-050", said("held"))
    log.append([held])
    batch = [append(f"job-{n:03}", said("x" * 250_000)) for n in range(100)]

    results = log.append(batch)

    assert results == [Appended(1)] * 50 + [Appended(0, conflict=held.head.hash)] + [Appended(1)] * 49
    assert stored(log, "job-099") == batch[99].recorded


def test_an_empty_batch_has_no_results(log: EventLog) -> None:
    assert log.append([]) == []


def test_two_appends_to_one_stream_in_a_batch_are_refused_and_nothing_is_stored(log: EventLog) -> None:
    first = append("job-one", said(1))
    second = append("job-one", said(2), head=first.head)

    with pytest.raises(ValueError, match="at most one append for each stream"):
        log.append([append("job-other"), first, second])
    assert list(log.scan()) == []


# Reading one stream.


def test_a_stream_that_is_not_there_is_empty(log: EventLog) -> None:
    grown(log, "job-b", 2)

    for stream in ("job-a", "job-bb", "job-", "job", "late-b", "", "job-b\x00"):
        assert log.read(stream) == []
        assert log.read_raw(stream) == []


@pytest.mark.parametrize("after", [0, 1, 9, 10, 11, 12, 2**31])
def test_reading_after_a_version_gives_what_follows_it(log: EventLog, after: int) -> None:
    grown(log, "job-one", 11)

    assert [one.version for one in log.read("job-one", after)] == list(range(after + 1, 12))
    assert log.read("job-one", after) == log.read("job-one")[after:]


def test_a_stream_holds_its_own_events_and_not_those_of_one_named_alike(log: EventLog) -> None:
    for name in ("a", "a-b", "ab", "a.", "A", "a1"):
        grown(log, f"job-{name}", 2)

    assert [one.stream for one in log.read("job-a")] == ["job-a"] * 2


def test_what_is_stored_has_the_hash_that_was_acknowledged(log: EventLog) -> None:
    one = append("job-one", enqueued(meta={"ö": [1, 2.5, None, {"a.b": "$c"}]}), claimed(), said("x" * 10_000))
    log.append([one])

    raw = log.read_raw("job-one")

    assert [content_hash(event) for event in raw] == [event.hash for event in one.recorded]
    assert log.read_raw("job-one", after=2) == raw[2:]


@pytest.mark.parametrize("most", [1, 2, 3, 9])
def test_no_more_is_read_than_was_asked_for(log: EventLog, most: int) -> None:
    log.append([append("job-one", said(1), said(2), said(3))])

    assert log.read("job-one", most=most) == log.read("job-one")[:most]
    assert log.read_raw("job-one", 1, most) == log.read_raw("job-one")[1:][:most]


def test_a_reader_comes_to_the_same_events_as_their_writer(log: EventLog) -> None:
    one = Append(sealed(enqueued(), claimed(), stream="job-one", cause=bytes(range(16))))
    log.append([one])

    assert stored(log, "job-one") == one.recorded


def test_several_streams_are_read_at_once_each_in_its_order(log: EventLog) -> None:
    streams = {f"job-{name}": length for name, length in (("b", 2), ("a", 11), ("ab", 1))}
    for stream, length in streams.items():
        grown(log, stream, length)

    assert log.read_many(["job-a", "job-b", "job-c", "late-a"]) == {
        "job-a": log.read("job-a"),
        "job-b": log.read("job-b"),
    }
    assert log.read_many([]) == {}
    assert log.read_many(["job-a", "job-b"], 3) == {"job-a": log.read("job-a", most=3), "job-b": log.read("job-b")}


@pytest.mark.parametrize("changes", [{"data": {}}, {"type": "teleported"}, {"actor": "scrambled"}], ids=str)
def test_of_several_streams_one_that_cannot_be_read_is_missing_and_stops_none_of_the_others(
    log: EventLog, changes: dict[str, Any]
) -> None:
    grown(log, "job-a", 2)
    (one,) = sealed(claimed(), stream="job-b")
    raw = bson.encode({**bson.decode(one.raw), **changes}).replace(b"scrambled", b"scramb\xff\xfed")
    log.append([Append((Sealed(one.recorded, raw),))])
    grown(log, "job-c", 1)

    assert set(log.read_many(["job-a", "job-b", "job-c"])) == {"job-a", "job-c"}


# Looking ahead, looking around.


def test_streams_that_have_gone_on_are_told_from_those_that_have_not(log: EventLog) -> None:
    grown(log, "job-a", 1)
    grown(log, "job-b", 3)

    seen = [("job-a", 0), ("job-b", 3), ("job-c", 0)]
    assert log.find_next(seen) == {"job-a"}
    assert log.find_next([("job-a", 1), ("job-b", 2)]) == {"job-b"}
    assert log.find_next([("job-a", 1), ("job-c", 7)]) == set()
    assert log.find_next([]) == set()


def test_a_head_is_held_only_where_its_version_has_its_hash(log: EventLog) -> None:
    heads = {name: grown(log, name, 3) for name in ("job-a", "job-b")}
    first = log.read("job-a")[0].head

    assert log.holds([*heads.items(), ("job-c", heads["job-a"])]) == {"job-a", "job-b"}
    assert log.holds([("job-a", first)]) == {"job-a"}  # however long the stream has become
    assert log.holds([("job-a", heads["job-b"])]) == set()  # another event stands there
    assert log.holds([("job-a", replace(heads["job-a"], version=4))]) == set()
    assert log.holds([("job-a", EMPTY)]) == set()
    assert log.holds([]) == set()


def test_streams_are_found_by_how_their_names_begin_in_order_of_their_names(log: EventLog) -> None:
    for name in ("job-b2", "job-b10", "job-a", "job-B", "late-b", "job-b"):
        grown(log, name, 2)

    assert log.find_streams("job-b", 10) == ["job-b", "job-b10", "job-b2"]
    assert log.find_streams("job-", 10) == ["job-B", "job-a", "job-b", "job-b10", "job-b2"]
    assert log.find_streams("", 10) == ["job-B", "job-a", "job-b", "job-b10", "job-b2", "late-b"]
    assert log.find_streams("job-c", 10) == []


def test_no_more_streams_are_found_than_asked_for(log: EventLog) -> None:
    for n in range(5):
        grown(log, f"job-{n}", 1)

    assert [log.find_streams("job-", limit) for limit in (0, 1, 3)] == [
        [],
        ["job-0"],
        ["job-0", "job-1", "job-2"],
    ]


def test_a_prefix_is_taken_letter_by_letter_and_is_no_pattern(log: EventLog) -> None:
    for name in ("job-a.c", "job-abc", "job-a:c", "job-a_c", "job-A.c"):
        grown(log, name, 1)

    assert log.find_streams("job-a.", 10) == ["job-a.c"]
    for pattern in ("job-.", "job-a*", "job-[a]", "job-a|b", "^job", ".*", "job-(", "job-a\\", "job-$", "(?i)job-a."):
        assert log.find_streams(pattern, 10) == []


def test_a_scan_goes_stream_by_stream_and_in_each_by_version(log: EventLog) -> None:
    for name, length in [("late-a", 1), ("job-b", 11), ("job-a", 2), ("config-default", 1), ("job-a.b", 1)]:
        grown(log, name, length)

    assert [(one.stream, one.version) for one in log.scan()] == [
        ("config-default", 1),
        ("job-a", 1),
        ("job-a", 2),
        ("job-a.b", 1),
        *(("job-b", version) for version in range(1, 12)),
        ("late-a", 1),
    ]


def test_a_scan_can_be_narrowed_to_one_category(log: EventLog) -> None:
    for name in ("job-a", "late-a", "jobs-a", "job-late-a", "config-job-a", "jo-a"):
        grown(log, name, 1)

    assert [one.stream for one in log.scan("job")] == ["job-a", "job-late-a"]
    assert [one.stream for one in log.scan("late")] == ["late-a"]
    assert list(log.scan("seal")) == []


def test_between_two_names_the_last_stream_is_found(log: EventLog) -> None:
    for name in ("job-a:1", "job-a:2", "job-a:3", "job-b"):
        grown(log, name, 2)

    found = [
        log.find_between(*names) for names in [("job-a:1", "job-a:3"), ("job-a:2", "job-b"), ("job-a:1", "job-a:2")]
    ]
    assert found == ["job-a:2", "job-a:3", None]


def test_a_scan_of_an_empty_log_yields_nothing(log: EventLog) -> None:
    assert list(log.scan()) == []


def test_a_scan_yields_what_reading_each_stream_gives(log: EventLog) -> None:
    for name in ("job-a", "job-b"):
        grown(log, name, 3)

    assert list(log.scan()) == [*log.read("job-a"), *log.read("job-b")]


def test_a_raw_scan_yields_each_stream_with_its_events_as_stored(log: EventLog) -> None:
    for name, length in [("job-b", 11), ("late-a", 1), ("job-a", 2)]:
        grown(log, name, length)

    assert list(log.scan_raw()) == [(name, log.read_raw(name)) for name in ("job-a", "job-b", "late-a")]
    assert list(log.scan_raw("job")) == [(name, log.read_raw(name)) for name in ("job-a", "job-b")]
    assert list(log.scan_raw("seal")) == []


def test_a_scan_in_parts_yields_the_same_a_part_of_a_long_stream_at_a_time(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("eventqueue.log.memory", "eventqueue.mongo.log"):
        monkeypatch.setattr(f"{module}.PART", 4)
    for name, length in [("job-b", 11), ("late-a", 1), ("job-a", 4)]:
        grown(log, name, length)

    a, b = log.read_raw("job-a"), log.read_raw("job-b")
    assert list(log.scan_parts("job")) == [("job-a", a), ("job-b", b[:4]), ("job-b", b[4:8]), ("job-b", b[8:])]
    assert [name for name, _ in log.scan_parts()] == ["job-a", "job-b", "job-b", "job-b", "late-a"]


def test_of_each_stream_of_a_category_the_last_event_is_yielded(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventqueue.mongo.log.LAST_MAX", 3)
    lengths = {"job-b": 11, "job-a": 2, "job-c": 1, "job-d": 3, "job-e": 1, "job-f": 1, "late-a": 4}
    for name, length in lengths.items():
        grown(log, name, length)

    jobs = [name for name in lengths if name.startswith("job")]
    assert dict(log.scan_last("job")) == {name: log.read_raw(name)[-1] for name in jobs}
    assert dict(log.scan_last("late")) == {"late-a": log.read_raw("late-a")[-1]}
    assert dict(log.scan_last("seal")) == {}


def test_what_is_stored_is_given_back_as_plain_bytes_whatever_its_size(log: EventLog) -> None:
    log.append([append("job-one", said("short"), said("x" * 50_000))])

    assert {type(raw) for raw in log.read_raw("job-one")} == {bytes}
    assert {type(raw) for _, events in log.scan_raw() for raw in events} == {bytes}


def test_the_last_event_of_a_stream_is_its_own_and_no_neighbours(log: EventLog) -> None:
    grown(log, "job-one", 3)
    grown(log, "job-onestep", 1)
    grown(log, "job-on", 5)

    last = log.read_last("job-one")

    assert last is not None
    assert without_ts(last) == stored(log, "job-one")[-1]
    assert log.read_last("job-o") is None
