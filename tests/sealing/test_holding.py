"""A log held against seals that were kept elsewhere: what somebody with all rights on the database has done to it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import pytest
from bson.timestamp import Timestamp
from msgspec.structs import replace

from eventqueue.api.queue import Queue
from eventqueue.audit.leaves import Leaf
from eventqueue.audit.seals import LEAVES, SEALS, Seal
from eventqueue.errors import BadSeals
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.ground import Ground
from eventqueue.sealing import sorting, stored
from eventqueue.sealing.holding import hold
from eventqueue.sealing.sealer import Sealer
from eventqueue.sealing.sorting import Sorted
from tests.sealing.forger import Forger

LATER = datetime(2031, 1, 1, tzinfo=UTC)
BEGAN_S, MINUTE_S = 600, 60  # how long ago the log began, in seconds, and how long after each other it was sealed


@pytest.fixture
def forger(ground: Ground) -> Forger:
    return Forger(ground)


@pytest.fixture
def kept(queue: Queue, ground: Ground) -> list[Seal]:
    """The seals of a log with four jobs and a pause, as they were before anybody did anything to it."""
    sealer = Sealer(ground, "test")
    begin = majority_time(ground.database).time - BEGAN_S
    for minute, names in enumerate((("a", "b"), ("c",), ("d",))):
        queue.enqueue_many({"command": "true", "id": name} for name in names)
        if names == ("c",):
            queue.cancel("a")
            queue.pause_queue("mail", "no stamps")
        set_back(ground, begin + minute * MINUTE_S)
        assert sealer.step(Timestamp(begin + (minute + 1) * MINUTE_S, 0)) is not None
    return ours(ground)


def set_back(ground: Ground, to: int) -> None:
    """Have what was appended just now be stamped as if that had been some time ago."""
    new = {"ts": {"$gt": Timestamp(to + MINUTE_S, 0)}, "_id.stream": {"$nin": [SEALS, LEAVES]}}
    for one in ground.database["events"].find(new):
        ground.database["events"].update_one({"_id": one["_id"]}, {"$set": {"ts": Timestamp(to, one["ts"].inc)}})


def ours(ground: Ground) -> list[Seal]:
    return [made.seal for made in stored.seals(ground.log)]


def found(ground: Ground, seals: list[Seal]) -> list[tuple[str, int]]:
    return [(one.stream, one.version) for one in hold(ground, seals)]


def words(ground: Ground, seals: list[Seal]) -> str:
    return "\n".join(one.problem for one in hold(ground, seals))


def test_in_a_log_that_is_as_it_was_nothing_is_found(queue: Queue, ground: Ground, kept: list[Seal]) -> None:
    assert list(hold(ground, kept)) == []

    queue.cancel("d")
    queue.enqueue(command="true")
    assert list(hold(ground, kept)) == []
    assert list(hold(ground, kept[:1])) == []
    assert list(hold(ground, [kept[0], kept[2]])) == []


def age(forger: Forger, stream: str) -> Timestamp:
    return Timestamp(forger.history(stream)[0]["ts"].time, 7)


def truncate(forger: Forger) -> None:
    """The last event of a job, and all that tells of it."""
    forger.remove("job-a", 2)
    forger.seal_again(lambda leaf: None if (leaf.stream, leaf.version) == ("job-a", 2) else leaf)


def delete_job(forger: Forger) -> None:
    forger.remove("job-b")
    forger.seal_again(lambda leaf: None if leaf.stream == "job-b" else leaf)


def delete_everything(forger: Forger) -> None:
    forger.events.delete_many({})


def delete_all_but_seals(forger: Forger) -> None:
    forger.events.delete_many({"_id.stream": {"$nin": [SEALS, LEAVES]}})


def alter_first(forger: Forger) -> None:
    """An event in the middle of its stream, with all that follows from it."""
    forger.alter("job-a", 1, actor="somebody else")
    forger.seal_again(forger.refresh)


def alter_pause(forger: Forger) -> None:
    forger.alter("queue-mail", 1, data={"why": "no reason"})
    forger.seal_again(forger.refresh)


def insert_job(forger: Forger) -> None:
    forger.insert("job-bb", "job-b", age(forger, "job-b"))


def insert_job_and_seal_it(forger: Forger) -> None:
    insert_job(forger)
    forger.seal_from_nothing()


def append_with_old_stamp(forger: Forger) -> None:
    first, *_ = forger.history("job-a")
    last = {**forger.history("job-b")[0], "_id": {"stream": "job-b", "version": 2}, "type": "cancelled"}
    forger.put([*forger.history("job-b"), {**last, "data": {"why": "no"}, "ts": first["ts"]}])


def rename(forger: Forger) -> None:
    forger.insert("job-z", "job-b", age(forger, "job-b"))
    forger.remove("job-b")


def make_all_seals_anew(forger: Forger) -> None:
    forger.alter("job-b", 1, at=LATER)
    forger.seal_from_nothing()


FORGED: Mapping[str, tuple[Callable[[Forger], None], set[tuple[str, int]]]] = MappingProxyType(
    {
        "the end of a job was cut off": (truncate, {(LEAVES, 2)}),
        "a job was removed": (delete_job, {(LEAVES, 1)}),
        "everything was removed": (delete_everything, {(SEALS, 1)}),
        "an event in the middle was altered": (alter_first, {(LEAVES, 1)}),
        "a pause was altered": (alter_pause, {(LEAVES, 2)}),
        "a job was put in": (insert_job, {("job-bb", 1)}),
        "a job was put in, and the log sealed anew": (insert_job_and_seal_it, {(LEAVES, 1), (SEALS, 1)}),
        "all seals were made anew": (make_all_seals_anew, {(LEAVES, 1), (SEALS, 1)}),
        "an event was put at an end, with an old stamp": (append_with_old_stamp, {("job-b", 2)}),
        "a job was renamed": (rename, {("job-b", 1), ("job-z", 1)}),
    }
)


@pytest.mark.parametrize("case", FORGED)
def test_what_was_forged_with_all_rights_and_every_hash_is_found(
    ground: Ground, forger: Forger, kept: list[Seal], case: str
) -> None:
    forge, wanted = FORGED[case]

    forge(forger)

    told = set(found(ground, kept))
    assert wanted <= told
    assert told - wanted <= {(SEALS, one) for one in (1, 2, 3)}  # where the seals were forged, too, these are others


@pytest.mark.parametrize("forge", [truncate, delete_job, alter_first, alter_pause, insert_job_and_seal_it])
def test_without_a_seal_that_is_kept_elsewhere_it_is_not(
    ground: Ground, forger: Forger, kept: list[Seal], forge: Callable[[Forger], None]
) -> None:
    forge(forger)

    assert found(ground, ours(ground)) == []
    assert found(ground, kept) != []


def test_what_the_leaves_of_older_seals_still_prove_is_held_against_them(
    ground: Ground, forger: Forger, kept: list[Seal]
) -> None:
    forger.alter("job-b", 1, actor="somebody else")
    forger.seal_again(lambda leaf: replace(leaf, hash=bytes(32)) if leaf.stream == "job-d" else leaf)

    seals, leaves, altered = hold(ground, kept)

    assert (seals.stream, seals.version) == (SEALS, 3)
    assert "the leaves of seal 3" in leaves.problem
    assert "what was sealed after seal 2 cannot be held" in leaves.problem
    assert (altered.stream, altered.version) == ("job-b", 1)
    assert altered.problem == "seal 2 has another hash for it: it was altered, or an event before it"
    assert altered.found == ground.log.read("job-b", 0, 1)[0].hash.hex()
    assert altered.expected not in (None, altered.found)


def test_all_events_removed_but_the_seals_are_named_stream_by_stream(
    ground: Ground, forger: Forger, kept: list[Seal]
) -> None:
    delete_all_but_seals(forger)

    assert found(ground, kept) == [("job-a", 2), ("job-b", 1), ("job-c", 1), ("job-d", 1), ("queue-mail", 1)]
    assert "seal 3 has the stream up to version 2, the log has nothing of it: it was removed" in words(ground, kept)


def test_a_cut_off_end_is_told_with_what_is_left(ground: Ground, forger: Forger, kept: list[Seal]) -> None:
    forger.remove("job-a", 2)

    assert found(ground, kept) == [("job-a", 2)]
    assert "up to version 2, the log up to 1: it was removed" in words(ground, kept)


@pytest.mark.parametrize(
    ("forge", "problem"),
    [
        (lambda f: f.scribble("job-a", 1, actor="x"), "its hash is not that of its bytes: the event was altered"),
        (lambda f: f.remove("job-a", 1), "version 2 stands where version 1 belongs: events were removed"),
        (lambda f: f.alter("job-a", 1, actor="x"), "seal 3 has another hash for it"),
        (lambda f: f.alter("job-a", 2, data={"why": "x"}), "seal 3 has another hash for it"),
        (lambda f: f.scribble("job-a", 2, ts=Timestamp(1, 1)), "its `ts` is before that of the event before it"),
        (lambda f: f.scribble("job-a", 2, ts=Timestamp(2**31, 1)), "its `ts` is before that"),
    ],
)
def test_of_a_stream_the_first_that_is_wrong_is_told(
    ground: Ground, forger: Forger, kept: list[Seal], forge: Callable[[Forger], None], problem: str
) -> None:
    forge(forger)

    assert [one.stream for one in hold(ground, kept)] in (["job-a"], ["job-a", "job-a"])
    assert problem in words(ground, kept)


def test_an_event_at_no_version_of_a_stream_is_found(ground: Ground, forger: Forger, kept: list[Seal]) -> None:
    first = forger.history("job-a")[0]
    no_version = {**first, "_id": {"stream": "job-a", "version": 1.5}}
    forger.events.insert_one(no_version, bypass_document_validation=True)

    assert found(ground, kept) == [("job-a", 0)]
    assert "it stands at no version of a stream" in words(ground, kept)


def test_in_a_stream_beside_those_of_the_seals_nothing_is_hidden(
    ground: Ground, forger: Forger, kept: list[Seal]
) -> None:
    forger.insert("seal-of-mine", "job-a", age(forger, "job-a"))

    assert found(ground, kept) == [("seal-of-mine", 1), ("seal-of-mine", 2)]


def test_what_is_put_in_after_the_last_seal_is_not_told_from_what_is_appended(
    ground: Ground, forger: Forger, kept: list[Seal]
) -> None:
    forger.insert("job-new", "job-a", Timestamp(kept[-1].until[0] + 1, 0))

    assert found(ground, kept) == []


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_seal_that_is_missing_is_named(ground: Ground, forger: Forger, kept: list[Seal], version: int) -> None:
    forger.events.delete_many({"_id.stream": SEALS, "_id.version": {"$gte": version}})

    assert found(ground, kept) == [(SEALS, version)]


def test_a_seal_that_cannot_be_read_is_a_finding(ground: Ground, forger: Forger, kept: list[Seal]) -> None:
    forger.scribble(SEALS, 2, data={"number": "two"})

    assert [one.stream for one in hold(ground, kept)] == [SEALS]
    assert "cannot be read" in words(ground, kept)


def test_leaves_that_were_removed_are_missed(ground: Ground, forger: Forger, kept: list[Seal]) -> None:
    forger.remove(LEAVES)

    assert found(ground, kept) == [(LEAVES, 1)]


def test_seals_of_another_log_are_refused(ground: Ground, kept: list[Seal]) -> None:
    with pytest.raises(BadSeals, match=r"These are seals of log f+, and this is log"):
        list(hold(ground, [replace(kept[0], log="f" * 32)]))
    with pytest.raises(BadSeals, match="no seal"):
        list(hold(ground, []))


def test_where_the_logs_own_first_seal_is_of_another_log_that_is_a_finding(
    ground: Ground, forger: Forger, kept: list[Seal]
) -> None:
    altered = Ground(ground.database, ground.log, "e" * 32, ground.clock)  # as the layout says it then
    assert found(altered, kept) == [(SEALS, 1)]

    forger.alter(SEALS, 1, data={**forger.history(SEALS)[0]["data"], "log": "f" * 32})

    assert found(ground, kept) == [(SEALS, 1)] * 2
    assert f"is of log {'f' * 32}, the layout says log {ground.log_id}" in words(ground, kept)
    assert (SEALS, 1) in found(ground, ours(ground))


def test_it_is_told_how_far_one_has_come(ground: Ground, kept: list[Seal]) -> None:
    done: list[int] = []

    list(hold(ground, kept, done.append))

    assert sum(done) == ground.database["events"].count_documents({})


def test_leaves_are_sorted_in_runs_that_need_not_fit_into_memory() -> None:
    given = [Leaf(f"job-{number * 7919 % 1000:04}", 1, bytes(32)).data for number in range(1000)]

    with Sorted(run=64) as leaves:
        for one in given:
            leaves.add(one)

        assert list(leaves.first(1000)) == sorted(given)
        assert list(leaves.first(100)) == sorted(given[:100])
    assert sorting.RUN > 64
