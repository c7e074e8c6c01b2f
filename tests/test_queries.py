"""Every question that the product puts to the server costs what it brings, whatever jobs and queues there are beside.

Each command is noted as the driver sends it, and then explained on a database of 20,000 jobs in 500 queues.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from pymongo import MongoClient, monitoring

from eventqueue.api.queue import Queue
from eventqueue.audit.wanted import Wanted
from eventqueue.connect import Connection, connect, open_client
from eventqueue.errors import Refused
from eventqueue.model.codec import BUCKETS
from eventqueue.model.job import Job, State
from eventqueue.mongo import timeline
from eventqueue.mongo.ground import stand_on
from eventqueue.mongo.incarnations import Incarnation
from eventqueue.mongo.past import Past
from eventqueue.ports.finder import Share
from eventqueue.ports.views import Filter
from eventqueue.travel import crew
from eventqueue.worker.claims.claiming import Claiming
from eventqueue.worker.claims.ownership import Ownership
from projections.keeping import checkpoint, promotion
from projections.keeping.applier import Applier
from projections.keeping.generation import current
from projections.keeping.promotion import hold_back, let_go, promote
from projections.keeping.rebuild import rebuild
from projections.reading import listing, queues
from projections.registry import PROJECTIONS
from scripts.benchmark.fill import Shape, history

JOBS, QUEUES = 20_000, 500
NAME = "test_queries"
AT_LEAST = 300  # documents that any question may look at
OF_A_TRANSACTION = ("txnNumber", "autocommit", "startTransaction", "writeConcern", "readConcern", "lsid")
SEVERAL = 8  # times as many as it returns
Command = Mapping[str, Any]


class Asked(monitoring.CommandListener):
    """The commands that look for something that were sent."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in ("find", "aggregate", "count", "distinct", "update", "delete"):
            self.commands.append({name: value for name, value in event.command.items() if name[0] != "$"})

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


def filled_with(client: MongoClient[Any], name: str, jobs: int, shape: Shape) -> None:
    ground = stand_on(client[name])
    now = ground.clock.now()
    for first in range(0, jobs, 1000):
        ground.log.append([history(number, jobs, now, shape) for number in range(first, first + 1000)])
    rebuild(ground, PROJECTIONS, client.start_session())


@pytest.fixture(scope="module")
def filled(server_uri: str) -> Iterator[str]:
    """A server with a database of many jobs in many queues, and views of it."""
    with open_client(server_uri) as client:
        client.drop_database(NAME)
        filled_with(client, NAME, JOBS, Shape(QUEUES, 1000))
        yield server_uri
        client.drop_database(NAME)


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def connection(filled: str, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A connection of which is noted what it asks."""

    def noting(uri: str) -> MongoClient[Any]:
        return MongoClient(uri, timeoutMS=30_000, tz_aware=True, event_listeners=[asked])

    monkeypatch.setattr("eventqueue.connect.open_client", noting)
    found = connect(filled, NAME, "test")
    found.views.refresh()
    yield found
    found.close()


@pytest.fixture
def queue(filled: str, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    with Queue(filled, NAME, actor="test") as queue:
        yield queue


def worker(*queues: str) -> Incarnation:
    return Incarnation(
        id="w:1", name="w", host="h", pid=1, place="p", pid_started=1, queues=queues, concurrency=100, grace=1.0
    )


def claiming(connection: Connection, *queues: str) -> Claiming:
    return Claiming(worker(*queues), connection.finder, connection.ground.log, connection.ground.clock)


def costs(connection: Connection, command: Command) -> tuple[int, int, set[str]]:
    """Return how many keys and documents the server looked at, how many it returned, and the stages of its plan."""
    command = {name: value for name, value in command.items() if name not in OF_A_TRANSACTION}
    explained = connection.client[NAME].command({"explain": dict(command), "verbosity": "executionStats"})
    cursor = explained.get("stages", [{}])[0].get("$cursor", explained)
    stats = cursor["executionStats"]
    looked = max(stats["totalKeysExamined"], stats["totalDocsExamined"])
    return looked, stats["nReturned"], set(_stages(cursor["queryPlanner"]["winningPlan"]))


def _stages(plan: Mapping[str, Any]) -> Iterator[str]:
    plan = plan.get("queryPlan", plan)
    yield plan["stage"]
    for one in [plan["inputStage"]] if "inputStage" in plan else plan.get("inputStages", []):
        yield from _stages(one)


def all_of_a_kind(wanted: Filter) -> Callable[[Connection, Queue], object]:
    return lambda _, queue: queue.list(wanted)


MANY = [f"nobody-{number}" for number in range(QUEUES)] + ["queue-1"]


def beside_others() -> Share:
    """What a worker of all queues claims beside one who names very many, and ten who name one each."""
    ownership = Ownership("me")
    ownership.heartbeat(
        {
            "me": (),
            "other": tuple(f"queue-{number}" for number in range(10, QUEUES)),
            **{f"other-{number}": (f"queue-{number}",) for number in range(10)},
        }
    )
    return ownership.share()


def waiting(connection: Connection) -> Job:
    """A job that is ready, with others before it."""
    return connection.finder.heads([Share(None, range(BUCKETS))], 50)[-1]


def ahead_of_all(connection: Connection, _: Queue) -> None:
    """As of a job behind all others, so that counting has an end where it has been told to."""
    ahead = connection.views.ahead(replace(waiting(connection), priority=-100), 200, is_everywhere=True)
    assert not ahead.is_all


USES: dict[str, Callable[[Connection, Queue], object]] = {
    "claims of all queues": lambda at, _: claiming(at).take(100),
    "claims of two queues": lambda at, _: claiming(at, "queue-1", "queue-2").take(10),
    "a look at what waits behind others": lambda at, _: claiming(at).look(),
    "claims of very many queues": lambda at, _: claiming(at, *MANY).take(1000),
    "a look at very many queues": lambda at, _: claiming(at, *MANY).look(),
    "claims beside workers of very many queues": lambda at, _: at.finder.candidates([beside_others()], 100).take(
        100, lambda *_: False
    ),
    "a look beside workers of very many queues": lambda at, _: at.finder.heads([beside_others()], 16),
    "what workers hold": lambda at, _: at.finder.held_by(["host:000000000001"]),
    "who holds something": lambda at, _: at.finder.holders(),
    "failures to bury": lambda at, _: at.finder.unburied_failures(),
    "status": lambda _, queue: queue.status(),
    "queues": lambda _, queue: queue.queues(),
    "top": lambda _, queue: queue.glance(),
    "stats": lambda _, queue: queue.stats(timedelta(hours=1)),
    "workers": lambda _, queue: queue.workers(),
    "the newest jobs": all_of_a_kind(Filter()),
    "jobs since": lambda at, queue: queue.list(Filter(since=at.ground.clock.now() - timedelta(hours=1), limit=None)),
    **{f"{state} jobs": all_of_a_kind(Filter(state=state)) for state in State if state is not State.COMPLETED},
    **{f"{state} jobs of a queue": all_of_a_kind(Filter(state=state, queue="queue-7")) for state in State},
    "jobs of a queue": all_of_a_kind(Filter(queue="queue-7")),
    "jobs of some queues": all_of_a_kind(Filter(queue_in=("queue-7", "queue-8", "nobody-knows"))),
    "failed and dead jobs": all_of_a_kind(Filter(state_in=(State.FAILED, State.DEAD))),
    "failed and dead jobs of some queues": all_of_a_kind(
        Filter(state_in=(State.FAILED, State.DEAD), queue_in=("queue-7", "queue-8"))
    ),
    "restarts of a job": lambda _, queue: queue.list(restart_of=some_jobs(queue)[-1]),
    "jobs of no queue": all_of_a_kind(Filter(queue="nobody-knows")),
    "jobs with a tag": all_of_a_kind(Filter(tag="tag-7")),
    "jobs with no tag": all_of_a_kind(Filter(tag="nobody-knows")),
    "jobs with two tags": all_of_a_kind(Filter(tags=("tag-7", "nobody-knows"))),
    "jobs of a worker": all_of_a_kind(Filter(worker="nobody-knows")),
    "a job by its key": all_of_a_kind(Filter(queue="queue-7", key="nobody-knows")),
    "jobs created then": lambda at, queue: queue.list(created_between(at, 96, 95.5)),
    "jobs listed then": lambda at, queue: queue.list(since=hours_ago(at, 96), until=hours_ago(at, 95.5), limit=None),
    "dead jobs that ended then": lambda at, queue: queue.list(
        state=State.DEAD, ended_since=hours_ago(at, 96), ended_until=hours_ago(at, 95), limit=None
    ),
    "jobs of a queue that are due": lambda at, queue: queue.list(queue="queue-7", due_before=hours_ago(at, 0)),
    "jobs after one": lambda _, queue: queue.list(after=some_jobs(queue)[-1], limit=10),
    "jobs of a queue after one": lambda _, queue: queue.list(queue="queue-7", after=some_jobs(queue)[-1], limit=10),
    "dead jobs after one": lambda _, queue: queue.list(state=State.DEAD, after=queue.list(state=State.DEAD)[9].id),
    "kinds of jobs": lambda _, queue: queue.facets(most=200),
    "parked jobs": lambda at, _: at.views.parked(),
    "the doctor's look": lambda at, _: at.views.snapshot(),
    "projections": lambda _, queue: queue.projections(),
    "a job then": lambda at, queue: queue.at(at.ground.clock.now() - timedelta(days=3)).get(some_jobs(queue)[-1]),
    "what jobs had by then": lambda at, queue: past(at).histories([f"job-{one}" for one in some_jobs(queue)]),
    "the ends of jobs then": lambda at, queue: past(at).ends([f"job-{one}" for one in some_jobs(queue)]),
    "events at places": lambda at, queue: past(at).at([(f"job-{one}", 1) for one in some_jobs(queue)]),
    "queues paused then": lambda at, _: crew.valves(past(at)),
    "why a job waits": lambda at, queue: queue.why(waiting(at).id),
    "how many jobs of all queues are before one": ahead_of_all,
    "queues that do not move": lambda _, queue: queue.standstills(),
    "queues that moved": lambda at, _: at.views.moving([f"queue-{number}" for number in range(QUEUES)]),
    "events of a kind that few streams have": lambda _, queue: list(queue.events(Wanted(types=("worker-lost",)))),
    "ids that a shell completes": lambda at, _: at.ground.log.find_streams("job-0199", 100),
    "how many jobs are due": lambda at, _: at.views.count_due(200),
    "how many jobs wait for their time": lambda at, _: at.views.count_later(200),
}


def hours_ago(at: Connection, hours: float) -> datetime:
    return at.ground.clock.now() - timedelta(hours=hours)


def created_between(at: Connection, since: float, until: float) -> Filter:
    return Filter(created_since=hours_ago(at, since), created_until=hours_ago(at, until), limit=None)


def past(at: Connection) -> Past:
    return Past(at.ground.database, at.ground.log, at.ground.clock.now() - timedelta(days=3))


def some_jobs(queue: Queue) -> Sequence[str]:
    """Jobs that were there four days ago, by their ids."""
    return [job.id for job in queue.list(Filter(queue="queue-7", limit=None)).jobs][-30:]


@pytest.mark.parametrize("use", USES)
def test_what_is_asked_looks_at_little_more_than_it_brings(
    connection: Connection, queue: Queue, asked: Asked, use: str
) -> None:
    asked.commands.clear()

    USES[use](queue.connection, queue)

    assert len(asked.commands) < 40, [next(iter(one.items())) for one in asked.commands]  # none a queue, and none a job
    look_at_little(connection, asked)


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(state=State.PENDING),
        Filter(error="nobody has this"),
        Filter(command="nobody has this"),
        Filter(meta={"nobody": "has this"}, key="nor this", group="nor this"),
        Filter(priority_min=10**6, state=State.COMPLETED),
        Filter(state=State.CANCELLED, error="nobody has this"),
        Filter(state=State.CANCELLED, tag="nobody-knows"),
        Filter(state=State.DEAD, tag="tag-7"),
    ],
    ids=repr,
)
def test_what_has_to_be_gone_through_is_gone_through_in_small_questions(
    connection: Connection, queue: Queue, asked: Asked, monkeypatch: pytest.MonkeyPatch, wanted: Filter
) -> None:
    monkeypatch.setattr(listing, "FEW", 10)
    asked.commands.clear()

    queue.list(wanted)

    assert len(asked.commands) < 3 * JOBS / listing.PAGE_MAX + 10
    look_at_little(connection, asked)


def test_where_little_of_each_job_is_read_many_are_read_at_once(connection: Connection, asked: Asked) -> None:
    asked.commands.clear()

    assert len([*connection.views.ids(Filter(limit=None))]) >= JOBS

    assert len(asked.commands) < 3 * JOBS / listing.PAGE_MAX + 10
    look_at_little(connection, asked)


def test_who_was_due_by_then_is_found_by_its_queue_and_time_however_many_wait(
    connection: Connection, queue: Queue, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FEW", 100)
    then = hours_ago(connection, 26 * 24)
    asked.commands.clear()

    found = queue.list(due_before=then, limit=None)

    assert 0 < len(found.jobs) < 100
    assert all(job.due_at is not None and job.due_at <= then for job in found.jobs)
    looked = sum(costs(connection, one)[0] for one in asked.commands if "find" in one or "aggregate" in one)
    assert looked < 2 * QUEUES + 5 * len(found.jobs) + 100


def test_who_wants_all_that_wait_has_them_though_they_are_many_and_others_very_many(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FEW", 10)
    monkeypatch.setattr(listing, "VAIN_MAX", JOBS // 10)

    found = queue.find(state=State.PENDING)

    assert len(found.ids) == queue.status().count(State.PENDING) > listing.FEW
    with pytest.raises(Refused, match="that do not fit"):
        queue.find(command="nobody has this")


def test_of_what_waits_for_its_time_and_of_what_failed_the_fewer_are_looked_at(
    connection: Connection, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "JOBS_ASKED", 10)
    asked.commands.clear()

    found = connection.views.scheduled(10_000)

    assert found is not None
    of_jobs = [one["filter"]["_id"]["$in"] for one in asked.commands if str(one.get("find")).startswith("jobs-")]
    assert 0 < sum(map(len, of_jobs)) < sum(found.values()) / 2


def test_an_audit_of_what_has_changed_asks_of_many_streams_at_once(
    connection: Connection, queue: Queue, asked: Asked
) -> None:
    asked.commands.clear()

    verdict = queue.verify_all(since=connection.ground.clock.now() - timedelta(days=3))

    assert verdict.jobs > 1000
    assert len(asked.commands) < verdict.jobs / 10


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(queue="nobody-knows"),
        Filter(queue="nobody-knows", state=State.PENDING),
        Filter(state=State.PROCESSING, tag="tag-7"),
    ],
    ids=repr,
)
def test_what_was_not_there_then_is_not_looked_for_down_to_the_beginning_of_the_log(
    connection: Connection, queue: Queue, asked: Asked, monkeypatch: pytest.MonkeyPatch, wanted: Filter
) -> None:
    monkeypatch.setattr(timeline, "WINDOW", 500)
    then = queue.at(queue.connection.ground.clock.now())
    asked.commands.clear()

    assert not then.list(wanted).jobs

    assert len([one for one in asked.commands if one.get("find") == "events"]) < 10  # and not one for each window


def test_what_is_held_back_let_go_or_due_is_found_by_little(
    connection: Connection, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "PROMOTED_MAX", 100)
    session = connection.client.start_session()
    live = current(connection.client[NAME])
    assert live is not None
    applier = Applier(
        connection.ground, checkpoint.take_over(connection.client[NAME], live.number, session), PROJECTIONS, session
    )
    asked.commands.clear()

    applier.paused = {f"queue-{number}" for number in range(0, QUEUES, 10)}
    assert hold_back(applier, connection.ground.clock.now())
    while hold_back(applier, connection.ground.clock.now()):
        pass
    applier.paused = ()
    assert let_go(applier, connection.ground.clock.now())
    while let_go(applier, connection.ground.clock.now()):
        pass
    due = connection.ground.clock.now() + timedelta(days=365)
    assert promote(applier, due)
    while promote(applier, due):
        pass
    live.due.update_many({"due_at": {"$gt": connection.ground.clock.now()}}, {"$set": {"ready": False}})
    asked.commands.pop()

    assert {"find", "update"} <= {next(iter(command)) for command in asked.commands}
    look_at_little(connection, asked)


def look_at_little(connection: Connection, asked: Asked) -> None:
    for command in list(asked.commands):
        if "$changeStream" in str(command.get("pipeline")):
            continue
        looked, found, stages = costs(connection, command)
        allowed = QUEUES + AT_LEAST if "stats-" in str(command) else AT_LEAST
        query = command["updates"][0]["q"] if "updates" in command else command.get("filter", {})
        by_id = query.get("_id")
        if isinstance(by_id, dict) and "$in" in by_id:
            allowed = max(allowed, 2 * len(by_id["$in"]))  # each is asked for
        assert looked <= max(allowed, SEVERAL * found), (looked, found, stages, command)
        assert "COLLSCAN" not in stages or looked <= max(AT_LEAST, found), (looked, stages, command)
        assert not stages & {"SORT"} or looked <= AT_LEAST, (looked, stages, command)
