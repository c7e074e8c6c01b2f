"""Views in memory and views in MongoDB of the same log: whatever has happened, both show the same."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from eventqueue.audit.fitting import place_of
from eventqueue.model.codec import BUCKETS, Sealed, decode
from eventqueue.model.fingerprint import fingerprint
from eventqueue.model.job import Job, State
from eventqueue.mongo.ground import Ground, stand_on
from eventqueue.ports.finder import JobFinder, Share
from eventqueue.ports.log import Append
from eventqueue.ports.views import Filter, Views
from eventqueue.testing.clock import TestClock
from eventqueue.testing.finder import MemoryFinder
from eventqueue.testing.log import TakenLog
from eventqueue.testing.shown import Shown
from eventqueue.testing.views import MemoryViews
from projections.reading.candidates import ViewFinder
from projections.reading.reader import ViewReader
from projections.registry import PROJECTIONS
from tests.projections.crowd import QUEUES, Crowd
from tests.projections.stage import build, finish

FIXTURES = [HealthCheck.function_scoped_fixture]  # a log that grows from example to example
EVERYWHERE = range(BUCKETS)


@dataclass
class Pair:
    """The same log twice: in MongoDB, and in memory."""

    ground: Ground
    log: TakenLog
    clock: TestClock

    def follow(self) -> None:
        """Have the log in memory, and the views in MongoDB, come to what the log in MongoDB has."""
        finish(self.ground)
        for stream, history in self.ground.log.scan_raw():
            events = [Sealed(decode(raw), raw) for raw in history[len(self.log.read_raw(stream)) :]]
            if events:
                self.log.append([Append(tuple(events))])
        self.clock.advance_to(self.ground.clock.now())

    @property
    def views(self) -> tuple[Views, Views]:
        shown = Shown(self.log)
        return ViewReader(self.ground, PROJECTIONS, "reader"), MemoryViews(shown, self.log, self.clock)

    @property
    def finders(self) -> tuple[JobFinder, JobFinder]:
        return ViewFinder(self.ground.database), MemoryFinder(Shown(self.log), self.clock)


@pytest.fixture
def pair(database: Database[dict[str, Any]]) -> Pair:
    ground = stand_on(database)
    build(ground)
    clock = TestClock(ground.clock.now())
    return Pair(ground, TakenLog(clock), clock)


def without_order(shown: Iterator[Job]) -> Mapping[str, Job]:
    return {job.id: job for job in shown}


def filters(jobs: Mapping[str, Job]) -> Iterator[Filter]:
    """Yield filters of each kind, some of which let something through."""
    errors = [job.last_error.message for job in jobs.values() if job.last_error is not None]
    since = sorted(job.updated_at for job in jobs.values())[len(jobs) // 2]
    for state, queue, tag in product([None, *State], [None, "mail", "nowhere"], [None, "nightly"]):
        yield Filter(state=state, queue=queue, tag=tag, limit=None)
    for state, name in product((None, State.DEAD, State.PENDING), ("app.send", "nowhere.send")):
        yield Filter(state=state, task=name, limit=None)
    for state in (None, State.DEAD, State.PENDING):
        yield Filter(state=state, since=since, limit=None)
        yield Filter(state=state, error="no such text", limit=None)
        for error in errors[:1]:
            yield Filter(state=state, error=error[1:9].swapcase(), limit=None)
            yield Filter(state=state, fingerprint=fingerprint(error), limit=None)

    in_the_middle = sorted(jobs.values(), key=lambda job: place_of(job, Filter()))[len(jobs) // 2]
    at = in_the_middle.created_at
    for state in (None, *State):
        for asked in (
            {"until": since},
            {"created_since": at},
            {"created_since": at + timedelta(microseconds=1)},
            {"created_until": at + timedelta(microseconds=999)},
            {"since": since + timedelta(microseconds=1)},
            {"created_until": at, "since": at - timedelta(seconds=1)},
            {"ended_since": since},
            {"ended_until": since, "ended_since": since - timedelta(seconds=1)},
            {"due_before": since + timedelta(minutes=30)},
            {"due_after": since + timedelta(minutes=30)},
            {"state": State.PENDING, "due_after": since + timedelta(minutes=30)},
            {"due_before": since + timedelta(hours=5), "queue": "mail"},
            {"meta": {"customer": "ada"}},
            {"priority_min": 1},
            {"priority_max": 4, "tags": ("nightly",)},
            {"worker": "worker-1"},
            {"command": "TRU"},
            {"key": "nobody has it"},
        ):
            yield Filter(**{**asked, "state": state, "limit": None})
    yield Filter(state_in=(State.FAILED, State.DEAD), limit=None)
    yield Filter(state_in=(State.DEAD, State.CANCELLED), queue_in=("mail", "video"), limit=None)
    yield Filter(state_in=(State.PENDING, State.DEAD), queue_in=("mail", "default", "nobody"), limit=None)
    yield Filter(restart_of=in_the_middle.id, limit=None)
    yield Filter(after=in_the_middle.id, limit=None)
    yield Filter(after=in_the_middle.id, queue="mail", limit=None)
    yield Filter(after=in_the_middle.id, state=State.PENDING, limit=None)
    yield Filter(after=in_the_middle.id, until=at, limit=None)
    yield Filter(after=in_the_middle.id, until=at - timedelta(milliseconds=1), limit=None)


def in_turn(jobs: list[Job]) -> list[tuple[int, datetime | None]]:
    """Return what claim order is by: of jobs that are alike in that any may be first."""
    return [(-job.priority, job.due_at) for job in jobs]


@settings(max_examples=3, suppress_health_check=FIXTURES, phases=[Phase.generate])
@given(seed=st.integers(0, 2**16))
def test_after_any_history_both_show_the_same(pair: Pair, seed: int) -> None:
    Crowd(pair.ground, seed, name=f"{seed}-{len(pair.log.taken)}-").act(batches=4, size=12)
    pair.follow()
    views, memory = pair.views
    assert memory.refresh().is_fresh
    jobs = without_order(memory.jobs(Filter(limit=None)))
    assert len(jobs) > 4

    for filter_ in filters(jobs):
        assert without_order(memory.jobs(filter_)) == without_order(views.jobs(filter_)), filter_
        assert Counter(memory.ids(filter_)) == Counter(views.ids(filter_))
        assert set(memory.failures(filter_)) == set(views.failures(filter_)) or filter_.state is None
    newest = Filter(limit=7)
    assert [job.id for job in memory.jobs(newest)] == [job.id for job in views.jobs(newest)]
    assert {job_id: memory.get(job_id) for job_id in jobs} == {job_id: views.get(job_id) for job_id in jobs}
    assert memory.get("nobody") == views.get("nobody") is None
    assert memory.parked() == views.parked()


@settings(max_examples=3, suppress_health_check=FIXTURES, phases=[Phase.generate])
@given(seed=st.integers(0, 2**16))
def test_counts_and_queues_are_the_same(pair: Pair, seed: int) -> None:
    Crowd(pair.ground, seed, name=f"{seed}-{len(pair.log.taken)}-").act(batches=4, size=12)
    pair.follow()
    views, memory = pair.views

    def counts(of: Views) -> dict[tuple[str, State], int]:
        return {(q, state): n for q, found in of.counts().items() for state, n in found.items() if n}

    assert counts(memory) == counts(views)
    assert memory.due_since() == views.due_since()
    assert memory.count_due(1000) == views.count_due(1000)
    assert memory.count_due(2) == views.count_due(2)
    assert memory.count_later(1000) == views.count_later(1000)
    assert memory.scheduled(1000) == views.scheduled(1000)
    assert memory.scheduled(0) == views.scheduled(0)
    waiting = [job for job in memory.jobs(Filter(state=State.PENDING)) if job.due_at is not None]
    for job, everywhere in product(waiting[:5], (True, False)):
        assert memory.ahead(job, 1000, is_everywhere=everywhere) == views.ahead(job, 1000, is_everywhere=everywhere)
    assert set(memory.moving([*QUEUES, "nowhere"])) == set(views.moving([*QUEUES, "nowhere"]))
    assert memory.last_claimed("nowhere") == views.last_claimed("nowhere") is None


@settings(max_examples=3, suppress_health_check=FIXTURES, phases=[Phase.generate])
@given(seed=st.integers(0, 2**16))
def test_workers_are_proposed_the_same(pair: Pair, seed: int) -> None:
    crowd = Crowd(pair.ground, seed, name=f"{seed}-{len(pair.log.taken)}-")
    crowd.act(batches=4, size=12)
    pair.follow()
    views, memory = pair.finders

    for share in (
        Share(None, EVERYWHERE),
        Share("mail", EVERYWHERE),
        Share(None, range(9), {"mail": [], "video": [9]}),
    ):
        found = [one.job for one in memory.candidates([share], 100).take(1000, lambda _, __: False)]
        there = [one.job for one in views.candidates([share], 100).take(1000, lambda _, __: False)]
        assert in_turn(found) == in_turn(there)
        assert {job.id: job for job in found} == {job.id: job for job in there}
        assert in_turn(memory.heads([share], 5)) == in_turn(views.heads([share], 5))
    assert memory.holders() == views.holders()
    workers = ["worker-1", "worker-2", "worker-3", "nobody"]
    assert {worker: without_order(iter(held)) for worker, held in memory.held_by(workers).items()} == {
        worker: without_order(iter(held)) for worker, held in views.held_by(workers).items()
    }
    assert without_order(iter(memory.unburied_failures())) == without_order(iter(views.unburied_failures()))
    ids = [*crowd.jobs, "nobody"]
    assert memory.get(ids) == views.get(ids)


def test_what_is_known_is_not_proposed_again(pair: Pair) -> None:
    Crowd(pair.ground).act(batches=2, size=12)
    pair.follow()

    for finder in pair.finders:
        cursor = finder.candidates([Share(None, EVERYWHERE)], 100)
        first = cursor.take(1, lambda _, __: False)
        assert len(first) == 1
        again = finder.candidates([Share(None, EVERYWHERE)], 100)
        known = (first[0].job.id, first[0].place)
        found = again.take(1000, lambda *one, known=known: one == known)
        assert found
        assert first[0].job.id not in {one.job.id for one in found}
        cursor.close()
        again.close()
