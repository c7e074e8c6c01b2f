"""Entries: by what workers find jobs, several of which share one, and how jobs come into them and leave them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import count, islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventqueue.model.codec import BUCKETS, bucket_of
from eventqueue.model.events import Event, LateResult, Recorded
from eventqueue.model.job import Job, fold
from eventqueue.mongo.ground import Ground
from eventqueue.ports.finder import Share
from eventqueue.ports.views import Difference
from projections.folds.due import JOBS_MAX, SPREAD, due_entries, ids_in
from projections.folds.projection import Tally
from projections.reading import candidates
from projections.reading.candidates import CLAIM_ORDER, ViewFinder, but_known, in_claim_order
from projections.reading.verify import verify
from projections.registry import PROJECTIONS
from tests.builders import COMPLETED, NOW, SOON, append, claimed, enqueued, failed, history
from tests.projections.exact import assert_exact
from tests.projections.stage import build, finish, live_of, nothing_known, put, standing_for, taking_place

BUCKET = 17


def alike(number: int) -> list[str]:
    """So many ids in one bucket, in their order."""
    found = (name for place in count() if bucket_of(f"job-{(name := f'j{place:06}')}") == BUCKET)
    return list(islice(found, number))


def pending(job_id: str, **fields: Any) -> Job:
    job = fold(history(enqueued(), stream=f"job-{job_id}"))
    assert job is not None
    return replace(job, **fields)


def entries(ground: Ground) -> list[list[str]]:
    return [ids_in(entry) for entry in live_of(ground).due.find(sort=[("_id", 1)])]


def go_on(ground: Ground, job_id: str, *events: Event) -> None:
    head = ground.log.read(f"job-{job_id}")[-1].head
    (done,) = ground.log.append([append(f"job-{job_id}", *events, head=head, now=ground.clock.now())])
    assert done.is_whole


@given(st.lists(st.tuples(st.integers(0, 500), st.sampled_from([0, 5]), st.sampled_from("xy")), max_size=300))
def test_ready_jobs_share_entries_of_their_kind_in_the_order_of_claims(asked: Sequence[tuple[int, int, str]]) -> None:
    jobs = {
        name: pending(name, due_at=NOW - timedelta(milliseconds=ago), priority=priority, queue=queue)
        for name, (ago, priority, queue) in zip(alike(len(asked)), asked, strict=True)
    }

    made = due_entries([(job, 0) for job in jobs.values()], NOW)

    assert sorted(job_id for entry in made for job_id in ids_in(entry)) == sorted(jobs)
    assert len({entry["_id"] for entry in made}) == len(made)
    for entry in made:
        there = [jobs[job_id] for job_id in ids_in(entry)]
        assert {(job.queue, job.priority) for job in there} == {(entry["queue"], entry["priority"])}
        due = [job.due_at or NOW for job in there]
        assert due == sorted(due)
        assert entry["due_at"] == due[0]
        assert due[-1] - due[0] <= SPREAD
        assert len(there) <= JOBS_MAX


def test_entries_are_as_few_as_can_be() -> None:
    ids = alike(2 * JOBS_MAX + 1)

    made = due_entries([(pending(job_id), 0) for job_id in reversed(ids)], NOW)

    assert [ids_in(entry) for entry in made] == [ids[:JOBS_MAX], ids[JOBS_MAX : 2 * JOBS_MAX], ids[-1:]]


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 2**25), st.sampled_from([0, 5])), max_size=300))
def test_the_entries_of_all_buckets_are_merged_into_one_order_of_claims(asked: Sequence[tuple[int, int, int]]) -> None:
    jobs = [
        pending(f"j{number}", due_at=NOW - timedelta(milliseconds=ago), priority=priority, nth=nth)
        for number, (ago, nth, priority) in enumerate(asked)
    ]
    made = due_entries([(job, 0) for job in jobs], NOW)
    made.sort(key=lambda entry: [sign * entry[field] if sign < 0 else entry[field] for field, sign in CLAIM_ORDER])

    found = [job_id for job_id, _ in in_claim_order(made)]

    jobs.sort(key=lambda job: (-job.priority, job.due_at, min(job.nth, 2**24 - 1), job.id))
    assert found == [job.id for job in jobs]


def test_however_many_are_due_at_the_same_moment_few_wait_in_memory_to_be_merged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidates, "MERGED_MAX", 3 * JOBS_MAX)
    count, read, most = 20, 0, 0
    ids = alike(count * JOBS_MAX)

    def entries() -> Iterator[dict[str, Any]]:
        nonlocal read
        for number in range(count):  # the ids of each are spread over those of all
            read += 1
            yield from due_entries([(pending(name), 0) for name in ids[number::count]], NOW)

    found = []
    for job_id, _ in in_claim_order(entries()):
        found.append(job_id)
        most = max(most, read * JOBS_MAX - len(found))

    assert sorted(found) == ids
    assert most <= 5 * JOBS_MAX


def test_known_jobs_are_not_put_in_order_and_none_before_them_waits_for_what_is_behind_them() -> None:
    at = [NOW + timedelta(seconds=number) for number in range(10)]
    made = [due_entries([(pending(f"j{number}", due_at=one), 0)], SOON)[0] for number, one in enumerate(at)]
    read: list[str] = []

    def entries() -> Iterator[Mapping[str, Any]]:
        for entry in made:
            read.append(entry["_id"])
            yield entry

    unknown = but_known(entries(), lambda job_id, entry: (job_id, entry) != ("j0", made[0]["_id"]))

    assert [entry["jobs"] for entry in but_known(made, lambda *_: True)] == [[]] * 10
    assert next(in_claim_order(unknown))[0] == "j0"
    assert len(read) == 2


def test_a_job_that_is_not_due_has_an_entry_of_its_own() -> None:
    made = due_entries([(pending(job_id, due_at=SOON), 0) for job_id in alike(3)], NOW)

    assert [(entry["ready"], len(entry["jobs"])) for entry in made] == [(False, 1)] * 3


def test_jobs_of_different_buckets_share_no_entry() -> None:
    made = due_entries([(pending(f"j{number}"), 0) for number in range(500)], NOW)

    assert sorted(entry["bucket"] for entry in made) == list(range(BUCKETS))
    assert all(bucket_of(f"job-{job_id}") == entry["bucket"] for entry in made for job_id in ids_in(entry))


def test_a_job_that_is_claimed_leaves_its_entry_to_the_others_and_the_last_takes_it_along(built: Ground) -> None:
    first, second, third = alike(3)
    for job_id in (first, second, third):
        put(built, f"job-{job_id}", enqueued())
    finish(built)
    assert entries(built) == [[first, second, third]]

    go_on(built, second, claimed())
    finish(built)
    assert entries(built) == [[first, third]]

    go_on(built, first, claimed())
    go_on(built, third, claimed(), COMPLETED)
    finish(built)
    assert entries(built) == []
    assert_exact(built)


def test_a_job_that_comes_back_comes_into_another_entry_than_the_one_that_bears_its_name(built: Ground) -> None:
    first, second = alike(2)
    for job_id in (first, second):
        put(built, f"job-{job_id}", enqueued())
    finish(built)

    go_on(built, first, claimed(), failed(retry_at=built.clock.now()))
    finish(built)

    assert entries(built) == [[second], [first]]
    assert_exact(built)


class Choosy:
    """A projection that takes no late results until it is mended."""

    name = "choosy"
    version = 1
    is_mended = False

    def tally(self, before: Job | None, after: Job, recorded: Recorded) -> Tally:
        if isinstance(recorded.event, LateResult) and not self.is_mended:
            raise ValueError("no late results")
        return {}


def test_a_job_that_a_late_result_had_parked_comes_into_another_entry_than_the_one_that_bears_its_name(
    ground: Ground,
) -> None:
    choosy = Choosy()
    build(ground, [choosy])
    first, second = alike(2)
    for job_id in (first, second):
        put(ground, f"job-{job_id}", enqueued())
    finish(ground, [choosy])
    put(ground, f"late-{first}", LateResult(claim=2, worker="worker-1", outcome="completed", data={}))
    finish(ground, [choosy])
    assert entries(ground) == [[second]]

    choosy.is_mended = True
    taking_place(ground, [choosy]).retry([first], ground.clock.now())

    assert entries(ground) == [[second], [first]]
    assert list(verify(ground, [choosy])) == []


def test_a_cursor_does_not_offer_a_job_that_has_left_the_entry_in_which_it_was_read(built: Ground) -> None:
    first, second, third = alike(3)
    for job_id in (first, second, third):
        put(built, f"job-{job_id}", enqueued())
    finish(built)
    cursor = ViewFinder(built.database).candidates([Share("default", [BUCKET])], 10)
    assert [one.job.id for one in cursor.take(1, nothing_known)] == [first]

    # Claimed by another, and failed: it waits for its retry now, and may not be claimed before that is due.
    go_on(built, second, claimed(), failed(retry_at=built.clock.now() + timedelta(hours=1)))
    finish(built)

    assert [one.job.id for one in cursor.take(10, nothing_known)] == [third]
    cursor.close()


def test_the_heads_of_a_queue_are_no_more_than_were_asked_for(built: Ground) -> None:
    ids = alike(5)
    for job_id in ids:
        put(built, f"job-{job_id}", enqueued())
    finish(built)

    assert [job.id for job in ViewFinder(built.database).heads([Share("default", ())], 3)] == ids[:3]


def test_a_job_in_an_entry_where_it_has_no_place_is_named(built: Ground) -> None:
    first, second = alike(2)
    put(built, f"job-{first}", enqueued())
    put(built, f"job-{second}", enqueued(), claimed())
    finish(built)
    live = live_of(built)
    (entry,) = live.due.find()
    live.due.update_one({"_id": entry["_id"]}, {"$push": {"jobs": {"$each": [second, "ghost"]}}})

    found = list(verify(built, PROJECTIONS))

    problem = f"is shown to workers in entry {entry['_id']}, where it has no place"
    assert found == [Difference("jobs", second, problem), Difference("jobs", "ghost", problem)]


def test_a_job_that_its_entry_has_lost_is_named(built: Ground) -> None:
    first, second = alike(2)
    for job_id in (first, second):
        put(built, f"job-{job_id}", enqueued())
    finish(built)
    live_of(built).due.update_one({}, {"$pull": {"jobs": standing_for(first)}})

    assert list(verify(built, PROJECTIONS)) == [
        Difference("jobs", first, "is not shown to workers, though it waits to be claimed")
    ]
