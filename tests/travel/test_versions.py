"""A job at a version or at a time that is past is the fold of its first events: whatever legal history it has."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.errors import IllegalTransition, Refused
from eventqueue.model.codec import Sealed, seal
from eventqueue.model.events import EMPTY, Recorded
from eventqueue.model.job import Cancel, Claim, Command, DeadLetter, Enqueue, Job, Retry, decide, evolve, fold
from eventqueue.model.moments import INSTANT, moment_of, was_by
from eventqueue.ports.log import Append
from eventqueue.telling import documents
from tests.builders import complete, fail, release, request
from tests.cli.commands import Queuectl
from tests.cli.conftest import environ
from tests.travel.lives import taken

AGO = timedelta(days=2)
SECONDS = st.sampled_from([0, 0.001, 0.4, 1, 3, 3600])
STEPS = st.lists(st.tuples(st.integers(0, 7), SECONDS, st.sampled_from([0, 0.001, 0.4, 2, 30])), max_size=12)


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name, actor="tests") as queue:
        queue.enqueue(command="true")
        yield queue


def commands(job: Job) -> Sequence[Command]:
    claim = job.claim or 0
    return [
        *(Claim("worker-1", "host", 1), Claim("worker-2", "host", 2), complete(claim), fail(claim), fail(claim)),
        *(release(claim), Cancel("asked for"), Retry("asked for"), DeadLetter()),
    ]


def lived(queue: Queue, steps: Sequence[tuple[int, float, float]]) -> list[Recorded]:
    """Append the history of a job: what was legal of these steps, each so long after the one before, taken later."""
    stream, ground = f"job-{uuid4().hex}", queue.connection.ground
    at = late = ground.clock.now() - AGO
    job: Job | None = None
    found: list[Sealed] = []
    for which, after, lag in [(0, 0.0, 0.0), *steps]:
        at += timedelta(seconds=after)
        command = Enqueue(request(max_retries=1)) if job is None else commands(job)[which]
        try:
            events = decide(job, command, at)
        except IllegalTransition:
            continue
        for one in seal(stream, job.head if job else EMPTY, events, actor="test", now=at):
            # Of one stream no two events are stamped the same, and none before the one before it.
            late = max(late + INSTANT, one.recorded.at + timedelta(seconds=lag))
            found.append(taken(one, late))
            job = evolve(job, one.recorded)
    assert ground.log.append([Append(tuple(found))])[0].is_whole
    return ground.log.read(stream)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_a_job_at_a_version_and_at_a_time_is_the_fold_of_its_first_events(
    queue: Queue, server_uri: str, steps: Sequence[tuple[int, float, float]]
) -> None:
    queuectl = Queuectl(environ(server_uri, queue.connection.ground.database.name))
    history = lived(queue, steps)
    job_id = history[0].stream.removeprefix("job-")

    for version in range(1, len(history) + 1):
        shown = queuectl.here("show", job_id, "--version", str(version), "--json").json
        expected = fold(history[:version])
        assert expected is not None
        whole = documents.plain(documents.whole_job(expected))
        assert whole["version"] == version
        assert {name: shown[name] for name in whole} == whole
    moments = {moment_of(one) for one in history} - {None}
    for moment in sorted(each + by for each in moments if each for by in (-INSTANT, timedelta(0), INSTANT)):
        expected = fold([one for one in history if was_by(one, moment)])
        if expected is None:
            with pytest.raises(Refused):
                queue.at(moment).get(job_id)
        else:
            assert queue.at(moment).get(job_id) == expected
