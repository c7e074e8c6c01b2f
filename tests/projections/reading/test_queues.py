"""How queues stand: what the views tell of them by little, held against going through all."""

import random
from datetime import timedelta

import pytest
from msgspec.structs import replace

from eventqueue.model.codec import BUCKETS
from eventqueue.model.job import Job
from eventqueue.mongo.ground import Ground
from eventqueue.ports.finder import Share
from eventqueue.ports.views import Ahead
from projections.keeping.ageing import merge_aged
from projections.reading import queues
from projections.reading.candidates import ViewFinder
from projections.reading.reader import ViewReader
from projections.registry import PROJECTIONS
from tests.builders import COMPLETED, NOW, append, claimed, enqueued, failed
from tests.projections.stage import finish, live_of, put, taking_place

HOUR = timedelta(hours=1)


def views(ground: Ground) -> ViewReader:
    return ViewReader(ground, PROJECTIONS, "reader")


def in_order(ground: Ground, queue: str | None) -> list[Job]:
    """All ready jobs of a queue, or of all, as workers claim them."""
    return ViewFinder(ground.database).heads([Share(queue, range(BUCKETS))], 1000)


def fill(ground: Ground, jobs: int) -> None:
    """Ready jobs of few priorities and times, so that many are alike, in two queues; some are not due."""
    chance = random.Random(7)
    now = ground.clock.now()
    for number in range(jobs):
        due = now - timedelta(milliseconds=chance.choice([0, 1, 40, 99, 5000]))
        event = replace(
            enqueued(queue=chance.choice("ab"), priority=chance.choice([0, 0, 5])),
            run_at=due if number % 7 else now + HOUR,
            nth=chance.choice([0, 1, 2]),
        )
        ground.log.append([append(f"job-{number}", event, now=due)])
    finish(ground)


def test_how_many_are_before_a_job_is_its_place_in_the_order_of_claims(built: Ground) -> None:
    fill(built, 60)

    for queue in ("a", "b", None):
        order = in_order(built, queue)
        assert len(order) > 15
        for place, job in enumerate(order):
            found = views(built).ahead(job, 1000, is_everywhere=queue is None)
            assert found.by_priority + found.by_age == place
            assert found.by_priority == sum(one.priority > job.priority for one in order)
            assert found.is_all


def test_of_very_many_before_a_job_only_so_many_are_counted(built: Ground) -> None:
    fill(built, 60)
    last = in_order(built, "a")[-1]

    assert views(built).ahead(last, 5, is_everywhere=False) == Ahead(5, 0, is_all=False)
    assert views(built).ahead(replace(last, priority=9), 5, is_everywhere=False).is_all


def test_the_first_job_that_is_due_tells_since_when_a_queue_waits(built: Ground) -> None:
    now = built.clock.now()
    put(built, "job-late", replace(enqueued(queue="a"), run_at=now + HOUR))
    built.log.append([append("job-old", replace(enqueued(queue="b"), run_at=NOW), now=NOW)])
    put(built, "job-new", enqueued(queue="b"))
    finish(built)

    assert views(built).due_since() == {"b": NOW}


def test_only_what_is_due_and_may_be_claimed_counts_as_due(built: Ground) -> None:
    for number in range(5):
        put(built, f"job-{number}", enqueued())
    put(built, "job-late", replace(enqueued(), run_at=built.clock.now() + HOUR))
    finish(built)
    assert (views(built).count_due(100), views(built).count_due(3)) == (5, 3)

    # As where nobody projects by the time that it is due, and where its queue is paused.
    due = live_of(built).due
    due.update_many({"ready": False}, {"$set": {"due_at": NOW}})
    assert views(built).count_due(100) == 6
    due.update_many({"ready": True}, {"$set": {"ready": "held"}})
    assert views(built).count_due(100) == 1


def test_what_waits_for_its_time_is_counted_by_queue_and_no_further_than_is_asked(built: Ground) -> None:
    put(built, "job-now", enqueued(queue="a"))
    for number, queue in enumerate("aab"):
        put(built, f"job-{number}", replace(enqueued(queue=queue), run_at=built.clock.now() + HOUR))
    finish(built)

    assert views(built).count_later(100) == {"a": 2, "b": 1}
    assert sum(views(built).count_later(2).values()) == 2


@pytest.mark.parametrize("others", [0, 5])
def test_what_waits_for_a_retry_is_not_scheduled_whether_few_or_many_have_failed(
    built: Ground, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    monkeypatch.setattr(queues, "JOBS_ASKED", 2)
    later = built.clock.now() + HOUR
    put(built, "job-first", enqueued(queue="a"), claimed(), failed(retry_at=later))
    for number in range(others):  # which are to be retried at once
        put(built, f"job-{number}", enqueued(queue="a"), claimed(), failed(retry_at=NOW))
    put(built, "job-last", enqueued(queue="a"), claimed(), failed(retry_at=later))
    for name, queue in (("one", "a"), ("two", "a"), ("three", "b")):
        put(built, f"job-{name}", replace(enqueued(queue=queue), run_at=later))
    finish(built)

    assert views(built).count_later(100) == {"a": 4, "b": 1}
    assert views(built).scheduled(100) == {"a": 2, "b": 1}
    assert views(built).scheduled(5) == {"a": 2, "b": 1}
    assert views(built).scheduled(4) is None  # there may be more


@pytest.mark.parametrize(("ago", "within"), [(timedelta(seconds=90), 60), (12 * HOUR, 3600), (20 * 24 * HOUR, 86_400)])
def test_the_last_claim_of_a_queue_is_found_in_its_counters_however_old(
    built: Ground, ago: timedelta, within: int
) -> None:
    at = built.clock.now() - ago
    built.log.append([append("job-one", enqueued(queue="a"), claimed(), COMPLETED, now=at)])
    built.log.append([append("job-two", enqueued(queue="a"), now=at + timedelta(seconds=80))])
    finish(built)
    applier = taking_place(built)
    while merge_aged(applier, built.clock.now()):
        pass

    found = views(built).last_claimed("a")

    assert found is not None
    assert at < found <= at + timedelta(seconds=within)
    assert views(built).last_claimed("b") is None


def test_a_queue_moves_where_something_was_claimed_or_ended_lately(built: Ground) -> None:
    now = built.clock.now()
    put(built, "job-one", enqueued(queue="a"), claimed())
    put(built, "job-two", enqueued(queue="b"))
    built.log.append([append("job-old", enqueued(queue="c"), claimed(), now=now - 2 * HOUR)])
    finish(built)
    assert views(built).moving(["a", "b", "c", "nobody"]) == {"a"}


def test_very_many_queues_are_asked_for_some_at_a_time(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "COUNTERS_MAX", 3)
    for name in "abcdefg":
        put(built, f"job-{name}", enqueued(queue=name), claimed())
    finish(built)

    assert views(built).moving("abcdefgh") == set("abcdefg")


def test_what_somebody_has_made_of_an_entry_is_not_counted(built: Ground) -> None:
    put(built, "job-one", enqueued())
    put(built, "job-two", enqueued())
    finish(built)
    last = in_order(built, "default")[-1]
    live_of(built).due.update_many({}, {"$set": {"jobs": "none"}})

    assert views(built).ahead(last, 10, is_everywhere=True) == Ahead(0, 0, is_all=True, is_everywhere=True)
    assert views(built).count_due(10) == 0
