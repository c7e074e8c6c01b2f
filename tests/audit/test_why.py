"""Why a job is in its state: each reason can be reached, and none contradicts the state or the state machine."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from eventqueue.audit.clauses import Around, Clause, Holder, Place, Reason, Why, sentence
from eventqueue.audit.why import ERROR_MAX, explain
from eventqueue.model.events import Amended, Cancelled, Error, Event, Failed, FailReason, Terms
from eventqueue.model.job import (
    EXPIRED,
    Job,
    State,
)
from eventqueue.model.lives import WorkerStopAsked
from eventqueue.model.pause import Pause
from eventqueue.model.waits import Kind, waits_of
from eventqueue.ports.views import Ahead, Worker
from tests.builders import (
    AMENDED,
    CANCELLED,
    COMPLETED,
    DEAD_LETTERED,
    NOW,
    RELEASED,
    RETRIED_BY_OPERATOR,
    SOON,
    USED_UP_FAILURE,
    claimed,
    enqueued,
    failed,
    history,
    job,
)

QUEUE = Place("queue-default", 3)
LATER = NOW + timedelta(hours=1)


def worker(name: str = "w", slots: int = 2, *queues: str) -> Worker:
    return Worker(id=name, name=name, host="h", pid=1, queues=queues, concurrency=slots, started_at=NOW, renewed_at=NOW)


def around(of: Job, now: datetime = LATER, *, pause: Pause | None = None, **beside: object) -> Around:
    """How it is around a job: its waits follow from what is beside it, as `api/explaining.py` has it."""
    crew = beside.get("crew", [(worker(), ())])
    assert isinstance(crew, list)
    paused = {of.queue: pause} if pause else {}
    parked = {of.id: "KeyError"} if beside.pop("parked", False) else {}
    served = None if crew else set[str]()
    tasks = {task for one, _ in crew for task in one.tasks}
    waits = [*waits_of(of, now, paused, served, parked, tasks=tasks)]
    return Around(now=now, waits=waits, paused_by=QUEUE, **{"crew": crew, **beside})  # type: ignore[arg-type]


def why(events: Sequence[Event], now: datetime = LATER, **beside: object) -> Why:
    found = history(*events)
    of = job(*events)
    return explain(of, found, around(of, now, **beside))  # type: ignore[arg-type]


def clause(of: Why, kind: Reason) -> Clause:
    (found,) = [one for one in of.clauses if one.kind is kind]
    return found


RUNS = [enqueued(timeout=7200), claimed()]
LOST = Failed(
    reason=FailReason.WORKER_LOST,
    error=Error(type="worker-lost", message="its worker died"),
    retry_at=SOON,
    worker="w:1",
    renewed_at=NOW - timedelta(seconds=12),
    buried_by="w:2",
)
BUSY = [(worker(slots=1), [job(enqueued(), claimed())])]
LIVES = Holder(renewed_at=NOW, is_live=True)

UNKNOWN = Around(now=LATER, waits=[*waits_of(job(enqueued()), LATER, {}, None, {})])  # what workers do

STORIES: dict[Reason, Why] = {
    Reason.PARKED: why([enqueued()], parked=True),
    Reason.EXPIRED: why([enqueued(expires_at=NOW + timedelta(minutes=1))]),
    Reason.LATER: why([enqueued(delay=7200)]),
    Reason.RETRY: why([enqueued(), claimed(), failed()], now=NOW),
    Reason.PAUSED: why([enqueued()], pause=Pause(NOW, "ann", "the server moves")),
    Reason.UNSERVED: why([enqueued()], crew=[], claimed_at=NOW),
    Reason.UNKNOWN: why([enqueued(command=None, task="shop.ship")]),
    Reason.BUSY: why([enqueued()], crew=BUSY),
    Reason.FREE: why([enqueued()]),
    Reason.DUE: explain(job(enqueued()), history(enqueued()), UNKNOWN),
    Reason.BEFORE: why([enqueued()], ahead=Ahead(3, 9, is_all=True)),
    Reason.EXPIRES: why([enqueued(expires_at=LATER + timedelta(days=1))]),
    Reason.ENQUEUED: why([enqueued()]),
    Reason.ASKED: why([enqueued(max_retries=0), claimed(), USED_UP_FAILURE, DEAD_LETTERED, RETRIED_BY_OPERATOR]),
    Reason.RELEASED: why([enqueued(), claimed(), RELEASED]),
    Reason.AMENDED: why([enqueued(), AMENDED]),
    Reason.SILENT: why(RUNS, holder=Holder(renewed_at=NOW, is_live=False)),
    Reason.RUNNING: why(RUNS, holder=LIVES),
    Reason.TIMEOUT: why(RUNS, holder=LIVES),
    Reason.STOPPING: why(RUNS, holder=Holder(renewed_at=NOW, is_live=True, stop_by=LATER + timedelta(seconds=9))),
    Reason.NEXT: why(RUNS, holder=LIVES),
    Reason.UNBURIED: why([enqueued(max_retries=0), claimed(), USED_UP_FAILURE]),
    Reason.LOST: why([enqueued(), claimed(), LOST]),
    Reason.ERROR: why([enqueued(max_retries=0), claimed(), USED_UP_FAILURE, DEAD_LETTERED]),
    Reason.COMPLETED: why([enqueued(), claimed(), COMPLETED]),
    Reason.DEAD: why([enqueued(max_retries=0), claimed(), USED_UP_FAILURE, DEAD_LETTERED]),
    Reason.CANCELLED: why([enqueued(), CANCELLED]),
    Reason.ENDING: why([enqueued(), claimed(), CANCELLED], ending=claimed(), ends_by=LATER + timedelta(seconds=9)),
    Reason.FINAL: why([enqueued(), CANCELLED]),
    Reason.RESTARTED: why([enqueued(), CANCELLED], restarts=["two"]),
}
"""Each reason in a story that has it."""

TURN = {
    *(Reason.PARKED, Reason.EXPIRED, Reason.LATER, Reason.PAUSED, Reason.UNSERVED, Reason.UNKNOWN, Reason.BUSY),
    *(Reason.FREE, Reason.DUE, Reason.BEFORE, Reason.EXPIRES),
}
IN: dict[State, set[Reason]] = {
    State.PENDING: TURN
    | {Reason.AMENDED, Reason.ENQUEUED, Reason.ASKED, Reason.RELEASED, Reason.STOPPING, Reason.RETRY, Reason.LOST},
    State.FAILED: TURN | {Reason.AMENDED, Reason.RETRY, Reason.LOST, Reason.UNBURIED, Reason.ERROR},
    State.PROCESSING: {Reason.SILENT, Reason.RUNNING, Reason.TIMEOUT, Reason.STOPPING, Reason.NEXT},
    State.COMPLETED: {Reason.COMPLETED, Reason.FINAL, Reason.RESTARTED},
    State.DEAD: {Reason.DEAD, Reason.ERROR, Reason.LOST, Reason.FINAL, Reason.RESTARTED},
    State.CANCELLED: {Reason.CANCELLED, Reason.EXPIRED, Reason.ENDING, Reason.FINAL, Reason.RESTARTED},
}
"""The reasons that may be told of a state."""

FIRST = {
    Kind.PARKED: {Reason.PARKED},
    Kind.EXPIRED: {Reason.EXPIRED},
    Kind.LATER: {Reason.LATER, Reason.RETRY},
    Kind.PAUSED: {Reason.PAUSED},
    Kind.UNSERVED: {Reason.UNSERVED},
    Kind.UNKNOWN: {Reason.UNKNOWN},
    Kind.DUE: {Reason.BUSY, Reason.FREE, Reason.DUE},
}


def test_each_reason_can_be_reached() -> None:
    assert set(STORIES) == set().union(*IN.values()) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_stands_in_its_story_once_and_fits_the_state(reason: Reason) -> None:
    story = STORIES[reason]

    assert clause(story, reason).kind in IN[story.state]
    assert sentence(clause(story, reason)) in story.text
    assert story.text.count("..") == story.text.count("  ") == 0


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (Reason.LATER, "it is due in 1 h, at 2026-01-01T02:00:00Z"),
        (
            Reason.RETRY,
            "it waits for retry 1 of 3 after a failure at 2026-01-01T00:00:00Z (It ended with 1): it is due",
        ),
        (Reason.PAUSED, "its queue default is paused since 2026-01-01T00:00:00Z by ann (the server moves): nothing"),
        (Reason.UNSERVED, "no worker serves its queue default, from which nothing was claimed since 2026-01-01T00:00"),
        (
            Reason.UNKNOWN,
            "no live worker that serves its queue knows its task shop.ship, and it is due since 2026",
        ),
        (Reason.BUSY, "the slot of the worker that serves its queue is busy: one for 1 h"),
        (Reason.BEFORE, "12 jobs of its queue are before it: 3 of a higher priority, 9 due for longer"),
        (Reason.LOST, "its worker w:1 was lost: w:2 rescued the job, 12 s after it was last heard of"),
        (Reason.DEAD, "it ended at 2026-01-01T00:00:00Z, after 1 attempt: the retries are used up"),
        (Reason.ERROR, "its last attempt ended at 2026-01-01T00:00:00Z with It ended with 1"),
        (Reason.CANCELLED, "it was cancelled at 2026-01-01T00:00:00Z by test: no longer needed"),
        (Reason.RUNNING, "it runs since 2026-01-01T00:00:00Z, for 1 h now, by worker worker-1 on host: attempt 1"),
        (Reason.ASKED, "it has all its retries anew, as test asked for at 2026-01-01T00:00:00Z (the bug is mended)"),
        (Reason.AMENDED, "it was changed at 2026-01-01T00:00:00Z by test: priority (the customer waits)"),
        (Reason.PARKED, "it is parked: no worker finds it until its view goes on"),
    ],
)
def test_a_reason_says_when_who_and_why(reason: Reason, said: str) -> None:
    assert clause(STORIES[reason], reason).text.startswith(said)


def test_several_things_that_were_changed_are_told_by_the_names_that_people_have_for_them() -> None:
    several = Amended(
        was=Terms(priority=0, due_at=NOW, max_retries=3), now=Terms(priority=5, due_at=LATER, max_retries=9)
    )

    assert clause(why([enqueued(), several]), Reason.AMENDED).text.endswith(": priority, time, retries")


def test_what_must_happen_first_stands_first_and_the_rest_follows() -> None:
    paused = Pause(NOW, "ann", None)
    found = why([enqueued(delay=7200)], pause=paused, crew=[])

    assert [one.kind for one in found.clauses[:3]] == [Reason.LATER, Reason.PAUSED, Reason.UNSERVED]
    assert [one.until for one in found.clauses[:3]] == [NOW + timedelta(hours=2), None, None]
    assert found.clauses[1].event == QUEUE


def test_of_more_jobs_than_were_counted_it_is_said_that_there_are_more() -> None:
    found = why([enqueued()], ahead=Ahead(0, 1000, is_all=False, is_everywhere=True))

    assert clause(found, Reason.BEFORE).text == "more than 1,000 jobs of all queues are before it"


def test_a_job_that_expired_before_it_was_claimed_says_when() -> None:
    found = why([enqueued(expires_at=NOW), Cancelled(why=EXPIRED)])

    assert found.clauses[0].kind is Reason.EXPIRED
    assert found.clauses[0].text.startswith("it expired at 2026-01-01T00:00:00Z, before a worker came to it")


def test_a_long_error_is_cut_and_one_without_words_is_told_as_such() -> None:
    def told(message: str) -> str:
        error = Failed(reason=FailReason.ERROR, error=Error(type="exit-code", message=message), retry_at=SOON)
        return why([enqueued(), claimed(), error], now=NOW).text

    assert len(told("x" * 10_000)) < ERROR_MAX + 600
    assert "nothing was said" in told(" . ")


def test_who_had_a_job_handed_back_is_told_by_the_event_of_it() -> None:
    life = history(WorkerStopAsked(why="a new disk"), stream="worker-w:1")

    found = why([enqueued(), claimed(), RELEASED], life=life)
    running = why(RUNS, holder=Holder(renewed_at=NOW, is_live=True, stop_by=LATER + timedelta(seconds=9)), life=life)

    text = "its worker was asked to stop by test at 2026-01-01T00:00:00Z (a new disk)"
    assert (clause(found, Reason.STOPPING).text, clause(found, Reason.STOPPING).event) == (text, Place("worker-w:1", 1))
    assert clause(running, Reason.STOPPING).text == f"{text}, and hands back what still runs at 2026-01-01T01:00:09Z"
    assert Reason.STOPPING not in [one.kind for one in why([enqueued(), claimed(), LOST], life=life).clauses]
