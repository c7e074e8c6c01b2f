"""The views as workers read them: what an open cursor gives out may still be claimed, as far as the view knows."""

import pytest

from eventqueue.errors import Unavailable
from eventqueue.model.codec import BUCKETS
from eventqueue.mongo.ground import Ground
from eventqueue.ports.finder import Share
from projections.keeping import generation
from projections.reading.candidates import ViewFinder
from projections.reading.sound import SAID_MAX, Sound
from tests.builders import USED_UP_FAILURE, append, claimed, enqueued, failed
from tests.projections.stage import await_that, build, finish, live_of, nothing_known, put


def test_a_job_that_was_claimed_since_its_entry_was_read_is_not_given_out(built: Ground) -> None:
    for name in ("one", "two", "three"):
        put(built, f"job-{name}", enqueued())
    finish(built)
    # All entries come in one batch, and those behind the first wait in it.
    candidates = ViewFinder(built.database).candidates([Share("default", range(BUCKETS))], batch=10)
    (first,) = candidates.take(1, nothing_known)
    second, third = sorted({"one", "two", "three"} - {first.job.id})
    head = built.log.read(f"job-{second}")[-1].head
    built.log.append([append(f"job-{second}", claimed(), head=head)])
    finish(built)

    assert [one.job.id for one in candidates.take(2, nothing_known)] == [third]


def test_what_is_known_in_its_place_is_passed_over_and_what_comes_back_in_another_is_not(built: Ground) -> None:
    for name in ("one", "two"):
        put(built, f"job-{name}", enqueued())
    finish(built)
    shares = [Share("default", range(BUCKETS))]
    places = {
        one.job.id: one.place for one in ViewFinder(built.database).candidates(shares, batch=10).take(9, nothing_known)
    }
    assert set(places) == {"one", "two"}

    def is_known(job_id: str, place: str) -> bool:
        return places[job_id] == place

    assert ViewFinder(built.database).candidates(shares, batch=10).take(9, is_known) == []

    head = built.log.read("job-one")[-1].head
    built.log.append([append("job-one", claimed(), failed(retry_at=built.clock.now()), head=head)])
    finish(built)

    assert [one.job.id for one in ViewFinder(built.database).candidates(shares, batch=10).take(9, is_known)] == ["one"]


def test_a_switch_is_followed_at_once_where_a_signal_tells_of_it_and_soon_where_none_does(built: Ground) -> None:
    put(built, "job-one", enqueued())
    finish(built)
    told, untold = ViewFinder(built.database), ViewFinder(built.database)
    assert set(told.get(["one"])) == set(untold.get(["one"])) == {"one"}

    new = build(built)
    told.follow(new.number)

    assert set(told.get(["one"])) == {"one"}
    await_that(lambda: set(untold.get(["one"])) == {"one"})


def test_a_job_whose_view_cannot_be_read_keeps_no_other_from_being_found_and_is_told_of_once(
    built: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("one", "two"):
        put(built, f"job-held-{name}", enqueued(), claimed("worker-lost"))
        put(built, f"job-failed-{name}", enqueued(), claimed(), USED_UP_FAILURE)
    finish(built)
    live_of(built).jobs.update_many({"_id": {"$in": ["held-one", "failed-one"]}}, {"$set": {"run.kind": "of-tomorrow"}})
    finder = ViewFinder(built.database)

    for _ in range(2):
        assert [job.id for job in finder.held_by(["worker-lost"])["worker-lost"]] == ["held-two"]
        assert [job.id for job in finder.unburied_failures()] == ["failed-two"]
        assert set(finder.get(["held-one", "held-two"])) == {"held-two"}
    assert sorted(line.getMessage().split()[1] for line in caplog.records) == ["failed-one", "held-one"]


def test_what_cannot_be_read_of_what_may_be_claimed_is_told_of_once_however_often_it_is_looked_at(
    built: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("one", "two", "three"):
        put(built, f"job-{name}", enqueued(priority={"one": 1, "two": 2, "three": 3}[name]))
    finish(built)
    live, shares = live_of(built), [Share("default", range(BUCKETS))]
    live.jobs.update_one({"_id": "one"}, {"$set": {"run.kind": "of-tomorrow"}})
    live.due.update_one({"priority": 2}, {"$set": {"jobs": "altered"}})
    finder = ViewFinder(built.database)

    for _ in range(3):
        assert [job.id for job in finder.heads(shares, 10)] == ["three"]
        assert [one.job.id for one in finder.candidates(shares, batch=10).take(9, nothing_known)] == ["three"]

    told = [line.getMessage() for line in caplog.records]
    assert [" ".join(line.split()[:3]) for line in told] == ["an entry of", "job one is"]


def test_of_however_much_that_cannot_be_read_only_so_much_is_remembered() -> None:
    reading = Sound()

    for number in range(SAID_MAX + 10):
        assert reading.job({"_id": f"{number}"}) is None

    assert 0 < len(reading._said) <= SAID_MAX


def test_a_check_does_not_trust_what_it_was_told(built: Ground) -> None:
    finder = ViewFinder(built.database)
    finder.vouch()
    generation.retract(built.database)

    with pytest.raises(Unavailable, match="not built yet"):
        finder.vouch()
